//! The rows: what each of them is, and in which table it stands.

/// Where a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Inits with one command.
    One,
    /// Supervisors.
    Services,
}

pub struct Row {
    pub name: String,
    pub table: Table,
    pub title: String,
    pub unit: &'static str,
    /// What stands in the column `bare`: what no init can be better than.
    pub bare: &'static str,
}

/// With so many services everybody is measured, as far as it takes so many.
pub const SHARED: [usize; 4] = [1, 10, 200, 1000];

/// With so many, rinit alone.
pub const GROWTH: [usize; 2] = [100, 5000];

/// With so many, what single services cost is measured.
pub const MANY: usize = 200;

pub fn counts() -> Vec<usize> {
    let mut all: Vec<usize> = SHARED.into_iter().chain(GROWTH).collect();
    all.sort_unstable();
    all
}

/// Every row, in the order of the tables.
pub fn all() -> Vec<Row> {
    let row = |table, name: &str, title: &str, unit, bare| Row {
        name: name.to_owned(),
        table,
        title: title.to_owned(),
        unit,
        bare,
    };
    use Table::{One, Services};
    let mut rows = vec![
        row(
            One,
            "one.start-end",
            "start and end of `true`, over a bare spawn",
            "ms",
            "clone and exec alone, whole",
        ),
        row(
            One,
            "one.pss",
            "memory (PSS) with one command",
            "KiB",
            "a program without C library; an empty static C program: see below",
        ),
        row(One, "one.dirty", "of it, anonymous", "KiB", "as above"),
        row(One, "one.idle", "wake-ups while idle, per second", "", ""),
        row(One, "one.orphan", "CPU for one orphan reaped", "µs", ""),
        row(One, "size", "size of the program file", "KiB", "a program without C library"),
    ];
    for count in counts() {
        let services = if count == 1 { "1 service".to_owned() } else { format!("{count} services") };
        let title = |text: &str| text.replace('N', &services);
        rows.extend([
            row(Services, &format!("up.{count}"), &title("N up"), "ms", "a loop of posix_spawn"),
            row(
                Services,
                &format!("up-cpu.{count}"),
                &title("N up, CPU of the supervisor for each"),
                "µs",
                "",
            ),
            row(
                Services,
                &format!("pss.{count}"),
                &title("memory (PSS) of the supervisor with N"),
                "KiB",
                "",
            ),
            row(
                Services,
                &format!("rss.{count}"),
                &title("memory (RSS) of the supervisor with N"),
                "KiB",
                "",
            ),
            row(
                Services,
                &format!("stop.{count}"),
                &title("stop of N, ending at once"),
                "ms",
                "kill and wait for each",
            ),
            row(Services, &format!("ask.{count}"), &title("state of one of N"), "ms", "a bare spawn"),
            row(Services, &format!("health.{count}"), &title("`rinit health` with N"), "ms", "a bare spawn"),
        ]);
    }
    rows.extend([
        row(
            Services,
            "restart.time",
            "killed process to its successor running",
            "ms",
            "kill, wait, posix_spawn",
        ),
        row(Services, "restart.cpu", "CPU of the supervisor for one restart", "µs", ""),
        row(Services, "idle.10", "wake-ups while idle with 10 services, per second", "", ""),
        row(Services, "probe.cpu", "CPU of PID 1 for one health check", "µs", ""),
        row(Services, "probe.run", "`rinit probe unix` from exec to exit", "ms", "a bare spawn"),
    ]);
    rows
}
