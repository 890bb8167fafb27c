//! The place of a unit in the stop of the container.

use crate::supervisor::event::Time;

/// Where a unit stands while the container stops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContainerStop {
    /// The container goes on.
    #[default]
    No,
    /// The container stops. Its own turn has not come, or it has nothing to stop.
    Waits,
    /// Others still write to its input. It goes on, and is started again if it ends.
    ReadsOn {
        /// The others have stopped while it was between two lives. It has its share of the time to start once more.
        restarts: bool,
    },
    /// Its turn has come.
    Turn {
        /// When it has to be through at the latest, so that what it depends on has its graces.
        through_by: Option<Time>,
    },
}

impl ContainerStop {
    /// Whether the container stops. Then all time is rationed.
    pub fn is_on(self) -> bool {
        self != ContainerStop::No
    }

    /// Whether its turn has come, be it only to be started once more.
    pub fn had_turn(self) -> bool {
        match self {
            ContainerStop::Turn { .. } => true,
            ContainerStop::ReadsOn { restarts } => restarts,
            ContainerStop::No | ContainerStop::Waits => false,
        }
    }

    /// Whether it goes on because others still write to its input.
    pub fn reads_on(self) -> bool {
        match self {
            ContainerStop::ReadsOn { .. } => true,
            ContainerStop::No | ContainerStop::Waits | ContainerStop::Turn { .. } => false,
        }
    }

    /// When it has to be through at the latest, where its turn has come and there is such a time.
    pub fn through_by(self) -> Option<Time> {
        match self {
            ContainerStop::Turn { through_by } => through_by,
            ContainerStop::No | ContainerStop::Waits | ContainerStop::ReadsOn { .. } => None,
        }
    }

    /// Nobody writes to its input any more, or nobody waits for what it does with that.
    pub fn without_writers(self) -> ContainerStop {
        match self {
            ContainerStop::ReadsOn { restarts: true } => ContainerStop::Turn { through_by: None },
            ContainerStop::ReadsOn { restarts: false } => ContainerStop::Waits,
            ContainerStop::No | ContainerStop::Waits | ContainerStop::Turn { .. } => self,
        }
    }

    /// There is no time left for anybody.
    pub fn without_time(self) -> ContainerStop {
        match self {
            ContainerStop::Turn { .. } => ContainerStop::Turn { through_by: None },
            ContainerStop::No | ContainerStop::Waits | ContainerStop::ReadsOn { .. } => self,
        }
    }
}
