//! The contract of PID 1: what an init owes the command that it runs, by rinit and by the programs in whose place it
//! can be. What they run and are run through is `puppet.c`; docs/pid1.md tells the results.

mod descriptors;
mod engines;
mod left;
mod orphans;
mod page;
mod personality;
mod race;
mod signals;
mod statuses;
mod table;
pub mod terminal;
mod usage;
mod words;

use crate::support::{Launch, PATIENCE, Running, repository, rinit_bin};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The programs in whose place rinit can be.
pub const PEERS: [&str; 4] = ["tini", "docker-init", "dumb-init", "catatonit"];

/// Skips the test unless these programs are installed.
#[macro_export]
macro_rules! require_programs {
    ($names:expr) => {
        if let Some(missing) = $names.iter().find(|name| $crate::pid1::which(name).is_none()) {
            $crate::skip!("needs {missing}");
        }
    };
}

/// As PID 1 of a PID namespace, or as a process like any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Pid1,
    Plain,
}

/// A program that is an init.
#[derive(Clone, Debug)]
pub struct Init {
    pub path: PathBuf,
    pub options: Vec<String>,
}

impl Init {
    /// rinit by its own name.
    pub fn rinit() -> Init {
        Init { path: rinit_bin(), options: Vec::new() }
    }

    /// The real program of that name.
    #[track_caller]
    pub fn real(name: &str) -> Init {
        Init { path: which(name).expect("the test has not asked for this program"), options: Vec::new() }
    }

    /// rinit by another name.
    pub fn rinit_as(name: &str) -> Init {
        let dir = scratch().join(format!("names-{:x}", hash(rinit_bin().as_os_str().as_encoded_bytes())));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join(name);
        let made = std::os::unix::fs::symlink(rinit_bin(), &path);
        assert!(made.is_ok() || path.exists(), "{made:?}");
        Init { path, options: Vec::new() }
    }

    /// With these options.
    pub fn with(mut self, options: &[&str]) -> Init {
        self.options.extend(options.iter().map(|&option| option.to_owned()));
        self
    }

    /// Prepares it to run a command.
    pub fn launch(&self, place: Place, command: &[&str]) -> Launch {
        let launch = match place {
            Place::Pid1 => Launch::pid1(),
            Place::Plain => Launch::plain(),
        };
        let launch = self.options.iter().fold(launch.init(&self.path), |launch, option| launch.arg(option));
        // Debian's tini looks for its options among the command's without this.
        launch.arg("--").command(command)
    }

    /// Runs a command under it, to its end; the exit status.
    #[track_caller]
    pub fn status(&self, place: Place, command: &[&str]) -> i32 {
        self.launch(place, command).start().wait_exit(PATIENCE).status
    }
}

/// Where a program is.
pub fn which(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|path| path.is_file())
}

/// A directory for what is made once.
fn scratch() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

fn hash(bytes: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hasher};
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

/// The program of `puppet.c`, compiled.
pub fn puppet() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| compiled("tests/pid1/puppet.c"))
}

/// A program of one file of C in the repository, compiled; its path.
pub fn compiled(source: &str) -> String {
    let source = repository().join(source);
    let name = source.file_stem().unwrap().to_str().unwrap();
    let dir = scratch().join(format!("{name}-{:x}", hash(&std::fs::read(&source).unwrap())));
    let path = dir.join(name);
    if !path.exists() {
        std::fs::create_dir_all(&dir).unwrap();
        // Made elsewhere and moved, because other tests may be about the same thing.
        let made = tempfile::Builder::new().tempdir_in(&dir).unwrap();
        let temporary = made.path().join(name);
        let mut compiler = Command::new("cc");
        compiler.args(["-O2", "-Wall", "-Wextra", "-Werror", "-static", "-o"]).arg(&temporary).arg(&source);
        assert!(compiler.status().unwrap().success(), "{} cannot be compiled", source.display());
        std::fs::rename(temporary, &path).unwrap();
    }
    path.display().to_string()
}

/// `puppet WORD...`, as a command.
pub fn puppeteer<'a>(words: &[&'a str]) -> Vec<&'a str> {
    [puppet()].iter().chain(words).copied().collect()
}

/// A command that records signals, with a child that does so too.
pub struct Recorder {
    pub init: Running,
    /// Where the lines begin that are not read yet.
    seen: usize,
}

impl Recorder {
    #[track_caller]
    pub fn start(launch: Launch) -> Recorder {
        let init = launch.start();
        let (number, _) = init.wait_line_after(0, "the recorder is there", |line| line == "grand ready");
        Recorder { init, seen: number + 1 }
    }

    /// Sends a signal to the init and, after it, one that every init forwards and that the recorder reads last. What
    /// came in between, in lines as "child 15"; only with those of `grand`, the recorder's child, does it know that
    /// nothing more is on its way.
    #[track_caller]
    pub fn send(&mut self, number: i32) -> Vec<String> {
        self.init.raw_signal(number);
        self.init.raw_signal(64);
        let (end, _) = self.init.wait_line_after(self.seen, "the last signal", |line| line == "grand mark");
        let lines = self.init.lines();
        let came = lines[self.seen..end].iter().filter(|line| line.stream == "stdout");
        let mut came: Vec<String> = came.map(|line| line.text.clone()).collect();
        self.seen = end + 1;
        came.retain(|line| !line.ends_with(" 64"));
        came.sort(); // two processes write as they come to it
        came
    }
}
