//! The table of keys as a JSON schema (draft-07), for editors that complete and check TOML by one. It refuses nothing
//! that the reader takes; what needs more than one value, or what lies outside of the file, it does not see.

use super::keys::{self, Key};
use crate::model::Signal;
use crate::model::capability;

/// What each kind of value is: the words of the table of keys, and the inside of a schema. `@NAME` stands for another
/// line, for the keys of a table, or for names.
const KINDS: &str = r#"
ADDRESS:PORT with an IP address or localhost => "type":"string","pattern":":[0-9]+$|\\$\\{"
absolute path => "type":"string","pattern":"^(/|\\$\\{)"
always, no, on-failure, on-failure:N or unless-stopped => "anyOf":[{"enum":["always","no","on-failure","unless-stopped"]},{"type":"string","pattern":"^on-failure:0*[1-9][0-9]*$"}]
array of capabilities, or of ALL => "type":"array","items":{"anyOf":[{"enum":["ALL",@CAPABILITIES]},{"type":"string","pattern":"[a-z]|^CAP_"}]}
array of names => "type":"array","items":{"type":"string","pattern":"^[A-Za-z0-9._@-]*$"}
array of names, or table of name = condition or table => "anyOf":[{"type":"array","items":{"type":"string"},"uniqueItems":true},{"type":"object","additionalProperties":{"anyOf":[{@CONDITION},{@depends_on.NAME}]}}]
array of strings, or a string split as a shell splits it => "anyOf":[{"type":"string","pattern":"\\S"},{"type":"array","items":{"type":"string"}}]
as command => @COMMAND
COMMAND => "anyOf":[{"type":"string","pattern":"\\S"},{"type":"array","items":{"type":"string"},"minItems":1}]
CONDITION => "enum":["service_started","service_healthy","service_completed_successfully"]
boolean => "type":"boolean"
duration => "type":"string","pattern":"^\\s*([0-9][0-9\\s]*(\\.[0-9\\s]+)?(nanos|nsec|ns|usec|us|µs|millis|msec|ms|seconds|second|secs|sec|s|minutes|minute|mins|min|m|hours|hour|hrs|hr|h|days|day|d|weeks|week|wks|wk|w|months|month|M|years|year|yrs|yr|y)\\s*)+$"
http:// URL with an IP address or localhost => "type":"string","pattern":"^[Hh][Tt][Tt][Pp]://|\\$\\{"
inherit, console, json-file, file or none => "enum":["inherit","console","json-file","file","none"]
inherit, or service:NAME => "type":"string","pattern":"^(inherit|service:.+)$"
mixed, group or process => "enum":["mixed","group","process"]
name or number of a group, or array of them => "anyOf":[{"type":["string","integer"]},{"type":"array","items":{"type":["string","integer"]}}]
name or number, with or without :group => "type":"string","pattern":"^[^:]+(:[^:]+)?$|\\$\\{"
number of at least 1 => "type":"number","minimum":1
octal digits as a string, or an octal number => "anyOf":[{"type":"string","pattern":"^0?[0-7]{1,3}$"},{"type":"integer","minimum":0,"maximum":511}]
path or array of paths or tables, relative to the definition's directory => "anyOf":[{"type":"string","minLength":1},{"type":"array","items":{"anyOf":[{"type":"string","minLength":1},{@env_file,"required":["path"]}]}}]
path, relative to the definition's directory => "type":"string","minLength":1
raw => "enum":["raw"]
s6, s6:NAME or runit => "type":"string","pattern":"^(s6(:(.|\\s)+)?|runit)$"
restart, none or shutdown => "enum":["restart","none","shutdown"]
service_started, service_healthy or service_completed_successfully => @CONDITION
signal name or number, as a string => "anyOf":[{"enum":[@SIGNALS]},{"type":"string","pattern":"[a-z]|^[+]?[0-9]+$|^(SIG)?RTM(IN|AX)([+-][0-9]+)?$|^([A-RT-Z]|S[A-HJ-Z])"},{"enum":["SIGIOT","SIGCLD","SIGPOLL","SIGUNUSED"]}]
string => "type":"string","pattern":"^[^\\u0000-\\u001f\\u007f-\\u009f]*$"
string for /bin/sh -c, or array that begins with CMD, CMD-SHELL or NONE => "anyOf":[{"type":"string","pattern":"\\S"},{"type":"array","items":[{"enum":["CMD","CMD-SHELL","NONE"]}],"additionalItems":{"type":"string"},"minItems":1}]
systemd, or the number of a descriptor, 0 to 1023 => "anyOf":[{"enum":["systemd"]},{"type":"integer","minimum":0,"maximum":1023}]
table of name = value => "type":"object","additionalProperties":{"type":["string","number","boolean"]}
table of name = value or table, or array of "NAME=VALUE" => "anyOf":[{"type":"object","additionalProperties":{"anyOf":[{"type":["string","number","boolean"]},{@environment.NAME,"required":["file"]}]}},{"type":"array","items":{"type":"string","pattern":"^[^=]+="}}]
table of signal, up, down or exit = as command => "type":"object","additionalProperties":{@COMMAND}
whole number from -1000 to 1000 => "type":"integer","minimum":-1000,"maximum":1000
whole number from 0 to 4096 => "type":"integer","minimum":0,"maximum":4096
whole number from 1 to 1000 => "type":"integer","minimum":1,"maximum":1000
whole number from -20 to 19 => "type":"integer","minimum":-20,"maximum":19
whole number of at least 1 => "type":"integer","minimum":1,"maximum":4294967295
whole number, or unlimited => "anyOf":[{"type":"integer","minimum":-1},{"enum":["unlimited"]}]
whole number, unlimited, or table => "anyOf":[{"type":"integer","minimum":-1},{"enum":["unlimited"]},{@ulimits.NAME,"required":["soft","hard"]}]
"#;

/// What a table needs beside its keys.
const EXCLUSIVE: &str = r#""anyOf":[{"required":["disable"]},{"oneOf":[{"required":["test"]},{"required":["http"]},{"required":["tcp"]},{"required":["unix"]}]}]"#;

/// The schema of a service's file, as JSON text.
pub fn service() -> String {
    let mut text = String::from(
        "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\n\"title\":\"rinit service\",\n\
         \"description\":\"One service of rinit: services.d/NAME.toml\",\n",
    );
    table(&mut text, keys::SERVICE);
    text.push_str("}\n");
    text
}

/// The inside of the schema of a table with these keys.
fn table(text: &mut String, keys: &[Key]) {
    text.push_str("\"type\":\"object\",\"additionalProperties\":false,\"properties\":{");
    let mut before = "\n";
    for key in keys {
        text.extend([before, &quoted(key.name), ":{\"description\":", &description(key), ","]);
        default(text, key);
        if key.keys.is_empty() {
            kind(text, key.kind);
        } else {
            table(text, key.keys);
            if key.name == "healthcheck" {
                text.extend([",", EXCLUSIVE]);
            }
        }
        text.push('}');
        before = ",\n";
    }
    text.push('}');
}

/// The meaning, and an example to copy.
fn description(key: &Key) -> String {
    quoted(&format!("{}\n\n```toml\n{}\n```", key.meaning, key.example))
}

/// The default, where it is a value and not a sentence.
fn default(text: &mut String, key: &Key) {
    let value = key.default;
    let is_word = !value.is_empty() && !value.contains(' ');
    match key.kind {
        "boolean" | "number of at least 1" | "whole number of at least 1" | "whole number from 0 to 4096" => {
            text.extend(["\"default\":", value, ","]);
        }
        _ if is_word => text.extend(["\"default\":", &quoted(value), ","]),
        _ => {}
    }
}

/// The inside of the schema of a value.
fn kind(text: &mut String, kind: &str) {
    let known = KINDS.lines().find_map(|line| line.strip_prefix(kind)?.strip_prefix(" => "));
    let mut parts = known.unwrap_or_default().split('@');
    text.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let end = part.find([']', ',', '}']).unwrap_or(part.len());
        let (name, rest) = part.split_at_checked(end).unwrap_or((part, ""));
        let keys = keys::TABLES.iter().find(|(table, _)| *table == name);
        match (name, keys) {
            (_, Some((_, keys))) => table(text, keys),
            ("CAPABILITIES", None) => names(text, capability::NAMES.iter().map(ToString::to_string)),
            ("SIGNALS", None) => names(text, Signal::all().map(|signal| signal.to_string())),
            (name, None) => self::kind(text, name),
        }
        text.push_str(rest);
    }
}

fn names(text: &mut String, names: impl Iterator<Item = String>) {
    let mut before = "";
    for name in names {
        text.extend([before, &quoted(&name)]);
        before = ",";
    }
}

/// A string as JSON.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_is_known() {
        for keys in keys::TABLES.iter().map(|(_, keys)| *keys).chain([keys::SERVICE]) {
            for key in keys.iter().filter(|key| key.keys.is_empty()) {
                let mut schema = String::new();
                kind(&mut schema, key.kind);
                assert!(!schema.is_empty(), "{}: {}", key.name, key.kind);
            }
        }
        for (name, _) in KINDS.lines().filter_map(|line| line.split_once(" => ")) {
            let used = |keys: &[Key]| keys.iter().any(|key| key.kind == name);
            let is_part = KINDS.contains(&format!("@{name}"));
            assert!(
                is_part || used(keys::SERVICE) || keys::TABLES.iter().any(|(_, keys)| used(keys)),
                "{name}"
            );
        }
    }

    #[test]
    fn it_is_json_and_has_every_key() {
        let schema: serde_json::Value = serde_json::from_str(&service()).unwrap();
        let properties = schema["properties"].as_object().unwrap();
        let names: Vec<&str> = properties.keys().map(String::as_str).collect();
        for key in keys::SERVICE {
            assert!(names.contains(&key.name), "{}", key.name);
        }
        assert_eq!(names.len(), keys::SERVICE.len());
        // Those of the tables below stand somewhere below, with their own descriptions.
        let text = service();
        for (_, keys) in keys::TABLES {
            for key in *keys {
                let start = format!("{}:{{\"description\":{}", quoted(key.name), description(key));
                assert!(text.contains(&start), "{}", key.name);
            }
        }
    }
}
