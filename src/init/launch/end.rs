//! What `post_stop` is told of how the main process has ended: by variables, and as a `finish` by its arguments.

use crate::model::Finish;
use crate::supervisor::{ExitStatus, Pid};
use std::ffi::OsString;

/// The code that runit tells of a main process that could not execute its program.
const NOT_STARTED: i32 = 111;

/// What s6 tells as the code of one that a signal has ended.
const BY_SIGNAL: i32 = 256;

/// How the main process has ended.
pub struct End {
    /// Its status; `None` if it has executed nothing.
    pub status: Option<ExitStatus>,
    /// The process group that it had.
    pub group: Option<Pid>,
}

impl End {
    /// What every `post_stop` finds in its environment; empty is what does not apply.
    pub fn variables(&self) -> [(String, String); 2] {
        let (code, signal) = match self.status {
            Some(ExitStatus::Code(code)) => (code.to_string(), String::new()),
            Some(ExitStatus::Signal(number)) => (String::new(), number.to_string()),
            None => (String::new(), String::new()),
        };
        [("RINIT_EXIT_CODE".to_owned(), code), ("RINIT_EXIT_SIGNAL".to_owned(), signal)]
    }

    /// The arguments of a `finish`.
    pub fn arguments(&self, finish: &Finish) -> Vec<OsString> {
        let text = |number: i32| OsString::from(number.to_string());
        match finish {
            Finish::S6(name) => {
                let (code, signal) = match self.status {
                    Some(ExitStatus::Code(code)) => (code, 0),
                    Some(ExitStatus::Signal(number)) => (BY_SIGNAL, number),
                    None => (NOT_STARTED, 0),
                };
                let group = self.group.map_or(0, |group| group.0);
                vec![text(code), text(signal), OsString::from(&**name), text(group)]
            }
            Finish::Runit => match self.status {
                Some(ExitStatus::Code(code)) => vec![text(code), text(0)],
                // The low byte of the wait status of one that left no core.
                Some(ExitStatus::Signal(number)) => vec![text(-1), text(number)],
                None => vec![text(NOT_STARTED), text(0)],
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(status: Option<ExitStatus>, finish: &Finish) -> Vec<String> {
        let end = End { status, group: Some(Pid(77)) };
        end.arguments(finish).iter().map(|word| word.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_finish_is_told_by_its_arguments() {
        let s6 = Finish::S6("web/log".into());
        assert_eq!(arguments(Some(ExitStatus::Code(3)), &s6), ["3", "0", "web/log", "77"]);
        assert_eq!(arguments(Some(ExitStatus::Signal(15)), &s6), ["256", "15", "web/log", "77"]);
        assert_eq!(arguments(Some(ExitStatus::Code(3)), &Finish::Runit), ["3", "0"]);
        assert_eq!(arguments(Some(ExitStatus::Signal(9)), &Finish::Runit), ["-1", "9"]);
        assert_eq!(arguments(None, &Finish::Runit), ["111", "0"]);
    }

    #[test]
    fn any_post_stop_is_told_by_variables() {
        let values = |status| End { status, group: None }.variables().map(|(_, value)| value);
        assert_eq!(values(Some(ExitStatus::Code(3))), ["3", ""]);
        assert_eq!(values(Some(ExitStatus::Signal(9))), ["", "9"]);
        assert_eq!(values(None), ["", ""]);
    }
}
