//! The capabilities of Linux by name.

use super::Capabilities;

/// Their names without `CAP_`; the place of each is its number in the kernel.
pub const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// The capability of this name, in any case, with or without `CAP_`; `ALL` is all of them.
pub fn parse(text: &str) -> Option<Capabilities> {
    let upper = text.to_ascii_uppercase();
    if upper == "ALL" {
        return Some(Capabilities::ALL);
    }
    let name = upper.strip_prefix("CAP_").unwrap_or(&upper);
    let number = NAMES.iter().position(|known| *known == name)?;
    Some(Capabilities(1_u64.checked_shl(u32::try_from(number).ok()?)?))
}

/// The names of those in a set that have one.
pub fn names(set: Capabilities) -> impl Iterator<Item = &'static str> {
    let bits = std::iter::successors(Some(1_u64), |bit| bit.checked_mul(2));
    NAMES.iter().zip(bits).filter(move |(_, bit)| set.0 & bit != 0).map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_the_names_of_its_members() {
        assert_eq!(names(Capabilities::ALL).count(), NAMES.len());
        assert_eq!(names(Capabilities(1 | 1 << 12 | 1 << 63)).collect::<Vec<_>>(), ["CHOWN", "NET_ADMIN"]);
    }

    #[test]
    fn names_have_the_kernel_s_numbers() {
        // The first, some between and the last of linux/capability.h.
        for (text, number) in [
            ("CHOWN", 0),
            ("CAP_KILL", 5),
            ("cap_net_bind_service", 10),
            ("Sys_Admin", 21),
            ("SETFCAP", 31),
            ("SYSLOG", 34),
            ("CHECKPOINT_RESTORE", 40),
        ] {
            assert_eq!(parse(text), Some(Capabilities(1 << number)), "{text}");
        }
        assert_eq!(parse("all"), Some(Capabilities::ALL));
        for text in ["", "CAP_", "CAP_ALL", "CAP_CAP_KILL", "KILLS"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
