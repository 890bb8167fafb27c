//! Files that a service logs to: their options put together.

use super::log_values::{NAME, count, size};
use super::{Driver, Logging, Service};
use std::collections::BTreeMap;

/// Where a service logs to whose options do not say so.
pub const DEFAULT_PATH: &str = "/var/log/rinit/{{.Name}}.log";

/// The file of a service, and how it is rotated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFiles {
    /// The file that is written to. Rotated ones have `.1`, `.2` and so on at their end.
    pub path: String,
    /// With so many bytes it is rotated; `None`: never.
    pub max_size: Option<u64>,
    /// How many files there are at most, this one among them.
    pub max_file: u32,
    /// Rotated files are compressed.
    pub compress: bool,
}

impl LogFiles {
    /// Of a service that logs to a file.
    pub fn of(logging: &Logging, service: &str) -> Option<LogFiles> {
        match logging.driver {
            Driver::JsonFile | Driver::File => {}
            Driver::Inherit | Driver::Console | Driver::None => return None,
        }
        Some(LogFiles {
            path: logging.option("path").unwrap_or(DEFAULT_PATH).replace(NAME, service),
            max_size: logging.option("max-size").and_then(|text| size(text).ok()).flatten(),
            max_file: logging.option("max-file").and_then(|text| count(text).ok()).unwrap_or(1),
            compress: logging.is_on("compress"),
        })
    }

    /// What is wrong with options that are right by themselves.
    fn mistake(&self) -> Option<&'static str> {
        let is_kept = self.max_file > 1 && self.max_size.is_some();
        (self.compress && !is_kept)
            .then_some("compress cannot be true when max-file is less than 2 or max-size is not set")
    }
}

/// Checks what the services have that log to files: by their own definition, and by default.
///
/// # Errors
/// What is wrong with them.
pub fn check(services: &[Service], default: Option<&Logging>) -> Result<(), String> {
    let mut paths: BTreeMap<String, &str> = BTreeMap::new();
    for service in services {
        let Some(logging) = service.logging_with(default) else { continue };
        let name = &service.name;
        let Some(files) = LogFiles::of(&logging, name) else { continue };
        if let Some(mistake) = files.mistake() {
            return Err(format!("{name}: {mistake}"));
        }
        if let Some(other) = paths.get(&files.path) {
            return Err(clash(other, name, &files.path));
        }
        paths.insert(files.path, name);
    }
    Ok(())
}

/// Two services have one file.
fn clash(one: &str, other: &str, path: &str) -> String {
    format!(
        "{one} and {other} log to the same file, {path}: give each its own, as in path = \"/logs/{NAME}.log\""
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logging(options: &[(&str, &str)]) -> Logging {
        let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Logging { driver: Driver::File, options: options.collect() }
    }

    #[test]
    fn options_make_files() {
        let all = [("path", "/l/{{.Name}}"), ("max-size", "1k"), ("max-file", "3"), ("compress", "1")];
        let files = LogFiles::of(&logging(&all), "web").unwrap();
        let expected = LogFiles { path: "/l/web".into(), max_size: Some(1000), max_file: 3, compress: true };
        assert_eq!((files.mistake(), files), (None, expected));
        let default = LogFiles::of(&logging(&[]), "web").unwrap();
        let expected =
            LogFiles { path: "/var/log/rinit/web.log".into(), max_size: None, max_file: 1, compress: false };
        assert_eq!(default, expected);
        for wrong in [&all[2..], &[all[1], all[3]], &[all[3]]] {
            assert!(LogFiles::of(&logging(wrong), "web").unwrap().mistake().is_some(), "{wrong:?}");
        }
        let console = Logging { driver: Driver::Console, options: Vec::new() };
        assert_eq!(LogFiles::of(&console, "web"), None);
    }
}
