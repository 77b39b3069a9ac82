//! Durations as Go writes them: `300ms`, `-1.5h`, `2h45m`. Kept in nanoseconds, with a sign.

use std::fmt;
use std::time::Duration;

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DurationError {
    text: String,
    why: String,
}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.why, self.text)
    }
}

impl std::error::Error for DurationError {}

/// Nanoseconds of a duration such as `1m30s`.
pub fn parse(text: &str) -> Result<i64, DurationError> {
    let error = |why: &str| DurationError { text: text.to_owned(), why: why.to_owned() };
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(error("invalid duration"));
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(number_end);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        if number.is_empty() || number == "." {
            return Err(error("invalid duration"));
        }
        if unit.is_empty() {
            return Err(error("missing unit in duration"));
        }
        let unit =
            unit_nanos(unit).ok_or_else(|| error(&format!("unknown unit {unit:?} in duration")))?;
        let nanos = scaled(number, unit).ok_or_else(|| error("invalid duration"))?;
        total = total.saturating_add(nanos);
        rest = after;
    }
    if negative {
        total = -total;
    }
    i64::try_from(total).map_err(|_| error("invalid duration"))
}

fn unit_nanos(unit: &str) -> Option<i128> {
    Some(match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60 * 1_000_000_000,
        "h" => 3600 * 1_000_000_000,
        _ => return None,
    })
}

/// `number` times `unit`, the fraction cut off after nanoseconds.
fn scaled(number: &str, unit: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // More digits than these are below a nanosecond for every unit.
    let fraction = &fraction[..fraction.len().min(17)];
    let part = match fraction {
        "" => 0,
        digits => {
            let scale = 10i128.checked_pow(u32::try_from(digits.len()).ok()?)?;
            digits.parse::<i128>().ok()?.checked_mul(unit)? / scale
        }
    };
    whole.checked_mul(unit)?.checked_add(part)
}

/// As Go prints it: `1h0m0s`, `2m0s`, `1.5s`, `300ms`, `0s`.
pub fn format(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    if nanos < 1_000 {
        return format!("{nanos}ns");
    }
    if nanos < 1_000_000 {
        return decimal(nanos, 1_000) + "\u{b5}s";
    }
    if nanos < 1_000_000_000 {
        return decimal(nanos, 1_000_000) + "ms";
    }
    let minutes = nanos / 60_000_000_000;
    let seconds = decimal(nanos % 60_000_000_000, 1_000_000_000);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{seconds}s"),
        (0, minutes) => format!("{minutes}m{seconds}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

fn decimal(nanos: u128, unit: u128) -> String {
    let (whole, part) = (nanos / unit, nanos % unit);
    if part == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    format!("{whole}.{part:0width$}").trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let second = 1_000_000_000;
        let cases = [
            ("0", 0),
            ("5s", 5 * second),
            ("1m30s", 90 * second),
            ("1.5h", 5400 * second),
            ("-2m", -120 * second),
            ("+3ms", 3_000_000),
            ("1us", 1_000),
            ("2\u{b5}s", 2_000),
            (".5s", second / 2),
            ("3.s", 3 * second),
            ("1h2m3s4ms5us6ns", 3_723_004_005_006),
            ("0.3333333333333333333h", 1_199_999_999_999),
            ("2562047h47m16.854775807s", i64::MAX),
        ];
        for (text, nanos) in cases {
            assert_eq!(parse(text), Ok(nanos), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_says_why() {
        let cases = [
            ("", "invalid duration \"\""),
            ("x", "invalid duration \"x\""),
            ("-", "invalid duration \"-\""),
            (".s", "invalid duration \".s\""),
            ("1.2.3s", "invalid duration \"1.2.3s\""),
            ("5", "missing unit in duration \"5\""),
            ("5d", "unknown unit \"d\" in duration \"5d\""),
            ("1s2x", "unknown unit \"x\" in duration \"1s2x\""),
            ("2562047h47m16.854775808s", "invalid duration \"2562047h47m16.854775808s\""),
        ];
        for (text, why) in cases {
            assert_eq!(parse(text).map_err(|error| error.to_string()), Err(why.to_owned()));
        }
    }

    #[test]
    fn durations_are_shown_as_go_shows_them() {
        let cases = [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5\u{b5}s"),
            (300_000_000, "300ms"),
            (1_500_000_000, "1.5s"),
            (10_000_000_000, "10s"),
            (90_000_000_000, "1m30s"),
            (120_000_000_000, "2m0s"),
            (3_600_000_000_000, "1h0m0s"),
            (3_723_004_000_000, "1h2m3.004s"),
        ];
        for (nanos, text) in cases {
            assert_eq!(format(Duration::from_nanos(nanos)), text);
        }
    }
}
