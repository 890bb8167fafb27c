//! A cgroup whose processes get a share of the processor, of either version of cgroups.

use std::fs;
use std::path::{Path, PathBuf};

/// Removed in the end; its processes must have ended.
pub struct CpuShare {
    dir: PathBuf,
}

impl CpuShare {
    /// `None`: this machine has no such cgroups, or not for this user.
    pub fn new(name: &str) -> Option<CpuShare> {
        let name = format!("rinit-test-{name}-{}", std::process::id());
        let has_limit = |dir: &Path| dir.join("cpu.max").exists() || dir.join("cpu.cfs_quota_us").exists();
        ["/sys/fs/cgroup", "/sys/fs/cgroup/cpu"].iter().find_map(|root| {
            let dir = Path::new(root).join(&name);
            fs::create_dir(&dir).ok()?;
            let share = CpuShare { dir };
            has_limit(&share.dir).then_some(share)
        })
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its processes get so many percent of one processor from here on.
    pub fn limit(&self, percent: u32) {
        let quota = percent * 1000;
        if self.dir.join("cpu.max").exists() {
            fs::write(self.dir.join("cpu.max"), format!("{quota} 100000")).unwrap();
        } else {
            fs::write(self.dir.join("cpu.cfs_period_us"), "100000").unwrap();
            fs::write(self.dir.join("cpu.cfs_quota_us"), quota.to_string()).unwrap();
        }
    }

    /// How often its processes had to wait for the next period.
    pub fn waits(&self) -> u64 {
        let text = fs::read_to_string(self.dir.join("cpu.stat")).unwrap_or_default();
        let count = text.lines().find_map(|line| line.strip_prefix("nr_throttled "));
        count.and_then(|count| count.parse().ok()).unwrap_or(0)
    }
}

impl Drop for CpuShare {
    fn drop(&mut self) {
        // In a directory that is no file system of cgroups this leaves nothing either.
        let _ = fs::remove_dir(&self.dir);
    }
}
