//! Values of the options of log drivers, with Docker's units and refusals.

/// Docker's word for the name of the service.
pub const NAME: &str = "{{.Name}}";

/// The most that a path may be long, in bytes. The kernel takes 4096 at most, and rotated files have an ending.
const LONGEST_PATH: usize = 4000;

/// The most files that are kept of a service.
const MOST_FILES: u32 = 1000;

/// `max-size`: Docker's units, powers of 1000. `None`: no limit.
///
/// # Errors
/// What is wrong, in Docker's words.
pub fn size(text: &str) -> Result<Option<u64>, String> {
    // Docker's default, which Docker itself does not take.
    if text == "-1" {
        return Ok(None);
    }
    let invalid = || format!("invalid size: '{text}': write a number and k, m or g, as in 10m");
    let end = text.rfind(|c: char| c.is_ascii_digit() || c == '.' || c == ' ').ok_or_else(invalid)?;
    let (number, suffix) = text.split_at_checked(end.saturating_add(1)).ok_or_else(invalid)?;
    let number = number.strip_suffix(' ').unwrap_or(number);
    let is_plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number = number.parse::<f64>().ok().filter(|_| is_plain).ok_or_else(invalid)?;
    let factor = match suffix.to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" | "kib" => 1e3,
        "m" | "mb" | "mib" => 1e6,
        "g" | "gb" | "gib" => 1e9,
        "t" | "tb" | "tib" => 1e12,
        "p" | "pb" | "pib" => 1e15,
        _ => return Err(invalid()),
    };
    // Where it is too large it is the largest.
    match (number * factor) as u64 {
        0 => Err("max-size must be a positive number".to_owned()),
        size => Ok(Some(size)),
    }
}

/// `max-file`.
///
/// # Errors
/// What is wrong, in Docker's words.
pub fn count(text: &str) -> Result<u32, String> {
    match text.parse::<i64>() {
        Ok(..1) => Err("max-file cannot be less than 1".to_owned()),
        Ok(count) => match u32::try_from(count) {
            Ok(count @ ..=MOST_FILES) => Ok(count),
            _ => Err(format!("max-file cannot be more than {MOST_FILES}")),
        },
        Err(_) => Err(format!("expected a number from 1 to {MOST_FILES}")),
    }
}

/// `path`.
///
/// # Errors
/// What is wrong.
pub fn path(text: &str) -> Result<(), String> {
    let parts = || text.split('/').skip(1);
    let rest = text.replace(NAME, "");
    let message = if !text.starts_with('/') {
        "expected an absolute path"
    } else if text.ends_with('/') {
        "expected a file: a path that does not end with /"
    } else if parts().any(|part| matches!(part, "" | "." | "..")) {
        // Else two services could have one file by two names.
        "write the path without //, . and .."
    } else if text.contains('\0') || text.len() > LONGEST_PATH {
        "this can be no path"
    } else if rest.contains("{{") {
        "{{.Name}} is the only word that is replaced here"
    } else {
        return Ok(());
    };
    Err(message.to_owned())
}

/// `compress`, `timestamps` and the like: what Go takes for a boolean.
pub fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_docker() {
        let right = [
            ("10m", 10_000_000),
            ("1", 1),
            ("32kB", 32_000),
            ("32KiB", 32_000),
            ("1.5g", 1_500_000_000),
            ("10 m", 10_000_000),
            ("7b", 7),
            ("2P", 2_000_000_000_000_000),
            ("99999999999999999999t", u64::MAX),
        ];
        for (text, expected) in right {
            assert_eq!(size(text), Ok(Some(expected)), "{text}");
        }
        assert_eq!(size("-1"), Ok(None));
        for (text, message) in [
            ("", "invalid size: ''"),
            ("m", "invalid size: 'm'"),
            ("-5m", "invalid size: '-5m'"),
            ("1..5m", "invalid size: '1..5m'"),
            (" ", "invalid size: ' '"),
            ("1e3", "invalid size: '1e3'"),
            ("10x", "invalid size: '10x'"),
            ("10kbb", "invalid size: '10kbb'"),
            ("10é", "invalid size: '10é'"),
            ("0", "max-size must be a positive number"),
            ("0.1", "max-size must be a positive number"),
        ] {
            let error = size(text).unwrap_err();
            assert!(error.starts_with(message), "{text}: {error}");
        }
    }

    #[test]
    fn numbers_of_files_and_paths_are_checked() {
        assert_eq!((count("1"), count("1000")), (Ok(1), Ok(1000)));
        for text in ["0", "-1", "1001", "99999999999", "x", "", "1.5"] {
            assert!(count(text).is_err(), "{text}");
        }
        assert_eq!((path("/a/b.log"), path("/logs/{{.Name}}.log")), (Ok(()), Ok(())));
        for text in ["", "a", "./a", "/", "/a/", "/a//b", "/a/./b", "/a/../b", "/a\0", "/{{.ID}}"] {
            assert!(path(text).is_err(), "{text}");
        }
        assert_eq!(path(&format!("/{}", "x".repeat(LONGEST_PATH))), Err("this can be no path".into()));
    }
}
