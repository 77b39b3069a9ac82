//! Times that fit a pattern of six fields: second, minute, hour, day of the month, month, day of
//! the week.
//!
//! A field is a list of `*` (or `?`), numbers and ranges, with steps. If both kinds of days are
//! restricted, one that fits is enough. (Crates for this read other dialects: more fields, `L` and
//! `#`, a seventh day; or want both days to fit.)

use jiff::civil::{DateTime, Time as Clock};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// Years after which a pattern counts as one that never fits.
const YEARS_MAX: i16 = 5;

/// The bits of the values that fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    seconds: u64,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether both kinds of days are restricted.
    either_day: bool,
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// What a field can be.
struct Field {
    min: u32,
    max: u32,
    /// For values from `min` on.
    names: &'static [&'static str],
}

const FIELDS: [Field; 6] = [
    Field { min: 0, max: 59, names: &[] },
    Field { min: 0, max: 59, names: &[] },
    Field { min: 0, max: 23, names: &[] },
    Field { min: 1, max: 31, names: &[] },
    Field { min: 1, max: 12, names: &MONTHS },
    Field { min: 0, max: 6, names: &WEEKDAYS },
];

// === impl Cron ===

impl Cron {
    /// Reads a pattern, or the name of a usual one.
    pub(super) fn parse(pattern: &str) -> Option<Cron> {
        let pattern = match pattern {
            "@yearly" | "@annually" => "0 0 0 1 1 *",
            "@monthly" => "0 0 0 1 * *",
            "@weekly" => "0 0 0 * * 0",
            "@daily" | "@midnight" => "0 0 0 * * *",
            "@hourly" => "0 0 * * * *",
            pattern => pattern,
        };
        let mut fields = FIELDS.iter();
        let mut bits = [0; 6];
        let mut is_any = [false; 6];
        let mut count = 0;
        for text in pattern.split_ascii_whitespace() {
            (bits[count], is_any[count]) = fields.next()?.parse(text)?;
            count += 1;
        }
        let [seconds, minutes, hours, days, months, weekdays] = bits;
        let either_day = !is_any[3] && !is_any[5];
        let cron = Cron { seconds, minutes, hours, days, months, weekdays, either_day };
        (count == 6).then_some(cron)
    }

    /// The first second after `after` (both since 1970) that fits, by the clocks of `zone`. A time
    /// that clocks leave out does not fit, and one that they show twice fits twice.
    pub(super) fn next(&self, after: i64, zone: &TimeZone) -> Option<i64> {
        let mut at = after.checked_add(1)?;
        let year_last = local(at, zone)?.year().checked_add(YEARS_MAX)?;
        loop {
            let now = local(at, zone)?;
            if now.year() > year_last {
                return None;
            }
            let fits = |bits: u64, value: i8| bits >> value & 1 == 1;
            at = if !fits(self.months, now.month()) {
                let first = now.date().first_of_month().checked_add(1.month()).ok()?;
                forward(at, first.to_datetime(Clock::midnight()), zone)?
            } else if !self.fits_day(now) {
                let tomorrow = now.date().tomorrow().ok()?;
                forward(at, tomorrow.to_datetime(Clock::midnight()), zone)?
            } else if !fits(self.hours, now.hour()) {
                // In steps of what clocks show, so that an hour shown twice is looked at twice.
                at + 3600 - i64::from(now.minute()) * 60 - i64::from(now.second())
            } else if !fits(self.minutes, now.minute()) {
                at + 60 - i64::from(now.second())
            } else if !fits(self.seconds, now.second()) {
                at + 1
            } else {
                return Some(at);
            };
        }
    }

    fn fits_day(&self, now: DateTime) -> bool {
        let day = self.days >> now.day() & 1 == 1;
        let weekday = self.weekdays >> now.weekday().to_sunday_zero_offset() & 1 == 1;
        if self.either_day { day || weekday } else { day && weekday }
    }
}

fn local(seconds: i64, zone: &TimeZone) -> Option<DateTime> {
    Some(zone.to_datetime(Timestamp::from_second(seconds).ok()?))
}

/// When clocks show `to`, or first show something later; in any case after `at`.
fn forward(at: i64, to: DateTime, zone: &TimeZone) -> Option<i64> {
    let seconds = zone.to_timestamp(to).ok()?.as_second();
    Some(seconds.max(at + 1))
}

// === impl Field ===

impl Field {
    /// The bits of the values that fit, and whether all do because the field says so.
    fn parse(&self, text: &str) -> Option<(u64, bool)> {
        let (mut bits, mut is_any) = (0, false);
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (part_bits, part_any) = self.part(part)?;
            bits |= part_bits;
            is_any |= part_any;
        }
        Some((bits, is_any))
    }

    fn part(&self, text: &str) -> Option<(u64, bool)> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(number(step)?)),
            None => (text, None),
        };
        let (low, high) = match range.split_once('-') {
            Some((low, high)) => (low, Some(high)),
            None => (range, None),
        };
        let is_any = matches!(low, "*" | "?");
        let (low, high) = if is_any {
            (self.min, self.max)
        } else {
            let low = self.value(low)?;
            match (high, step) {
                (Some(high), _) => (low, self.value(high)?),
                (None, Some(_)) => (low, self.max),
                (None, None) => (low, low),
            }
        };
        let step = step.unwrap_or(1);
        if step == 0 || low < self.min || high > self.max || low > high {
            return None;
        }
        let mut bits = 0;
        let mut value = low;
        while value <= high {
            bits |= 1 << value;
            value = value.saturating_add(step);
        }
        Some((bits, is_any && step == 1))
    }

    fn value(&self, text: &str) -> Option<u32> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        match named {
            Some(index) => Some(self.min + u32::try_from(index).ok()?),
            None => number(text),
        }
    }
}

fn number(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}
