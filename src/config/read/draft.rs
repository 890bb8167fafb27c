//! One service while it is read: what is known of it so far, what the keys of its tables say before they are put together,
//! and what is needed to check it against the others.

use crate::config::text::excerpt::quote;
use crate::config::text::source::Source;
use crate::model::{
    Condition, Dependency, Driver, Exec, HealthTiming, Policy, Probe, Service, Shared, Variable,
};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::ops::Range;
use std::path::PathBuf;

/// A health check while it is read.
#[derive(Default)]
pub(crate) struct HealthDraft {
    /// `None` also for the test NONE, which switches the check off.
    pub probe: Option<Probe>,
    /// There is none after all.
    pub disable: bool,
    /// Its numbers.
    pub timing: HealthTiming,
}

/// Where what a service writes goes, while it is read.
#[derive(Default)]
pub(crate) struct LoggingDraft {
    /// By what.
    pub driver: Option<Driver>,
    /// Each option with its value, and the place of its name.
    pub options: Vec<(String, String, Range<usize>)>,
    /// The place of its path, or where it has none of all of it.
    pub place: Range<usize>,
}

/// A value of a limit; the inner `None`: unlimited.
pub(crate) type Limit = Option<Option<u64>>;

/// The two values of a limit while it is read.
#[derive(Default)]
pub(crate) struct LimitDraft {
    /// The limit in force.
    pub soft: Limit,
    /// The highest value to which it may be raised.
    pub hard: Limit,
}

/// How a file of variables is written.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Format {
    /// As Compose has it.
    #[default]
    Compose,
    /// Everything after the `=` is the value.
    Raw,
}

/// One entry of `env_file` while it is read.
#[derive(Debug)]
pub(crate) struct EnvFile {
    /// Where it is, and the place that says so.
    pub path: Option<(String, Range<usize>)>,
    /// Whether it has to be there.
    pub required: bool,
    /// How it is written.
    pub format: Format,
}

impl Default for EnvFile {
    fn default() -> EnvFile {
        EnvFile { path: None, required: true, format: Format::default() }
    }
}

/// One entry of `depends_on` as it is written.
#[derive(Clone, Debug)]
pub(crate) struct Written {
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
pub(crate) struct Draft {
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
    /// Where what it writes goes.
    pub logging: LoggingDraft,
    /// Its health check.
    pub health: HealthDraft,
    /// Something in its file is wrong, so what is missing from it may be just that.
    pub flawed: bool,
}

impl Draft {
    /// A service with nothing but a name and the defaults.
    pub fn new(name: &str) -> Draft {
        let service = Service {
            name: name.to_owned(),
            description: None,
            exec: Exec::default(),
            policy: Policy::default_of(name).into(),
            hooks: Shared::default(),
            healthcheck: None,
            logging: None,
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
            logging: LoggingDraft::default(),
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
