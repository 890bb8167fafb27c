//! How the services of s6 have ended, as its `s6-permafailon` wants to find it: in `supervise/death_tally`, which their
//! `finish` is given by the child that becomes it.

use crate::init::events;
use crate::init::launch::End;
use crate::model::{Finish, Hook, Service};
use crate::supervisor::ExitStatus;

/// Maximum number of ends that are remembered by default, as with s6.
const MOST: u16 = 100;

/// How long one is: a time as TAI64N, the exit code, and the signal.
const PACKED: usize = 14;

/// The label of TAI64 for the beginning of 1970, and the leap seconds of the clock since then, the last one in 2016.
const EPOCH: u64 = (1 << 62) + 10 + 27;

/// The ends of a service, packed.
#[derive(Default)]
pub struct Deaths(Vec<u8>);

impl Deaths {
    /// Counts the end that a `finish` of s6 is to be told, and returns what its file has to hold. Nothing for other
    /// hooks, and without a directory of its own.
    pub fn count(&mut self, service: &Service, hook: Hook, end: &End) -> Option<Vec<u8>> {
        let is_finish = hook == Hook::PostStop && matches!(service.hooks.finish, Some(Finish::S6(_)));
        let status = end.status.filter(|_| is_finish && service.exec.working_dir.is_some())?;
        let most = service.hooks.max_death_tally.unwrap_or(MOST);
        Some(self.add(most, status, events::wall_clock()))
    }

    fn add(&mut self, most: u16, status: ExitStatus, millis: u64) -> Vec<u8> {
        let signal = match status {
            ExitStatus::Signal(number) => number,
            ExitStatus::Code(_) => 0,
        };
        let nanos = (millis % 1000).saturating_mul(1_000_000);
        let nanos = u32::try_from(nanos).unwrap_or_default();
        let tally = &mut self.0;
        tally.extend((millis / 1000).saturating_add(EPOCH).to_be_bytes());
        tally.extend(nanos.to_be_bytes());
        tally.extend([status.code(), u8::try_from(signal).unwrap_or_default()]);
        let surplus = tally.len().saturating_sub(usize::from(most).saturating_mul(PACKED));
        tally.drain(..surplus);
        tally.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_packed_as_s6_packs_them_and_the_oldest_are_forgotten() {
        let mut deaths = Deaths::default();
        let first = deaths.add(MOST, ExitStatus::Code(3), 1_795_276_429_561);
        // As s6-supervise 2.11.3.2 wrote it at that time.
        assert_eq!(first[..8], [0x40, 0, 0, 0, 0x6b, 0x01, 0xbe, 0xb2]);
        assert_eq!(first[8..], [0x21, 0x70, 0x2e, 0x40, 3, 0]);
        let second = deaths.add(MOST, ExitStatus::Signal(9), 1_795_276_429_561);
        assert_eq!((&second[..14], &second[26..]), (&first[..], &[137, 9][..]));
        assert_eq!(Deaths::default().add(MOST, ExitStatus::Code(0), 0).len(), PACKED);
        for _ in 0..MOST {
            deaths.add(MOST, ExitStatus::Code(5), 7);
        }
        let full = deaths.add(MOST, ExitStatus::Code(6), 7);
        assert_eq!((full.len(), full[12], full[100 * PACKED - 2]), (100 * PACKED, 5, 6));

        // As a reload may say it.
        let fewer = deaths.add(2, ExitStatus::Code(7), 7);
        assert_eq!((fewer.len(), fewer[12], fewer[26]), (2 * PACKED, 6, 7));
        assert!(deaths.add(0, ExitStatus::Code(8), 7).is_empty());
    }
}
