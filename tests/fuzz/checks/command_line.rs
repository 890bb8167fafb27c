//! Any words on the command line are read or refused, never more.

use rinit::cli::parse::{Line, parse};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// The words are separated by newlines, for people who look at the corpus.
pub fn check(input: &[u8]) {
    let words: Vec<OsString> =
        input.split(|byte| *byte == b'\n').map(|word| OsStr::from_bytes(word).to_owned()).collect();
    match parse(words.clone()) {
        Ok(Line::Init(read)) => {
            // COMMAND passes through byte for byte: what follows its first word is the end of what was given.
            let command: Vec<&OsString> = read.operands.iter().chain(read.rest.iter().flatten()).collect();
            assert!(command.len() <= words.len(), "{words:?} became {command:?}");
            let end = &words[words.len() - command.len()..];
            assert!(command.into_iter().eq(end), "{words:?} does not end with COMMAND");
        }
        Ok(Line::Verb(command, read)) => {
            // Options may share a word, others may not.
            let others = read.operands.len() + read.rest.as_ref().map_or(0, Vec::len);
            assert!(others < words.len(), "{words:?} of {}: {read:?}", command.name);
        }
        Err(error) => {
            let message = error.to_string();
            assert!(message.starts_with("rinit: ") && message.ends_with('\n'), "{message}");
            assert!([2, 125].contains(&error.status), "{words:?} ends with {}", error.status);
        }
    }
}
