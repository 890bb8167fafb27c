//! Who takes part, where it is and which version it is.

use super::programs::Programs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// An init or a supervisor that is installed.
#[derive(Clone, Debug)]
pub struct Peer {
    pub name: &'static str,
    pub path: PathBuf,
    pub version: String,
}

/// How its version is found out.
enum Version {
    /// It says so with this option.
    Says(&'static str),
    /// Debian's package knows.
    Package(&'static str),
}

const PEERS: [(&str, &str, Version); 9] = [
    ("tini", "tini", Version::Says("--version")),
    ("tini-static", "tini-static", Version::Says("--version")),
    ("dumb-init", "dumb-init", Version::Says("--version")),
    ("catatonit", "catatonit", Version::Says("--version")),
    ("dinit", "dinit", Version::Says("--version")),
    ("s6", "s6-svscan", Version::Package("s6")),
    ("runit", "runsvdir", Version::Package("runit")),
    ("supervisord", "supervisord", Version::Says("--version")),
    ("horust", "horust", Version::Says("--version")),
];

/// rinit in both builds, and those of its peers that are on PATH; beside them the names of those that are not.
pub fn find(programs: &Programs) -> (Vec<Peer>, Vec<&'static str>) {
    let rinit = |name, path: &Path, build: &str| {
        let version = format!("{} ({build})", says(path, "--version"));
        Peer { name, path: path.to_owned(), version }
    };
    let mut found = vec![
        rinit("rinit", &programs.rinit, &programs.build),
        rinit("rinit-glibc", &programs.glibc, "cargo build --release"),
    ];
    let mut absent = Vec::new();
    for (name, program, version) in PEERS {
        let Some(path) = on_path(program) else {
            absent.push(name);
            continue;
        };
        let version = match version {
            Version::Says(option) => says(&path, option),
            Version::Package(package) => package_version(package),
        };
        found.push(Peer { name, path, version });
    }
    (found, absent)
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let executable = |file: &PathBuf| {
        std::fs::metadata(file).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(executable)
}

/// The first word of its answer that begins with a digit, with or without a `v`.
fn says(path: &Path, option: &str) -> String {
    let output = Command::new(path).arg(option).stdin(Stdio::null()).output();
    let text = output.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let is_version =
        |word: &&str| word.trim_start_matches('v').starts_with(|first: char| first.is_ascii_digit());
    text.split_whitespace().find(is_version).unwrap_or("?").trim_end_matches(['.', ',']).to_owned()
}

fn package_version(package: &str) -> String {
    let output = Command::new("dpkg-query").args(["-W", "-f", "${Version}", package]).output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    if text.is_empty() { "?".to_owned() } else { text }
}
