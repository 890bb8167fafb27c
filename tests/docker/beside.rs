//! A typing mistake in `docker exec`: nothing is started a second time.

use crate::require_docker;
use crate::support::PATIENCE;
use crate::support::docker::{Container, ContainerBuilder, SCRATCH, docker};
use crate::support::services::Status;

/// A migration that counts how often it ran, and a worker that needs it.
fn container(options: &[&str]) -> Container {
    let container = ContainerBuilder::new(SCRATCH)
        .options(options)
        .shared("/count")
        .service("migrate", "command = ['sh', '-c', 'echo once >> /count/migrations']\nrestart = 'no'")
        .service(
            "worker",
            "command = ['sleep', '1000']\ndepends_on = { migrate = 'service_completed_successfully' }",
        )
        .start();
    container.wait_state("worker", "running");
    container
}

#[track_caller]
fn starts_nothing(container: &Container, user: &str) {
    for (words, said) in [
        (
            &["staus"][..],
            "\"staus\" is no verb; did you mean \"status\"? rinit runs here already, as process ",
        ),
        (&[], "rinit runs here already, as process "),
        (&["lgos"], "\"lgos\" is no verb; did you mean \"logs\"?"),
        (&["version"], "did you mean \"--version\"?"),
        (&["id"], "to run it as a command: rinit -- id."),
    ] {
        let told = container.exec_as(user, &[&["/sbin/rinit"], words].concat());
        assert_eq!(told.status, 2, "{words:?}: {told:?}");
        assert!(told.stderr.contains(said), "{words:?}: {told:?}");
    }
    let told = container.exec_as(user, &["/sbin/rinit", "--", "id", "-u"]);
    assert_eq!((told.status, told.stdout.trim(), told.stderr.as_str()), (0, user, ""), "{told:?}");
    let migrations = container.exec(&["cat", "/count/migrations"]).ok();
    assert_eq!(migrations, "once", "the migration ran again");
    let processes = container.exec(&["ps", "-o", "args"]).ok();
    assert_eq!(processes.matches("sleep 1000").count(), 1, "a second worker: {processes}");
    let inits =
        processes.lines().filter(|line| line.contains("/sbin/rinit") && !line.contains("docker-init"));
    assert_eq!(inits.count(), 1, "an init was left behind: {processes}");
}

#[test]
fn a_typing_mistake_in_exec_starts_nothing() {
    require_docker!();
    let container = container(&["--env=RINIT_SERVICES=/etc/services.d"]);
    starts_nothing(&container, "0");
    starts_nothing(&container, "1000");
    assert_eq!(container.exec(&["/sbin/rinit", "health"]).status, 0);
}

#[test]
fn with_the_engines_init_rinit_is_the_init_and_the_only_one() {
    require_docker!();
    let container = container(&["--init"]);
    starts_nothing(&container, "0");
    starts_nothing(&container, "1000");
}

/// The abstract names of their sockets are in one network namespace.
#[test]
fn containers_that_share_the_network_do_not_take_each_other_for_their_init() {
    require_docker!();
    let first = container(&["--network=host"]);
    let second = container(&["--network=host"]);
    starts_nothing(&first, "0");
    starts_nothing(&second, "0");
    // Here rinit is no init, and none runs: it runs the command, in place of asking a neighbour.
    let shell = ["run", "--rm", "--network=host", "--entrypoint=/bin/sh", SCRATCH, "-c"];
    let told = docker(&[&shell[..], &["/sbin/rinit echo mine; true"]].concat());
    assert_eq!((told.status, told.stdout.as_str()), (0, "mine\n"), "{told:?}");
}

#[test]
fn a_mistyped_verb_of_docker_run_starts_no_service() {
    require_docker!();
    let container = ContainerBuilder::new(SCRATCH)
        .shared("/count")
        .service("migrate", "command = ['touch', '/count/ran']\nrestart = 'no'")
        .command(&["staus"])
        .start();
    assert_eq!(container.wait_exit(PATIENCE), 127);
    assert!(!container.dir().join("shared/ran").exists());
    container.wait_log(&["nothing was started"], PATIENCE);
    container.wait_log(&["did you mean \"status\"?"], PATIENCE);
}

#[test]
fn a_verb_of_docker_run_is_told_where_it_is_one() {
    require_docker!();
    let container = ContainerBuilder::new(SCRATCH).command(&["status"]).start();
    assert_eq!(container.wait_exit(PATIENCE), 127);
    container.wait_log(&["docker exec CONTAINER rinit status"], PATIENCE);
}

#[test]
fn services_are_not_given_to_a_second_init_without_a_socket_of_its_own() {
    require_docker!();
    let container = container(&[]);
    let told = container.exec(&["/sbin/rinit", "--services", "/etc/services.d"]);
    assert_eq!(told.status, 125, "{told:?}");
    let said = "rinit runs here already, as process 1, so nothing was started; a second one";
    assert!(told.stderr.contains(said), "{told:?}");
    assert_eq!(container.exec(&["cat", "/count/migrations"]).ok(), "once");
}

/// A second init is no client: it stops its own services at the stop of the container, and is waited for.
#[test]
fn a_second_init_stops_its_services_with_the_container() {
    require_docker!();
    let container = container(&[]);
    let script = "mkdir /tmp/two; cat > /tmp/two/second.toml; exec /sbin/rinit --services /tmp/two --socket /tmp/two.sock";
    let drains = "trap 'echo drained > /count/second; exit' TERM; sleep 1001 & wait";
    let definition = format!("command = [\"sh\", \"-c\", \"{drains}\"]");
    let script = script.replace("cat >", &format!("echo '{}' >", definition.replace('\'', "'\\''")));
    container.exec_detached("0", &["sh", "-c", &script]);
    // The shell, and what it runs.
    container.wait_processes("sleep 1001", 2);
    container.stop();
    assert_eq!(container.exit_code(), 0);
    let second = container.dir().join("shared/second");
    assert_eq!(std::fs::read_to_string(second).unwrap().trim(), "drained");
    assert_eq!(container.count_log(&["were left: killed"]), 0);
    assert_eq!(container.count_log(&["restarting"]), 0);
}
