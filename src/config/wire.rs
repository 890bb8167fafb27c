//! A configuration as bytes: the child that reads the definitions sends what it has read to PID 1, which parses nothing.
//!
//! Both are the same binary, so the bytes need not be stable; they begin with the version all the same, and whoever takes
//! them trusts no length in them. `codec` has the types of the standard library, this file those of the model. Structs
//! and enums are taken apart and put together without a rest, so that a new field does not compile until it is here.

mod codec;

use super::keys;
use super::{Config, Diagnostic};
use crate::model::*;
use codec::{Input, Wire};
use std::borrow::Cow;

/// What every message begins with.
const MAGIC: &str = concat!("rinit ", env!("CARGO_PKG_VERSION"), " configuration 1\n");

/// What every message ends with: without it, some of it is missing.
const END: u32 = 0x454e_4421;

/// Maximum size of a message. A thousand services take a megabyte.
pub const LARGEST: usize = 16 * 1024 * 1024;

/// Maximum text of all mistakes together.
const MOST_TEXT: usize = 256 * 1024;

/// What was read: the configuration, or the text of all mistakes with their number.
pub type Read = Result<Config, Mistakes>;

/// All mistakes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes {
    /// How many there are.
    pub count: usize,
    /// What is shown of them, each as its `Display` has it.
    pub text: String,
}

impl Mistakes {
    /// Of these. More text than anybody reads is cut between two of them.
    pub fn new(all: &[Diagnostic]) -> Mistakes {
        let mut text = String::new();
        for (shown, mistake) in all.iter().enumerate() {
            if text.len() > MOST_TEXT {
                text.push_str(&format!("{} more mistakes are not shown\n", all.len().saturating_sub(shown)));
                break;
            }
            text.push_str(&format!("{mistake}\n"));
        }
        Mistakes { count: all.len(), text: text.trim_end().to_owned() }
    }
}

/// The bytes of what was read.
pub fn encode(read: &Read) -> Vec<u8> {
    let mut out = MAGIC.as_bytes().to_vec();
    match read {
        Ok(Config { services, groups, directories: _, notes }) => {
            0_u8.put(&mut out);
            services.put(&mut out);
            groups.put(&mut out);
            notes.put(&mut out);
        }
        Err(Mistakes { count, text }) => {
            1_u8.put(&mut out);
            u64::try_from(*count).unwrap_or(u64::MAX).put(&mut out);
            text.put(&mut out);
        }
    }
    END.put(&mut out);
    out
}

/// What was read, out of its bytes; `None`: these are not the bytes of it. What became of directories is not among it.
pub fn decode(bytes: &[u8]) -> Option<Read> {
    let mut input = Input::new(bytes.strip_prefix(MAGIC.as_bytes())?);
    let read = match u8::take(&mut input)? {
        0 => {
            let mut services = Vec::<Service>::take(&mut input)?;
            for index in 0..services.len() {
                let (before, rest) = services.split_at_mut_checked(index)?;
                rest.first_mut()?.share(before);
            }
            Ok(Config {
                services,
                groups: Wire::take(&mut input)?,
                directories: Default::default(),
                notes: Wire::take(&mut input)?,
            })
        }
        1 => {
            let count = usize::try_from(u64::take(&mut input)?).ok()?;
            Err(Mistakes { count, text: Wire::take(&mut input)? })
        }
        _ => return None,
    };
    (u32::take(&mut input)? == END && input.is_empty()).then_some(read)
}

/// Structs by their fields.
macro_rules! structs {
    ($($name:ident { $($field:ident),* })*) => {$(
        impl Wire for $name {
            fn put(&self, out: &mut Vec<u8>) {
                let $name { $($field),* } = self;
                $($field.put(out);)*
            }

            fn take(input: &mut Input<'_>) -> Option<Self> {
                Some($name { $($field: Wire::take(input)?),* })
            }
        }
    )*};
}

/// Enums by the numbers of their variants and what is in these.
macro_rules! enums {
    ($($name:ident { $($number:literal: $variant:ident $(($($field:ident),*))?),* })*) => {$(
        impl Wire for $name {
            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    $($name::$variant $(($($field),*))? => {
                        ($number as u8).put(out);
                        $($($field.put(out);)*)?
                    })*
                }
            }

            fn take(input: &mut Input<'_>) -> Option<Self> {
                Some(match u8::take(input)? {
                    $($number => $name::$variant $(($({
                        let $field = Wire::take(input)?;
                        $field
                    }),*))?,)*
                    _ => return None,
                })
            }
        }
    )*};
}

structs! {
    Service { name, description, exec, policy, hooks, healthcheck, logging, origin }
    Logging { driver, options }
    Exec { command, arg0, streams, working_dir, environment, context }
    Context {
        user, group_add, umask, ulimits, oom_score_adj, nice, cap_drop, cap_add, no_new_privileges
    }
    User { name, uid, gid, groups, home }
    Ulimit { resource, soft, hard }
    Streams { reads, stdout, stderr }
    Policy {
        restart, backoff, essential, autostart, depends_on, stop_signal, stop_grace_period, kill_mode, notify,
        start_timeout, watchdog, run_timeout, refuse_manual_stop
    }
    Backoff { initial, factor, max, reset_after, limit, window }
    Dependency { name, condition, required, restart }
    Hooks { pre_start, post_start, pre_stop, stop, post_stop, post_stop_timeout, finish, max_death_tally, control }
    HealthCheck { probe, timing }
    HealthTiming { interval, timeout, start_period, start_interval, retries, on_unhealthy }
    HttpUrl { text, endpoint, host, path }
    SourceText { values }
    Origin { file, lines, source }
}

enums! {
    Driver { 0: Inherit, 1: Console, 2: None, 3: JsonFile, 4: File }
    Variable { 0: Text(text), 1: Hidden(text, file), 2: File(file) }
    Resource {
        0: As, 1: Core, 2: Cpu, 3: Data, 4: Fsize, 5: Locks, 6: Memlock, 7: Msgqueue, 8: Nice, 9: Nofile, 10: Nproc,
        11: Rss, 12: Rtprio, 13: Rttime, 14: Sigpending, 15: Stack
    }
    Restart { 0: Always, 1: UnlessStopped, 2: OnFailure(limit), 3: No }
    KillMode { 0: Mixed, 1: Group, 2: Process }
    Notify { 0: Systemd, 1: Descriptor(number) }
    Condition { 0: Started, 1: Healthy, 2: CompletedSuccessfully }
    Control { 0: Up, 1: Down, 2: Exit, 3: Signal(signal) }
    Finish { 0: S6(name), 1: Runit }
    Probe { 0: Command(words), 1: Http(url), 2: Tcp(address), 3: Unix(path) }
    Endpoint { 0: Address(address), 1: Localhost(port) }
    OnUnhealthy { 0: Restart, 1: None, 2: Shutdown }
}

impl Wire for Capabilities {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }

    fn take(input: &mut Input<'_>) -> Option<Self> {
        u64::take(input).map(Capabilities)
    }
}

impl Wire for Signal {
    fn put(&self, out: &mut Vec<u8>) {
        self.number().put(out);
    }

    fn take(input: &mut Input<'_>) -> Option<Self> {
        Signal::new(i32::take(input)?)
    }
}

impl<T: Wire> Wire for Shared<T> {
    fn put(&self, out: &mut Vec<u8>) {
        (**self).put(out);
    }

    fn take(input: &mut Input<'_>) -> Option<Self> {
        T::take(input).map(Shared::from)
    }
}

impl Wire for KeyLines {
    fn put(&self, out: &mut Vec<u8>) {
        let lines: Vec<(String, u32)> = self.iter().map(|(key, line)| (key.to_owned(), line)).collect();
        lines.put(out);
    }

    fn take(input: &mut Input<'_>) -> Option<Self> {
        let mut lines = KeyLines::default();
        for (key, line) in Vec::<(String, u32)>::take(input)? {
            // The names of the table need no memory.
            let known = keys::SERVICE.iter().find(|known| known.name == key);
            lines.insert(known.map_or(Cow::Owned(key), |known| Cow::Borrowed(known.name)), line);
        }
        Some(lines.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Sources, load};
    use super::*;
    use std::path::PathBuf;

    /// Everything that the golden cases of this repository define.
    fn configs() -> Vec<Read> {
        let base = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/config");
        let cases = std::fs::read_dir(base).unwrap().map(|entry| entry.unwrap().path());
        let cases = cases.filter(|case| case.join("services.d").is_dir());
        let read = cases.map(|root| {
            let dirs = vec![root.join("services.d")];
            let command = vec!["true".into()];
            let environment = vec![("NAME".into(), "value".into())];
            load(&Sources { dirs, command, environment, style: None, root })
                .map_err(|all| Mistakes::new(&all))
        });
        read.collect()
    }

    #[test]
    fn what_is_sent_is_what_arrives() {
        let configs = configs();
        assert!(configs.iter().filter(|read| read.is_ok()).count() >= 15);
        for read in configs {
            let expected = read.clone().map(|config| Config { directories: Default::default(), ..config });
            assert_eq!(decode(&encode(&read)), Some(expected));
        }
    }

    #[test]
    fn what_is_cut_or_changed_is_refused_or_harmless() {
        for read in configs() {
            let bytes = encode(&read);
            for length in (0..bytes.len()).step_by(7) {
                assert_eq!(decode(&bytes[..length]), None);
            }
            assert_eq!(decode(&[&bytes[..], b"x"].concat()), None);
            // Whatever the bytes say, it neither panics nor takes much memory.
            for at in 0..bytes.len() {
                for value in [0, 0x7f, 0xff] {
                    let mut changed = bytes.clone();
                    changed[at] = value;
                    let _ = decode(&changed);
                }
            }
        }
    }

    #[test]
    fn many_mistakes_are_cut() {
        let one = Diagnostic::of_file("x", "y".repeat(1000), None);
        let mistakes = Mistakes::new(&vec![one; 1000]);
        assert!(
            mistakes.text.len() < MOST_TEXT + 2000 && mistakes.text.ends_with("more mistakes are not shown")
        );
        assert_eq!(mistakes.count, 1000);
    }
}
