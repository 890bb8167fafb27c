//! What runs under an init, read from a /proc of its PID namespace.

use std::path::Path;

/// One process, as its own PID namespace sees it.
#[derive(Debug, Clone)]
pub struct Process {
    pub pid: i32,
    pub ppid: i32,
    pub group: i32,
    pub session: i32,
    /// `R`, `S`, `D`, `T` (stopped), `Z` (zombie)...
    pub state: char,
    /// The program's name, at most 15 bytes.
    pub name: String,
    /// The arguments with blanks between them; empty for a zombie.
    pub command: String,
}

impl Process {
    pub fn is_zombie(&self) -> bool {
        self.state == 'Z'
    }
}

/// All processes that the file system `proc` shows.
pub fn processes(proc: &Path) -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir(proc) else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut all: Vec<Process> = pids.filter_map(|pid| process(proc, pid)).collect();
    all.sort_by_key(|process| process.pid);
    all
}

/// One process; nothing when it has just ended.
pub fn process(proc: &Path, pid: i32) -> Option<Process> {
    let stat = std::fs::read(proc.join(pid.to_string()).join("stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    // "PID (NAME) STATE PPID GROUP SESSION ...", where NAME may hold anything, a bracket too.
    let (open, close) = (stat.find('(')?, stat.rfind(')')?);
    let mut fields = stat[close + 1..].split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let mut number = || fields.next()?.parse().ok();
    let (ppid, group, session) = (number()?, number()?, number()?);
    let command = std::fs::read(proc.join(pid.to_string()).join("cmdline")).unwrap_or_default();
    let command = String::from_utf8_lossy(&command).replace('\0', " ").trim().to_owned();
    Some(Process { pid, ppid, group, session, state, name: stat[open + 1..close].to_owned(), command })
}
