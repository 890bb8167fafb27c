//! A service as the TOML file that says the same, for those that directories define.

use super::Config;
use super::keys::{SERVICE, Setting};
use crate::model::Service;
use std::borrow::Cow;
use std::ffi::OsStr;
use std::time::Duration;

/// All services of a configuration as TOML files, each after a comment with the file's name. Those that are defined in
/// TOML are left out.
///
/// # Errors
/// Why one cannot be written.
pub fn files(config: &Config) -> Result<String, String> {
    let mut text = String::new();
    for service in config.services.iter().filter(|service| config.directories.contains_key(&service.name)) {
        let bundles: Vec<&str> = config
            .groups
            .iter()
            .filter(|(_, services)| services.contains(&service.name))
            .map(|(name, _)| name.as_str())
            .collect();
        let gap = if text.is_empty() { "" } else { "\n" };
        text.push_str(&format!("{gap}# {}.toml\n", service.name));
        text.push_str(&toml(service, &bundles).map_err(|key| {
            format!("{}: its {key} is not UTF-8, which no TOML file can hold", service.name)
        })?);
    }
    Ok(text)
}

/// One service: every key that is not at its default, in the order of the table of keys.
///
/// # Errors
/// The key whose value is not UTF-8.
fn toml(service: &Service, bundles: &[&str]) -> Result<String, &'static str> {
    let mut text = String::new();
    for key in SERVICE {
        let setting = match key.name {
            // Which bundles a service is in, the configuration knows.
            "bundles" if !bundles.is_empty() => Some(Setting::List(
                bundles.iter().map(|name| Setting::Word(OsStr::new(name).into())).collect(),
            )),
            _ => (key.value)(service),
        };
        match setting {
            Some(Setting::Table(entries)) if key.name == "healthcheck" => {
                text.push_str("\n[healthcheck]\n");
                for (name, setting) in &entries {
                    text.push_str(&format!("{name} = {}\n", value(setting).ok_or(key.name)?));
                }
            }
            Some(setting) => {
                text.push_str(&format!("{} = {}\n", key.name, value(&setting).ok_or(key.name)?));
            }
            None => {}
        }
    }
    Ok(text)
}

/// A value in TOML; `None`: it is not UTF-8.
fn value(setting: &Setting<'_>) -> Option<String> {
    Some(match setting {
        Setting::Flag(flag) => flag.to_string(),
        Setting::Number(number) => number.clone(),
        Setting::Time(time) => duration(*time),
        Setting::Word(word) => quoted(word.to_str()?),
        Setting::Text(text) => literal(text)?,
        Setting::Command(words) => list(words.iter().map(|word| literal(word)))?,
        Setting::List(items) => list(items.iter().map(value))?,
        Setting::Table(entries) => {
            let entry = |(name, setting): &(Cow<'_, str>, Setting<'_>)| {
                Some(format!("{} = {}", bare(name), value(setting)?))
            };
            let entries: Option<Vec<String>> = entries.iter().map(entry).collect();
            format!("{{ {} }}", entries?.join(", "))
        }
    })
}

fn list(items: impl Iterator<Item = Option<String>>) -> Option<String> {
    let items: Option<Vec<String>> = items.collect();
    Some(format!("[{}]", items?.join(", ")))
}

/// In the smallest unit that is needed.
fn duration(value: Duration) -> String {
    match value.subsec_millis() {
        0 => format!("\"{}s\"", value.as_secs()),
        _ => format!("\"{}ms\"", value.as_millis()),
    }
}

/// A key of TOML, in quotes where it needs them.
fn bare(name: &str) -> String {
    let is_bare = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if is_bare && !name.is_empty() { name.to_owned() } else { quoted(name) }
}

/// A string in which variables would be put in.
fn literal(text: &OsStr) -> Option<String> {
    Some(quoted(&text.to_str()?.replace("${", "$${")))
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
