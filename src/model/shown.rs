//! What of a service may be shown: in place of a value that `${NAME}` was put into, the text of its definition.

use super::text::escaped;
use super::{Hook, Probe, Service};
use std::cmp::Reverse;
use std::ffi::{OsStr, OsString};

/// What a probe says of an answer that is none of HTTP, before what it is.
pub const NOT_HTTP: &str = "not an HTTP answer";

/// What a probe says that has reached nobody: it names the address itself.
const NOT_CONNECTED: &str = "cannot connect to ";

/// Maximum number of characters of a URL after what a probe says.
const LONGEST_URL: usize = 100;

impl Service {
    /// What the definition says for a key, where `${NAME}` was put into its value. A value of several words is one
    /// of a command.
    pub fn source_text(&self, key: &str) -> Option<&[String]> {
        self.origin.as_ref()?.source.get(key)
    }

    /// A value as it may be shown.
    pub fn shown<'a>(&'a self, key: &str, value: &'a OsStr) -> &'a OsStr {
        self.source_text(key).and_then(<[String]>::first).map_or(value, OsStr::new)
    }

    /// The words of a command as they may be shown.
    pub fn shown_words<'a>(&'a self, key: &str, words: &'a [OsString]) -> Vec<&'a OsStr> {
        match self.source_text(key) {
            Some(text) => text.iter().map(OsStr::new).collect(),
            None => words.iter().map(OsString::as_os_str).collect(),
        }
    }

    /// What a built-in probe says, as it may be shown: where `${NAME}` was put into its address, the text of the
    /// definition stands in place of the address. A server may repeat the path in any form, so what it says is left out
    /// where the path may hold a value. A failed HTTP probe names the URL that it has asked for.
    pub fn shown_output(&self, output: Vec<u8>, has_failed: bool) -> Vec<u8> {
        let output = self.without_values(output);
        match self.healthcheck.as_deref().map(|check| &check.probe) {
            Some(Probe::Http(url)) if has_failed && !output.starts_with(NOT_CONNECTED.as_bytes()) => {
                let text = self.source_text("healthcheck").and_then(<[String]>::first);
                let end = output.iter().position(|byte| *byte == b'\n').unwrap_or(output.len());
                let (line, rest) = output.split_at_checked(end).unwrap_or((&output, &[]));
                [line, b" from ", without_query(text.unwrap_or(&url.text)).as_bytes(), rest].concat()
            }
            _ => output,
        }
    }

    fn without_values(&self, output: Vec<u8>) -> Vec<u8> {
        let text = self.source_text("healthcheck").and_then(<[String]>::first);
        let (Some(text), Some(check)) = (text, &self.healthcheck) else { return output };
        let said = String::from_utf8_lossy(&output);
        let shown = match &check.probe {
            Probe::Command(_) => return output,
            Probe::Http(url) => {
                let said = if is_path_written(text, &url.path) { said } else { without_answer(&said).into() };
                let (endpoint, host) = (url.endpoint.to_string(), authority(text));
                replaced(&said, &mut [(&url.text, text), (&url.host, host), (&endpoint, host)])
            }
            Probe::Tcp(endpoint) => replaced(&said, &mut [(&endpoint.to_string(), text)]),
            // The probe escapes it as well.
            Probe::Unix(path) => replaced(&said, &mut [(&escaped(&path.to_string_lossy()), text)]),
        };
        shown.into_bytes()
    }
}

/// A URL up to its query, which may hold a secret. A question mark of `${NAME?}` begins none.
fn without_query(url: &str) -> String {
    let mut depth = 0_usize;
    let (mut before, mut is_escaped) = ('\0', false);
    let mut shown = String::new();
    for (at, c) in url.chars().enumerate() {
        match c {
            '{' if before == '$' || depth > 0 => depth = depth.saturating_add(1),
            '}' => depth = depth.saturating_sub(1),
            // `$$` stands for a dollar sign, and begins nothing.
            '$' if before == '$' => is_escaped = true,
            '?' | '#' if depth == 0 => break,
            _ => {}
        }
        if at == LONGEST_URL {
            shown.push('…');
            break;
        }
        shown.push(c);
        before = if std::mem::take(&mut is_escaped) { '\0' } else { c };
    }
    shown
}

/// Host and port of a URL.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find(['/', '?']).and_then(|end| rest.get(..end)).unwrap_or(rest)
}

/// Whether the path of a URL is the one that its text has, with nothing put in and no query, which may hold a secret.
fn is_path_written(text: &str, path: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let written = rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or_default();
    let is_same = written == path || path.strip_prefix('/') == Some(written);
    is_same && !written.contains("${") && !written.contains('?')
}

/// What an HTTP probe says, without the words of the server.
fn without_answer(said: &str) -> String {
    let line = said.lines().next().unwrap_or_default();
    if let Some(answer) = line.strip_prefix("HTTP ") {
        let status: String = answer.chars().take_while(char::is_ascii_digit).collect();
        let more = said.lines().nth(1).map(|_| " (its text is not shown, as the URL has a query or ${...})");
        return format!("HTTP {status}{}", more.unwrap_or_default());
    }
    if line.starts_with(NOT_HTTP) { NOT_HTTP.to_owned() } else { line.to_owned() }
}

/// The text with each value replaced. Of two that begin at the same place, the longer one counts.
pub fn replaced(text: &str, values: &mut [(&str, &str)]) -> String {
    values.sort_by_key(|(value, _)| Reverse(value.len()));
    let (mut done, mut rest) = (String::new(), text);
    loop {
        let found = values.iter().filter(|(value, _)| !value.is_empty());
        let found = found.filter_map(|(value, shown)| Some((rest.split_once(value)?, *shown)));
        let Some(((before, after), shown)) = found.min_by_key(|((before, _), _)| before.len()) else {
            done.push_str(rest);
            return done;
        };
        done.push_str(before);
        done.push_str(shown);
        rest = after;
    }
}

impl Hook {
    /// The key of its command, also in a table: `control.SIGHUP`.
    pub fn full_key(self) -> String {
        match self {
            Hook::Control(control) => format!("control.{}", control.name()),
            _ => self.as_str().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{HealthCheck, HttpUrl, Origin, SourceText, url};
    use std::path::Path;

    /// A service whose probe was written as `text`.
    fn service(text: &str, probe: Probe) -> Service {
        let source = SourceText { values: vec![("healthcheck".into(), vec![text.into()])] };
        Service {
            name: "web".into(),
            description: None,
            exec: Default::default(),
            policy: Default::default(),
            hooks: Default::default(),
            healthcheck: Some(Box::new(HealthCheck { probe, timing: Default::default() })),
            logging: None,
            origin: Some(Origin {
                file: "web.toml".into(),
                lines: Default::default(),
                source: source.into(),
            }),
        }
    }

    fn shown(text: &str, probe: Probe, said: &str) -> String {
        told(text, probe, said, false)
    }

    fn told(text: &str, probe: Probe, said: &str, has_failed: bool) -> String {
        String::from_utf8(service(text, probe).shown_output(said.into(), has_failed)).unwrap()
    }

    fn http(text: &str, url: &str, said: &str) -> String {
        shown(text, Probe::Http(HttpUrl::parse(url).unwrap()), said)
    }

    #[test]
    fn what_a_server_says_is_shown_only_where_the_path_holds_no_value() {
        let url = "http://127.0.0.1:80/health/hunter2";
        for text in [
            "http://127.0.0.1:80/health/${TOKEN}",
            "http://${HOST}:80/health/${TOKEN:-none}",
            "http://127.0.0.1${PATH}",
            "http://${ALL}",
            "${URL}",
            "http://${START}/hunter2",
        ] {
            let said = "HTTP 404 No /health/hunter2\nCannot GET /health/hun&#116;er2\nhealth%2Fhunter2\n";
            let expected = "HTTP 404 (its text is not shown, as the URL has a query or ${...})";
            assert_eq!(http(text, url, said), expected, "{text}");
            assert_eq!(http(text, url, "HTTP 200 hunter2\n"), "HTTP 200");
            assert_eq!(http(text, url, "not an HTTP answer: hunter2\n"), NOT_HTTP);
            assert_eq!(http(text, url, "no answer within 5s\n"), "no answer within 5s");
        }
        let query = http("http://[::1]?t=${T}", "http://[::1]?t=hunter2", "HTTP 500 x\nhunter2\n");
        assert!(!query.contains("hunter2"), "{query}");
    }

    #[test]
    fn a_failed_probe_names_what_it_asked_for() {
        let long = format!("http://[::1]/{}", "a".repeat(200));
        for (text, url, said, expected) in [
            (
                "http://[::1]:80/a?key=x",
                None,
                "HTTP 503 Off\nbusy\n",
                "HTTP 503 (its text is not shown, as the URL has a query or ${...}) from http://[::1]:80/a",
            ),
            (
                "http://[::1]/$${x?key=y",
                Some("http://[::1]/${x?key=y"),
                "HTTP 404",
                "HTTP 404 from http://[::1]/$${x",
            ),
            ("http://[::1]", None, "no answer within 5s", "no answer within 5s from http://[::1]"),
            ("http://[::1]:80/a#b", None, "cannot connect to [::1]:80: no", "cannot connect to [::1]:80: no"),
            (
                "http://[::1]/${A?}/b?c",
                Some("http://[::1]/x/b?c"),
                "HTTP 500 x",
                "HTTP 500 from http://[::1]/${A?}/b",
            ),
            (
                "${URL:-http://[::1]?a}",
                Some("http://[::1]/x"),
                "HTTP 500 x",
                "HTTP 500 from ${URL:-http://[::1]?a}",
            ),
            (&long, None, "HTTP 500", &format!("HTTP 500 from http://[::1]/{}…", "a".repeat(87))),
        ] {
            let probe = Probe::Http(HttpUrl::parse(url.unwrap_or(text)).unwrap());
            assert_eq!(told(text, probe.clone(), said, true), expected);
            assert!(!told(text, probe, said, false).contains(" from "));
        }
    }

    #[test]
    fn an_address_that_was_put_in_is_replaced() {
        let said = "HTTP 503 Off\nhttp://127.0.0.1:47113/a/b and 127.0.0.1:47113 are off\n";
        let text = "http://127.0.0.1:${PORT}/a/b";
        let expected = "HTTP 503 Off\nhttp://127.0.0.1:${PORT}/a/b and 127.0.0.1:${PORT} are off\n";
        assert_eq!(http(text, "http://127.0.0.1:47113/a/b", said), expected);
        let refused = http("${URL}", "http://localhost:47113/x", "cannot connect to localhost:47113: no\n");
        assert_eq!(refused, "cannot connect to ${URL}: no");
        let tcp = Probe::Tcp(url::parse_tcp("127.0.0.1:47113").unwrap());
        assert_eq!(
            shown("127.0.0.1:${PORT}", tcp, "connected to 127.0.0.1:47113"),
            "connected to 127.0.0.1:${PORT}"
        );
    }

    /// The probe shows it escaped.
    #[test]
    fn a_path_with_control_characters_is_replaced() {
        let path = Path::new("/run/\u{202e}\u{7}/hunter2");
        let said = "cannot connect to /run/\\u{202e}\\u{7}/hunter2: no";
        let shown = shown("/run/${NAME}", Probe::Unix(path.into()), said);
        assert_eq!(shown, "cannot connect to /run/${NAME}: no");
    }

    #[test]
    fn the_longest_value_is_replaced_and_nothing_that_was_put_in() {
        assert_eq!(replaced("a/b a", &mut [("a", "x"), ("a/b", "a ${y}"), ("", "z")]), "a ${y} x");
    }
}
