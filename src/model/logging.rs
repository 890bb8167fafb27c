//! Where what a service writes goes: the drivers, and their options by Docker's names. This is the one table of both.

use super::{log_values, suggest};

/// What delivers what a service writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// The service has rinit's own standard output and standard error.
    Inherit,
    /// Whole lines to rinit's standard output and standard error, each with the name of its service.
    Console,
    /// To a file, in Docker's own format.
    JsonFile,
    /// To a file, as plain lines.
    File,
    /// It is dropped.
    None,
}

/// What a driver is called, and what it takes.
#[derive(Clone, Copy, Debug)]
pub struct Description {
    /// Which.
    pub driver: Driver,
    /// Its name.
    pub name: &'static str,
    /// Its options.
    pub options: &'static [LogOption],
}

/// An option of a driver.
#[derive(Clone, Copy, Debug)]
pub struct LogOption {
    /// Its name.
    pub name: &'static str,
    /// What its value is.
    pub value: OptionValue,
}

/// What the value of an option is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionValue {
    /// One of these words, the first of which is the default.
    Words(&'static [&'static str]),
    /// On or off; off is the default.
    Boolean,
    /// An absolute path.
    Path,
    /// A number of bytes, in Docker's units; the default is no limit.
    Size,
    /// How many files there may be; the default is one.
    Count,
}

impl OptionValue {
    /// Whether a value is right.
    fn check(self, value: &str) -> Result<(), String> {
        match self {
            OptionValue::Words(words) if words.contains(&value) => Ok(()),
            OptionValue::Words(words) => Err(format!("expected one of {}", words.join(", "))),
            OptionValue::Boolean => match log_values::boolean(value) {
                Some(_) => Ok(()),
                None => Err("expected true or false".to_owned()),
            },
            OptionValue::Path => log_values::path(value),
            OptionValue::Size => log_values::size(value).map(drop),
            OptionValue::Count => log_values::count(value).map(drop),
        }
    }
}

const PATH: LogOption = LogOption { name: "path", value: OptionValue::Path };
const MAX_SIZE: LogOption = LogOption { name: "max-size", value: OptionValue::Size };
const MAX_FILE: LogOption = LogOption { name: "max-file", value: OptionValue::Count };
const COMPRESS: LogOption = LogOption { name: "compress", value: OptionValue::Boolean };
const TIMESTAMPS: LogOption = LogOption { name: "timestamps", value: OptionValue::Boolean };

/// Every driver.
pub static DRIVERS: [Description; 5] = [
    Description { driver: Driver::Inherit, name: "inherit", options: &[] },
    Description {
        driver: Driver::Console,
        name: "console",
        options: &[LogOption { name: "format", value: OptionValue::Words(&["text", "json"]) }, TIMESTAMPS],
    },
    Description {
        driver: Driver::JsonFile,
        name: "json-file",
        options: &[PATH, MAX_SIZE, MAX_FILE, COMPRESS],
    },
    Description {
        driver: Driver::File,
        name: "file",
        options: &[PATH, MAX_SIZE, MAX_FILE, COMPRESS, TIMESTAMPS],
    },
    Description { driver: Driver::None, name: "none", options: &[] },
];

/// The most that the options of one service may be long, names and values together, in bytes.
pub const LONGEST_OPTIONS: usize = 8 * 1024;

impl Driver {
    /// The driver of that name.
    ///
    /// # Errors
    /// There is none: what to write.
    pub fn parse(name: &str) -> Result<Driver, String> {
        match DRIVERS.iter().find(|known| known.name == name) {
            Some(known) => Ok(known.driver),
            None => Err(format!("no log driver: write one of {}", Driver::names().join(", "))),
        }
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        DRIVERS.iter().find(|known| known.driver == self).map_or("", |known| known.name)
    }

    /// The names of all.
    pub fn names() -> Vec<&'static str> {
        DRIVERS.iter().map(|known| known.name).collect()
    }

    fn options(self) -> &'static [LogOption] {
        DRIVERS.iter().find(|known| known.driver == self).map_or(&[], |known| known.options)
    }

    /// Checks an option.
    ///
    /// # Errors
    /// What is wrong, and where that is known what to write.
    pub fn check(self, name: &str, value: &str) -> Result<(), (String, Option<String>)> {
        let driver = self.as_str();
        let Some(option) = self.options().iter().find(|option| option.name == name) else {
            let names: Vec<&str> = self.options().iter().map(|option| option.name).collect();
            let help = match suggest::did_you_mean(name, &names) {
                Some(help) => Some(help),
                None if names.is_empty() => None,
                None => Some(format!("options of {driver}: {}", names.join(", "))),
            };
            let message = match names.is_empty() {
                true => format!("the log driver {driver} has no options"),
                false => format!("the log driver {driver} does not know this option"),
            };
            return Err((message, help));
        };
        option.value.check(value).map_err(|message| (message, None))
    }
}

/// How a service logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logging {
    /// By what.
    pub driver: Driver,
    /// The options that are written, in their order. Each is known to the driver.
    pub options: Vec<(String, String)>,
}

impl Logging {
    /// The options of another one that are not written here, if it is of the same driver: as Docker takes over those of
    /// its daemon.
    pub fn complete(&mut self, other: &Logging) {
        let more: Vec<_> = match self.driver == other.driver {
            true => other.options.iter().filter(|(name, _)| self.option(name).is_none()).cloned().collect(),
            false => Vec::new(),
        };
        self.options.extend(more);
    }

    /// An option that is written.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether an option is there that is on or off, and is on.
    pub fn is_on(&self, name: &str) -> bool {
        self.option(name).and_then(log_values::boolean) == Some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_driver_has_one_name() {
        for known in DRIVERS {
            assert_eq!(Driver::parse(known.name), Ok(known.driver));
            assert_eq!(known.driver.as_str(), known.name);
        }
        assert_eq!(
            Driver::parse("syslogd"),
            Err("no log driver: write one of inherit, console, json-file, file, none".into())
        );
    }

    #[test]
    fn options_are_checked() {
        let check = |driver: Driver, name, value| driver.check(name, value);
        assert_eq!(check(Driver::Console, "format", "json"), Ok(()));
        assert_eq!(check(Driver::Console, "timestamps", "true"), Ok(()));
        assert_eq!(check(Driver::File, "timestamps", "yes"), Err(("expected true or false".into(), None)));
        assert_eq!(check(Driver::JsonFile, "max-size", "10m"), Ok(()));
        assert!(check(Driver::JsonFile, "max-size", "x").is_err());
        let (_, help) = check(Driver::JsonFile, "max_files", "3").unwrap_err();
        assert_eq!(help.as_deref(), Some("did you mean \"max-file\"?"));
        assert_eq!(check(Driver::Console, "format", "xml"), Err(("expected one of text, json".into(), None)));
        let (message, help) = check(Driver::Console, "fromat", "json").unwrap_err();
        assert_eq!(message, "the log driver console does not know this option");
        assert_eq!(help.as_deref(), Some("did you mean \"format\"?"));
        let (_, help) = check(Driver::Console, "labels", "x").unwrap_err();
        assert_eq!(help.as_deref(), Some("options of console: format, timestamps"));
        assert_eq!(
            check(Driver::None, "format", "json"),
            Err(("the log driver none has no options".into(), None))
        );
    }

    #[test]
    fn options_that_are_not_written_are_the_default_s() {
        let options =
            |all: &[(&str, &str)]| all.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let default = Logging {
            driver: Driver::Console,
            options: options(&[("format", "json"), ("timestamps", "true")]),
        };
        let mut own = Logging { driver: Driver::Console, options: options(&[("format", "text")]) };
        own.complete(&default);
        assert_eq!((own.option("format"), own.is_on("timestamps")), (Some("text"), true));
        let mut other = Logging { driver: Driver::None, options: Vec::new() };
        other.complete(&default);
        assert_eq!(other.options, []);
    }
}
