//! Secrets that stand in a definition, which ends in an image or a repository.

use super::shell::lists;
use super::subject::{Subject, find};
use crate::config::text::excerpt::quote;
use std::ops::Range;
use toml::de::DeValue;

/// What the names of secrets end with.
const ENDINGS: &str = "PASSWORD PASSWD PASSPHRASE SECRET SECRET_KEY TOKEN API_KEY PRIVATE_KEY ACCESS_KEY";

/// Values that switch something on or off.
const SWITCHES: &str = "true false yes no on off none null";

pub(super) fn look(subject: &mut Subject<'_>) {
    let Some((_, value)) = subject.table.as_ref().and_then(|table| find(table, &["environment"])) else {
        return;
    };
    let mut found: Vec<(String, Range<usize>)> = Vec::new();
    match value.get_ref() {
        DeValue::Table(table) => {
            let text = |value: &DeValue<'_>| value.as_str().is_some_and(is_literal);
            let secrets =
                table.iter().filter(|(key, value)| is_secret(key.get_ref()) && text(value.get_ref()));
            found.extend(secrets.map(|(key, _)| (key.get_ref().to_string(), key.span())));
        }
        DeValue::Array(array) => {
            for item in array.iter() {
                let pair = item.get_ref().as_str().and_then(|text| text.split_once('='));
                if let Some((name, _)) = pair.filter(|(name, text)| is_secret(name) && is_literal(text)) {
                    found.push((name.to_owned(), item.span()));
                }
            }
        }
        _ => {}
    }
    for (name, span) in found {
        let message = format!("the value of {} can be read by whoever has this file", quote(&name));
        let help =
            "write { file = \"/run/secrets/...\" }, or ${NAME} for a variable of rinit's own environment";
        subject.warn_at("plain-secret", Some(span), &message, help);
    }
}

fn is_secret(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    ENDINGS.split(' ').any(|ending| {
        // A word of its own: not the TOKEN of a name such as NUMTOKEN.
        upper.strip_suffix(ending).is_some_and(|before| before.is_empty() || before.ends_with(['_', '-']))
    }) || upper.ends_with("PASSWORD")
}

/// Whether a value is the secret itself: not a switch, a path, or what is put in from elsewhere.
fn is_literal(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    !(text.is_empty() || text.starts_with('/') || text.contains("${") || lists(SWITCHES, &lower))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_by_their_names() {
        for name in
            ["DB_PASSWORD", "PGPASSWORD", "token", "AWS_SECRET_ACCESS_KEY", "STRIPE_API_KEY", "SECRET"]
        {
            assert!(is_secret(name), "{name}");
        }
        for name in ["PASSWORD_FILE", "AWS_ACCESS_KEY_ID", "TOKEN_TTL", "MAXTOKEN", "KEY", "USER", "MONKEY"] {
            assert!(!is_secret(name), "{name}");
        }
        for text in ["", "yes", "False", "/run/x", "${DB_PASSWORD}"] {
            assert!(!is_literal(text), "{text}");
        }
        assert!(is_literal("hunter2"));
    }
}
