//! Options as those programs read them: short ones that may be run together, long ones that may be shortened, and
//! the command from the first other word on.

#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// An option of another program.
#[derive(Debug)]
pub(super) struct Switch {
    /// `g` of `-g`; also what it is told apart by.
    pub(super) short: u8,
    /// `verbose` of `--verbose`; empty if it has no long form.
    pub(super) long: &'static str,
    /// What it takes, as the help calls it.
    pub(super) value: Option<&'static str>,
    /// What it does.
    pub(super) help: &'static str,
}

/// What was given: each option with its value, and the command.
pub(super) type Given = (Vec<(u8, OsString)>, Vec<OsString>);

/// Reads the words after the program's name.
pub(super) fn getopt(words: &[OsString], switches: &'static [Switch]) -> Result<Given, String> {
    let mut given = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.as_slice().first() {
        let bytes = word.as_bytes();
        if !bytes.starts_with(b"-") || bytes == b"-" {
            break;
        }
        words.next();
        match bytes.strip_prefix(b"--") {
            Some(b"") => break,
            Some(long) => {
                let (switch, value) = find_long(long, switches)?;
                let value = match (switch.value, value) {
                    (None, None) => OsString::new(),
                    (None, Some(_)) => return Err(format!("option --{} takes no value", switch.long)),
                    (Some(_), Some(value)) => value,
                    (Some(name), None) => next(&mut words, &format!("--{}", switch.long), name)?,
                };
                given.push((switch.short, value));
            }
            None => cluster(bytes, &mut words, switches, &mut given)?,
        }
    }
    Ok((given, words.cloned().collect()))
}

/// `-vvg`, `-e143`: options run together, the last of them perhaps with its value.
fn cluster<'a>(
    word: &[u8],
    words: &mut impl Iterator<Item = &'a OsString>,
    switches: &'static [Switch],
    given: &mut Vec<(u8, OsString)>,
) -> Result<(), String> {
    let mut rest = word.get(1..).unwrap_or_default();
    while let Some((short, after)) = rest.split_first() {
        let switch = switches.iter().find(|switch| switch.short == *short);
        let switch =
            switch.ok_or_else(|| format!("unknown option -{}", char::from(*short).escape_default()))?;
        let value = match switch.value {
            None => OsString::new(),
            Some(_) if !after.is_empty() => OsString::from_vec(after.to_vec()),
            Some(name) => next(words, &format!("-{}", char::from(*short)), name)?,
        };
        given.push((*short, value));
        rest = if switch.value.is_some() { &[] } else { after };
    }
    Ok(())
}

fn next<'a>(
    words: &mut impl Iterator<Item = &'a OsString>,
    option: &str,
    name: &str,
) -> Result<OsString, String> {
    words.next().cloned().ok_or_else(|| format!("{option} needs a {name}"))
}

/// A long option, or the beginning of just one of them.
fn find_long(
    word: &[u8],
    switches: &'static [Switch],
) -> Result<(&'static Switch, Option<OsString>), String> {
    let mut parts = word.splitn(2, |byte| *byte == b'=');
    let name = parts.next().unwrap_or_default();
    let value = parts.next().map(|value| OsStr::from_bytes(value).to_owned());
    let exact = switches.iter().find(|switch| switch.long.as_bytes() == name && !name.is_empty());
    let mut beginning = switches.iter().filter(|switch| switch.long.as_bytes().starts_with(name));
    match (exact, beginning.next(), beginning.next()) {
        (Some(switch), _, _) | (None, Some(switch), None) if !name.is_empty() => Ok((switch, value)),
        _ => Err(format!("unknown option --{}", String::from_utf8_lossy(name).escape_default())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static SWITCHES: [Switch; 3] = [
        Switch { short: b'v', long: "verbose", value: None, help: "" },
        Switch { short: b'V', long: "version", value: None, help: "" },
        Switch { short: b'r', long: "rewrite", value: Some("S:R"), help: "" },
    ];

    fn read(line: &[&str]) -> Result<(String, Vec<String>), String> {
        let words: Vec<OsString> = line.iter().map(OsString::from).collect();
        let (given, command) = getopt(&words, &SWITCHES)?;
        let given = given.iter().map(|(short, value)| format!("{}{} ", char::from(*short), value.display()));
        Ok((given.collect(), command.iter().map(|word| word.display().to_string()).collect()))
    }

    #[test]
    fn every_form_is_read() {
        for (line, given, command) in [
            (&["-vvr1:2", "sh", "-v"][..], "v v r1:2 ", &["sh", "-v"][..]),
            (&["-r", "1:2", "--", "-v"], "r1:2 ", &["-v"]),
            (&["--rew", "1:2", "--rewrite=3:4", "--verb", "sh"], "r1:2 r3:4 v ", &["sh"]),
            (&["--", "--", "sh"], "", &["--", "sh"]),
            (&["-", "sh"], "", &["-", "sh"]),
            (&["", "sh"], "", &["", "sh"]),
            (&[], "", &[]),
        ] {
            let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(read(line), Ok((given.to_owned(), command)), "{line:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (line, message) in [
            (&["-x"][..], "unknown option -x"),
            (&["-vx"], "unknown option -x"),
            (&["--ver"], "unknown option --ver"),
            (&["--frob=1"], "unknown option --frob"),
            (&["-r"], "-r needs a S:R"),
            (&["-vr"], "-r needs a S:R"),
            (&["--rewrite"], "--rewrite needs a S:R"),
            (&["--verbose=1"], "option --verbose takes no value"),
        ] {
            assert_eq!(read(line), Err(message.to_owned()), "{line:?}");
        }
    }
}
