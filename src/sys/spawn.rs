//! Making a process. Everything is prepared before the fork; the child makes system calls only, and reports what it
//! cannot do over a pipe, so that the caller waits for nothing. Where values of its environment are in files, the child
//! reads these and allocates memory for them.

mod execute;

use super::attributes::Attributes;
use super::check::check;
use super::listen_pid::ListenPid;
use super::mask::{Mask, bit};
pub use super::program::{Program, c_string};
use super::signals::Blocked;
pub use super::stage::Stage;
pub use super::values::FileValue;
use super::{descriptors, inherit, proc_fs, stage, tty};
use crate::model::exit;
use nix::fcntl::OFlag;
use nix::libc;
use std::borrow::Cow;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// The session or group that the process gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// Its own session, and with it its own group and no terminal.
    New,
    /// Its own group in the session of rinit, the terminal's foreground group if rinit's group was that.
    Foreground,
    /// Its own group in the session of rinit, in the background of its terminal.
    Background,
    /// Its own session, with the terminal on standard input, which rinit has given up.
    WithTerminal,
    /// The session and the group of rinit.
    Shared,
}

/// Who the process runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids {
    /// User ID.
    pub uid: u32,
    /// Group ID.
    pub gid: u32,
}

/// Where a process starts.
#[derive(Clone, Debug)]
pub enum WorkingDir {
    /// Where rinit is.
    Unchanged,
    /// In this directory.
    Path(CString),
    /// In the directory of this descriptor, be it deleted meanwhile.
    Descriptor(RawFd),
}

/// Everything about a process to be made.
#[derive(Clone, Debug)]
pub struct Spec {
    /// What is executed.
    pub program: Program,
    /// Its arguments, its name the first of them.
    pub arguments: Vec<CString>,
    /// Its environment, of which much is what rinit was started with.
    pub environment: Vec<Cow<'static, CStr>>,
    /// What else is in its environment, read by the child. None of these names is in `environment`.
    pub values: Vec<FileValue>,
    /// Its working directory.
    pub working_dir: WorkingDir,
    /// Who it runs as; `None`: as rinit does.
    pub ids: Option<Ids>,
    /// What else it is given.
    pub attributes: Attributes,
    /// A descriptor number at which it gets the writing end of a pipe: `Spawned::notify` is the other one.
    pub notify: Option<RawFd>,
    /// Descriptors of rinit's that become its standard input, output and error.
    pub streams: [Option<RawFd>; 3],
    /// What it leaves in `supervise/death_tally` below its working directory; `None`: no such file is written.
    pub death_tally: Option<Vec<u8>>,
    /// Its session.
    pub session: Session,
    /// Everything as rinit found it: standard input, inherited descriptors, signals ignored or blocked. Otherwise
    /// standard input is /dev/null, no descriptor of 3 or more is left, and signals are as after boot.
    pub as_inherited: bool,
    /// Of the signals up to 31 none stays ignored, also with `as_inherited`.
    pub resets_ignored: bool,
    /// Every signal stays blocked: it is a program that reads them, and none ends it before.
    pub blocks_signals: bool,
}

/// A process that was made. It has not executed its program yet.
pub struct Spawned {
    /// The process, and with it its process group.
    pub pid: i32,
    /// Tells how it goes on: see `read_outcome`.
    pub status: OwnedFd,
    /// What it says on the descriptor of `Spec::notify`; reading does not wait.
    pub notify: Option<OwnedFd>,
}

/// How the set-up of a child went.
#[derive(Debug)]
pub enum Outcome {
    /// It is still at it.
    Pending,
    /// It has executed its program.
    Executed,
    /// It ends, or has ended, before that, and without a report: a signal ends it.
    NotExecuted,
    /// It could not do this, and has exited.
    Failed(Stage, io::Error),
}

/// Forks a child that executes the program. `output` becomes its standard output and error. The child reports a failed
/// set-up over `Spawned::status`.
///
/// # Errors
/// `fork` or `pipe2` fails: EAGAIN, ENOMEM, EMFILE or ENFILE.
pub fn spawn(spec: &Spec, output: Option<BorrowedFd<'_>>) -> io::Result<Spawned> {
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
    let (notify, notify_writer) = spec.notify.map(|_| output_pipe()).transpose()?.unzip();
    let arguments = pointers(&spec.arguments);
    let mut environment = pointers(&spec.environment);
    let listen_pid = ListenPid::new();
    if spec.as_inherited {
        listen_pid.replace(std::process::id(), &spec.environment, &mut environment);
    }
    let child = Child {
        spec,
        ignored: match spec.as_inherited && !spec.resets_ignored {
            true => inherit::ignored_of_changed(),
            false => inherit::ignored(),
        },
        arguments: &arguments,
        environment: Cow::Borrowed(&environment),
        values: Vec::new(),
        paths: Vec::new(),
        problem: String::new(),
        listen_pid: &listen_pid,
        script: execute::script_arguments(&spec.arguments),
        output: output.map(|fd| fd.as_raw_fd()),
        notify: spec.notify.zip(notify_writer.as_ref().map(AsRawFd::as_raw_fd)),
        own: Descriptors::new(spec, writer.as_raw_fd()),
    };
    // A signal that comes before the child has its own dispositions must neither be lost nor run rinit's handlers
    // there.
    let blocked = Blocked::all();
    // SAFETY: rinit has one thread, so no lock can be held by another one in the child.
    match unsafe { libc::fork() } {
        0 => child.run(),
        -1 => Err(io::Error::last_os_error()),
        pid => {
            if matches!(spec.session, Session::Foreground | Session::Background) {
                // The child does the same; the first of the two calls counts. After the child's exec this one fails
                // harmlessly.
                // SAFETY: setpgid has no memory effects.
                unsafe {
                    libc::setpgid(pid, pid);
                }
            }
            drop(blocked);
            Ok(Spawned { pid, status: reader, notify })
        }
    }
}

/// How the set-up of a child goes that is not reaped. `status`: its `Spawned::status`.
///
/// The pipe ends with an exec, and likewise with a process that is killed before. `/proc` tells which one it was, until the
/// process is reaped: see `proc_fs::has_executed`. Where `/proc` is missing or shows no flags, the end counts as an exec.
pub fn read_outcome(pid: i32, status: BorrowedFd<'_>) -> Outcome {
    match read_report(status) {
        Outcome::Executed if proc_fs::has_executed(pid) == Some(false) => Outcome::NotExecuted,
        outcome => outcome,
    }
}

/// What a child has reported over `Spawned::status`, reaped or not. The end of the pipe counts as an exec.
pub fn read_report(status: BorrowedFd<'_>) -> Outcome {
    let mut report = [0_u8; stage::REPORT];
    match super::io::read(status, &mut report) {
        Ok(length) if length > 0 => {
            let (stage, error) = stage::read_report(report.get(..length).unwrap_or_default());
            Outcome::Failed(stage, error)
        }
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => Outcome::Pending,
        Ok(_) | Err(_) => Outcome::Executed,
    }
}

/// Whether a failure may pass by itself: the system, or the user's limits, lacked something at that moment.
pub fn may_pass(error: &io::Error) -> bool {
    use libc::{EAGAIN, EMFILE, ENFILE, ENOMEM, ETXTBSY};
    matches!(error.raw_os_error(), Some(EAGAIN | EMFILE | ENFILE | ENOMEM | ETXTBSY))
}

/// Whether a failure is that of opening a device that is not there, or may not be opened.
pub fn is_no_device(error: &io::Error) -> bool {
    use libc::{EACCES, ENODEV, ENOENT, ENOTDIR, ENXIO};
    matches!(error.raw_os_error(), Some(EACCES | ENODEV | ENOENT | ENOTDIR | ENXIO))
}

/// A pipe between two services, whose both ends block. It belongs to this user, so that a program of the user can open it
/// by name, as `/dev/stdin` or `/dev/stdout`. Others who have it can open it to write: a server may have given up root
/// before it opens its log.
///
/// # Errors
/// `pipe2` fails: EMFILE, ENFILE or ENOMEM.
pub fn service_pipe(owner: Option<&Ids>) -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    own_pipe(&reader, owner);
    Ok((reader, writer))
}

/// Gives a pipe of services to another user. Where that is refused, it stays as it is.
pub fn own_pipe(pipe: &OwnedFd, owner: Option<&Ids>) {
    if let Some(ids) = owner {
        let _ = std::os::unix::fs::fchown(pipe, Some(ids.uid), Some(ids.gid));
    }
    // Only a process that has the pipe, or may trace one that has it, finds its name in /proc.
    let _ = nix::sys::stat::fchmod(pipe, nix::sys::stat::Mode::from_bits_truncate(0o622));
}

/// A pipe for the output of a child. The reading end does not block.
///
/// # Errors
/// `pipe2` fails: EMFILE, ENFILE or ENOMEM.
pub fn output_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    nix::fcntl::fcntl(&reader, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok((reader, writer))
}

/// A descriptor of the current directory, so that a child can start there after rinit has left it.
///
/// # Errors
/// `open` fails: EACCES, EMFILE, or ENOENT if the directory was removed.
pub fn current_dir() -> io::Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC | OFlag::O_DIRECTORY;
    Ok(nix::fcntl::open(".", flags, nix::sys::stat::Mode::empty())?)
}

/// A descriptor of rinit's own program, so that a child can execute it as any user and in any root.
///
/// # Errors
/// `open` fails: ENOENT where `/proc` is not mounted, EMFILE or ENFILE.
pub fn own_program() -> io::Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
    Ok(nix::fcntl::open("/proc/self/exe", flags, nix::sys::stat::Mode::empty())?)
}

/// A null-terminated array of the strings' addresses.
fn pointers(strings: &[impl AsRef<CStr>]) -> Vec<*const libc::c_char> {
    strings.iter().map(|string| string.as_ref().as_ptr()).chain([std::ptr::null()]).collect()
}

pub(super) const NULL: &CStr = c"/dev/null";

/// What the child needs, prepared by the parent. It allocates nothing, but where values are in files.
struct Child<'a> {
    spec: &'a Spec,
    /// Signals that were ignored when rinit was started; where they stay so, those alone that rinit has changed.
    ignored: u64,
    arguments: &'a [*const libc::c_char],
    environment: Cow<'a, [*const libc::c_char]>,
    /// What was read from files. `environment` has the addresses.
    values: Vec<CString>,
    /// Where the program may be, if PATH was among that.
    paths: Vec<CString>,
    /// Why it could not be read.
    problem: String,
    listen_pid: &'a ListenPid,
    script: Vec<*const libc::c_char>,
    output: Option<RawFd>,
    /// A number, and the descriptor that is to be had there.
    notify: Option<(RawFd, RawFd)>,
    own: Descriptors,
}

/// Those of rinit's descriptors that the child uses later on.
struct Descriptors {
    status: RawFd,
    program: Option<RawFd>,
    working_dir: Option<RawFd>,
}

impl Descriptors {
    fn new(spec: &Spec, status: RawFd) -> Descriptors {
        let program = match spec.program {
            Program::Descriptor(fd) => Some(fd),
            Program::Paths(_) | Program::Named(_) | Program::Nothing => None,
        };
        let working_dir = match spec.working_dir {
            WorkingDir::Descriptor(fd) => Some(fd),
            WorkingDir::Unchanged | WorkingDir::Path(_) => None,
        };
        Descriptors { status, program, working_dir }
    }

    /// Moves what is at `number` away.
    fn make_way(&mut self, number: RawFd) -> Result<(), ()> {
        let all = [Some(&mut self.status), self.program.as_mut(), self.working_dir.as_mut()];
        for fd in all.into_iter().flatten().filter(|fd| **fd == number) {
            // SAFETY: F_DUPFD_CLOEXEC takes a number: the lowest one that the copy may have.
            let moved = unsafe { libc::fcntl(*fd, libc::F_DUPFD_CLOEXEC, number.saturating_add(1)) };
            check(moved)?;
            *fd = moved;
        }
        Ok(())
    }
}

impl Child<'_> {
    fn run(mut self) -> ! {
        let stage = match self.set_up() {
            Ok(()) => {
                self.listen_pid.fill(std::process::id());
                self.execute()
            }
            Err(stage) => stage,
        };
        let error = io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
        let mut report = [0_u8; stage::REPORT];
        let length = stage::write_report(&mut report, stage, error, &self.problem);
        // SAFETY: `report` is valid for its length, which `length` does not exceed; `_exit` runs nothing of the parent's.
        unsafe {
            libc::write(self.own.status, report.as_ptr().cast(), length);
            libc::_exit(i32::from(exit::NOT_FOUND))
        }
    }

    fn set_up(&mut self) -> Result<(), Stage> {
        self.own_session().or(Err(Stage::Session))?;
        self.reset_signals().or(Err(Stage::Signals))?;
        self.standard_descriptors().or(Err(Stage::Stdio))?;
        if !self.spec.as_inherited {
            descriptors::close_on_exec().or(Err(Stage::Descriptors))?;
        }
        self.notify_descriptor().or(Err(Stage::Notify))?;
        self.read_values()?;
        self.spec.attributes.before_switch()?;
        if let Some(ids) = &self.spec.ids {
            // SAFETY: both take numbers.
            unsafe {
                check(libc::setgid(ids.gid)).or(Err(Stage::Group))?;
                check(libc::setuid(ids.uid)).or(Err(Stage::User))?;
            }
        }
        self.spec.attributes.after_switch()?;
        match (&self.spec.working_dir, self.own.working_dir) {
            // SAFETY: the string ends with a null byte.
            (WorkingDir::Path(dir), _) => check(unsafe { libc::chdir(dir.as_ptr()) }),
            // SAFETY: fchdir takes a number.
            (_, Some(fd)) => check(unsafe { libc::fchdir(fd) }),
            (_, None) => Ok(()),
        }
        .or(Err(Stage::WorkingDir))?;
        self.write_death_tally();
        Ok(())
    }

    /// It may well be that nothing can be written there. What is no regular file is not waited for.
    fn write_death_tally(&self) {
        let Some(bytes) = &self.spec.death_tally else { return };
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC | libc::O_CLOEXEC;
        // SAFETY: the strings end with a null byte, and `bytes` is valid for its length.
        unsafe {
            libc::mkdir(c"supervise".as_ptr(), 0o700);
            let flags = flags | libc::O_NONBLOCK | libc::O_NOFOLLOW;
            let file = libc::open(c"supervise/death_tally".as_ptr(), flags, 0o644);
            if file >= 0 {
                libc::write(file, bytes.as_ptr().cast(), bytes.len());
            }
        }
    }

    fn own_session(&self) -> Result<(), ()> {
        match self.spec.session {
            // SAFETY: neither call touches memory.
            Session::New => check(unsafe { libc::setsid() }),
            Session::Foreground => {
                // SAFETY: as above.
                let group = unsafe {
                    check(libc::setpgid(0, 0))?;
                    libc::getpgrp()
                };
                if inherit::foreground_group().is_some() {
                    tty::set_foreground(group);
                }
                Ok(())
            }
            // SAFETY: as above.
            Session::Background => check(unsafe { libc::setpgid(0, 0) }),
            Session::WithTerminal => {
                // SAFETY: as above.
                check(unsafe { libc::setsid() })?;
                tty::attach();
                Ok(())
            }
            Session::Shared => Ok(()),
        }
    }

    /// An exec leaves a signal ignored that is, and nothing else of what was done with signals. rinit has no handlers
    /// that could run before.
    fn reset_signals(&self) -> Result<(), ()> {
        let inherited = self.spec.as_inherited;
        for number in 1..=64 {
            let was_ignored = self.ignored & bit(number) != 0;
            // rinit ignores SIGPIPE. The C library keeps 32 and 33 for itself, and starts no program with these ignored.
            let is_special = number == libc::SIGPIPE || inherited && matches!(number, 32 | 33);
            if was_ignored || is_special {
                let is_reset = self.spec.resets_ignored && number <= 31;
                set_disposition(number, inherited && was_ignored && !is_reset);
            }
        }
        let mask = match inherited {
            _ if self.spec.blocks_signals => Mask::all(),
            true => inherit::blocked(),
            false => Mask::default(),
        };
        mask.block().map(drop).or(Err(()))
    }

    fn standard_descriptors(&self) -> Result<(), ()> {
        // SAFETY: the calls take numbers and one constant string. The child owns all its descriptors.
        unsafe {
            if !self.spec.as_inherited {
                let null = libc::open(NULL.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
                check(null)?;
                check(libc::dup2(null, libc::STDIN_FILENO))?;
            }
            if let Some(output) = self.output {
                check(libc::dup2(output, libc::STDOUT_FILENO))?;
                check(libc::dup2(output, libc::STDERR_FILENO))?;
            }
            for (number, stream) in (0..=2).zip(self.spec.streams) {
                match stream {
                    Some(fd) => check(libc::dup2(fd, number))?,
                    None if self.spec.as_inherited && inherit::was_closed(number) => {
                        libc::close(number);
                    }
                    None => {}
                }
            }
        }
        Ok(())
    }

    /// Stays open across exec, unlike all others above standard error.
    fn notify_descriptor(&mut self) -> Result<(), ()> {
        let Some((number, writer)) = self.notify else { return Ok(()) };
        self.own.make_way(number)?;
        // SAFETY: the calls take numbers; the child owns all its descriptors.
        check(unsafe {
            match writer == number {
                // Copying to itself would leave the flag that closes it.
                true => libc::fcntl(number, libc::F_SETFD, 0),
                false => libc::dup2(writer, number),
            }
        })
    }

    /// As long as a file does not answer, nothing of rinit's is kept open here: others wait for the ends of its pipes.
    fn read_values(&mut self) -> Result<(), Stage> {
        if self.spec.values.is_empty() {
            return Ok(());
        }
        let Descriptors { status, program, working_dir } = self.own;
        descriptors::close_marked(|fd| [Some(status), program, working_dir].contains(&Some(fd)));
        let values: Result<Vec<CString>, String> = self.spec.values.iter().map(FileValue::entry).collect();
        self.values = values.map_err(|problem| {
            self.problem = problem;
            Stage::Environment
        })?;
        let last = self.environment.len().saturating_sub(1);
        let given = self.environment.iter().take(last).copied();
        let all = given.chain(self.values.iter().map(|value| value.as_ptr())).chain([std::ptr::null()]);
        self.environment = Cow::Owned(all.collect());
        if let Program::Named(name) = &self.spec.program
            && let Program::Paths(paths) = Program::named(name, &self.values)
        {
            self.paths = paths;
        }
        Ok(())
    }

    /// Returns only if it fails, with the reason in errno.
    fn execute(&mut self) -> Stage {
        let (arguments, environment) = (self.arguments.as_ptr(), self.environment.as_ptr());
        let paths = match &self.spec.program {
            // SAFETY: `_exit` runs nothing of the parent's.
            Program::Nothing => unsafe { libc::_exit(0) },
            // SAFETY: both arrays end with a null pointer, and point to strings that the parent keeps.
            Program::Descriptor(fd) => unsafe {
                libc::syscall(
                    libc::SYS_execveat,
                    self.own.program.unwrap_or(*fd),
                    c"".as_ptr(),
                    arguments,
                    environment,
                    libc::AT_EMPTY_PATH,
                );
                return Stage::Execute;
            },
            Program::Paths(paths) => paths,
            Program::Named(_) => &self.paths,
        };
        // SAFETY: as above, and `script` ends with a null pointer too.
        unsafe { execute::first(paths, arguments, environment, &mut self.script) }
    }
}

/// Ignores a signal, or else does what is the default for it. What cannot be changed is refused without effect.
pub(super) fn set_disposition(number: i32, ignore: bool) {
    // Not by the C library's function, which refuses the signals that it keeps for itself. In the kernel's structure
    // the handler is the first, and without flags all else is zero.
    let action = [if ignore { libc::SIG_IGN } else { libc::SIG_DFL }, 0, 0, 0, 0, 0, 0, 0];
    // SAFETY: the kernel reads the structure, with a signal set of 8 bytes; neither disposition runs code.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigaction,
            number,
            action.as_ptr(),
            std::ptr::null_mut::<usize>(),
            std::mem::size_of::<u64>(),
        );
    }
}
