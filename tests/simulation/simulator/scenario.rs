//! A scenario: the services, what their processes will do, and what is asked of the supervisor. All chance is in how
//! a scenario is made, so that it can be shrunk and plays the same way each time.

use rinit::model::{Hook, Service, Signal};
use rinit::supervisor::{ExitStatus, News, Scope, Time};
use std::time::Duration;

#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    pub services: Vec<Service>,
    /// What the processes of each service do, by its name. Also of services that only a reload brings.
    pub players: Vec<Player>,
    pub requests: Vec<(Time, Request)>,
    pub stop_timeout: Duration,
    /// Processes that belong to no service.
    pub orphans: Vec<Conduct>,
    /// What happens at the moment of a deadline comes after the deadline.
    pub tick_first: bool,
    pub hardships: Hardships,
}

/// What makes life hard for PID 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hardships {
    /// In the order of their times.
    pub stalls: Vec<Stall>,
    /// PID 1 learns that a child has ended after everything else of the same moment, and reaps all of them together.
    pub reaps_last: bool,
    /// How long it takes to make a process: the n-th takes what the n-th entry says, and so on from the start.
    pub spawns_take: Vec<Duration>,
    /// In these times no process can be made, and nothing can be written.
    pub refusals: Vec<(Time, Time)>,
    /// PID 1 has a child send its signals: the n-th takes what the n-th entry says, and so on from the start. Without any it
    /// sends them itself.
    pub senders_take: Vec<Duration>,
    /// Main processes of this service, and their groups, are another user's: no signal can be sent to them.
    pub unreachable: Option<String>,
}

/// A time in which PID 1 does not run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stall {
    pub at: Time,
    pub length: Duration,
    pub kind: StallKind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StallKind {
    /// PID 1 alone is not scheduled.
    Pid1,
    /// Everything is frozen.
    Everything,
    /// The clock jumps, while PID 1 is at work.
    Jump,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    Start(Vec<String>),
    Stop(Vec<String>),
    Restart(Vec<String>),
    Pause(String),
    Resume(String),
    Signal(String, Scope, Signal),
    /// SIGCONT to the main process's group by somebody else.
    Nudge(String),
    ProbeNow(String),
    Reload(Vec<Service>),
    StopContainer(Option<Signal>),
    Kill,
    Forward(Signal),
}

/// What the processes of one service do. The n-th of a kind does what the n-th entry says, and so on from the start.
#[derive(Clone, Debug, PartialEq)]
pub struct Player {
    pub name: String,
    pub lives: Vec<Life>,
    pub probes: Vec<Errand>,
    pub hooks: Vec<(Hook, Errand)>,
}

/// How the making of a process goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Making {
    Works,
    /// No process for now.
    Transient,
    /// It will never be: a file that its environment needs is missing, say.
    Permanent,
}

/// One life of a main process.
#[derive(Clone, Debug, PartialEq)]
pub struct Life {
    pub fork: Making,
    pub exec: Making,
    /// How long it takes until its program is executed.
    pub set_up: Duration,
    /// How long after that it says that it is ready.
    pub ready: Option<Duration>,
    /// What it says beside that, and when.
    pub says: Vec<(Duration, News)>,
    /// Others of its process group.
    pub members: Vec<Member>,
    pub conduct: Conduct,
}

/// Another one of a process group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Member {
    pub conduct: Conduct,
    /// Its parent is outside of the group, and reaps it so long after its end: rinit sees no child end.
    pub reaped_outside: Option<Duration>,
    /// The main process has named it by MAINPID=: it takes that place when the main process has ended.
    pub heir: bool,
    /// It has a process group of its own.
    pub own_group: bool,
}

/// A probe, or a hook.
#[derive(Clone, Debug, PartialEq)]
pub struct Errand {
    pub fork: Making,
    pub conduct: Conduct,
}

/// What one process does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conduct {
    /// Ends by itself after this time; with SIGKILL for want of memory where the last says so.
    pub end: Option<(Duration, ExitStatus, bool)>,
    /// How it ends when told to: after this time, with this code, or else by the signal. `None`: it does not.
    pub on_stop: Option<(Duration, Option<i32>)>,
    /// Hangs in the kernel: SIGKILL works only after this time.
    pub stuck: Duration,
}

impl Conduct {
    /// The plainest one: it runs until it is told to stop, and then does so at once.
    pub const PLAIN: Conduct =
        Conduct { end: None, on_stop: Some((Duration::ZERO, Some(0))), stuck: Duration::ZERO };
}

impl Life {
    /// The plainest one.
    pub const PLAIN: Life = Life {
        fork: Making::Works,
        exec: Making::Works,
        set_up: Duration::ZERO,
        ready: Some(Duration::ZERO),
        says: Vec::new(),
        members: Vec::new(),
        conduct: Conduct::PLAIN,
    };
}

impl Errand {
    /// The plainest one: it succeeds at once.
    pub const PLAIN: Errand = Errand {
        fork: Making::Works,
        conduct: Conduct { end: Some((Duration::ZERO, ExitStatus::Code(0), false)), ..Conduct::PLAIN },
    };
}

impl Scenario {
    /// The names of the services that a request is for.
    pub fn targets(request: &Request) -> &[String] {
        match request {
            Request::Start(names) | Request::Stop(names) | Request::Restart(names) => names,
            Request::Pause(name)
            | Request::Resume(name)
            | Request::Signal(name, ..)
            | Request::Nudge(name)
            | Request::ProbeNow(name) => std::slice::from_ref(name),
            Request::Reload(_) | Request::StopContainer(_) | Request::Kill | Request::Forward(_) => &[],
        }
    }

    /// Whether rinit is not the parent of some process, and has to look whether it is gone.
    pub fn has_reaped_outside(&self) -> bool {
        let lives = self.players.iter().flat_map(|player| &player.lives);
        lives.flat_map(|life| &life.members).any(|member| member.reaped_outside.is_some())
    }

    /// Whether some process of it hangs in the kernel, or gets signals late or not at all, so that a kill does not end it at once.
    pub fn has_stuck(&self) -> bool {
        let stuck = |conduct: &Conduct| !conduct.stuck.is_zero();
        self.hardships.unreachable.is_some()
            || self.hardships.senders_take.iter().any(|takes| !takes.is_zero())
            || self.orphans.iter().any(stuck)
            || self.players.iter().any(|player| {
                player
                    .lives
                    .iter()
                    .any(|life| stuck(&life.conduct) || life.members.iter().any(|it| stuck(&it.conduct)))
                    || player.probes.iter().any(|probe| stuck(&probe.conduct))
                    || player.hooks.iter().any(|(_, hook)| stuck(&hook.conduct))
            })
    }
}
