//! The image of examples/postgres: a database that must not lose what it has acknowledged, however often its container
//! is stopped under load.

use crate::require_docker;
use crate::support::docker::{Container, ContainerBuilder, POSTGRES};
use crate::support::services::Status;
use crate::support::{PATIENCE, wait_for_seen};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

/// The first start makes the database cluster.
const FIRST_START: Duration = Duration::from_secs(60);

/// Another task after the example's migration: the tables of this test and those of pgbench.
const PREPARE: &str = r#"
command = ["sh", "-ec", '''
psql -qX -v ON_ERROR_STOP=1 app -c '
    SET client_min_messages = warning;
    CREATE TABLE IF NOT EXISTS numbers (n bigint PRIMARY KEY);
    GRANT ALL ON numbers TO app'
psql -qXAt app -c "SELECT to_regclass('pgbench_accounts')" | grep -q . || pgbench -i -q -s 1 app
''']
user = "postgres"
restart = "no"
depends_on = { migrate = "service_completed_successfully" }
"#;

const WRITER: &str = r#"
command = ["python3", "/shared/writer.py"]
user = "app"
depends_on = { postgres = "service_healthy", prepare = "service_completed_successfully" }
"#;

/// Commits one number after the other, and notes each one when PostgreSQL has acknowledged it.
const WRITER_PY: &str = r#"
import psycopg2

noted = "/shared/acknowledged"
with open(noted, "a+", buffering=1) as file:
    file.seek(0)
    last = max(map(int, file.read().split()), default=0)
    database = psycopg2.connect("dbname=app")
    cursor = database.cursor()
    cursor.execute("SELECT coalesce(max(n), 0) FROM numbers")
    last = max(last, cursor.fetchone()[0])
    while True:
        last += 1
        cursor.execute("INSERT INTO numbers VALUES (%s)", (last,))
        database.commit()
        file.write(f"{last}\n")
"#;

/// A web server in front of the application that does not care for SIGTERM.
const DEAF: &str = r#"
command = ["python3", "-c", '''
import http.server, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
http.server.test(http.server.SimpleHTTPRequestHandler, port=8088, bind="127.0.0.1")
''']
depends_on = ["app"]
"#;

fn builder() -> ContainerBuilder {
    let builder = ContainerBuilder::new(POSTGRES)
        // As its Dockerfile says: the engine has to wait for longer than the services may take.
        .options(&["--stop-timeout=45"])
        .shared("/shared")
        .added_service("prepare", PREPARE)
        .added_service("writer", WRITER);
    std::fs::write(builder.shared_dir().join("writer.py"), WRITER_PY).unwrap();
    // The writer is another user.
    std::fs::set_permissions(builder.shared_dir(), std::fs::Permissions::from_mode(0o777)).unwrap();
    builder
}

#[track_caller]
fn sql(container: &Container, query: &str) -> String {
    container.exec_as("postgres", &["psql", "-qXAt", "app", "-c", query]).ok()
}

/// The numbers that the writer was told are committed. Its last line may be half written.
fn acknowledged(container: &Container) -> BTreeSet<u64> {
    let file: PathBuf = container.dir().join("shared/acknowledged");
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| line.parse().unwrap()).collect()
}

/// Waits until the writer has written and pgbench has done its work since this was called.
#[track_caller]
fn put_under_load(container: &Container) {
    container.wait_state("writer", "running");
    let written = acknowledged(container).len();
    let history = || sql(container, "SELECT count(*) FROM pgbench_history").parse::<u64>().unwrap();
    let done = history();
    // Not a service: it works until PostgreSQL itself sends it away.
    container.exec_detached("postgres", &["pgbench", "-n", "-c", "2", "-T", "3600", "app"]);
    wait_for_seen("the load", PATIENCE, || {
        let (now, transactions) = (acknowledged(container).len(), history());
        if now > written + 20 && transactions > done + 20 {
            Ok(())
        } else {
            Err(format!("{now} numbers after {written}, {transactions} transactions after {done}"))
        }
    });
}

/// One stop under load, and the start after it.
#[track_caller]
fn stop_and_start(container: &Container, exit_code: i32) {
    put_under_load(container);
    container.stop();
    assert_eq!(container.exit_code(), exit_code);
    container.docker(&["start"]).ok();
    container.wait_state("writer", "running");
    let noted = acknowledged(container);
    let kept: BTreeSet<u64> =
        sql(container, "SELECT n FROM numbers").lines().map(|line| line.parse().unwrap()).collect();
    let lost: Vec<&u64> = noted.difference(&kept).collect();
    assert!(lost.is_empty(), "acknowledged, and not there after the restart: {lost:?}");
}

/// PostgreSQL's own account: every stop was a clean one, and no start had anything to recover.
#[track_caller]
fn assert_clean(container: &Container, stops: usize) {
    assert_eq!(container.count_log(&["LOG:", "database system is shut down"]), stops);
    assert_eq!(container.count_log(&["LOG:", "database system was shut down at"]), stops + 1);
    for bad in ["not properly shut down", "was interrupted", "redo starts", "immediate shutdown", "PANIC"] {
        assert_eq!(container.count_log(&[bad]), 0, "{bad}");
    }
}

#[test]
fn twenty_stops_under_load_are_clean_and_lose_nothing() {
    require_docker!();
    let container = builder().start();
    container.wait_healthy(FIRST_START);
    container.wait_story(&[
        &["postgres: started"],
        &["postgres: healthy"],
        &["migrate: started"],
        &["migrate", "completed"],
        &["prepare: started"],
        &["prepare", "completed"],
        &["writer: started"],
    ]);
    for _ in 0..20 {
        stop_and_start(&container, 0);
    }
    assert_clean(&container, 20);
    assert_eq!(container.count_log(&["postgres", "killed"]), 0);
}

/// The web server is killed early enough for the application and the database behind it.
#[test]
fn a_web_server_that_ignores_sigterm_does_not_harm_the_database() {
    require_docker!();
    let container = builder().added_service("deaf", DEAF).start();
    container.wait_healthy(FIRST_START);
    for _ in 0..5 {
        container.wait_state("deaf", "running");
        stop_and_start(&container, 137);
    }
    assert_clean(&container, 5);
    container.wait_story(&[
        &["deaf: stopping with SIGTERM"],
        &["deaf: still there", "killed"],
        &["app: stopping with SIGTERM"],
        &["app: stopped"],
        &["postgres: stopping with SIGINT"],
        &["postgres: stopped", "exited with code 0"],
        &["stopped in", "killed: deaf"],
    ]);
    assert_eq!(container.count_log(&["killed: deaf"]), 5);
}

/// The example as it stands: the application's word for its state, and a count that goes on after a restart.
#[test]
fn the_example_counts_visits_across_a_restart() {
    require_docker!();
    let container = ContainerBuilder::new(POSTGRES).options(&["--network=bridge"]).start();
    container.wait_health("healthy", FIRST_START);
    assert_eq!(container.service("app").says.as_deref(), Some("no visit yet"));
    assert_eq!(visit(&container), "visit 1\n");
    container.wait_service("app", "its status", |app| app.says.as_deref() == Some("served visit 1"));

    // A database that is started anew takes its application with it, and that one nobody.
    let (before, pids) = (container.services(), container.pids());
    container.exec(&["/sbin/rinit", "restart", "postgres"]).ok();
    container.wait_service("app", "a new process", |app| {
        app.state == "running" && app.pid != Some(pids["app"]) && app.restarts > before["app"].restarts
    });
    assert_eq!(container.pid_of("nginx"), pids["nginx"]);
    assert_eq!(visit(&container), "visit 2\n");

    container.docker(&["restart"]).ok();
    container.wait_health("healthy", PATIENCE);
    // Only after a clean shutdown does PostgreSQL go on with the very next number.
    assert_eq!(visit(&container), "visit 3\n");
}

/// What a visitor from outside of the container is told.
#[track_caller]
fn visit(container: &Container) -> String {
    let mut stream = TcpStream::connect_timeout(&container.address(80), PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    response.split("\r\n\r\n").nth(1).unwrap().to_owned()
}
