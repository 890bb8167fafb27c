//! What a golden directory cannot hold: pipes, devices, large files, directories without permission, names that are
//! not UTF-8.

use rinit::config::{Sources, load};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use tempfile::TempDir;

/// The mistakes of a directory, without its path.
fn mistakes(dir: &Path) -> Vec<String> {
    let not_utf_8 = ("BYTES".into(), OsStr::from_bytes(b"\xff").to_owned());
    let sources = Sources {
        dirs: vec![dir.to_owned()],
        command: Vec::new(),
        environment: vec![not_utf_8],
        style: None,
        root: "/nonexistent".into(),
    };
    let found = load(&sources).err().unwrap_or_default();
    found.iter().map(|mistake| mistake.to_string().replace(&dir.display().to_string(), "DIR")).collect()
}

/// It passes for a regular file, and whoever reads it waits for the kernel to say something.
#[test]
fn the_kernel_s_log_is_not_waited_for() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("web.toml"), "command = \"x\"\nenv_file = \"/proc/kmsg\"").unwrap();
    let found = mistakes(dir.path());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("DIR/web.toml:2:12: error: cannot read /proc/kmsg: "), "{found:?}");
}

#[test]
fn a_pipe_or_a_device_is_not_opened() {
    let dir = TempDir::new().unwrap();
    nix::unistd::mkfifo(&dir.path().join("pipe.toml"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    symlink("/dev/zero", dir.path().join("zero.toml")).unwrap();
    symlink("pipe.toml", dir.path().join("link.toml")).unwrap();
    fs::write(dir.path().join("web.toml"), "command = \"x\"\nenv_file = \"pipe.toml\"").unwrap();
    let found = mistakes(dir.path());
    assert_eq!(found[0], "DIR/link.toml: error: cannot read the file: it is not a regular file");
    assert_eq!(found[1], "DIR/pipe.toml: error: cannot read the file: it is not a regular file");
    assert!(
        found[2].starts_with("DIR/web.toml:2:12: error: cannot read DIR/pipe.toml: it is not a regular file")
    );
    assert_eq!(found[3], "DIR/zero.toml: error: cannot read the file: it is not a regular file");
    assert_eq!(found.len(), 4);
}

#[test]
fn a_large_file_is_not_read() {
    let dir = TempDir::new().unwrap();
    let mut text = String::from("command = \"true\"\n");
    text.push_str(&"#".repeat(64 * 1024 - text.len()));
    fs::write(dir.path().join("a.toml"), &text).unwrap();
    assert_eq!(mistakes(dir.path()), [""; 0]);
    text.push('#');
    fs::write(dir.path().join("a.toml"), &text).unwrap();
    assert_eq!(mistakes(dir.path()), ["DIR/a.toml: error: cannot read the file: it is larger than 64 KiB"]);
}

#[test]
fn links_are_followed_as_kubernetes_lays_them_out() {
    let dir = TempDir::new().unwrap();
    fs::create_dir(dir.path().join("..2026")).unwrap();
    fs::write(dir.path().join("..2026/web.toml"), "command = \"true\"").unwrap();
    symlink("..2026", dir.path().join("..data")).unwrap();
    symlink("..data/web.toml", dir.path().join("web.toml")).unwrap();
    assert_eq!(mistakes(dir.path()), [""; 0]);
    symlink("nowhere", dir.path().join("gone.toml")).unwrap();
    assert_eq!(
        mistakes(dir.path()),
        ["DIR/gone.toml: error: cannot read the file: No such file or directory"]
    );
}

#[test]
fn a_directory_that_cannot_be_read_is_named() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let found = mistakes(&file);
    assert!(found[0].starts_with("DIR: error: cannot read directory DIR: Not a directory\n"), "{found:?}");
    let help = format!("it is a file: name the directory that it is in, {}", dir.path().display());
    assert!(found.len() == 1 && found[0].ends_with(&help), "{found:?}");
}

#[test]
fn a_name_that_is_not_utf_8_is_shown_clean() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join(OsStr::from_bytes(b"a\xff\x1b.toml")), "command = \"true\"").unwrap();
    let found = mistakes(dir.path());
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("DIR/a\u{fffd}\\u{1b}.toml: error: a service's name must not contain"),
        "{found:?}"
    );
}

#[test]
fn a_file_full_of_mistakes_has_an_end() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("a.toml"), "x = y\n".repeat(10_000)).unwrap();
    fs::write(dir.path().join("b.toml"), format!("command = [{}]", "1,".repeat(30_000))).unwrap();
    let found = mistakes(dir.path());
    assert_eq!(found.len(), 202);
    assert!(
        found[0].starts_with("DIR/a.toml: error: ") && found[0].ends_with(" more mistakes are not shown")
    );
    assert_eq!(found[101], "DIR/b.toml: error: 29900 more mistakes are not shown");
}

#[test]
fn a_thousand_services_in_a_chain_and_a_ring() {
    let dir = TempDir::new().unwrap();
    let write = |n: usize, on: usize| {
        let text = format!("command = \"true\"\ndepends_on = [\"s{on:04}\"]");
        fs::write(dir.path().join(format!("s{n:04}.toml")), text).unwrap();
    };
    (1..1000).for_each(|n| write(n, n - 1));
    fs::write(dir.path().join("s0000.toml"), "command = \"true\"").unwrap();
    assert_eq!(mistakes(dir.path()), [""; 0]);
    write(0, 999);
    let found = mistakes(dir.path());
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("DIR/s0000.toml:2:15: error: dependency cycle: s0000 -> s0999 -> s0998 -> ")
    );
}

#[test]
fn a_variable_that_is_not_utf_8_is_refused_where_it_is_used() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("a.toml"), "command = \"a ${BYTES}\"").unwrap();
    let expected = "DIR/a.toml:1:14: error: the value of BYTES is not UTF-8
  1 | command = \"a ${BYTES}\"
    |              ^^^^^^^^";
    assert_eq!(mistakes(dir.path()), [expected]);
}
