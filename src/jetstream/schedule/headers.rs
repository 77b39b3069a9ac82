//! The headers of a message that has a schedule, and of those it makes.

use vagus_subject::is_valid_literal;

use super::{Schedule, ScheduleError};
use crate::error::{ApiError, codes};
use crate::headers::{CRLF, PublishHeaders, START, lines, names, write};
use crate::stream::StreamConfig;
use crate::time::Time;
use crate::ttl::Ttl;

/// What a message with a schedule says.
#[derive(Debug, Clone)]
pub struct Scheduled<'a> {
    pub schedule: Schedule,
    /// Where to.
    pub target: &'a [u8],
    /// Whose last message is taken instead of this one.
    pub source: Option<&'a [u8]>,
    /// How long what it makes lives, as it is written.
    pub ttl: Option<&'a [u8]>,
    /// Whether what it makes takes the place of all before it.
    pub rollup: bool,
}

/// A message that ends a schedule, or claims to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stops<'a> {
    /// It has nothing to do with that.
    No,
    /// It ends the schedule of this subject.
    Schedule(&'a [u8]),
}

// === impl Scheduled ===

impl<'a> Scheduled<'a> {
    /// Reads the headers of a message for `subject` (the one it is stored with); nothing if it has
    /// no schedule. `now` is in nanoseconds since 1970; `wants` says whether the stream has a
    /// subject.
    pub fn of(
        headers: &PublishHeaders<'a>,
        subject: &[u8],
        config: &StreamConfig,
        wants: impl Fn(&[u8]) -> bool,
        now: i64,
    ) -> Result<Option<Self>, ApiError> {
        let said = |value: Option<&'a [u8]>| value.filter(|value| !value.is_empty());
        let Some(pattern) = said(headers.schedule) else { return Ok(None) };
        if !config.allow_msg_schedules {
            return Err(codes::MESSAGE_SCHEDULES_DISABLED.into());
        }
        let schedule = read(pattern, headers.schedule_time_zone, now)?;
        let ttl = said(headers.schedule_ttl);
        if let Some(ttl) = ttl {
            if !config.allow_msg_ttl {
                return Err(codes::MESSAGE_TTL_DISABLED.into());
            }
            Ttl::parse(ttl).map_err(|_| codes::MESSAGE_SCHEDULES_TTL_INVALID)?;
        }
        let rollup = said(headers.schedule_rollup);
        let own_rollup = said(headers.rollup);
        if [rollup, own_rollup].into_iter().flatten().any(|value| value != names::ROLLUP_SUBJECT) {
            return Err(codes::MESSAGE_SCHEDULES_ROLLUP_INVALID.into());
        }
        let fits = |other: &[u8]| other != subject && is_valid_literal(other) && wants(other);
        let target = said(headers.schedule_target).filter(|target| fits(target));
        let target = target.ok_or(codes::MESSAGE_SCHEDULES_TARGET_INVALID)?;
        let source = said(headers.schedule_source);
        if source.is_some_and(|source| source == target || !fits(source)) {
            return Err(codes::MESSAGE_SCHEDULES_SOURCE_INVALID.into());
        }
        Ok(Some(Scheduled { schedule, target, source, ttl, rollup: rollup.is_some() }))
    }
}

fn read(pattern: &[u8], time_zone: Option<&[u8]>, now: i64) -> Result<Schedule, ApiError> {
    let text = |bytes| std::str::from_utf8(bytes).ok();
    let pattern = text(pattern).ok_or(codes::MESSAGE_SCHEDULES_PATTERN_INVALID)?;
    let zone = match time_zone.map(text) {
        Some(None) => return Err(codes::MESSAGE_SCHEDULES_TIME_ZONE_INVALID.into()),
        Some(zone) => zone,
        None => None,
    };
    Schedule::parse(pattern, zone, now).map_err(|error| match error {
        ScheduleError::Pattern => codes::MESSAGE_SCHEDULES_PATTERN_INVALID.into(),
        ScheduleError::TimeZone => codes::MESSAGE_SCHEDULES_TIME_ZONE_INVALID.into(),
    })
}

/// Whether a message for `subject` ends a schedule. What a schedule makes says so itself; of
/// clients only the end of another subject's schedule is taken.
pub fn stops<'a>(headers: &PublishHeaders<'a>, subject: &[u8]) -> Result<Stops<'a>, ApiError> {
    match (headers.scheduler, headers.schedule_next) {
        (None, None) => Ok(Stops::No),
        (Some(scheduler), Some(names::SCHEDULE_PURGE))
            if !scheduler.is_empty() && scheduler != subject =>
        {
            Ok(Stops::Schedule(scheduler))
        }
        _ => Err(codes::MESSAGE_SCHEDULES_SCHEDULER_INVALID.into()),
    }
}

/// Appends the header block of a message that the schedule of `subject` makes. `block` is that of
/// the message it is made from; `next` is when another is due (nanoseconds since 1970), if any.
pub fn output_headers(
    out: &mut Vec<u8>,
    block: &[u8],
    subject: &[u8],
    next: Option<i64>,
    scheduled: &Scheduled<'_>,
) {
    let is_for_the_stream = |name: &[u8]| {
        name.starts_with(names::SCHEDULE_PREFIX)
            || name.starts_with(names::EXPECTED_PREFIX)
            || matches!(name, names::MSG_ID | names::TTL | names::ROLLUP)
    };
    out.extend_from_slice(START);
    for line in lines(block).filter(|line| !is_for_the_stream(line.name)) {
        out.extend_from_slice(line.whole);
    }
    write(out, names::SCHEDULER, subject);
    match next {
        None => write(out, names::SCHEDULE_NEXT, names::SCHEDULE_PURGE),
        Some(next) => {
            out.extend_from_slice(names::SCHEDULE_NEXT);
            out.extend_from_slice(b": ");
            Time::from_nanos(next).write(out);
            out.extend_from_slice(CRLF);
        }
    }
    if let Some(ttl) = scheduled.ttl {
        write(out, names::TTL, ttl);
    }
    if scheduled.rollup {
        write(out, names::ROLLUP, names::ROLLUP_SUBJECT);
    }
    out.extend_from_slice(CRLF);
}
