//! A time as Docker writes it: RFC 3339 with nanoseconds, in UTC.

#![forbid(unsafe_code)]

use std::time::SystemTime;

/// Without the zeros at the end of the fraction, as in Docker's files.
pub fn stamp(time: SystemTime) -> String {
    let mut text = humantime::format_rfc3339_nanos(time).to_string();
    let length = text.trim_end_matches('Z').trim_end_matches('0').trim_end_matches('.').len();
    text.truncate(length);
    text.push('Z');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn zeros_at_the_end_are_left_out() {
        let of = |nanos| stamp(SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos));
        assert_eq!(of(0), "1970-01-01T00:00:00Z");
        assert_eq!(of(100_000_000), "1970-01-01T00:00:00.1Z");
        assert_eq!(of(10_000_000_001), "1970-01-01T00:00:10.000000001Z");
        assert_eq!(of(1_200), "1970-01-01T00:00:00.0000012Z");
    }
}
