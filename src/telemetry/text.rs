//! Durations, times and errors of the system as NATS tools expect to read them: in the notation of
//! Go's standard library.

use std::{
    fmt::{self, Write as _},
    io,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;

/// A duration printed as Go prints it: `1.5ms`, `312.5µs`, `2m0s`, `1h0m0.5s`, `0s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoDuration(pub Duration);

/// How long something has lasted, in the notation of the monitoring pages: whole seconds, from the
/// largest unit that is not zero down to seconds (`5s`, `2h0m4s`, `1d2h3m4s`, `1y0d0h0m1s`).
/// A year has 365 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uptime(pub Duration);

/// A moment as RFC 3339 in UTC, with as many of nine decimals as are not trailing zeros:
/// `2026-11-21T00:00:28.1285Z`. Moments outside the years -9999..9999 print as the nearest end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoTime(pub SystemTime);

/// A number of bytes in the unit that fits, with two decimals: `17.62 GB`, each unit 1024 of the
/// one before; below 1 KB as it is: `512 B`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// The reason of an input or output error, in lower case and without the system's number for it:
/// `no such file or directory`.
#[derive(Debug, Clone, Copy)]
pub struct IoReason<'a>(pub &'a io::Error);

// === impl IoReason ===

impl fmt::Display for IoReason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let bare = text.split(" (os error").next().unwrap_or(&text);
        let mut letters = bare.chars();
        letters
            .next()
            .into_iter()
            .flat_map(char::to_lowercase)
            .try_for_each(|c| f.write_char(c))?;
        f.write_str(letters.as_str())
    }
}

// === impl ByteSize ===

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut unit, mut rest) = (0, self.0);
        while rest >= 1024 && unit < 6 {
            rest /= 1024;
            unit += 1;
        }
        if unit == 0 {
            return write!(f, "{} B", self.0);
        }
        let size = self.0 as f64 / 1024f64.powi(unit);
        write!(f, "{size:.2} {}B", ["", "K", "M", "G", "T", "P", "E"][unit as usize])
    }
}

// === impl GoDuration ===

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = self.0.as_nanos();
        match ns {
            0 => f.write_str("0s"),
            1..1_000 => write!(f, "{ns}ns"),
            1_000..1_000_000 => decimal(f, ns, 1_000, "µs"),
            1_000_000..1_000_000_000 => decimal(f, ns, 1_000_000, "ms"),
            _ => {
                let minutes = self.0.as_secs() / 60;
                if minutes >= 60 {
                    write!(f, "{}h", minutes / 60)?;
                }
                if minutes > 0 {
                    write!(f, "{}m", minutes % 60)?;
                }
                decimal(f, ns - u128::from(minutes) * 60_000_000_000, 1_000_000_000, "s")
            }
        }
    }
}

/// Writes `value / unit` without trailing zeros; `unit` is a power of ten up to 10^9.
fn decimal(f: &mut fmt::Formatter<'_>, value: u128, unit: u128, suffix: &str) -> fmt::Result {
    write!(f, "{}", value / unit)?;
    let mut rest = value % unit;
    if rest > 0 {
        f.write_char('.')?;
        let mut place = unit / 10;
        while rest > 0 {
            write!(f, "{}", rest / place)?;
            rest %= place;
            place /= 10;
        }
    }
    f.write_str(suffix)
}

// === impl Uptime ===

impl fmt::Display for Uptime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0.as_secs();
        let parts = [
            (secs / 31_536_000, 'y'),
            (secs / 86_400 % 365, 'd'),
            (secs / 3_600 % 24, 'h'),
            (secs / 60 % 60, 'm'),
        ];
        let leading = parts.iter().position(|(n, _)| *n > 0).unwrap_or(parts.len());
        for (n, unit) in &parts[leading..] {
            write!(f, "{n}{unit}")?;
        }
        write!(f, "{}s", secs % 60)
    }
}

// === impl GoTime ===

impl fmt::Display for GoTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clamped = if self.0 < SystemTime::UNIX_EPOCH { Timestamp::MIN } else { Timestamp::MAX };
        let time = Timestamp::try_from(self.0).unwrap_or(clamped);
        write!(f, "{time}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_have_the_unit_that_fits() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KB"),
            (18_921_000_000, "17.62 GB"),
            (u64::MAX, "16.00 EB"),
        ] {
            assert_eq!(ByteSize(bytes).to_string(), text);
        }
    }

    #[test]
    fn durations_read_as_in_go() {
        for (ns, text) in [
            (0, "0s"),
            (1, "1ns"),
            (999, "999ns"),
            (1_100, "1.1µs"),
            (312_500, "312.5µs"),
            (1_500_000, "1.5ms"),
            (2_000_000, "2ms"),
            (1_000_000_000, "1s"),
            (3_300_000_000, "3.3s"),
            (120_000_000_000, "2m0s"),
            (245_000_000_000, "4m5s"),
            (245_001_000_000, "4m5.001s"),
            (18_367_001_000_000, "5h6m7.001s"),
            (480_000_000_001, "8m0.000000001s"),
            (3_600_000_000_000, "1h0m0s"),
        ] {
            assert_eq!(GoDuration(Duration::from_nanos(ns)).to_string(), text);
        }
    }

    #[test]
    fn uptimes_show_every_unit_below_the_largest() {
        for (secs, text) in [
            (0, "0s"),
            (5, "5s"),
            (190, "3m10s"),
            (7_204, "2h0m4s"),
            (93_784, "1d2h3m4s"),
            (31_536_001, "1y0d0h0m1s"),
        ] {
            assert_eq!(Uptime(Duration::from_millis(secs * 1000 + 999)).to_string(), text);
        }
    }

    #[test]
    fn times_drop_trailing_zeros() {
        let at = |secs, ns| GoTime(SystemTime::UNIX_EPOCH + Duration::new(secs, ns)).to_string();
        assert_eq!(at(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(at(1_795_219_228, 128_500_000), "2026-11-21T00:00:28.1285Z");
        assert_eq!(at(1_795_219_228, 1), "2026-11-21T00:00:28.000000001Z");
        assert_eq!(at(1_795_219_228, 120_000_000), "2026-11-21T00:00:28.12Z");
    }

    proptest! {
        #[test]
        fn no_digit_of_a_duration_is_lost(ns in 0u64..1_000_000_000_000_000) {
            let text = GoDuration(Duration::from_nanos(ns)).to_string();
            prop_assert_eq!(nanos(&text), ns);
        }
    }

    #[test]
    fn errors_of_the_system_read_as_in_go() {
        let text = |error: io::Error| IoReason(&error).to_string();
        assert_eq!(text(io::Error::from_raw_os_error(2)), "no such file or directory");
        assert_eq!(text(io::Error::other("Half")), "half");
        assert_eq!(text(io::Error::other("")), "");
    }

    /// Reads the notation back, digit by digit.
    fn nanos(text: &str) -> u64 {
        let mut total = 0;
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap();
            let (number, tail) = rest.split_at(digits);
            let unit_end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
            let (unit, after) = tail.split_at(unit_end);
            let scale = match unit {
                "h" => 3_600_000_000_000,
                "m" => 60_000_000_000,
                "s" => 1_000_000_000,
                "ms" => 1_000_000,
                "µs" => 1_000,
                _ => 1,
            };
            let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
            total += whole.parse::<u64>().unwrap() * scale;
            let mut place = scale;
            for digit in fraction.chars() {
                place /= 10;
                total += u64::from(digit.to_digit(10).unwrap()) * place;
            }
            rest = after;
        }
        total
    }
}
