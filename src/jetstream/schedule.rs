//! Messages that make other messages at times of their own: the value of `Nats-Schedule`, when it
//! is due, and what it makes.

mod cron;
mod headers;

pub use headers::{Scheduled, Stops, output_headers, stops};

use jiff::tz::{TimeZone, TimeZoneDatabase};
use vagus_wire::duration;

use crate::time::Time;
use cron::Cron;

const SECOND: i64 = 1_000_000_000;

/// When something is due.
#[derive(Debug, Clone)]
pub enum Schedule {
    /// Once.
    At(Time),
    /// So many seconds after the second before.
    Every(i64),
    /// At every time that fits, in some place of the world.
    Cron(Box<Cron>, TimeZone),
}

/// Why a schedule is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    #[error("message schedules pattern is invalid")]
    Pattern,
    #[error("message schedules time zone is invalid")]
    TimeZone,
}

// === impl Schedule ===

impl Schedule {
    /// Reads a pattern, and the name of a time zone if there is one. A pattern that fits no time
    /// in the five years after `now` (nanoseconds since 1970) is refused.
    pub fn parse(
        pattern: &str,
        time_zone: Option<&str>,
        now: i64,
    ) -> Result<Schedule, ScheduleError> {
        let schedule = if let Some(time) = pattern.strip_prefix("@at ") {
            Schedule::At(Time::parse(time).ok_or(ScheduleError::Pattern)?)
        } else if let Some(text) = pattern.strip_prefix("@every ") {
            let every = duration::parse(text).map_err(|_| ScheduleError::Pattern)? / SECOND;
            if every < 1 {
                return Err(ScheduleError::Pattern);
            }
            Schedule::Every(every)
        } else {
            let cron = Cron::parse(pattern).ok_or(ScheduleError::Pattern)?;
            let zone = time_zone.map_or(Ok(TimeZone::UTC), zone)?;
            let schedule = Schedule::Cron(Box::new(cron), zone);
            return schedule.next(now).map(|_| schedule).ok_or(ScheduleError::Pattern);
        };
        if time_zone.is_some() { Err(ScheduleError::Pattern) } else { Ok(schedule) }
    }

    /// When it is due after `after` (both in nanoseconds since 1970). What is due once is due at
    /// its time, though that may be over; asking again is up to who knows that it was.
    #[must_use]
    pub fn next(&self, after: i64) -> Option<i64> {
        match self {
            Schedule::At(time) => Some(time.nanos()),
            Schedule::Every(seconds) => {
                let second = after.div_euclid(SECOND).checked_add(*seconds)?;
                second.checked_mul(SECOND)
            }
            Schedule::Cron(cron, zone) => {
                cron.next(after.div_euclid(SECOND), zone)?.checked_mul(SECOND)
            }
        }
    }

    /// Whether it is due more than once.
    #[must_use]
    pub fn repeats(&self) -> bool {
        !matches!(self, Schedule::At(_))
    }
}

/// By its exact name; the zones are those that were known when this was built.
fn zone(name: &str) -> Result<TimeZone, ScheduleError> {
    if name == "Local" {
        return Ok(TimeZone::try_system().unwrap_or(TimeZone::UTC));
    }
    let zone = TimeZoneDatabase::bundled().get(name).map_err(|_| ScheduleError::TimeZone)?;
    if zone.iana_name() == Some(name) { Ok(zone) } else { Err(ScheduleError::TimeZone) }
}

#[cfg(test)]
mod tests;
