//! What the command is: its words byte for byte, a script without an interpreter, and where it is started.

use super::{Init, PEERS, Place};
use crate::require_namespace;
use crate::support::{PATIENCE, output, rinit_bin};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

fn make_script(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_script_without_an_interpreter_line_runs_in_sh() {
    require_namespace!();
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("script");
    make_script(&script, "echo \"$0|$1|$2|$#\"; exit 9\n");
    let path = script.display().to_string();
    for name in [None].into_iter().chain(PEERS.map(Some)) {
        let init = name.map_or_else(Init::rinit, Init::rinit_as);
        let mut running = init.launch(Place::Pid1, &[&path, "a b", ""]).start();
        assert_eq!(running.wait_exit(PATIENCE).status, 9, "{init:?}: {}", running.stderr());
        assert_eq!(running.stdout(), format!("{path}|a b||2\n"));
    }
    // Found along PATH.
    let paths = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
    let mut running = Init::rinit().launch(Place::Pid1, &["script"]).env("PATH", &paths).start();
    assert_eq!(running.wait_exit(PATIENCE).status, 9, "{}", running.stderr());
}

#[test]
fn words_that_are_not_utf_8_pass_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let strange = OsStr::from_bytes(b"caf\xe9 \xff\xfe");
    let program = dir.path().join(OsStr::from_bytes(b"prog\xff"));
    make_script(&program, "#!/bin/sh\nprintf '%s|%s' \"$1\" \"$STRANGE\"\n");
    for name in ["rinit", "tini", "dumb-init", "catatonit"] {
        let init = if name == "rinit" { Init::rinit() } else { Init::rinit_as(name) };
        for options in [&[][..], &["--"]] {
            let mut command = Command::new(&init.path);
            command.args(options).arg(&program).arg(strange).env("STRANGE", strange);
            let result = command.env("XDG_RUNTIME_DIR", dir.path()).stdin(Stdio::null()).output().unwrap();
            let expected = [strange.as_bytes(), b"|", strange.as_bytes()].concat();
            assert_eq!(result.stdout, expected, "{name} {options:?}: {result:?}");
            assert!(result.status.success());
        }
    }
    // A program's name that is not there is shown readably, and nothing breaks.
    let missing = Command::new(rinit_bin()).arg(OsStr::from_bytes(b"/no\xff")).output().unwrap();
    assert_eq!(missing.status.code(), Some(127));
}

/// An entry of the environment without `=`, and one that is there twice, are the command's business.
#[test]
fn an_odd_environment_passes_unchanged() {
    let python = "import ctypes, sys; libc = ctypes.CDLL(None); words = [w.encode() for w in sys.argv[1:]]\n\
        env = [b'ODD', b'A=1', b'A=2', b'=x', b'\\xff=\\xfe']\n\
        array = lambda list: (ctypes.c_char_p * (len(list) + 1))(*list, None)\n\
        libc.execve(words[0], array(words), array(env))";
    let dump = ["/bin/cat", "/proc/self/environ"];
    let bare = output("python3", &[&["-c", python], &dump[..]].concat()).unwrap().ok();
    let rinit = rinit_bin().display().to_string();
    // With `--`, since an init may run on this machine already.
    let under = output("python3", &[&["-c", python, &rinit, "--"], &dump[..]].concat()).unwrap().ok();
    assert!(bare.starts_with("ODD\0A=1\0A=2\0=x\0"), "{bare:?}");
    assert_eq!(under, bare);
}

#[test]
fn a_working_directory_that_is_gone_is_kept() {
    require_namespace!();
    for place in [Place::Pid1, Place::Plain] {
        let dir = tempfile::tempdir().unwrap();
        let enter = format!("cd {} && rmdir {} && exec \"$@\"", dir.path().display(), dir.path().display());
        let launch = Init::rinit().launch(place, &["readlink", "/proc/self/cwd"]);
        let mut running = launch.through(&["sh", "-c", &enter, "sh"]).start();
        assert_eq!(running.wait_exit(PATIENCE).status, 0, "{}", running.stderr());
        assert_eq!(running.stdout(), format!("{} (deleted)\n", dir.path().display()));
        std::fs::create_dir_all(dir.path()).unwrap(); // for its removal
    }
}

/// The command works where the init was started; the init itself keeps no file system busy.
#[test]
fn the_command_keeps_the_working_directory_and_the_init_leaves_it() {
    require_namespace!();
    for place in [Place::Pid1, Place::Plain] {
        let running = Init::rinit().launch(place, &["sh", "-c", "pwd; exec sleep 1000"]).start();
        let here = running.dir().display().to_string();
        running.wait_line("the directory", |line| line == here);
        let of_init = std::fs::read_link(format!("/proc/{}/cwd", running.pid())).unwrap();
        assert_eq!(of_init, Path::new("/"), "{place:?}");
    }
}

#[test]
fn options_end_at_the_first_word_that_is_none() {
    require_namespace!();
    for name in [None].into_iter().chain(PEERS.map(Some)) {
        let init = name.map_or_else(Init::rinit, Init::rinit_as);
        assert_eq!(init.status(Place::Pid1, &["sh", "-c", "exit 3", "-v", "--", "-e"]), 3, "{init:?}");
        let path = init.path.display().to_string();
        assert_eq!(output(&path, &["sh", "-c", "exit 3", "-v", "--", "-e"]).unwrap().status, 3, "{init:?}");
    }
}
