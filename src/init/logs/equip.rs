//! Adds the logger to the services, where one of them needs it.

use crate::model::log_files;
use crate::model::{
    Backoff, Capabilities, Condition, Context, Dependency, Driver, Exec, LOGGER, LOGGER_NAME, Logging,
    Policy, Service, Shared, Signal, Streams,
};
use std::time::Duration;

/// Its part of the stop timeout: what services have written last is delivered within this time.
const GRACE: Duration = Duration::from_secs(1);

/// It is started again so soon, as others wait for it.
const FIRST_WAIT: Duration = Duration::from_millis(10);
const LAST_WAIT: Duration = Duration::from_secs(1);

/// Its files have the modes that docs/logs.md names, whatever the mask of rinit is.
const UMASK: u32 = 0o022;

/// Says of each service how it logs, by its own definition or by default, and adds the logger for those that do so by
/// it. `logging` is left only with these.
///
/// # Errors
/// Two of them have the same file, or options do not go together: what is wrong.
pub fn equip(services: &mut Vec<Service>, default: Option<&Logging>) -> Result<(), String> {
    let mut before: Vec<Shared<Policy>> = Vec::new();
    for service in services.iter_mut() {
        let logging = service.logging_with(default).map(Box::new);
        service.logging = logging.filter(|it| it.driver != Driver::Inherit && writes(service));
        if service.logging.is_none() {
            continue;
        }
        let condition = Condition::Started;
        let needs = Dependency { name: LOGGER.to_owned(), condition, required: true, restart: false };
        service.policy.depends_on.push(needs);
        // What many have in common stays one.
        service.policy.share(before.iter());
        before.push(service.policy.clone());
    }
    log_files::check(services, None)?;
    if !before.is_empty() {
        services.push(logger());
    }
    Ok(())
}

/// Whether one of its outputs goes to no other service.
fn writes(service: &Service) -> bool {
    outputs(service) > 0
}

/// How many of its outputs go to no other service.
fn outputs(service: &Service) -> usize {
    match service.exec.streams.as_deref() {
        None => 2,
        Some(Streams { stdout, stderr, .. }) => {
            [stdout, stderr].into_iter().filter(|reader| reader.is_none()).count()
        }
    }
}

/// How many descriptors PID 1 has for what services write, once all of them run: both ends of a pipe for each output that
/// goes to the logger, the socket to the logger, and its program.
pub fn descriptors(services: &[Service]) -> usize {
    let outputs: usize = services.iter().filter(|service| service.logging.is_some()).map(outputs).sum();
    if outputs == 0 { 0 } else { outputs.saturating_mul(2).saturating_add(2) }
}

fn logger() -> Service {
    let exec = Exec {
        command: vec![LOGGER_NAME.into()],
        streams: Some(Box::new(Streams { reads: true, ..Streams::default() })),
        // A directory that it stays in could not be unmounted.
        working_dir: Some("/".into()),
        context: Context {
            cap_drop: Capabilities::ALL,
            no_new_privileges: true,
            umask: Some(UMASK),
            ..Context::default()
        }
        .into(),
        ..Exec::default()
    };
    let policy = Policy {
        // It is started with the first service that needs it.
        autostart: false,
        backoff: Backoff { initial: FIRST_WAIT, max: LAST_WAIT, ..Backoff::default() },
        stop_grace_period: GRACE,
        // Everything gets SIGTERM that is left when the services have ended: it has to read what that writes.
        stop_signal: Some(Signal::INT),
        refuse_manual_stop: true,
        ..Policy::default()
    };
    Service {
        name: LOGGER.to_owned(),
        description: Some("delivers what services write".to_owned()),
        exec,
        policy: policy.into(),
        hooks: Shared::default(),
        healthcheck: None,
        logging: None,
        origin: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    fn services(files: &[(&str, &str)]) -> Vec<Service> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(dir.path().join(format!("{name}.toml")), format!("command = \"x\"\n{text}"))
                .unwrap();
        }
        let dirs = vec![dir.path().to_owned()];
        let sources =
            Sources { dirs, command: Vec::new(), environment: Vec::new(), style: None, root: "/".into() };
        load(&sources).unwrap().services
    }

    fn console() -> Logging {
        Logging { driver: Driver::Console, options: vec![("format".into(), "json".into())] }
    }

    #[test]
    fn nobody_has_a_logger_who_needs_none() {
        for default in [None, Some(Logging { driver: Driver::Inherit, options: Vec::new() })] {
            let mut all = services(&[("a", ""), ("b", "logging = { driver = \"inherit\" }")]);
            let before: Vec<Service> = all.iter().map(|it| Service { logging: None, ..it.clone() }).collect();
            equip(&mut all, default.as_ref()).unwrap();
            assert_eq!(all, before);
            assert_eq!(descriptors(&all), 0);
        }
    }

    #[test]
    fn who_logs_depends_on_the_logger() {
        let mut all = services(&[
            ("a", ""),
            ("b", "logging = { driver = \"inherit\" }"),
            ("c", "logging = { driver = \"console\", options = { timestamps = true } }"),
            ("d", "stdout = \"service:b\"\nstderr = \"service:b\""),
            ("e", "stdout = \"service:b\""),
        ]);
        equip(&mut all, Some(&console())).unwrap();
        let needs = |name: &str| {
            let service = all.iter().find(|service| service.name == name).unwrap();
            service.policy.depends_on.iter().any(|it| it.name == LOGGER && it.required && !it.restart)
        };
        assert_eq!(["a", "b", "c", "d", "e"].map(needs), [true, false, true, false, true]);
        assert_eq!(descriptors(&all), 2 * (2 + 2 + 1) + 2, "of a, of c, and of the standard error of e");
        let c = all[2].logging.as_ref().unwrap();
        assert_eq!((c.option("format"), c.is_on("timestamps")), (Some("json"), true));
        let logger = all.last().unwrap();
        assert!(logger.name == LOGGER && logger.exec.reads_others() && !logger.policy.autostart);
        // Equipped again, as after a reload, it is the same.
        let mut again = services(&[("a", "")]);
        equip(&mut again, Some(&console())).unwrap();
        assert_eq!(again.last(), all.last());
    }

    #[test]
    fn each_service_has_its_own_file() {
        let file = |options: &[(&str, &str)]| {
            let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            Logging { driver: Driver::File, options: options.collect() }
        };
        let mut all = services(&[("a", ""), ("b", "")]);
        let error = equip(&mut all, Some(&file(&[("path", "/logs/x")]))).unwrap_err();
        assert_eq!(
            error,
            "a and b log to the same file, /logs/x: give each its own, as in path = \"/logs/{{.Name}}.log\""
        );
        let mut all = services(&[("a", ""), ("b", "")]);
        equip(&mut all, Some(&file(&[("path", "/logs/{{.Name}}")]))).unwrap();
        // What one service takes over and what it sets have to go together.
        let own = "logging = { driver = \"file\", options = { max-file = 1 } }";
        let mut all = services(&[("a", ""), ("b", own)]);
        let default = file(&[("max-size", "1m"), ("max-file", "3"), ("compress", "true")]);
        let error = equip(&mut all, Some(&default)).unwrap_err();
        let expected = "b: compress cannot be true when max-file is less than 2 or max-size is not set";
        assert_eq!(error, expected);
    }
}
