//! Scripts for `with-contenv` of s6-overlay, which gives them the container's environment: under rinit they have it. The
//! program itself would look for it where only s6-overlay puts it, and fail.

use super::raw;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const NAME: &str = "with-contenv";

/// The words that execute a program: its path, after what follows `with-contenv` where a script begins with that.
/// `program` is seen from `dir`; one without a `/` is looked for in PATH, and left alone.
pub(super) fn command(dir: &Path, program: OsString) -> Vec<OsString> {
    let is_path = program.as_bytes().contains(&b'/');
    let path = dir.join(&program);
    // What is no regular file may never say anything.
    let mut command = match path.metadata() {
        Ok(metadata) if is_path && metadata.is_file() => interpreter(&raw::head(&path).unwrap_or_default()),
        _ => Vec::new(),
    };
    command.push(program);
    command
}

/// What follows `with-contenv` in the first line of a script.
fn interpreter(head: &[u8]) -> Vec<OsString> {
    let line = String::from_utf8_lossy(raw::after_hash_bang(head).unwrap_or_default());
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
