//! What /proc tells about the processes of an init.

use std::path::Path;

/// A process and all that descend from it: in a PID namespace, everything in it.
pub fn tree(pid: i32) -> Vec<i32> {
    let mut all = vec![pid];
    let mut at = 0;
    while let Some(pid) = all.get(at).copied() {
        let children =
            std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        all.extend(children.split_whitespace().filter_map(|pid| pid.parse::<i32>().ok()));
        at += 1;
    }
    all
}

/// Whether a process runs this program.
pub fn runs(pid: i32, program: &Path) -> bool {
    std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program)
}

/// The supervisor's own processes, and those that it supervises, which run `program`.
pub fn parted(pid: i32, program: &Path) -> (Vec<i32>, Vec<i32>) {
    tree(pid).into_iter().partition(|pid| !runs(*pid, program))
}

fn line(path: &str, key: &str) -> Option<f64> {
    let text = std::fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next()?.parse().ok())
}

/// KiB of a kind (`Pss:`, `Rss:`, `Anonymous:`), of all of them.
pub fn memory(pids: &[i32], key: &str) -> f64 {
    pids.iter().filter_map(|pid| line(&format!("/proc/{pid}/smaps_rollup"), key)).sum()
}

/// How often they have gone to sleep, or lost the processor.
pub fn switches(pids: &[i32]) -> f64 {
    let of = |pid: &i32| {
        let path = format!("/proc/{pid}/status");
        let keys = ["voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"];
        keys.iter().filter_map(|key| line(&path, key)).sum::<f64>()
    };
    pids.iter().map(of).sum()
}

/// Microseconds on a processor so far.
pub fn cpu(pids: &[i32]) -> f64 {
    let of = |pid: &i32| {
        let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    };
    pids.iter().filter_map(of).sum::<f64>() / 1000.0
}

/// What the figures depend on.
pub fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let count = info.lines().filter(|line| line.starts_with("processor")).count();
    let model = model.map_or("processor of unknown model", |(_, model)| model);
    format!("{count} × {model}, Linux {}", read("/proc/sys/kernel/osrelease").trim())
}

/// Runnable processes, averaged over a minute: more than a few, and the figures are the neighbours'.
pub fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|load| load.parse().ok()).unwrap_or_default()
}
