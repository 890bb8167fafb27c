//! A service in Python that speaks systemd's protocol with the `sdnotify` package.

use crate::require_docker;
use crate::support::PATIENCE;
use crate::support::docker::{Container, ContainerBuilder, POSTGRES};
use crate::support::services::Status;
use std::os::unix::fs::PermissionsExt;

const SHOP: &str = r#"
command = ["python3", "/shared/shop.py"]
user = "app"
notify = "systemd"
watchdog = "5s"
backoff = { initial = "50ms", factor = 1, max = "50ms" }
"#;

const CUSTOMER: &str = r#"
command = ["sleep", "100000"]
depends_on = ["shop"]
"#;

/// Goes on when a file of that name is there, which it removes.
const SHOP_PY: &str = r#"
import os, time, sdnotify

def told(what):
    try:
        os.unlink("/shared/" + what)
        return True
    except FileNotFoundError:
        return False

def wait(what):
    while not told(what):
        time.sleep(0.02)

print("watched every", os.environ["WATCHDOG_USEC"], "microseconds")
systemd = sdnotify.SystemdNotifier(debug=True)
systemd.notify("STATUS=closed")
wait("speak")
systemd.notify("STATUS=opening")
wait("open")
systemd.notify("READY=1")
fed = 0
while not told("hang"):
    systemd.notify("WATCHDOG=1")
    fed += 1
    systemd.notify(f"STATUS=fed {fed} times")
    time.sleep(0.2)
systemd.notify("STATUS=hanging")
time.sleep(100000)
"#;

fn start() -> Container {
    let builder =
        ContainerBuilder::new(POSTGRES).shared("/shared").service("shop", SHOP).service("customer", CUSTOMER);
    std::fs::write(builder.shared_dir().join("shop.py"), SHOP_PY).unwrap();
    // The service, another user, removes what it is told.
    std::fs::set_permissions(builder.shared_dir(), std::fs::Permissions::from_mode(0o777)).unwrap();
    builder.start()
}

fn tell(container: &Container, what: &str) {
    std::fs::write(container.dir().join("shared").join(what), "").unwrap();
}

#[track_caller]
fn wait_said(container: &Container, said: &str) {
    container.wait_service("shop", said, |shop| shop.says.as_deref() == Some(said));
}

/// Opens the shop; its process id.
#[track_caller]
fn open(container: &Container) -> i32 {
    tell(container, "speak");
    wait_said(container, "opening");
    tell(container, "open");
    container.wait_state("shop", "running");
    container.pid_of("shop")
}

#[test]
fn a_service_is_ready_when_it_says_so() {
    require_docker!();
    let container = start();
    wait_said(&container, "closed");
    assert_eq!(container.service("shop").state, "starting");
    assert_eq!(container.service("customer").state, "waiting");
    assert_ne!(container.exec(&["/sbin/rinit", "health"]).status, 0);

    open(&container);
    container.wait_state("customer", "running");
    container.wait_service("shop", "more food than five seconds need", |shop| {
        let fed = shop.says.as_deref().and_then(|says| says.split(' ').nth(1)?.parse().ok());
        fed.is_some_and(|fed: u32| fed > 30)
    });
    let status = container.exec(&["/sbin/rinit", "status", "shop"]).ok();
    assert!(status.contains("fed ") && status.contains(" times"), "{status}");
    container.wait_log(&["watched every 5000000 microseconds"], PATIENCE);
    assert_eq!(container.exec(&["/sbin/rinit", "health"]).status, 0);
    assert_eq!(container.service("shop").restarts, 0);

    container.stop();
    assert_eq!(container.exit_code(), 0);
    container.wait_story(&[&["shop: started"], &["shop: ready"], &["customer: started"]]);
}

#[test]
fn a_service_that_stops_feeding_the_watchdog_is_killed_and_restarted() {
    require_docker!();
    let container = start();
    let hanging = open(&container);
    let customer = container.wait_state("customer", "running").pid;
    tell(&container, "hang");
    container.wait_service("shop", "a new process", |shop| shop.pid.is_some_and(|pid| pid != hanging));
    container.wait_story(&[&["shop: ready"], &["shop: no WATCHDOG=1 for 5s"], &["shop: started"]]);
    assert_ne!(open(&container), hanging);
    assert_eq!(container.service("shop").restarts, 1);
    assert_eq!(container.service("customer").pid, customer, "it has no part in that");
}

/// The socket's name is no secret; who says something is what counts.
#[test]
fn nobody_else_speaks_for_a_service() {
    require_docker!();
    let container = start();
    wait_said(&container, "closed");
    let environ = format!("/proc/{}/environ", container.pid_of("shop"));
    let environ = container.exec_as("app", &["cat", &environ]).ok();
    let socket = environ.split('\0').find(|word| word.starts_with("NOTIFY_SOCKET=")).unwrap();
    let forged = "import sdnotify; sdnotify.SystemdNotifier(debug=True).notify('READY=1\\nSTATUS=forged')";
    for user in ["root", "app"] {
        container.exec_as(user, &["env", socket, "python3", "-c", forged]).ok();
    }
    // What it says now was sent later than the other words, and so is read later.
    tell(&container, "speak");
    wait_said(&container, "opening");
    assert_eq!(container.service("shop").state, "starting");
    assert_eq!(container.count_log(&["shop: ready"]), 0);
}
