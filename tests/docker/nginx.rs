//! A stop in the middle of a slow download: nginx finishes it, if the stop signal comes to those that must know.

use crate::require_docker;
use crate::support::docker::{Container, ContainerBuilder, POSTGRES};
use crate::support::{PATIENCE, wait_for};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Four seconds at this rate, of which nginx sends the first at once.
const SIZE: usize = 512 * 1024;
const CONF: &str = r"
worker_processes 2;
error_log stderr notice;
pid /run/nginx.pid;
events { worker_connections 100; }
http {
    access_log off;
    server {
        listen 80;
        root /shared;
        limit_rate 128k;
    }
}
";

/// nginx itself, and nginx under a script that lets it finish.
const ITSELF: &str = r#"["nginx", "-c", "/shared/nginx.conf", "-g", "daemon off;"]"#;
const UNDER_A_SCRIPT: &str =
    r#"["sh", "-c", "trap : QUIT; nginx -c /shared/nginx.conf -g 'daemon off;'; exit 0"]"#;

fn start(command: &str, policy: &str) -> Container {
    let toml = format!("command = {command}\nstop_signal = \"SIGQUIT\"\n{policy}");
    let builder = ContainerBuilder::new(POSTGRES)
        .options(&["--network=bridge"])
        .shared("/shared")
        .service("nginx", &toml);
    std::fs::write(builder.shared_dir().join("nginx.conf"), CONF).unwrap();
    std::fs::write(builder.shared_dir().join("file"), vec![b'#'; SIZE]).unwrap();
    builder.start()
}

/// A download that has begun. Gives how many bytes have come in the end.
fn download(container: &Container) -> JoinHandle<usize> {
    let address = container.address(80);
    let mut stream =
        wait_for("nginx", PATIENCE, || TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok());
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /file HTTP/1.0\r\n\r\n").unwrap();
    let (begun, begin) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let (mut buffer, mut count) = ([0; 8192], 0);
        while let Ok(more @ 1..) = stream.read(&mut buffer) {
            count += buffer[..more].iter().filter(|byte| **byte == b'#').count();
            let _ = begun.send(());
        }
        count
    });
    begin.recv_timeout(PATIENCE).expect("the download has not begun");
    reader
}

/// `docker stop` during a download; how many bytes have come, and what the container's exit code is.
fn stop_during_a_download(container: &Container) -> (usize, i32) {
    let download = download(container);
    let took = container.stop();
    let count = download.join().unwrap();
    assert!(took > Duration::from_millis(500), "there was nothing left to wait for: {took:?}");
    (count, container.exit_code())
}

/// By default the master process alone gets SIGQUIT, and tells its workers.
#[test]
fn sigquit_lets_a_slow_download_finish() {
    require_docker!();
    let container = start(ITSELF, "stop_grace_period = \"8s\"\n");
    assert_eq!(stop_during_a_download(&container), (SIZE, 0));
    container.wait_story(&[&["nginx: stopping with SIGQUIT"], &["nginx: stopped", "exited with code 0"]]);
}

/// The workers know SIGQUIT too.
#[test]
fn sigquit_to_the_whole_group_lets_it_finish_as_well() {
    require_docker!();
    let container = start(ITSELF, "stop_grace_period = \"8s\"\nkill_mode = \"group\"\n");
    assert_eq!(stop_during_a_download(&container), (SIZE, 0));
}

/// The script alone is told, and nginx never hears of it.
#[test]
fn under_a_script_the_default_cuts_the_download_off_at_the_end_of_the_grace() {
    require_docker!();
    let container = start(UNDER_A_SCRIPT, "stop_grace_period = \"1s\"\n");
    let (count, code) = stop_during_a_download(&container);
    assert!(count < SIZE, "{count}");
    assert_eq!(code, 137);
    container.wait_story(&[&["nginx: stopping with SIGQUIT"], &["nginx: still there", "killed"]]);
}

#[test]
fn under_a_script_the_group_must_be_told() {
    require_docker!();
    let container = start(UNDER_A_SCRIPT, "stop_grace_period = \"8s\"\nkill_mode = \"group\"\n");
    assert_eq!(stop_during_a_download(&container), (SIZE, 0));
}
