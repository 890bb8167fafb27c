//! Durations as people write and read them.

use std::time::Duration;

/// The longest duration that a definition may name. Deadlines so far ahead cannot overflow any clock.
pub const MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// A duration for a message: `850us`, `12ms`, `4.21s`, `3m 20s`, `2h 5m`, `4d 3h`.
pub fn format(duration: Duration) -> String {
    let secs = duration.as_secs();
    match secs {
        0 if duration.is_zero() => "0s".to_owned(),
        0 if duration.as_micros() < 1000 => format!("{}us", duration.as_micros()),
        0 => format!("{}ms", duration.as_millis()),
        1..=59 => {
            let text = format!("{secs}.{:02}", duration.subsec_millis() / 10);
            format!("{}s", text.trim_end_matches('0').trim_end_matches('.'))
        }
        60..=3599 => two(secs / 60, "m", secs % 60, "s"),
        3600..=86399 => two(secs / 3600, "h", secs % 3600 / 60, "m"),
        _ => two(secs / 86400, "d", secs % 86400 / 3600, "h"),
    }
}

fn two(large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    match small {
        0 => format!("{large}{large_unit}"),
        _ => format!("{large}{large_unit} {small}{small_unit}"),
    }
}

/// Whole milliseconds.
pub fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_fits_the_size() {
        let ms = Duration::from_millis;
        let shown: Vec<String> = [
            ms(0),
            Duration::from_micros(850),
            ms(12),
            ms(1000),
            ms(4219),
            ms(60_000),
            ms(200_000),
            ms(7_500_000),
        ]
        .into_iter()
        .map(format)
        .collect();
        assert_eq!(shown, ["0s", "850us", "12ms", "1s", "4.21s", "1m", "3m 20s", "2h 5m"]);
        assert_eq!(format(Duration::from_secs(4 * 86400 + 3 * 3600)), "4d 3h");
    }
}
