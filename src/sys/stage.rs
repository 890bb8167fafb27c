//! The steps of a child's set-up, by which it reports what it could not do.

#![forbid(unsafe_code)]

use std::io;

/// What the child does before it executes its program, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// Its own session or process group.
    Session,
    /// The signals' dispositions.
    Signals,
    /// Standard input, output and error.
    Stdio,
    /// What it shall not get of rinit's descriptors.
    Descriptors,
    /// The descriptor on which it says that it is ready.
    Notify,
    /// Values of its environment that are in files.
    Environment,
    /// How readily the kernel kills it.
    OomScore,
    /// Resource limits.
    Limits,
    /// Scheduling priority.
    Nice,
    /// Capabilities taken away.
    CapDrop,
    /// Capabilities given.
    CapAdd,
    /// The supplementary groups.
    Groups,
    /// The group.
    Group,
    /// The user.
    User,
    /// No more by executing.
    NoNewPrivileges,
    /// The working directory.
    WorkingDir,
    /// The program itself.
    Execute,
    /// The same, where the program's file is there, but not the interpreter or dynamic loader that it names.
    Interpreter,
}

impl Stage {
    /// Each at the place that its number says.
    pub(crate) const ALL: [Stage; 18] = [
        Stage::Session,
        Stage::Signals,
        Stage::Stdio,
        Stage::Descriptors,
        Stage::Notify,
        Stage::Environment,
        Stage::OomScore,
        Stage::Limits,
        Stage::Nice,
        Stage::CapDrop,
        Stage::CapAdd,
        Stage::Groups,
        Stage::Group,
        Stage::User,
        Stage::NoNewPrivileges,
        Stage::WorkingDir,
        Stage::Execute,
        Stage::Interpreter,
    ];
}

/// The size of a report. A pipe takes so much at once, or nothing of it.
pub(super) const REPORT: usize = nix::libc::PIPE_BUF;

/// The stage and errno, which a report begins with. A text goes before errno.
const HEAD: usize = 5;

/// Writes the report of a failed stage and returns its length. A text that is too long is cut. Allocates nothing.
pub(super) fn write_report(report: &mut [u8; REPORT], stage: Stage, error: i32, text: &str) -> usize {
    let [a, b, c, d] = error.to_ne_bytes();
    let head = [stage as u8, a, b, c, d];
    report.iter_mut().zip(head.iter().chain(text.as_bytes())).map(|(to, from)| *to = *from).count()
}

/// What a report says.
pub(super) fn read_report(report: &[u8]) -> (Stage, io::Error) {
    let Some(([stage, error @ ..], text)) = report.split_first_chunk::<HEAD>() else {
        return (Stage::Execute, io::ErrorKind::UnexpectedEof.into());
    };
    let stage = Stage::ALL.get(usize::from(*stage)).copied().unwrap_or(Stage::Execute);
    let error = match text {
        [] => io::Error::from_raw_os_error(i32::from_ne_bytes(*error)),
        text => io::Error::other(String::from_utf8_lossy(text)),
    };
    (stage, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_as_it_was_written() {
        let told = |stage, error, text: &str| {
            let mut report = [0; REPORT];
            let length = write_report(&mut report, stage, error, text);
            read_report(&report[..length])
        };
        let (stage, error) = told(Stage::WorkingDir, 2, "");
        assert_eq!((stage, error.raw_os_error()), (Stage::WorkingDir, Some(2)));
        let (stage, error) = told(Stage::Environment, 0, "cannot read /ü: gone");
        assert_eq!((stage, error.to_string().as_str()), (Stage::Environment, "cannot read /ü: gone"));
        let (_, error) = told(Stage::Environment, 0, &"x".repeat(2 * REPORT));
        assert_eq!(error.to_string().len(), REPORT - HEAD);
        assert_eq!(read_report(&[7]).0, Stage::Execute);
    }

    #[test]
    fn each_stage_is_found_by_its_number() {
        for (number, stage) in Stage::ALL.iter().enumerate() {
            assert_eq!(usize::from(*stage as u8), number, "{stage:?}");
        }
        assert_eq!(Stage::ALL.last(), Some(&Stage::Interpreter));
    }
}
