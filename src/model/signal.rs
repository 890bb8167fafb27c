//! Signal names and numbers, as Linux has them on x86-64 and AArch64.

use std::fmt;

/// A signal by its number: 1 to 31, and 34 to 64 (real-time; the C library keeps 32 and 33 for itself).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(u8);

/// Name and number of each standard signal. The first name of a number is the one that is shown.
const NAMES: [(&str, u8); 35] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("PWR", 30),
    ("SYS", 31),
    ("IOT", 6),
    ("CLD", 17),
    ("POLL", 29),
    ("UNUSED", 31),
];

/// The first real-time signal that programs may use.
const RTMIN: u8 = 34;
const RTMAX: u8 = 64;

impl Signal {
    /// Hang-up.
    pub const HUP: Signal = Signal(1);
    /// Ctrl-C.
    pub const INT: Signal = Signal(2);
    /// Ctrl-\, or a graceful stop for some servers.
    pub const QUIT: Signal = Signal(3);
    /// Cannot be caught.
    pub const KILL: Signal = Signal(9);
    /// Whatever a program takes it for.
    pub const USR1: Signal = Signal(10);
    /// As `USR1`.
    pub const USR2: Signal = Signal(12);
    /// A timer.
    pub const ALRM: Signal = Signal(14);
    /// The usual request to stop.
    pub const TERM: Signal = Signal(15);
    /// A child's state has changed.
    pub const CHLD: Signal = Signal(17);
    /// Go on after a stop.
    pub const CONT: Signal = Signal(18);
    /// Cannot be caught: pauses.
    pub const STOP: Signal = Signal(19);
    /// Ctrl-Z.
    pub const TSTP: Signal = Signal(20);
    /// Reading from the terminal in the background.
    pub const TTIN: Signal = Signal(21);
    /// Writing to the terminal in the background.
    pub const TTOU: Signal = Signal(22);
    /// Power failure.
    pub const PWR: Signal = Signal(30);
    /// What systemd takes for a halt, and podman sends to such containers.
    pub const RTMIN_3: Signal = Signal(RTMIN + 3);

    /// The signal of that number, if there is one.
    pub fn new(number: i32) -> Option<Signal> {
        match u8::try_from(number) {
            Ok(n @ (1..=31 | RTMIN..=RTMAX)) => Some(Signal(n)),
            _ => None,
        }
    }

    /// The signal of that name: `TERM`, `SIGTERM`, `term`, `15`, `RTMIN+3`, `SIGRTMAX-1`.
    pub fn parse(text: &str) -> Option<Signal> {
        if let Ok(number) = text.parse::<i32>() {
            return Signal::new(number);
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        if let Some(offset) = name.strip_prefix("RTMIN") {
            return real_time(RTMIN, offset);
        }
        if let Some(offset) = name.strip_prefix("RTMAX") {
            return real_time(RTMAX, offset);
        }
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, number)| Signal(*number))
    }

    /// Its number.
    pub fn number(self) -> i32 {
        i32::from(self.0)
    }

    /// Whether it is a real-time signal: the kernel delivers each of them.
    pub fn is_real_time(self) -> bool {
        self.0 >= RTMIN
    }

    /// Every signal there is.
    pub fn all() -> impl Iterator<Item = Signal> {
        (1..=31).chain(RTMIN..=RTMAX).map(Signal)
    }
}

/// `+3` on RTMIN, `-1` on RTMAX, or nothing.
fn real_time(base: u8, offset: &str) -> Option<Signal> {
    if offset.is_empty() {
        return Some(Signal(base));
    }
    let offset: i32 = offset.parse().ok()?;
    let number = i32::from(base).checked_add(offset)?;
    if (i32::from(RTMIN)..=i32::from(RTMAX)).contains(&number) { Signal::new(number) } else { None }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 >= RTMIN {
            return match self.0.saturating_sub(RTMIN) {
                0 => f.write_str("SIGRTMIN"),
                offset => write!(f, "SIGRTMIN+{offset}"),
            };
        }
        match NAMES.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => write!(f, "SIG{name}"),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_understood() {
        for text in ["TERM", "SIGTERM", "term", "sigterm", "15"] {
            assert_eq!(Signal::parse(text), Some(Signal::TERM), "{text}");
        }
        assert_eq!(Signal::parse("RTMIN+3"), Some(Signal::RTMIN_3));
        assert_eq!(Signal::parse("SIGRTMAX-27"), Some(Signal::RTMIN_3));
        assert_eq!(Signal::parse("IOT"), Signal::parse("ABRT"));
        for text in ["", "SIG", "TERMINATE", "0", "32", "33", "65", "-1", "RTMIN-1", "RTMAX+1", "RTMIN+99"] {
            assert_eq!(Signal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_shown_can_be_read_back() {
        for signal in Signal::all() {
            assert_eq!(Signal::parse(&signal.to_string()), Some(signal));
        }
        assert_eq!(Signal::all().count(), 62);
    }

    #[test]
    fn the_numbers_are_the_kernel_s() {
        for (name, number) in
            [("STKFLT", libc::SIGSTKFLT), ("IO", libc::SIGIO), ("PWR", libc::SIGPWR), ("SYS", libc::SIGSYS)]
        {
            assert_eq!(Signal::parse(name).map(Signal::number), Some(number));
        }
    }
}
