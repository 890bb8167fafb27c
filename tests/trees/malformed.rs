//! What a file of `cases/` cannot hold: pipes and devices in the place of every file, garbage, and more of everything
//! than is reasonable. Each is a mistake that names the file and what mends it, and nothing is started.

use super::text;
use crate::support::{Launch, PATIENCE};
use proptest::prelude::*;
use rinit::config::{Sources, load};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use tempfile::TempDir;

const SCRIPT: &str = "#!/bin/sh\n";
/// The files of a service directory that are read.
const OF_SERVICE: [&str; 7] = [
    "notification-fd",
    "timeout-kill",
    "timeout-finish",
    "max-death-tally",
    "down-signal",
    "reload-signal",
    "type",
];
/// And those of a source definition.
const OF_SOURCE: [&str; 8] = [
    "timeout-up",
    "timeout-down",
    "dependencies",
    "producer-for",
    "consumer-for",
    "pipeline-name",
    "notification-fd",
    "timeout-kill",
];

fn sources(dir: &Path) -> Sources {
    Sources {
        dirs: vec![dir.to_owned()],
        command: Vec::new(),
        environment: Vec::new(),
        style: None,
        root: dir.to_owned(),
    }
}

/// The mistakes of a tree, without its path. Each has something that mends it.
fn mistakes(dir: &Path) -> Vec<String> {
    let found = load(&sources(dir)).err().unwrap_or_default();
    for mistake in &found {
        assert!(mistake.file.starts_with(dir), "{mistake}");
        assert!(mistake.help.is_some() || mistake.message.ends_with("are not shown"), "{mistake}");
    }
    found.iter().map(|mistake| mistake.to_string().replace(&dir.display().to_string(), "DIR")).collect()
}

fn program(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A tree with one service directory and one source definition.
fn tree() -> TempDir {
    let dir = TempDir::new().unwrap();
    program(&dir.path().join("web/run"), SCRIPT.as_bytes());
    program(&dir.path().join("rc/run"), SCRIPT.as_bytes());
    fs::write(dir.path().join("rc/type"), "longrun\n").unwrap();
    dir
}

/// Puts something in the place of each file in turn, and looks at what is said.
fn in_every_place(put: impl Fn(&Path), expected: &str) {
    for (service, files) in [("web", OF_SERVICE.as_slice()), ("rc", OF_SOURCE.as_slice())] {
        for file in files {
            let dir = tree();
            let path = dir.path().join(service).join(file);
            put(&path);
            let found = mistakes(dir.path());
            let place = format!("DIR/{service}/{file}: error: ");
            assert!(found.iter().any(|m| m.starts_with(&place) && m.contains(expected)), "{file}: {found:?}");
        }
    }
}

#[test]
fn a_pipe_a_device_or_a_socket_is_not_opened() {
    let mode = nix::sys::stat::Mode::S_IRWXU;
    in_every_place(|path| nix::unistd::mkfifo(path, mode).unwrap(), "it is not a regular file");
    in_every_place(|path| symlink("/dev/zero", path).unwrap(), "it is not a regular file");
    in_every_place(
        |path| drop(std::os::unix::net::UnixListener::bind(path).unwrap()),
        "it is not a regular file",
    );
    in_every_place(|path| fs::create_dir(path).unwrap(), "it is a directory");
    for program in ["run", "finish", "check", "log/run"] {
        let dir = TempDir::new().unwrap();
        text::make("-- a/run x\n#!/bin/sh\n-- a/log/run x\n#!/bin/sh\n", dir.path());
        let path = dir.path().join("a").join(program);
        let _ = fs::remove_file(&path);
        nix::unistd::mkfifo(&path, mode).unwrap();
        // A check alone makes a runit service of it.
        let expected = format!("DIR/a/{program}: error: it is not a regular file");
        assert_eq!(mistakes(dir.path())[0].lines().next(), Some(expected.as_str()));
    }
}

#[test]
fn garbage_and_large_files_are_refused() {
    in_every_place(|path| fs::write(path, b"\xff\xfe\x00\x01").unwrap(), "it is not UTF-8 text");
    in_every_place(|path| fs::write(path, vec![b'1'; 64 * 1024 + 1]).unwrap(), "it is larger than 64 KiB");
    for content in [&b"\xff\xfe\x00\x01garbage"[..], b"\0", b"MZ\x90\0", b"echo hello\n"] {
        let dir = TempDir::new().unwrap();
        program(&dir.path().join("a/run"), content);
        let expected = "DIR/a/run: error: it is neither a script with #! in its first line nor a program";
        assert_eq!(mistakes(dir.path())[0].lines().next(), Some(expected));
    }
    let dir = TempDir::new().unwrap();
    program(&dir.path().join("a/run"), SCRIPT.as_bytes());
    fs::create_dir(dir.path().join("a/dependencies.d")).unwrap();
    fs::write(dir.path().join("a/type"), "longrun").unwrap();
    fs::write(dir.path().join("a/dependencies.d").join(OsStr::from_bytes(b"x\xff\x1b")), "").unwrap();
    let found = mistakes(dir.path());
    assert!(found[0].contains("unknown service \"x\u{fffd}"), "{found:?}");
    assert!(!found[0].contains('\u{1b}'), "{found:?}");
}

#[test]
fn nothing_is_read_without_end() {
    // Made once, and moved from place to place.
    let base = TempDir::new().unwrap();
    let many = base.path().join("many");
    fs::create_dir(&many).unwrap();
    (0..5_001).for_each(|n| fs::write(many.join(format!("s{n}")), "").unwrap());
    let found = load(&sources(&many)).unwrap_err();
    assert!(
        found[0].message.ends_with("it has more than 5000 entries; spread them over several directories")
    );
    assert_eq!(found.len(), 1);
    for place in ["rc/dependencies.d", "bundle/contents.d", "more", "web/log"] {
        let dir = base.path().join("tree");
        let path = dir.join(place);
        text::make("-- web/run x\n#!/bin/sh\n-- rc/run x\n#!/bin/sh\n-- rc/type\nlongrun\n", &dir);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::rename(&many, &path).unwrap();
        let found = mistakes(&dir);
        let expected =
            format!("DIR/{place}: error: cannot read the directory: it has more than 5000 entries");
        assert!(found.iter().any(|mistake| mistake.starts_with(&expected)), "{found:?}");
        fs::rename(&path, &many).unwrap();
        fs::remove_dir_all(&dir).unwrap();
    }
}

#[test]
fn a_thousand_mistakes_are_counted() {
    let dir = TempDir::new().unwrap();
    (0..1000).for_each(|n| program(&dir.path().join(format!("s{n:03}/run")), b"x"));
    let found = mistakes(dir.path());
    assert_eq!(found.len(), 101);
    assert_eq!(found[0], "DIR: error: 900 more mistakes are not shown");
}

#[test]
fn bundles_in_bundles_have_no_end_either() {
    let dir = TempDir::new().unwrap();
    let bundle = |name: &str, contents: &[String]| {
        fs::create_dir(dir.path().join(name)).unwrap();
        fs::write(dir.path().join(name).join("contents"), contents.join("\n")).unwrap();
    };
    program(&dir.path().join("last/run"), SCRIPT.as_bytes());
    for n in 0..300 {
        bundle(&format!("b{n}"), &[format!("b{}", n + 1)]);
    }
    bundle("b300", &["last".to_owned()]);
    let config = load(&sources(dir.path())).unwrap();
    assert_eq!(config.groups["b0"], ["last"]);
    fs::write(dir.path().join("b300/contents"), "b0").unwrap();
    let found = mistakes(dir.path());
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("DIR/b"), "{found:?}");
    assert!(found[0].contains(": error: bundle cycle: b"), "{found:?}");
}

#[test]
fn a_product_of_bundles_and_services_is_refused() {
    let dir = TempDir::new().unwrap();
    let names: Vec<String> = (0..400).map(|n| format!("s{n}")).collect();
    fs::create_dir(dir.path().join("all")).unwrap();
    fs::write(dir.path().join("all/contents"), names.join("\n")).unwrap();
    for name in &names {
        program(&dir.path().join(name).join("run"), SCRIPT.as_bytes());
        fs::write(dir.path().join(name).join("type"), "longrun").unwrap();
    }
    for n in 0..400 {
        program(&dir.path().join(format!("t{n}/run")), SCRIPT.as_bytes());
        fs::write(dir.path().join(format!("t{n}/type")), "longrun").unwrap();
        fs::write(dir.path().join(format!("t{n}/dependencies")), "all").unwrap();
    }
    let found = mistakes(dir.path());
    assert!(found[0].starts_with("DIR/all: error: more than 100000 names"), "{found:?}");
}

#[test]
fn one_mistake_and_nothing_is_started() {
    let launch = Launch::plain();
    let dir = launch.dir().to_owned();
    let started = dir.join("started").display().to_string();
    let script = format!("#!/bin/sh\ntouch {started}\nexec sleep 1000\n");
    let tree = format!("-- tree/good/run x\n{script}-- tree/bad/run\n{script}");
    text::make(&tree, &dir);
    let mut init = launch.services(&dir.join("tree")).start();
    assert_eq!(init.wait_exit(PATIENCE).status, 125);
    let stderr = init.stderr();
    assert!(stderr.contains("tree/bad/run: error: it is not executable\n    = chmod +x "), "{stderr}");
    assert!(!Path::new(&started).exists());
}

/// Some of the files that mean something, with contents that may.
fn some_files() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    let names: Vec<&str> =
        OF_SERVICE.into_iter().chain(OF_SOURCE).chain(["up", "down", "run", "finish", "contents"]).collect();
    let path = (prop::sample::select(vec!["a", "b", "c", "a/log"]), prop::sample::select(names))
        .prop_map(|(dir, name)| format!("{dir}/{name}"));
    let content = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        prop::sample::select(vec![
            "longrun",
            "oneshot\n",
            "bundle",
            "a",
            "b",
            "c\na\n",
            "3",
            "0",
            "SIGINT",
            "#!/bin/sh\n",
            "{ a }",
            "\"\\0",
            "/bin/true \"x y\" # z"
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop::collection::vec((path, content), 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn random_trees_are_read_to_the_end(files in some_files()) {
        let dir = TempDir::new().unwrap();
        for (path, content) in files {
            program(&dir.path().join(path), &content);
        }
        match load(&sources(dir.path())) {
            Ok(config) => {
                prop_assert!(rinit::config::write::files(&config).is_ok());
            }
            Err(found) => prop_assert!(found.iter().all(|mistake| mistake.file.starts_with(dir.path()))),
        }
    }
}
