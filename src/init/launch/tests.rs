//! From definitions to processes that tell what they were given.

mod privileges;

use super::*;
use crate::model::{Capabilities, KeyLines, Origin, Resource, Shared, Ulimit, User, Variable, capability};
use crate::supervisor::{ExitStatus, Retry};
use crate::sys::spawn::{Outcome, Stage, read_report};
use nix::fcntl::OFlag;
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Instant;

const LONG: Duration = Duration::from_secs(20);

pub(super) fn service(command: &[&str]) -> Service {
    let exec = Exec {
        command: command.iter().map(OsString::from).collect(),
        working_dir: Some("/".into()),
        ..Exec::default()
    };
    let lines = ["cap_add", "environment", "notify", "pre_start", "ulimits"].map(|key| (key, 7));
    Service {
        name: "web".into(),
        description: None,
        exec,
        policy: Shared::default(),
        hooks: Shared::default(),
        healthcheck: None,
        logging: None,
        origin: Some(Origin {
            file: "web.toml".into(),
            lines: KeyLines::from(lines).into(),
            source: Default::default(),
        }),
    }
}

fn shell(script: &str) -> Service {
    service(&["/bin/sh", "-c", script])
}

/// How a child's set-up went, what it has written, and what it has said on its descriptor.
fn run(spec: &Spec) -> (Outcome, String, Vec<u8>) {
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC).unwrap();
    let spawned = spawn::spawn(spec, Some(writer.as_fd())).unwrap();
    drop(writer);
    let mut output = String::new();
    File::from(reader).read_to_string(&mut output).unwrap();
    waitpid(Pid::from_raw(spawned.pid), None).unwrap();
    // Another test's child has these pipes, too, until it executes its program.
    let begun = Instant::now();
    let mut said = Vec::new();
    let mut notify = spawned.notify.map(File::from);
    while notify.as_mut().is_some_and(|notify| notify.read_to_end(&mut said).is_err()) {
        assert!(begun.elapsed() < LONG, "the descriptor stays open");
        std::thread::yield_now();
    }
    loop {
        match read_report(spawned.status.as_fd()) {
            Outcome::Pending => assert!(begun.elapsed() < LONG, "the set-up never ends"),
            outcome => return (outcome, output, said),
        }
        std::thread::yield_now();
    }
}

/// What a service's main process writes.
#[track_caller]
fn output(service: &Service) -> String {
    let spec = Launcher::record().service(service).unwrap();
    let (outcome, output, _) = run(&spec);
    assert!(matches!(outcome, Outcome::Executed), "{outcome:?}");
    output
}

/// What is said of a service that cannot be set up.
#[track_caller]
fn setup_failure(service: &Service) -> StartError {
    let spec = Launcher::record().service(service).unwrap();
    match run(&spec).0 {
        Outcome::Failed(stage, error) => setup_error(service, Purpose::Main, stage, &error),
        other => panic!("{other:?}"),
    }
}

/// Whether this is root with what root of a container has. Where nothing may be skipped, it has to be.
fn is_root() -> bool {
    let mut needed = ["SETGID", "SETUID", "SETPCAP"].iter().filter_map(|name| capability::parse(name));
    let permitted = crate::sys::caps::own().unwrap().permitted;
    let is_root = process::user_id() == 0 && needed.all(|cap| permitted & cap.0 != 0);
    if !is_root {
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "needs root");
        // Not by a macro, whose text would be kept back.
        let _ = std::io::stderr().write_all(format!("SKIPPED: {test}: needs root\n").as_bytes());
    }
    is_root
}

fn nobody() -> Option<User> {
    Some(User { uid: 65534, gid: 65533, groups: vec![65533, 7], ..User::default() })
}

fn status_line<'a>(status: &'a str, name: &str) -> &'a str {
    status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim()
}

/// The sets that `/proc/PID/status` shows: inheritable, permitted, effective, bounding, ambient.
fn capability_sets(status: &str) -> [u64; 5] {
    ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"]
        .map(|name| u64::from_str_radix(status_line(status, name), 16).unwrap())
}

#[test]
fn limits_mask_and_priorities() {
    let limit = |resource, soft, hard| Ulimit { resource, soft: Some(soft), hard: Some(hard) };
    let mut service = shell(
        "umask; cat /proc/self/oom_score_adj; read a b c d e f g h i j k l m n o p q r nice rest < /proc/self/stat; \
         echo $nice; cat /proc/self/limits",
    );
    service.exec.context.umask = Some(0o27);
    service.exec.context.oom_score_adj = Some(1000);
    service.exec.context.nice = Some(19);
    service.exec.context.ulimits = vec![
        limit(Resource::Nofile, 50, 60),
        limit(Resource::Core, 0, 0),
        limit(Resource::Cpu, 1000, 1001),
        limit(Resource::Fsize, 1 << 20, 1 << 30),
        limit(Resource::Stack, 1 << 20, 1 << 21),
        limit(Resource::Msgqueue, 1, 2),
    ];
    let output = output(&service);
    let mut lines = output.lines();
    assert_eq!(lines.next(), Some("0027"), "{output}");
    assert_eq!(lines.next(), Some("1000"), "{output}");
    assert_eq!(lines.next(), Some("19"), "{output}");
    for (name, soft, hard) in [
        ("Max open files", "50", "60"),
        ("Max core file size", "0", "0"),
        ("Max cpu time", "1000", "1001"),
        ("Max file size", "1048576", "1073741824"),
        ("Max stack size", "1048576", "2097152"),
        ("Max msgqueue size", "1", "2"),
    ] {
        let values: Vec<&str> = status_line(&output, name).split_whitespace().take(2).collect();
        assert_eq!(values, [soft, hard], "{name}");
    }
}

#[test]
fn every_limit_is_the_one_of_its_name() {
    use Resource::*;
    for (resource, name) in [
        (As, "Max address space"),
        (Data, "Max data size"),
        (Locks, "Max file locks"),
        (Memlock, "Max locked memory"),
        (Nice, "Max nice priority"),
        (Nproc, "Max processes"),
        (Rss, "Max resident set"),
        (Rtprio, "Max realtime priority"),
        (Rttime, "Max realtime timeout"),
        (Sigpending, "Max pending signals"),
    ] {
        let mut service = shell("cat /proc/self/limits");
        let before = output(&service);
        let hard = status_line(&before, name).split_whitespace().nth(1).unwrap().to_owned();
        // Room enough for the program, and no number that is there anyway.
        let (soft, hard) = match hard.parse::<u64>() {
            Ok(hard) => (hard / 2, hard),
            Err(_) => (1 << 33, 1 << 34),
        };
        service.exec.context.ulimits = vec![Ulimit { resource, soft: Some(soft), hard: Some(hard) }];
        let after = output(&service);
        let values: Vec<&str> = status_line(&after, name).split_whitespace().take(2).collect();
        assert_eq!(values, [soft.to_string(), hard.to_string()], "{name}");
    }
}

#[test]
fn nothing_is_changed_unasked() {
    let status = output(&shell("cat /proc/self/status"));
    let own = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    assert_eq!(capability_sets(&status), capability_sets(&own));
    for name in ["Uid:", "Gid:", "Groups:", "Umask:", "NoNewPrivs:", "SigIgn:"] {
        let expected = if name == "SigIgn:" { "0000000000000000" } else { status_line(&own, name) };
        assert_eq!(status_line(&status, name), expected, "{name}");
    }
}

#[test]
fn the_descriptor_for_readiness_may_have_any_number() {
    let launcher = Launcher::record();
    // Those of the child's other descriptors are among them.
    for number in (3..64).chain([500]) {
        let mut service = shell(&format!("pwd; echo ready > /proc/self/fd/{number}"));
        service.policy.notify = Some(Notify::Descriptor(number));
        service.exec.working_dir = None;
        let (outcome, output, said) = run(&launcher.service(&service).unwrap());
        assert!(matches!(outcome, Outcome::Executed), "{number}: {outcome:?}");
        assert_eq!(Path::new(output.trim()), std::env::current_dir().unwrap(), "{number}");
        assert_eq!(said, b"ready\n", "{number}");
    }
}

#[test]
fn no_other_descriptor_is_left_open() {
    let mut service = shell("ls /proc/self/fd");
    service.policy.notify = Some(Notify::Descriptor(9));
    // The directory that `ls` reads is 3.
    assert_eq!(output(&service), "0\n1\n2\n3\n9\n");
}

#[test]
fn what_cannot_be_set_up_is_said_with_its_key() {
    let mut service = shell("true");
    service.policy.notify = Some(Notify::Descriptor(i32::MAX - 1));
    let error = setup_failure(&service);
    assert_eq!(error.message, "web.toml:7: notify: cannot open its descriptor: Bad file descriptor");
    let mut service = shell("true");
    let limit = Ulimit { resource: Resource::Nofile, soft: Some(u64::MAX - 1), hard: Some(u64::MAX - 1) };
    service.exec.context.ulimits = vec![limit];
    let error = setup_failure(&service);
    assert!(
        error
            .message
            .starts_with("web.toml:7: ulimits: cannot set nofile: Operation not permitted (a higher limit"),
        "{error:?}"
    );
    let mut service = shell("true");
    service.exec.context.oom_score_adj = Some(2000);
    let error = setup_failure(&service);
    assert_eq!(error.message, "web.toml: oom_score_adj: cannot set it to 2000: Invalid argument");
    assert_eq!(setup_failure(&self::service(&["/nonexistent"])).code, 127);
}

/// The child tells, which is in the directory and has the PATH that count.
#[test]
fn a_program_without_its_interpreter_is_told_from_one_that_is_not_there() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tool");
    std::fs::write(&path, "#!/nonexistent/interpreter\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let gone = "No such file or directory";
    let there = format!("{gone} (the file is there, but its interpreter or dynamic loader is not)");
    let by_path = format!("{gone} in PATH");
    for (program, expected) in [
        (path.to_str().unwrap(), there.as_str()),
        ("./tool", &there),
        ("tool", &there),
        ("./other", gone),
        ("other", &by_path),
        // rinit's own directory does not count.
        ("./Cargo.toml", gone),
    ] {
        let mut service = service(&[program]);
        service.exec.working_dir = Some(dir.path().into());
        service.exec.environment.insert("PATH".into(), Variable::Text(dir.path().into()));
        let error = setup_failure(&service);
        let message = format!("web.toml: command: cannot execute {program}: {expected}");
        assert_eq!((error.message, error.code), (message, 127));
    }
}

#[test]
fn every_stage_has_a_description() {
    let mut service = shell("true");
    service.exec.context.user = nobody();
    service.hooks.pre_start = Some(vec!["prepare".into()]);
    let denied = || std::io::Error::from_raw_os_error(1 /* EPERM */);
    let purposes = [Purpose::Main, Purpose::Probe, Purpose::Hook(Hook::PreStart)];
    let mut described = std::collections::BTreeSet::new();
    for stage in Stage::ALL {
        let error = setup_error(&service, Purpose::Main, stage, &denied()).message;
        assert!(error.contains(": cannot ") && error.contains("Operation not permitted"), "{error}");
        described.insert(error);
    }
    // The user, its group and its groups are one thing to the reader, but for what they take.
    assert_eq!(described.len(), Stage::ALL.len() - 1, "{described:#?}");
    let executing = purposes.map(|purpose| setup_error(&service, purpose, Stage::Execute, &denied()).message);
    assert!(executing[0].starts_with("web.toml: command: cannot execute /bin/sh: "), "{executing:?}");
    assert!(executing[1].starts_with("web.toml: healthcheck: cannot execute rinit: "), "{executing:?}");
    assert!(executing[2].starts_with("web.toml:7: pre_start: cannot execute prepare: "), "{executing:?}");
}

#[test]
fn a_value_may_come_from_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    let mut service = shell("printf %s \"$SECRET\"");
    service.exec.environment.insert("SECRET".into(), Variable::File(path.clone()));
    for (text, expected) in [("s3cret\n", "s3cret"), ("a\n\n", "a\n"), ("", ""), ("ü = x", "ü = x")] {
        std::fs::write(&path, text).unwrap();
        assert_eq!(output(&service), expected);
    }
    let refused = |service: &Service| {
        let error = setup_failure(service);
        assert_eq!((error.retry, error.code), (Retry::No, 125));
        let shown = path.display().to_string();
        error
            .message
            .strip_prefix(&format!("web.toml:7: environment: SECRET: cannot read {shown}: "))
            .unwrap()
            .to_owned()
    };
    std::fs::write(&path, "a\0b").unwrap();
    assert_eq!(refused(&service), "it contains a NUL byte");
    std::fs::write(&path, "x".repeat(65_537)).unwrap();
    assert_eq!(refused(&service), "it is longer than 65536 bytes");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(refused(&service), "No such file or directory");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(refused(&service), "it is not a regular file");
}

/// As `PATH` may say where the program is, it is looked for once the value is known.
#[test]
fn the_path_may_come_from_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("path");
    std::fs::write(&path, format!("/nonexistent:{}\n", dir.path().display())).unwrap();
    let program = dir.path().join("a-program");
    // Without a `#!` it is one for /bin/sh.
    std::fs::write(&program, "echo $PATH $A \"$1\"").unwrap();
    let mut service = service(&["a-program", "x y"]);
    service.exec.environment.insert("PATH".into(), Variable::File(path.clone()));
    service.exec.environment.insert("A".into(), Variable::File(path));
    let error = setup_failure(&service);
    assert_eq!(error.code, 126, "{error:?}");
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let paths = format!("/nonexistent:{}", dir.path().display());
    assert_eq!(output(&service), format!("{paths} {paths} x y\n"));
    service.exec.command = vec!["another".into()];
    let error = setup_failure(&service);
    assert_eq!((error.code, error.retry), (127, Retry::No));
    assert!(
        error.message.ends_with("cannot execute another: No such file or directory in PATH"),
        "{error:?}"
    );
}

/// COMMAND's too, which gets all that rinit has.
#[test]
fn the_command_may_have_values_from_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    std::fs::write(&path, "s3cret").unwrap();
    let mut service = shell("printf '%s %s' \"$SECRET\" \"$OTHER\"");
    service.name = crate::model::MAIN.to_owned();
    let mut launcher = Launcher::record();
    launcher.environment = vec![c"PATH=/bin:/usr/bin", c"SECRET=old", c"OTHER=kept"];
    service.exec.environment.insert("SECRET".into(), Variable::File(path));
    let (outcome, output, _) = run(&launcher.service(&service).unwrap());
    assert!(matches!(outcome, Outcome::Executed), "{outcome:?}");
    assert_eq!(output, "s3cret kept");
}

#[test]
fn systemd_s_protocol_is_in_the_environment() {
    let mut launcher = Launcher::record();
    launcher.environment = vec![
        c"PATH=/bin:/usr/bin",
        c"WATCHDOG_PID=1",
        c"WATCHDOG_USEC=7",
        c"NOTIFY_SOCKET=/outer",
        c"LISTEN_FDS=1",
    ];
    let mut service = shell("env | sort");
    let environment = |launcher: &Launcher, service: &Service| {
        let spec = launcher.service(service).unwrap();
        let entries = spec.environment.iter().map(|entry| entry.to_string_lossy().into_owned());
        let wanted = ["NOTIFY", "WATCHDOG", "LISTEN"];
        entries.filter(|entry| wanted.iter().any(|it| entry.starts_with(it))).collect::<Vec<_>>()
    };
    // What is for rinit stays with it. COMMAND is what rinit was started for.
    assert_eq!(environment(&launcher, &service), [""; 0]);
    let command = Service { name: crate::model::MAIN.to_owned(), ..service.clone() };
    let inherited = ["WATCHDOG_PID=1", "WATCHDOG_USEC=7", "NOTIFY_SOCKET=/outer", "LISTEN_FDS=1"];
    assert_eq!(environment(&launcher, &command), inherited);
    // A definition may say otherwise.
    let mut own = service.clone();
    own.exec.environment.insert("NOTIFY_SOCKET".into(), Variable::Text("x".into()));
    assert_eq!(environment(&launcher, &own), ["NOTIFY_SOCKET=x"]);
    service.policy.notify = Some(Notify::Systemd);
    let error = launcher.service(&service).unwrap_err().message;
    assert_eq!(error, "web.toml:7: notify: rinit could not open its socket for it");
    launcher.set_notify_socket("@rinit".into());
    assert_eq!(environment(&launcher, &service), ["NOTIFY_SOCKET=@rinit"]);
    service.policy.watchdog = Some(Duration::from_millis(1500));
    service.exec.environment.insert("NOTIFY_SOCKET".into(), Variable::Text("x".into()));
    assert_eq!(environment(&launcher, &service), ["NOTIFY_SOCKET=@rinit", "WATCHDOG_USEC=1500000"]);
}

#[test]
fn the_main_process_may_go_by_another_name() {
    let mut service = shell("tr '\\0' ' ' < /proc/$$/cmdline; cat");
    service.exec.arg0 = Some(Box::from(OsStr::new("run")));
    let mut spec = Launcher::record().service(&service).unwrap();
    let (reader, writer) = spawn::service_pipe(None).unwrap();
    File::from(writer).write_all(b"input").unwrap();
    spec.streams[0] = Some(reader.as_raw_fd());
    assert_eq!(run(&spec).1, "run -c tr '\\0' ' ' < /proc/$$/cmdline; cat input");
}

#[test]
fn hooks_and_probes_run_in_the_service_s_environment() {
    let launcher = Launcher::record();
    let mut service = shell("true");
    service.exec.context.umask = Some(0o77);
    service.exec.environment.insert("RINIT_EXIT_CODE".into(), Variable::Text("x".into()));
    service.policy.notify = Some(Notify::Descriptor(3));
    let script = ["sh", "-c", "echo $RINIT_SERVICE $RINIT_EXIT_CODE $(umask) $(pwd)"].map(OsString::from);
    service.hooks.post_stop = Some(script.to_vec());
    let end = End { status: Some(ExitStatus::Code(3)), group: None };
    let spec = launcher.hook(&service, Hook::PostStop, &end).unwrap();
    assert_eq!(run(&spec).1, "web 3 0077 /\n");
    assert!(launcher.hook(&service, Hook::PreStop, &end).is_err());
    let spec = launcher.probe(&service, &Probe::Command(script.to_vec()), Duration::ZERO).unwrap();
    assert_eq!(run(&spec).1, "web x 0077 /\n");
    let spec = launcher.probe(&service, &Probe::Unix("/run/s".into()), Duration::from_secs(2)).unwrap();
    let words: Vec<_> = spec.arguments.iter().map(|word| word.to_str().unwrap()).collect();
    assert_eq!(words, ["rinit", "probe", "--timeout=2000ms", "--", "unix", "/run/s"]);
    assert_eq!((spec.notify, matches!(spec.program, Program::Descriptor(_))), (None, true));
}
