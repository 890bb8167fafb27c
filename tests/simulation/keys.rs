//! Which keys the scenarios vary: whoever adds a key decides whether the supervisor has to be seen with it.

use super::simulator::generate;
use super::simulator::scenario::Request;
use rinit::config::keys::{SERVICE, Setting, TABLES};
use rinit::model::Service;
use std::collections::{BTreeMap, BTreeSet};

/// Keys that are the same in every scenario, each with the reason.
const NOT_VARIED: [(&str, &str); 29] = [
    ("command", "the fake kernel runs no program, and knows each process by its service"),
    ("arg0", "as command"),
    ("description", "only told"),
    ("bundles", "names for services; requests come with the services themselves"),
    (
        "user",
        "what a process may do is the kernel's, and the children that send signals are played without it",
    ),
    ("group_add", "as user"),
    ("working_dir", "where a process runs is nothing to the supervisor"),
    ("environment", "as working_dir"),
    ("env_file", "as working_dir"),
    ("stderr", "as stdout, which is varied"),
    ("logging", "the init makes a reader of it, and dependencies on that one, and these are varied"),
    ("logging.driver", "as logging"),
    ("logging.options", "as logging"),
    ("refuse_manual_stop", "the init refuses such a request before the supervisor gets it"),
    ("max_death_tally", "the init writes the tally"),
    ("ulimits", "the kernel keeps them"),
    ("oom_score_adj", "as ulimits"),
    ("nice", "as ulimits"),
    ("cap_drop", "as ulimits"),
    ("cap_add", "as ulimits"),
    ("no_new_privileges", "as ulimits"),
    ("healthcheck.http", "a probe is a process with an exit status, whatever it does"),
    ("healthcheck.tcp", "as healthcheck.http"),
    ("healthcheck.unix", "as healthcheck.http"),
    ("healthcheck.disable", "there is no healthcheck then"),
    ("environment.NAME.file", "as environment"),
    ("env_file.path", "as env_file"),
    ("env_file.required", "as env_file"),
    ("env_file.format", "as env_file"),
];

/// The values of each key that were seen.
#[derive(Default)]
struct Seen(BTreeMap<String, BTreeSet<String>>);

impl Seen {
    fn add(&mut self, key: String, value: Option<&Setting<'_>>) {
        self.0.entry(key).or_default().insert(format!("{value:?}"));
    }

    fn service(&mut self, service: &Service) {
        for key in SERVICE {
            let value = (key.value)(service);
            self.add(key.name.to_owned(), value.as_ref());
            for part in key.keys {
                self.add(format!("{}.{}", key.name, part.name), (part.value)(service).as_ref());
            }
            if let ("depends_on", Some(Setting::Table(entries))) = (key.name, &value) {
                entries.iter().for_each(|(_, entry)| self.dependency(entry));
            }
        }
    }

    fn dependency(&mut self, entry: &Setting<'_>) {
        let Setting::Table(keys) = entry else {
            return self.add("depends_on.NAME.condition".to_owned(), Some(entry));
        };
        for (name, value) in keys {
            self.add(format!("depends_on.NAME.{name}"), Some(value));
        }
    }

    fn is_varied(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|values| values.len() > 1)
    }
}

#[test]
fn every_key_is_varied_or_has_a_reason() {
    let mut seen = Seen::default();
    for seed in 0..500 {
        let scenario = generate::scenario(seed);
        scenario.services.iter().for_each(|service| seen.service(service));
        for (_, request) in &scenario.requests {
            if let Request::Reload(services) = request {
                services.iter().for_each(|service| seen.service(service));
            }
        }
    }
    let tables = TABLES.iter().flat_map(|(table, keys)| {
        keys.iter().map(move |key| (format!("{table}.{}", key.name), table.split('.').next()))
    });
    let services = SERVICE.iter().map(|key| (key.name.to_owned(), None));
    for (key, table) in services.chain(tables) {
        let has_reason = |key: &str| NOT_VARIED.iter().any(|(known, _)| *known == key);
        let of_table = table == Some("ulimits");
        assert_eq!(seen.is_varied(&key), !has_reason(&key) && !of_table, "{key}");
    }
}
