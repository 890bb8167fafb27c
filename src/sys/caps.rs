//! Capabilities: those that this process has, and what a child does with its own.
//!
//! What a program has after exec is decided by its user. Root gets whatever the bounding set holds, so what is to go
//! has to leave that set. Any other user gets the ambient set alone, so what is to stay has to be put there; to carry
//! it over the change of user, the permitted set must be kept meanwhile.

use super::check::check;
use nix::libc;
use std::io;

/// The version of the kernel's interface with 64 bits to a set.
const VERSION_3: u32 = 0x2008_0522;

#[repr(C)]
struct Header {
    version: u32,
    pid: libc::c_int,
}

/// Half of each set: the kernel takes the lower 32 bits first, then the upper ones.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Half {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// What a process has; bit N is capability N.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// What it may use.
    pub permitted: u64,
    /// What it may pass on to programs that are marked for that.
    pub inheritable: u64,
    /// What every program that it executes gets. Not looked at for root, who loses it with a change of user.
    pub ambient: u64,
    /// Whether executing a program gives it nothing more.
    pub no_new_privileges: bool,
}

/// What a child does to its capabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    removed: u64,
    permitted: u64,
    inheritable: u64,
    ambient: u64,
    bounding_may_stay: bool,
}

/// The capabilities of this process.
///
/// # Errors
/// `capget` fails: ENOSYS or EPERM under seccomp.
pub fn own() -> io::Result<Own> {
    let mut header = Header { version: VERSION_3, pid: 0 };
    let mut halves = [Half::default(); 2];
    // SAFETY: the header is of the version that has two halves, and both live on the stack.
    if unsafe { libc::syscall(libc::SYS_capget, &raw mut header, halves.as_mut_ptr()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    let is_root = super::process::user_id() == 0;
    let [low, high] = halves;
    Ok(Own {
        permitted: joined(low.permitted, high.permitted),
        inheritable: joined(low.inheritable, high.inheritable),
        ambient: if is_root { 0 } else { each_bit().filter(|(number, _)| is_ambient(*number)).fold(0, or) },
        // SAFETY: PR_GET_NO_NEW_PRIVS has no memory effects.
        no_new_privileges: unsafe { libc::prctl(libc::PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) } == 1,
    })
}

/// What is permitted stays so when this process is no longer root.
pub fn keep_permitted() {
    // SAFETY: PR_SET_KEEPCAPS has no memory effects. It fails where that is locked, and then nothing can be kept.
    unsafe { libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0) };
}

/// All that is permitted can be used from here on. Where that is refused, everything stays as it is.
pub fn use_permitted() {
    let mut header = Header { version: VERSION_3, pid: 0 };
    let mut halves = [Half::default(); 2];
    // SAFETY: as in `own`; the second call only reads the halves.
    unsafe {
        if libc::syscall(libc::SYS_capget, &raw mut header, halves.as_mut_ptr()) == 0 {
            halves.iter_mut().for_each(|half| half.effective = half.permitted);
            libc::syscall(libc::SYS_capset, &raw mut header, halves.as_ptr());
        }
    }
}

impl Change {
    /// Takes `drop` away from what rinit has and gives `add` back, to a child that will be root or not.
    /// `no_new_privileges`: the child will execute programs without their privileges.
    pub fn plan(own: Own, drop: u64, add: u64, to_root: bool, no_new_privileges: bool) -> Change {
        let removed = drop & !add;
        let left = own.permitted & !removed;
        let kept = (own.permitted & add) | (own.ambient & left);
        let (permitted, inheritable, ambient) =
            if to_root { (left, own.inheritable & left, 0) } else { (kept, kept, kept) };
        let bounding_may_stay = no_new_privileges || own.no_new_privileges;
        Change { removed, permitted, inheritable, ambient, bounding_may_stay }
    }

    /// What may not be had again, whatever is executed. Run while the child is still rinit's user, who may do this.
    pub(super) fn limit(&self) -> Result<(), ()> {
        for (number, _) in each_bit().filter(|(_, bit)| self.removed & bit != 0) {
            // SAFETY: neither call touches memory. Reading fails on a number that this kernel has no name for.
            unsafe {
                if libc::prctl(libc::PR_CAPBSET_READ, number, 0, 0, 0) == 1
                    && libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0) < 0
                    && !self.bounding_may_stay
                {
                    return Err(());
                }
            }
        }
        Ok(())
    }

    /// Lets what is permitted survive the change of user. Exec ends it.
    pub(super) fn keep_over_switch(&self) -> Result<(), ()> {
        if self.ambient == 0 {
            return Ok(());
        }
        // SAFETY: PR_SET_KEEPCAPS has no memory effects.
        check(unsafe { libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0) })
    }

    /// Whether it gives something, so that a failure is one of giving.
    pub(super) fn gives(&self) -> bool {
        self.ambient != 0
    }

    /// After the change of user.
    pub(super) fn apply(&self) -> Result<(), ()> {
        let mut header = Header { version: VERSION_3, pid: 0 };
        let half = |shift: u32| Half {
            effective: part(self.permitted, shift),
            permitted: part(self.permitted, shift),
            inheritable: part(self.inheritable, shift),
        };
        let halves = [half(0), half(32)];
        // SAFETY: as in `own`; the kernel only reads the halves.
        if unsafe { libc::syscall(libc::SYS_capset, &raw mut header, halves.as_ptr()) } < 0 {
            return Err(());
        }
        for (number, _) in each_bit().filter(|(_, bit)| self.ambient & bit != 0) {
            // SAFETY: PR_CAP_AMBIENT has no memory effects.
            let raised =
                unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE, number, 0, 0) };
            check(raised)?;
        }
        Ok(())
    }
}

fn is_ambient(number: libc::c_ulong) -> bool {
    // SAFETY: PR_CAP_AMBIENT has no memory effects; a number without a name is refused.
    unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_IS_SET, number, 0, 0) == 1 }
}

/// Each capability's number, with its bit.
fn each_bit() -> impl Iterator<Item = (libc::c_ulong, u64)> {
    (0..64).zip(std::iter::successors(Some(1_u64), |bit| Some(bit.rotate_left(1))))
}

fn or(all: u64, (_, bit): (libc::c_ulong, u64)) -> u64 {
    all | bit
}

fn joined(low: u32, high: u32) -> u64 {
    u64::from(low) | (u64::from(high) << 32)
}

fn part(set: u64, shift: u32) -> u32 {
    u32::try_from(set.checked_shr(shift).unwrap_or_default() & u64::from(u32::MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Own = Own { permitted: 0b0111, inheritable: 0b0011, ambient: 0, no_new_privileges: false };

    fn sets(change: Change) -> (u64, u64, u64, u64) {
        (change.removed, change.permitted, change.inheritable, change.ambient)
    }

    #[test]
    fn root_keeps_what_is_not_taken_away() {
        let plan = |drop, add| sets(Change::plan(OWN, drop, add, true, false));
        assert_eq!(plan(0b0001, 0), (0b0001, 0b0110, 0b0010, 0));
        assert_eq!(plan(u64::MAX, 0b0100), (!0b0100, 0b0100, 0, 0));
        assert_eq!(plan(0, 0b0100), (0, 0b0111, 0b0011, 0));
        assert_eq!(plan(u64::MAX, u64::MAX), (0, 0b0111, 0b0011, 0));
    }

    #[test]
    fn another_user_keeps_what_is_given() {
        let plan = |own, drop, add| sets(Change::plan(own, drop, add, false, false));
        assert_eq!(plan(OWN, 0, 0b0100), (0, 0b0100, 0b0100, 0b0100));
        assert_eq!(plan(OWN, u64::MAX, 0), (u64::MAX, 0, 0, 0));
        assert_eq!(plan(OWN, 0, u64::MAX), (0, 0b0111, 0b0111, 0b0111));
        let of_user = Own { ambient: 0b0011, ..OWN };
        assert_eq!(plan(of_user, 0b0001, 0b0100), (0b0001, 0b0110, 0b0110, 0b0110));
    }

    #[test]
    fn the_own_ones_are_those_that_proc_shows() {
        let own = own().unwrap();
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let shown = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            u64::from_str_radix(line.trim(), 16).unwrap()
        };
        assert_eq!(own.permitted, shown("CapPrm:"));
        assert_eq!(own.inheritable, shown("CapInh:"));
        assert_eq!(part(0x1_0000_0002, 32), 1);
        assert_eq!(part(0x1_0000_0002, 0), 2);
        assert_eq!(joined(2, 1), 0x1_0000_0002);
    }
}
