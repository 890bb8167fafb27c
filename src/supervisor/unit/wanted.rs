//! Whether a unit is to run, and who has decided that.

/// Whether a unit is to run, or to have run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// It is to run.
    Yes,
    /// Nobody has asked for it, or the container stops.
    #[default]
    No,
    /// Somebody has stopped it by request. Only a request starts it again.
    StoppedByHand,
    /// Its definition is gone. Once it has stopped, it is as if it had never been.
    Gone,
}

impl Wanted {
    /// The same, for a unit that is not to run any more for a reason of the supervisor's own.
    pub fn no_longer(self) -> Wanted {
        match self {
            Wanted::Yes | Wanted::No => Wanted::No,
            Wanted::StoppedByHand => Wanted::StoppedByHand,
            Wanted::Gone => Wanted::Gone,
        }
    }
}
