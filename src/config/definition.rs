//! One definition while it is read: the service so far, and what is needed to check it against the others.

use super::diagnostic::Diagnostic;
use super::environment::EnvFile;
use super::excerpt::quote;
use super::health::HealthDraft;
use super::reader::{Reader, Surroundings};
use super::source::Source;
use super::ulimits::LimitDraft;
use super::{files, keys, readiness, service, source_text, streams, syntax};
use crate::model::{Condition, Dependency, Exec, MAIN, Origin, Policy, Service, Shared, Variable};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// One entry of `depends_on` as it is written.
#[derive(Clone, Debug)]
pub(super) struct Written {
    /// The service named.
    pub name: String,
    /// `None`: what is written there is no condition, which has been reported.
    pub condition: Option<Condition>,
    /// Whether it has to be there at all.
    pub required: bool,
    /// Whether its restart is one of this service too.
    pub restart: bool,
    /// Where the name is.
    pub name_span: Range<usize>,
    /// Where the condition is, or the name again.
    pub condition_span: Range<usize>,
    /// The file that it is in, for a dependency of s6-rc, which has no place in a TOML file.
    pub file: Option<PathBuf>,
}

/// A service that is being read.
pub(super) struct Draft {
    /// What is known of it. `depends_on` and `environment` are put in at the end.
    pub service: Service,
    /// Its file; `None` for COMMAND alone, for a directory, and for a file that could not be read.
    pub source: Option<Source>,
    /// Its dependencies, in the order written.
    pub depends_on: Vec<Written>,
    /// The names in it.
    pub dependencies: BTreeSet<String>,
    /// Names that stand for it and for others, each with its place.
    pub bundles: Vec<(String, Range<usize>)>,
    /// Variables of all `env_file`s.
    pub env_file: BTreeMap<OsString, Variable>,
    /// The entry of `env_file` that is being read.
    pub env_file_entry: EnvFile,
    /// Variables of `environment`.
    pub environment: BTreeMap<OsString, Variable>,
    /// The file of the variable that is being read.
    pub variable_file: Option<PathBuf>,
    /// The limit that is being read.
    pub limit: LimitDraft,
    /// Its health check.
    pub health: HealthDraft,
    /// Something in its file is wrong, so what is missing from it may be just that.
    pub flawed: bool,
}

impl Draft {
    /// A service with nothing but a name and the defaults.
    pub fn new(name: &str) -> Draft {
        let policy = if name == MAIN { Policy::main() } else { Policy::default() };
        let service = Service {
            name: name.to_owned(),
            description: None,
            exec: Exec::default(),
            policy: policy.into(),
            hooks: Shared::default(),
            healthcheck: None,
            origin: None,
        };
        Draft {
            service,
            source: None,
            depends_on: Vec::new(),
            dependencies: BTreeSet::new(),
            bundles: Vec::new(),
            env_file: BTreeMap::new(),
            env_file_entry: EnvFile::default(),
            environment: BTreeMap::new(),
            variable_file: None,
            limit: LimitDraft::default(),
            health: HealthDraft::default(),
            flawed: false,
        }
    }

    /// The name of a dependency in quotes, for a message.
    pub fn quote(&self, written: &Written) -> String {
        match (&self.source, &written.file) {
            (Some(source), None) => source.quote(&written.name_span, &written.name),
            _ => quote(&written.name),
        }
    }

    /// The finished service.
    pub fn finish(&mut self) -> &Service {
        let service = &mut self.service;
        service.exec.environment = std::mem::take(&mut self.env_file);
        service.exec.environment.append(&mut self.environment);
        let depends_on = std::mem::take(&mut self.depends_on).into_iter().filter_map(|written| {
            let Written { name, condition, required, restart, .. } = written;
            Some(Dependency { name, condition: condition?, required, restart })
        });
        service.policy.depends_on = depends_on.collect();
        service
    }
}

/// Reads the file of one service. What can be read of it is in the draft, whatever the mistakes.
pub(super) fn read(name: &str, path: &Path, outside: &Surroundings) -> (Draft, Vec<Diagnostic>) {
    let mut draft = Draft::new(name);
    let source = files::read_at_most(path, files::LARGEST_DEFINITION)
        .map_err(|reason| format!("cannot read the file: {reason}"))
        .map_err(|message| Box::new(Diagnostic::of_file(path, message, None)))
        .and_then(|bytes| Source::from_bytes(path, &bytes));
    let source = match source {
        Ok(source) => source,
        Err(mistake) => {
            draft.flawed = true;
            return (draft, vec![*mistake]);
        }
    };
    let mistakes = read_keys(&source, outside, &mut draft);
    draft.flawed = !mistakes.is_empty();
    draft.source = Some(source);
    (draft, mistakes)
}

fn read_keys(source: &Source, outside: &Surroundings, draft: &mut Draft) -> Vec<Diagnostic> {
    let mut parsed = syntax::parse(source);
    let has_syntax_errors = !parsed.mistakes.is_empty();
    let mut reader = Reader::new(source, outside, &mut parsed);
    reader.table("", &parsed.table, keys::SERVICE, draft);
    if !has_syntax_errors {
        readiness::check(&mut reader, &parsed.table, draft);
        service::check(&mut reader, &parsed.table, draft);
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
        source: source_text::collect(&parsed.table),
    });
    reader.into_mistakes()
}
