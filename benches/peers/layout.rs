//! The same services in every supervisor's own words, and how each of them is started, asked and stopped.

use super::kernel::Line;
use super::peers::Peer;
use nix::libc;
use std::fmt::Write;
use std::path::Path;

/// Services of one supervisor, written into a directory.
pub struct Layout {
    pub start: Line,
    /// Asks for the state of the first service.
    pub ask: Option<Line>,
    /// What stops the supervisor, and with it all services.
    pub stop: i32,
    /// A service is not started again within its first second.
    pub patient: bool,
}

/// The names of `count` services.
fn names(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("s{number:04}"))
}

/// Whether a supervisor can have so many services.
pub fn takes(peer: &Peer, count: usize) -> bool {
    match peer.name {
        "rinit" | "rinit-glibc" => true,
        // It waits a second for each, one after the other, before it supervises them.
        "supervisord" => count <= 200,
        // s6-svscan's own limit, unless it is told another: 500.
        "s6" => count <= 200,
        "dinit" | "runit" | "horust" => count <= 1000,
        _ => false,
    }
}

/// Writes the definitions.
pub fn lay_out(peer: &Peer, dir: &Path, count: usize, tiny: &str, fifo: &str) -> Layout {
    match peer.name {
        "rinit" | "rinit-glibc" => rinit(peer, dir, count, tiny, fifo),
        "s6" => s6(peer, dir, count, tiny, fifo),
        "runit" => runit(peer, dir, count, tiny, fifo),
        "supervisord" => supervisord(peer, dir, count, tiny, fifo),
        "dinit" => dinit(peer, dir, count, tiny, fifo),
        "horust" => horust(peer, dir, count, tiny, fifo),
        other => panic!("{other} supervises nothing"),
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn environment(fifo: &str) -> [(&str, &str); 1] {
    [("BENCH_UP", fifo)]
}

fn rinit(peer: &Peer, dir: &Path, count: usize, tiny: &str, fifo: &str) -> Layout {
    for name in names(count) {
        let definition = format!("command = [\"{tiny}\"]\nbackoff = {{ reset_after = \"1ms\" }}\n");
        std::fs::write(dir.join(format!("{name}.toml")), definition).unwrap();
    }
    let program = text(&peer.path);
    Layout {
        start: Line::new(&[&program, "--services", &text(dir)], &environment(fifo)),
        ask: Some(Line::new(&[&program, "status", "s0000"], &[])),
        stop: libc::SIGTERM,
        patient: false,
    }
}

fn run_directories(dir: &Path, count: usize, tiny: &str) {
    for name in names(count) {
        std::fs::create_dir(dir.join(&name)).unwrap();
        std::os::unix::fs::symlink(tiny, dir.join(name).join("run")).unwrap();
    }
}

fn s6(peer: &Peer, dir: &Path, count: usize, tiny: &str, fifo: &str) -> Layout {
    run_directories(dir, count, tiny);
    let ask = text(&peer.path.with_file_name("s6-svstat"));
    Layout {
        start: Line::new(&[&text(&peer.path), "-t0", &text(dir)], &environment(fifo)),
        ask: Some(Line::new(&[ask, text(&dir.join("s0000"))], &[])),
        stop: libc::SIGTERM,
        patient: true,
    }
}

fn runit(peer: &Peer, dir: &Path, count: usize, tiny: &str, fifo: &str) -> Layout {
    run_directories(dir, count, tiny);
    let ask = text(&peer.path.with_file_name("sv"));
    Layout {
        start: Line::new(&[&text(&peer.path), "-P", &text(dir)], &environment(fifo)),
        ask: Some(Line::new(&[ask, "status".to_owned(), text(&dir.join("s0000"))], &[])),
        stop: libc::SIGHUP,
        patient: true,
    }
}

fn supervisord(peer: &Peer, dir: &Path, count: usize, tiny: &str, fifo: &str) -> Layout {
    let at = text(dir);
    let mut conf = format!(
        "[unix_http_server]\nfile={at}/socket\n[supervisord]\nnodaemon=true\nuser=root\nlogfile=/dev/null\n\
         logfile_maxbytes=0\npidfile={at}/pid\nminfds=8192\n[rpcinterface:supervisor]\n\
         supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n\
         [supervisorctl]\nserverurl=unix://{at}/socket\n"
    );
    for name in names(count) {
        write!(
            conf,
            "[program:{name}]\ncommand={tiny}\nautorestart=true\nstartsecs=0\n\
             stdout_logfile=/dev/null\nstdout_logfile_maxbytes=0\nstderr_logfile=/dev/null\n\
             stderr_logfile_maxbytes=0\n"
        )
        .unwrap();
    }
    let file = dir.join("conf");
    std::fs::write(&file, conf).unwrap();
    let ask = text(&peer.path.with_file_name("supervisorctl"));
    Layout {
        start: Line::new(&[&text(&peer.path), "-c", &text(&file)], &environment(fifo)),
        ask: Some(Line::new(&[&ask, "-c", &text(&file), "status", "s0000"], &[])),
        stop: libc::SIGTERM,
        patient: true,
    }
}

fn dinit(peer: &Peer, dir: &Path, count: usize, tiny: &str, fifo: &str) -> Layout {
    let mut boot = "type = internal\n".to_owned();
    for name in names(count) {
        let definition = format!(
            "type = process\ncommand = {tiny}\nrestart = true\nsmooth-recovery = true\nrestart-delay = 0\n\
             restart-limit-count = 0\n"
        );
        std::fs::write(dir.join(&name), definition).unwrap();
        writeln!(boot, "waits-for = {name}").unwrap();
    }
    std::fs::write(dir.join("boot"), boot).unwrap();
    let socket = text(&dir.join("socket"));
    let ask = text(&peer.path.with_file_name("dinitctl"));
    let ask = std::fs::exists(&ask)
        .unwrap_or(false)
        .then(|| Line::new(&[&ask, "-p", &socket, "status", "s0000"], &[]));
    let words = [&text(&peer.path), "-o", "-q", "-d", &text(dir), "-p", &socket];
    Layout { start: Line::new(&words, &environment(fifo)), ask, stop: libc::SIGTERM, patient: false }
}

fn horust(peer: &Peer, dir: &Path, count: usize, tiny: &str, fifo: &str) -> Layout {
    for name in names(count) {
        let definition = format!(
            "command = \"{tiny}\"\n[restart]\nstrategy = \"always\"\nbackoff = \"0s\"\nattempts = 0\n\
             [environment]\nkeep-env = true\n"
        );
        std::fs::write(dir.join(format!("{name}.toml")), definition).unwrap();
    }
    let socket = dir.with_extension("uds");
    std::fs::create_dir(&socket).unwrap();
    let words = [&text(&peer.path), "--services-path", &text(dir), "--uds-folder-path", &text(&socket)];
    let start = Line::new(&words, &environment(fifo));
    Layout { start, ask: None, stop: libc::SIGTERM, patient: true }
}
