//! Addresses that a probe connects to: `http://` URLs and `ADDRESS:PORT`. Hosts are IP addresses or `localhost`,
//! for rinit resolves no names: a health check must not hang on a name server, and the resolver costs 180 KB.

use super::{Endpoint, HttpUrl};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const HTTP_PORT: u16 = 80;

impl HttpUrl {
    /// Reads `http://ADDRESS[:PORT][/PATH][?QUERY]`.
    ///
    /// # Errors
    /// The URL has another scheme, a user name, no valid address or port, or a character that must be percent-encoded. The
    /// message says what would be right.
    pub fn parse(text: &str) -> Result<HttpUrl, String> {
        let rest = without_scheme(text)?;
        if let Some(odd) = rest.chars().find(|c| !c.is_ascii_graphic()) {
            return Err(format!("the URL contains {odd:?}, which must be written percent-encoded"));
        }
        // The fragment is for browsers and never sent.
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, target) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let path = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        if host.contains('@') {
            return Err("a user name or password in the URL is not supported".to_owned());
        }
        let (address, port) = split_port(host)?;
        let endpoint = endpoint(address, || Ok(port.unwrap_or(HTTP_PORT)))?;
        Ok(HttpUrl { text: text.to_owned(), endpoint, host: host.to_owned(), path })
    }
}

/// Reads `ADDRESS:PORT`, as in `127.0.0.1:6379`, `[::1]:6379` or `localhost:6379`.
///
/// # Errors
/// The address is not valid, or the port is missing or not between 1 and 65535.
pub fn parse_tcp(text: &str) -> Result<Endpoint, String> {
    let (host, port) = split_port(text)?;
    let missing = || "the port is missing: write ADDRESS:PORT, as in 127.0.0.1:6379".to_owned();
    endpoint(host, || port.ok_or_else(missing))
}

/// A host and its port; what is wrong with the host is said first.
fn endpoint(host: &str, port: impl FnOnce() -> Result<u16, String>) -> Result<Endpoint, String> {
    match host.eq_ignore_ascii_case("localhost") {
        true => Ok(Endpoint::Localhost(port()?)),
        false => Ok(Endpoint::Address(SocketAddr::new(parse_ip(host)?, port()?))),
    }
}

fn without_scheme(text: &str) -> Result<&str, String> {
    match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => Ok(rest),
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("https") => {
            Err("https is not supported: probe an http port of the service, or use `test` with a program"
                .to_owned())
        }
        Some((scheme, _)) => Err(format!("the URL must begin with http://, not \"{scheme}://\"")),
        None => Err("the URL must begin with http://, as in http://127.0.0.1:8080/health".to_owned()),
    }
}

/// Splits `HOST`, `HOST:PORT` or `[V6]:PORT`. The host keeps its brackets.
fn split_port(text: &str) -> Result<(&str, Option<u16>), String> {
    let (host, port) = match text.rsplit_once(':') {
        // The colons of an address in brackets are its own.
        Some((_, after)) if after.ends_with(']') => (text, None),
        Some((before, _)) if before.contains(':') && !before.starts_with('[') => {
            return Err(format!("an IPv6 address stands in brackets, as in [::1]:8080, not \"{text}\""));
        }
        Some((before, port)) => (before, Some(port)),
        None => (text, None),
    };
    match port {
        None => Ok((host, None)),
        // `parse` alone would take "+80".
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => match digits.parse() {
            Ok(port) if port > 0 => Ok((host, Some(port))),
            _ => Err(format!("the port must be a number from 1 to 65535, not \"{digits}\"")),
        },
        Some(other) => Err(format!("the port must be a number from 1 to 65535, not \"{other}\"")),
    }
}

fn parse_ip(host: &str) -> Result<IpAddr, String> {
    let ip = match host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    };
    ip.ok_or_else(|| match host {
        "" => "the address is missing, as in 127.0.0.1:8080".to_owned(),
        _ => format!("the host must be an IP address or localhost, not \"{host}\": rinit resolves no names"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Endpoint {
        match text.strip_prefix("localhost:") {
            Some(port) => Endpoint::Localhost(port.parse().unwrap()),
            None => Endpoint::Address(text.parse().unwrap()),
        }
    }

    #[test]
    fn localhost_is_both_loopback_addresses() {
        let of = |text| read(text).addresses().map(|address| address.to_string()).collect::<Vec<_>>();
        assert_eq!(of("localhost:81"), ["127.0.0.1:81", "[::1]:81"]);
        assert_eq!(of("10.0.0.1:81"), ["10.0.0.1:81"]);
    }

    #[test]
    fn urls_are_taken_apart() {
        let cases = [
            ("http://127.0.0.1:8080/health", "127.0.0.1:8080", "127.0.0.1:8080", "/health"),
            ("http://127.0.0.1", "127.0.0.1:80", "127.0.0.1", "/"),
            ("HTTP://LocalHost:81/a?b=c#d", "localhost:81", "LocalHost:81", "/a?b=c"),
            ("http://localhost", "localhost:80", "localhost", "/"),
            ("http://[::1]:9/x:y", "[::1]:9", "[::1]:9", "/x:y"),
            ("http://[::1]", "[::1]:80", "[::1]", "/"),
            ("http://10.0.0.1?q=/a", "10.0.0.1:80", "10.0.0.1", "/?q=/a"),
            ("http://10.0.0.1/a@b", "10.0.0.1:80", "10.0.0.1", "/a@b"),
        ];
        for (text, address, host, path) in cases {
            let url = HttpUrl::parse(text).unwrap();
            let expected =
                HttpUrl { text: text.into(), endpoint: read(address), host: host.into(), path: path.into() };
            assert_eq!(url, expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said() {
        let cases = [
            ("", "must begin with http://"),
            ("127.0.0.1:80", "must begin with http://"),
            ("ftp://127.0.0.1/", "not \"ftp://\""),
            ("https://127.0.0.1/", "https is not supported"),
            ("http://", "address is missing"),
            ("http://:80/", "address is missing"),
            ("http://web/", "resolves no names"),
            ("http://me:pw@127.0.0.1/", "password"),
            ("http://127.0.0.1:0/", "1 to 65535"),
            ("http://127.0.0.1:65536/", "1 to 65535"),
            ("http://127.0.0.1:/", "1 to 65535"),
            ("http://127.0.0.1:+80/", "1 to 65535"),
            ("http://127.0.0.1:8a/", "1 to 65535"),
            ("http://::1/", "brackets"),
            ("http://[::1/", "resolves no names"),
            ("http://127.0.0.1/a b", "percent-encoded"),
            ("http://127.0.0.1/\r\nX: y", "percent-encoded"),
            ("http://127.0.0.1/é", "percent-encoded"),
            ("http://[127.0.0.1]/", "resolves no names"),
        ];
        for (text, part) in cases {
            match HttpUrl::parse(text) {
                Err(message) => assert!(message.contains(part), "{text}: {message}"),
                Ok(url) => panic!("{text} was read as {url:?}"),
            }
        }
    }

    #[test]
    fn a_tcp_address_needs_its_port() {
        for text in ["127.0.0.1:6379", "localhost:1", "[::1]:65535"] {
            let endpoint = parse_tcp(text).unwrap();
            assert_eq!((endpoint, endpoint.to_string().as_str()), (read(text), text));
        }
        for text in [
            "",
            "6379",
            "127.0.0.1",
            "[::1]",
            "::1",
            "127.0.0.1:",
            ":80",
            "db:5432",
            "127.0.0.1:80/x",
            " 127.0.0.1:80",
        ] {
            assert!(parse_tcp(text).is_err(), "{text}");
        }
    }
}
