//! A point in time as the API writes it: RFC 3339, UTC, up to nine digits of a second.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

/// Nanoseconds since 1970, or "never" ([`Time::ZERO`], which is printed as the year 1).
///
/// Holds the years 1678 to 2262; what lies outside is moved to the nearest end. The offset a time
/// was written with is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

const DAY_SECONDS: i64 = 86_400;
const SECOND: i64 = 1_000_000_000;

// === impl Time ===

impl Time {
    /// The time that means "none".
    pub const ZERO: Time = Time(i64::MIN);
    const FIRST: i64 = i64::MIN + 1;

    /// From nanoseconds since 1970.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Time {
        if nanos < Self::FIRST { Time(Self::FIRST) } else { Time(nanos) }
    }

    /// Nanoseconds since 1970; of [`Time::ZERO`] the smallest number there is.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == i64::MIN
    }

    /// Reads RFC 3339, with any offset.
    #[must_use]
    pub fn parse(text: &str) -> Option<Time> {
        let (date, rest) = text.split_once('T')?;
        let mut fields = date.split('-');
        let year = digits(fields.next()?, 4)?;
        let (month, day) = (digits(fields.next()?, 2)?, digits(fields.next()?, 2)?);
        let zone_at = rest.find(['Z', '+', '-'])?;
        let (clock, zone) = rest.split_at(zone_at);
        let (clock, fraction) = match clock.split_once('.') {
            Some((clock, fraction)) => (clock, fraction_nanos(fraction)?),
            None => (clock, 0),
        };
        let mut units = clock.split(':');
        let hour = digits(units.next()?, 2)?;
        let (minute, second) = (digits(units.next()?, 2)?, digits(units.next()?, 2)?);
        let last = days_in(year, month)?;
        if fields.next().is_some() || units.next().is_some() || !(1..=last).contains(&day) {
            return None;
        }
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let offset = zone_seconds(zone)?;
        let seconds = days_of(year, month, day) * DAY_SECONDS + hour * 3600 + minute * 60 + second;
        if seconds == YEAR_ONE && fraction == 0 && offset == 0 {
            return Some(Time::ZERO);
        }
        let nanos = i128::from(seconds - offset) * i128::from(SECOND) + i128::from(fraction);
        let nanos = nanos.clamp(i128::from(Self::FIRST), i128::from(i64::MAX));
        i64::try_from(nanos).ok().map(Time)
    }

    /// Appends the time as `2026-11-21T06:35:24.5685Z`.
    pub fn write(self, out: &mut Vec<u8>) {
        if self.is_zero() {
            return out.extend_from_slice(b"0001-01-01T00:00:00Z");
        }
        let seconds = self.0.div_euclid(SECOND);
        let (year, month, day) = date_of(seconds.div_euclid(DAY_SECONDS));
        let rest = seconds.rem_euclid(DAY_SECONDS);
        put(out, year, 4);
        for (before, value) in [(b'-', month), (b'-', day), (b'T', rest / 3600)] {
            out.push(before);
            put(out, value, 2);
        }
        for value in [rest / 60 % 60, rest % 60] {
            out.push(b':');
            put(out, value, 2);
        }
        let mut fraction = self.0.rem_euclid(SECOND);
        if fraction != 0 {
            let mut width = 9;
            while fraction % 10 == 0 {
                fraction /= 10;
                width -= 1;
            }
            out.push(b'.');
            put(out, fraction, width);
        }
        out.push(b'Z');
    }
}

/// Midnight of the first day of the year 1, in seconds since 1970.
const YEAR_ONE: i64 = -62_135_596_800;

/// Appends `value` with leading zeros.
fn put(out: &mut Vec<u8>, value: i64, width: usize) {
    let mut text = [b'0'; 9];
    let mut rest = value.unsigned_abs();
    for digit in text[..width].iter_mut().rev() {
        // Below ten.
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&text[..width]);
}

fn digits(text: &str, width: usize) -> Option<i64> {
    let plain = text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// Digits behind the ninth count for nothing.
fn fraction_nanos(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let kept = &text[..text.len().min(9)];
    let missing = u32::try_from(9 - kept.len()).ok()?;
    Some(kept.parse::<i64>().ok()? * 10i64.pow(missing))
}

/// `Z` or `+hh:mm`, in seconds east of Greenwich.
fn zone_seconds(zone: &str) -> Option<i64> {
    let (sign, rest) = match zone.as_bytes().first()? {
        b'Z' => return (zone.len() == 1).then_some(0),
        b'+' => (1, &zone[1..]),
        _ => (-1, &zone[1..]),
    };
    let (hours, minutes) = rest.split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    (hours <= 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn days_in(year: i64, month: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    Some(match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    })
}

// The next two count in years that begin in March, so that a leap day is the last of its year, and
// in eras of 400 years, which are all equally long.
const ERA_DAYS: i64 = 146_097;
/// From the first of March of the year 0 to 1970.
const EPOCH_DAYS: i64 = 719_468;

fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * ERA_DAYS + year * 365 + year / 4 - year / 100 + day_of_year - EPOCH_DAYS
}

fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + EPOCH_DAYS;
    let (era, day_of_era) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
    let leaps = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year = (day_of_era - leaps) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

// === impl Default ===

impl Default for Time {
    fn default() -> Self {
        Time::ZERO
    }
}

// === impl Display ===

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(30);
        self.write(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

// === impl Serialize ===

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

// === impl Deserialize ===

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TimeVisitor)
    }
}

struct TimeVisitor;

impl Visitor<'_> for TimeVisitor {
    type Value = Time;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time in RFC 3339")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
        Time::parse(text).ok_or_else(|| E::custom(format_args!("no RFC 3339 time {text:?}")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_printed_as_the_api_prints_them() {
        let cases = [
            (Time::ZERO, "0001-01-01T00:00:00Z"),
            (Time::default(), "0001-01-01T00:00:00Z"),
            (Time::from_nanos(0), "1970-01-01T00:00:00Z"),
            (Time::from_nanos(-1), "1969-12-31T23:59:59.999999999Z"),
            (Time::from_nanos(1_700_000_000_120_000_000), "2023-11-14T22:13:20.12Z"),
            (Time::from_nanos(951_782_400 * SECOND), "2000-02-29T00:00:00Z"),
            (Time::from_nanos(i64::MAX), "2262-04-11T23:47:16.854775807Z"),
        ];
        for (time, text) in cases {
            assert_eq!(time.to_string(), text);
            assert_eq!(Time::parse(text), Some(time), "{text}");
        }
    }

    #[test]
    fn offsets_and_fractions_are_read() {
        let cases = [
            ("1970-01-01T02:00:00+02:00", 0),
            ("1969-12-31T22:30:00.5-01:30", SECOND / 2),
            ("1970-01-01T00:00:00.1234567891Z", 123_456_789),
            ("9999-12-31T23:59:59Z", i64::MAX),
            ("0001-01-02T00:00:00Z", i64::MIN + 1),
        ];
        for (text, nanos) in cases {
            assert_eq!(Time::parse(text).map(Time::nanos), Some(nanos), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2024",
            "2024-01-01",
            "2024-01-01 00:00:00Z",
            "2024-01-01T00:00:00",
            "2024-13-01T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2024-01-00T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:60:00Z",
            "2024-01-01T00:00:60Z",
            "2024-1-01T00:00:00Z",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00Zx",
            "2024-01-01T00:00:00+0200",
            "2024-01-01T00:00:00+02:60",
            "2024-01-01-01T00:00:00Z",
        ] {
            assert_eq!(Time::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn printed_times_read_back(nanos in i64::MIN + 1..) {
            let time = Time::from_nanos(nanos);
            prop_assert_eq!(Time::parse(&time.to_string()), Some(time));
        }

        #[test]
        fn any_text_is_survived(text in "\\PC*") {
            let _ = Time::parse(&text);
        }
    }
}
