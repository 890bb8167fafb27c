//! Scripts for `with-contenv` of s6-overlay, which gives them the container's environment: under rinit they have it. The
//! program itself would look for it where only s6-overlay puts it, and fail.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const NAME: &str = "with-contenv";
/// So much of a script is looked at: the kernel reads no more of its first line either.
const HEAD: u64 = 256;

/// The words that execute a program: its path, after what follows `with-contenv` where a script begins with that.
/// `program` is seen from `dir`; one without a `/` is looked for in PATH, and left alone.
pub(super) fn command(dir: &Path, program: OsString) -> Vec<OsString> {
    let is_path = program.as_bytes().contains(&b'/');
    let mut command = if is_path { interpreter(&head(&dir.join(&program))) } else { Vec::new() };
    command.push(program);
    command
}

/// How a file begins; nothing of what is no regular file or cannot be read.
fn head(path: &Path) -> Vec<u8> {
    let mut head = Vec::new();
    if path.metadata().is_ok_and(|metadata| metadata.is_file())
        && let Ok(file) = File::open(path)
        && file.take(HEAD).read_to_end(&mut head).is_err()
    {
        head.clear();
    }
    head
}

/// What follows `with-contenv` in the first line of a script.
fn interpreter(head: &[u8]) -> Vec<OsString> {
    let line = head.strip_prefix(b"#!").and_then(|rest| rest.split(|byte| *byte == b'\n').next());
    let line = String::from_utf8_lossy(line.unwrap_or_default());
    let mut words = line.split_ascii_whitespace();
    match words.next().and_then(|program| program.rsplit('/').next()) {
        Some(NAME) => words.map(OsString::from).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_line_of_a_script_counts() {
        let words = |head: &str| interpreter(head.as_bytes());
        assert_eq!(words("#!/command/with-contenv bash\necho"), ["bash"]);
        assert_eq!(words("#! /usr/bin/with-contenv  /bin/sh -e"), ["/bin/sh", "-e"]);
        for other in
            ["#!/bin/sh\n#!/usr/bin/with-contenv sh", "with-contenv sh", "#!", "", "#!/usr/bin/with-contenv"]
        {
            assert!(words(other).is_empty(), "{other}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_executed_as_it_is() {
        assert_eq!(command(Path::new("/dev"), "./null".into()), ["./null"]);
        assert_eq!(command(Path::new("/nonexistent"), "./run".into()), ["./run"]);
    }
}
