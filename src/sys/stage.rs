//! The steps of a child's set-up, by which it reports what it could not do.

#![forbid(unsafe_code)]

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
}

impl Stage {
    /// Each at the place that its number says.
    pub(crate) const ALL: [Stage; 16] = [
        Stage::Session,
        Stage::Signals,
        Stage::Stdio,
        Stage::Descriptors,
        Stage::Notify,
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
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stage_is_found_by_its_number() {
        for (number, stage) in Stage::ALL.iter().enumerate() {
            assert_eq!(usize::from(*stage as u8), number, "{stage:?}");
        }
        assert_eq!(Stage::ALL.last(), Some(&Stage::Execute));
    }
}
