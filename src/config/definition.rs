//! Reads the definition of one service from its TOML file.

use super::keys::{command, readiness, streams};
use super::read::draft::Draft;
use super::read::reader::{ReadContext, Reader, VARIABLE_NOT_SET};
use super::text::diagnostic::Diagnostic;
use super::text::source::Source;
use super::text::syntax;
use super::{files, keys, secrets, source_text};
use crate::model::{MAIN, Origin};
use std::path::Path;

/// Reads the file of one service. What can be read of it is in the draft, whatever the mistakes.
pub(super) fn read(name: &str, path: &Path, outside: &ReadContext) -> (Draft, Vec<Diagnostic>) {
    let mut draft = Draft::new(name);
    let source = files::read_at_most(path, files::LARGEST_DEFINITION)
        .map_err(|reason| format!("cannot read the file: {reason}"))
        .map_err(|message| Box::new(Diagnostic::of_file(path, message, None)))
        .and_then(|bytes| Source::from_bytes(path, &bytes, secrets::find));
    let source = match source {
        Ok(source) => source,
        Err(mistake) => {
            draft.flawed = true;
            return (draft, vec![*mistake]);
        }
    };
    let mistakes = read_keys(&source, outside, &mut draft);
    // What a variable without a value stands in cannot be judged.
    draft.flawed = mistakes.iter().any(|found| found.warning.is_none_or(|code| code == VARIABLE_NOT_SET));
    draft.source = Some(source);
    (draft, mistakes)
}

fn read_keys(source: &Source, outside: &ReadContext, draft: &mut Draft) -> Vec<Diagnostic> {
    let mut parsed = syntax::parse(source);
    let has_syntax_errors = !parsed.mistakes.is_empty();
    let mut reader = Reader::new(source, outside, keys::SERVICE, &mut parsed);
    reader.table("", &parsed.table, keys::SERVICE, draft);
    if !has_syntax_errors {
        readiness::check(&mut reader, &parsed.table, draft);
        command::check(&mut reader, &parsed.table, draft);
    }
    streams::check(&mut reader, &parsed.table, draft);
    // What follows a syntax error may not have been read at all. COMMAND may stand in for the command of main.
    let missing = !parsed.table.contains_key("command") && draft.service.name != MAIN;
    if missing && !has_syntax_errors && !reader.is_misspelt("command") {
        let help = keys::SERVICE.iter().find(|key| key.name == "command").map(|key| key.example);
        let help = help.map(|example| format!("for instance {example}"));
        reader.add(Diagnostic::of_file(&source.path, "the key \"command\" is missing".into(), help));
    }
    let lines = std::mem::take(&mut reader.lines);
    draft.service.origin = Some(Origin {
        file: source.path.clone(),
        lines: lines.finish().into(),
        source: source_text::collect(&parsed.table).into(),
    });
    reader.into_mistakes()
}
