//! The system calls of the measurement: processes in PID namespaces of their own, and the clock around them.

use nix::libc;
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// So long it is waited for anything at all.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Words and environment as the kernel takes them, made before the clock starts.
pub struct Line {
    words: Vec<CString>,
    environment: Vec<CString>,
}

impl Line {
    pub fn new<W: AsRef<str>>(words: &[W], environment: &[(&str, &str)]) -> Line {
        let c = |text: &str| CString::new(text).unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let own = [("PATH", path.as_str()), ("HOME", "/root")];
        let all = own.iter().chain(environment);
        Line {
            words: words.iter().map(|word| c(word.as_ref())).collect(),
            environment: all.map(|(name, value)| c(&format!("{name}={value}"))).collect(),
        }
    }

    fn pointers(strings: &[CString]) -> Vec<*mut libc::c_char> {
        strings.iter().map(|text| text.as_ptr().cast_mut()).chain([std::ptr::null_mut()]).collect()
    }
}

/// A process, killed when dropped.
#[derive(Debug)]
pub struct Child {
    pub pid: i32,
    reaped: bool,
}

impl Child {
    /// Waits for its end; returns its exit status, or 128+N.
    pub fn wait(&mut self) -> i32 {
        let mut status = 0;
        // SAFETY: waitpid writes into the local alone.
        while unsafe { libc::waitpid(self.pid, &mut status, 0) } < 0 {
            assert_eq!(io::Error::last_os_error().raw_os_error(), Some(libc::EINTR), "cannot wait");
        }
        self.reaped = true;
        if libc::WIFSIGNALED(status) { 128 + libc::WTERMSIG(status) } else { libc::WEXITSTATUS(status) }
    }

    pub fn has_ended(&mut self) -> bool {
        let mut status = 0;
        // SAFETY: as above.
        self.reaped =
            self.reaped || unsafe { libc::waitpid(self.pid, &mut status, libc::WNOHANG) } == self.pid;
        self.reaped
    }

    /// Waits for its end, but not for ever.
    pub fn wait_within(&mut self, limit: Duration) -> bool {
        let begun = Instant::now();
        // SAFETY: pidfd_open takes numbers; poll writes into the local alone; close is of the descriptor just made.
        unsafe {
            let fd = libc::syscall(libc::SYS_pidfd_open, self.pid, 0) as i32;
            let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
            let left = limit.saturating_sub(begun.elapsed()).as_millis() as i32;
            libc::poll(&mut poll, 1, left);
            libc::close(fd);
        }
        self.has_ended()
    }

    pub fn signal(&self, number: i32) {
        signal(self.pid, number);
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.reaped {
            self.signal(libc::SIGKILL);
            self.wait();
        }
    }
}

pub fn signal(pid: i32, number: i32) {
    // SAFETY: kill has no memory effects.
    unsafe { libc::kill(pid, number) };
}

/// Starts PID 1 of a PID namespace of its own.
pub fn start_pid1(line: &Line) -> Child {
    let (words, environment) = (Line::pointers(&line.words), Line::pointers(&line.environment));
    let flags = libc::CLONE_NEWPID | libc::SIGCHLD;
    // SAFETY: without a stack of its own this is fork. The child makes system calls on what the parent has prepared,
    // and ends by exec or _exit.
    unsafe {
        match libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) as i32 {
            0 => {
                // Nothing is left behind when the measurement is broken off.
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                libc::setsid();
                {
                    let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR);
                    (0..=2).for_each(|fd| {
                        libc::dup2(null, fd);
                    });
                    libc::close(null);
                }
                libc::execve(words[0], words.as_ptr().cast(), environment.as_ptr().cast());
                libc::_exit(127)
            }
            -1 => panic!("cannot make a PID namespace: {}", io::Error::last_os_error()),
            pid => Child { pid, reaped: false },
        }
    }
}

/// A plain child, by the fastest way that the C library has.
pub fn posix_spawn(line: &Line) -> Child {
    let (words, environment) = (Line::pointers(&line.words), Line::pointers(&line.environment));
    let mut pid = 0;
    // SAFETY: every pointer is to a local or to strings that outlive the call; what is initialized is destroyed.
    let error = unsafe {
        let mut actions: libc::posix_spawn_file_actions_t = std::mem::zeroed();
        libc::posix_spawn_file_actions_init(&mut actions);
        for fd in 0..=2 {
            let null = c"/dev/null".as_ptr();
            libc::posix_spawn_file_actions_addopen(&mut actions, fd, null, libc::O_RDWR, 0);
        }
        let mut attributes: libc::posix_spawnattr_t = std::mem::zeroed();
        libc::posix_spawnattr_init(&mut attributes);
        libc::posix_spawnattr_setflags(&mut attributes, libc::POSIX_SPAWN_SETSID);
        let error = libc::posix_spawn(
            &mut pid,
            words[0],
            &actions,
            &attributes,
            words.as_ptr(),
            environment.as_ptr(),
        );
        libc::posix_spawn_file_actions_destroy(&mut actions);
        libc::posix_spawnattr_destroy(&mut attributes);
        error
    };
    assert_eq!(error, 0, "cannot spawn {:?}: {}", line.words, io::Error::from_raw_os_error(error));
    Child { pid, reaped: false }
}

/// Runs `act` so that the processes it makes are in the PID namespace of `pid`.
pub fn inside<T>(pid: i32, act: impl FnOnce() -> T) -> T {
    let own = File::open("/proc/self/ns/pid").unwrap();
    enter(&File::open(format!("/proc/{pid}/ns/pid")).unwrap());
    let result = act();
    enter(&own);
    result
}

fn enter(namespace: &File) {
    // SAFETY: setns takes numbers; with CLONE_NEWPID it changes where children are made, and nothing else.
    let result = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWPID) };
    assert_eq!(result, 0, "cannot enter a PID namespace: {}", io::Error::last_os_error());
}

/// A FIFO into which programs say that they run.
pub struct Fifo {
    file: File,
    pub path: String,
}

impl Fifo {
    pub fn new(dir: &Path) -> Fifo {
        let path = dir.join("up");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::from_bits_truncate(0o666)).unwrap();
        use std::os::unix::fs::OpenOptionsExt;
        let mut options = File::options();
        let file = options.read(true).write(true).custom_flags(libc::O_NONBLOCK).open(&path).unwrap();
        Fifo { file, path: path.display().to_string() }
    }

    /// How many have said so since the last `take`.
    pub fn count(&self) -> usize {
        let mut count = 0;
        // SAFETY: FIONREAD writes one int.
        unsafe { libc::ioctl(self.file.as_raw_fd(), libc::FIONREAD, &mut count) };
        count as usize
    }

    /// Forgets them.
    pub fn take(&self) {
        use std::io::Read;
        let mut buffer = [0; 4096];
        while (&self.file).read(&mut buffer).is_ok_and(|count| count > 0) {}
    }

    /// Waits for so many, as long as `init` is there; one is seen at once, many within a fifth of a millisecond, so that
    /// waiting costs nothing.
    pub fn wait(&self, count: usize, init: &mut Child) -> bool {
        let begun = Instant::now();
        while self.count() < count {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            if left.is_zero() || init.has_ended() {
                return false;
            }
            if count > 1 {
                std::thread::sleep(Duration::from_micros(200));
                continue;
            }
            let mut poll = libc::pollfd { fd: self.file.as_raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: poll writes into the local alone.
            unsafe { libc::poll(&mut poll, 1, left.as_millis() as i32) };
        }
        true
    }
}
