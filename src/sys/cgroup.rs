//! The control group that this process is in: how often the kernel has killed for want of memory there.

#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The kernel's file with the count, held open: it can be read however many descriptors are in use.
pub struct OomKills {
    file: File,
}

impl OomKills {
    /// That of our own control group, of version 2 or 1; `None` if it cannot be seen from here.
    pub fn open() -> Option<OomKills> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
        candidates(&mounts, &groups).iter().find_map(|path| OomKills::open_at(path).ok())
    }

    fn open_at(path: &Path) -> io::Result<OomKills> {
        let kills = OomKills { file: File::open(path)? };
        // Before Linux 4.13 the file is there without the count.
        kills.read().ok_or(io::ErrorKind::InvalidData)?;
        Ok(kills)
    }

    /// How many processes were killed so far.
    pub fn read(&self) -> Option<u64> {
        let mut buffer = [0_u8; 512];
        let length = self.file.read_at(&mut buffer, 0).ok()?;
        oom_kill(buffer.get(..length)?)
    }
}

/// The number behind `oom_kill`, which both versions' files have.
fn oom_kill(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")).and_then(|count| count.trim().parse().ok())
}

/// Where the file may be, the likeliest place first. `mounts` is `/proc/self/mountinfo`, `groups` is
/// `/proc/self/cgroup`.
fn candidates(mounts: &str, groups: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    // Version 2 first: where both are mounted, only one of them has the memory controller, and the file.
    for (version, file) in [(2, "memory.events"), (1, "memory.oom_control")] {
        for mount in mounts.lines().filter_map(|line| Mount::parse(line, version)) {
            let Some(group) = groups.lines().find_map(|line| own_group(line, version)) else { continue };
            let below = |path: &str| Path::new(mount.point).join(path.trim_start_matches('/')).join(file);
            // A container without a cgroup namespace sees the host's path in `groups`, and either the whole tree at
            // the mount point or, with that path as the mount's root, its own part of it.
            let inside = group.strip_prefix(mount.root.trim_end_matches('/'));
            found.extend(inside.filter(|rest| rest.is_empty() || rest.starts_with('/')).map(below));
            found.extend([below(group), below("")]);
        }
    }
    found
}

struct Mount<'a> {
    root: &'a str,
    point: &'a str,
}

impl<'a> Mount<'a> {
    /// A line of mountinfo, if it is a control group file system of that version, with the memory controller.
    fn parse(line: &'a str, version: u32) -> Option<Mount<'a>> {
        let (mount, fs) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        let mut fs = fs.split(' ');
        let kind = fs.next()?;
        let mut options = fs.nth(1)?.split(',');
        let fits = match version {
            2 => kind == "cgroup2",
            _ => kind == "cgroup" && options.any(|option| option == "memory"),
        };
        fits.then_some(Mount { root, point })
    }
}

/// The path in a line of `/proc/self/cgroup`, if it is of that version, and of the memory controller.
fn own_group(line: &str, version: u32) -> Option<&str> {
    let mut fields = line.splitn(3, ':');
    let (number, mut controllers) = (fields.next()?, fields.next()?.split(','));
    let fits = match version {
        2 => number == "0",
        _ => controllers.any(|controller| controller == "memory"),
    };
    if fits { fields.next() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(mounts: &str, groups: &str) -> Vec<String> {
        candidates(mounts, groups).iter().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn version_2_with_and_without_a_namespace() {
        let mount = "31 23 0:28 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate\n";
        assert_eq!(places(mount, "0::/\n")[0], "/sys/fs/cgroup/memory.events");
        assert_eq!(
            places(mount, "0::/system.slice/docker-1.scope\n")[0],
            "/sys/fs/cgroup/system.slice/docker-1.scope/memory.events"
        );
        let part = "31 23 0:28 /docker/1 /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        assert_eq!(places(part, "0::/docker/1\n")[0], "/sys/fs/cgroup/memory.events");
        assert_eq!(places(part, "0::/docker/1/init\n")[0], "/sys/fs/cgroup/init/memory.events");
        // Another container's name that begins alike.
        assert_eq!(places(part, "0::/docker/11\n")[0], "/sys/fs/cgroup/docker/11/memory.events");
    }

    #[test]
    fn version_1_falls_back_to_what_is_mounted() {
        let mounts = "32 31 0:29 /docker/1 /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
                      35 31 0:32 /docker/1 /sys/fs/cgroup/memory rw shared:1 - cgroup cgroup rw,memory\n\
                      41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let groups = "9:name=systemd:/docker/1\n4:hugetlb,memory:/docker/1\n0::/docker/1\n";
        let found = places(mounts, groups);
        assert_eq!(found[0], "/sys/fs/cgroup/unified/docker/1/memory.events");
        assert!(found.contains(&"/sys/fs/cgroup/memory/memory.oom_control".to_owned()), "{found:?}");
        let whole = mounts.replace("/docker/1 /", "/ /");
        assert!(places(&whole, groups).contains(&"/sys/fs/cgroup/memory/docker/1/memory.oom_control".into()));
        assert!(places(&whole, groups).contains(&"/sys/fs/cgroup/memory/memory.oom_control".into()));
        assert_eq!(places(mounts, "4:cpu:/\n"), [""; 0]);
        assert_eq!(places("nonsense\n- -\n", groups), [""; 0]);
    }

    #[test]
    fn the_count_is_read_again() {
        assert_eq!(oom_kill(b"low 0\nhigh 0\nmax 3\noom 2\noom_kill 7\noom_group_kill 1\n"), Some(7));
        assert_eq!(oom_kill(b"oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"), Some(1));
        assert_eq!(oom_kill(b"oom_kill_disable 0\nunder_oom 0\n"), None);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("memory.events");
        fs::write(&path, "oom_kill 0\n").unwrap();
        let kills = OomKills::open_at(&path).unwrap();
        assert_eq!(kills.read(), Some(0));
        fs::write(&path, "oom_kill 12\n").unwrap();
        assert_eq!(kills.read(), Some(12));
        fs::write(&path, "").unwrap();
        assert_eq!(kills.read(), None);
        assert!(OomKills::open_at(&path).is_err());
    }
}
