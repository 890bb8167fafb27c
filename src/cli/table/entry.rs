//! What an entry of the tables holds.

#![forbid(unsafe_code)]

/// An option's meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opt {
    /// Where services are defined.
    Services,
    /// Whose service directories these are.
    Style,
    /// How long the stop may take.
    StopTimeout,
    /// Where the control socket is.
    Socket,
    /// Where rinit keeps what it remembers.
    StateDir,
    /// What rinit says of itself.
    LogLevel,
    /// How it says that.
    LogFormat,
    /// Where what services write goes.
    LogDriver,
    /// An option of that.
    LogOpt,
    /// Reap orphans where rinit is not PID 1.
    Subreaper,
    /// A signal at the end of the parent.
    ParentDeathSignal,
    /// Say more.
    Verbose,
    /// Tell each reaped orphan.
    WarnZombies,
    /// Signals go to the process group.
    KillProcessGroup,
    /// An exit status becomes 0.
    RemapExit,
    /// Show the help.
    Help,
    /// Show the version.
    Version,
    /// Health: nothing has failed for good.
    Live,
    /// Health: everything is ready.
    Ready,
    /// Health: everything has been ready once.
    Startup,
    /// Health: probe first.
    Now,
    /// Also what is part of rinit.
    All,
    /// JSON in place of text.
    Json,
    /// Also what refuses to be stopped by hand.
    Force,
    /// How long to wait.
    Timeout,
    /// Warnings count as mistakes.
    Strict,
    /// What editors check definitions by.
    Schema,
    /// Do not wait.
    NoWait,
    /// What to wait for.
    For,
    /// To the whole process group.
    Group,
    /// From when on.
    Since,
    /// Of which kind.
    Kind,
    /// What is yet to come, too.
    Follow,
    /// Print TOML files.
    Toml,
    /// How many lines.
    Tail,
    /// Until when.
    Until,
    /// With the time.
    Timestamps,
    /// Without colours.
    NoColor,
}

/// How an option is written.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Its meaning.
    pub opt: Opt,
    /// `-h`.
    pub short: Option<char>,
    /// `--help`, without the dashes.
    pub long: &'static str,
    /// What it takes, as the help calls it: one of [`PLACEHOLDERS`].
    pub value: Option<&'static str>,
    /// The environment variable that is read where it is not given.
    pub env: Option<&'static str>,
    /// What it does.
    pub help: &'static str,
}

/// A verb's meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Is everything well?
    Health,
    /// What does each service do?
    Status,
    /// Are the definitions right?
    Check,
    /// Run services.
    Start,
    /// Stop services.
    Stop,
    /// Stop services and start them.
    Restart,
    /// Have services stand still.
    Pause,
    /// Have them go on.
    Resume,
    /// Send a signal.
    Signal,
    /// Wait until services are as they are to be.
    Wait,
    /// What has happened?
    Events,
    /// What have services written?
    Logs,
    /// Read the definitions again.
    Reload,
    /// Stop the container.
    Shutdown,
    /// Can a service be reached?
    Probe,
    /// Explain.
    Help,
    /// Explain everything on one page.
    Man,
    /// Have a shell complete command lines.
    Completions,
}

/// How a verb is written, and what the help says of it.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// Its meaning.
    pub verb: Verb,
    /// Its name.
    pub name: &'static str,
    /// Each form, without `rinit`; the completions read what it takes from it ([`Command::forms`]).
    pub usage: &'static [&'static str],
    /// For the list of verbs.
    pub summary: &'static str,
    /// What it does; paragraphs.
    pub details: &'static [&'static str],
    /// Its options.
    pub flags: &'static [&'static Flag],
    /// Command lines, each with what it does.
    pub examples: &'static [(&'static str, &'static str)],
}
