//! Which patterns are taken is what nats-server 2.14.5 takes.

use proptest::prelude::*;

use super::*;
use crate::headers::{self, PublishHeaders};
use crate::stream::StreamConfig;

/// 2026-11-21T07:18:57.355Z, a Saturday.
const NOW: i64 = 1_795_245_537_355_000_000;

fn next(pattern: &str, zone: Option<&str>, after: &str) -> Option<String> {
    let after = Time::parse(after).unwrap().nanos();
    let schedule = Schedule::parse(pattern, zone, after).unwrap();
    schedule.next(after).map(|at| Time::from_nanos(at).to_string())
}

#[test]
fn patterns_are_those_nats_takes() {
    for pattern in [
        "* * * * * *",
        "*/5 * * * * *",
        "0 0 0 1 JAN *",
        "0 0 0 * * MON-FRI",
        "? * * * * *",
        "1-5/2 * * * * *",
        "5/10 * * * * *",
        "*/61 * * * * *",
        "  0   0 0 * *  * ",
        "0 0 0 * jan-mar,dec *",
        "0 0 0 * * SUN,2",
        "0 0 0 1, * *",
        "0 0 0 ,1 * *",
        "*-5 * * * * *",
        "*,5 * * * * *",
        "01 002 * * * *",
        "0 0 0 29 2 *",
        "@daily",
        "@midnight",
        "@hourly",
        "@weekly",
        "@monthly",
        "@yearly",
        "@annually",
        "@every 1s",
        "@every 1h30m",
        "@at 2020-01-01T00:00:00Z",
        "@at 2030-01-01T00:00:00+02:00",
    ] {
        assert!(Schedule::parse(pattern, None, NOW).is_ok(), "{pattern}");
    }
    for pattern in [
        "0 0 0 * * 7",
        "0 0 0 32 * *",
        "0 0 0 0 * *",
        "0 0 24 * * *",
        "60 * * * * *",
        "5-1 * * * * *",
        "*/0 * * * * *",
        "1/2/3 * * * * *",
        "1-2-3 * * * * *",
        "* * * * *",
        "* * * * * * *",
        "0 0 0 31 2 *",
        "0 0 0 L * *",
        "0 0 0 * * 1#2",
        "-1 * * * * *",
        "0 0 0 * FOO *",
        "0 0 0 * * sunday",
        "** * * * * *",
        "1. * * * * *",
        "@DAILY",
        "@reboot",
        "@every",
        "@every 999ms",
        "@every -1s",
        "@every  5s",
        "@every x",
        "@at 2030-01-01",
        "@at  2030-01-01T00:00:00Z",
        "TZ=UTC 0 0 0 * * *",
        "",
        "x",
    ] {
        let read = Schedule::parse(pattern, None, NOW);
        assert!(matches!(read, Err(ScheduleError::Pattern)), "{pattern}");
    }
}

#[test]
fn zones_go_by_their_exact_names() {
    let zone = |name| Schedule::parse("0 0 0 * * *", Some(name), NOW).map(drop);
    for name in ["UTC", "Europe/Berlin", "US/Pacific", "EST", "Etc/GMT+3", "Local"] {
        assert_eq!(zone(name), Ok(()), "{name}");
    }
    for name in ["", "europe/berlin", "X/Y", "+02:00", "../etc"] {
        assert_eq!(zone(name), Err(ScheduleError::TimeZone), "{name}");
    }
    for pattern in ["@every 5s", "@at 2030-01-01T00:00:00Z"] {
        let read = Schedule::parse(pattern, Some("UTC"), NOW);
        assert!(matches!(read, Err(ScheduleError::Pattern)), "{pattern}");
    }
}

#[test]
fn times_follow_one_another() {
    let after = "2026-11-21T07:18:57.355Z";
    for (pattern, expected) in [
        ("@every 1s", "2026-11-21T07:18:58Z"),
        ("@every 1500ms", "2026-11-21T07:18:58Z"),
        ("@at 2020-01-01T00:00:00.5Z", "2020-01-01T00:00:00.5Z"),
        ("*/2 * * * * *", "2026-11-21T07:18:58Z"),
        ("57 * * * * *", "2026-11-21T07:19:57Z"),
        ("@hourly", "2026-11-21T08:00:00Z"),
        ("@daily", "2026-11-22T00:00:00Z"),
        ("@weekly", "2026-11-22T00:00:00Z"),
        ("@monthly", "2026-12-01T00:00:00Z"),
        ("@yearly", "2027-01-01T00:00:00Z"),
        ("0 0 0 * * mon", "2026-11-23T00:00:00Z"),
        // One of both kinds of days is enough, unless one of them is any.
        ("0 0 0 25 * mon", "2026-11-23T00:00:00Z"),
        ("0 0 0 22 * mon", "2026-11-22T00:00:00Z"),
        ("0 0 0 25 * *", "2026-11-25T00:00:00Z"),
        ("0 0 0 */1 * mon", "2026-11-23T00:00:00Z"),
        ("0 0 0 29 2 *", "2028-02-29T00:00:00Z"),
        ("59 59 23 31 12 *", "2026-12-31T23:59:59Z"),
    ] {
        assert_eq!(next(pattern, None, after).as_deref(), Some(expected), "{pattern}");
    }
}

#[test]
fn clocks_that_change_are_followed() {
    let berlin = |pattern, after| next(pattern, Some("Europe/Berlin"), after).unwrap();
    // 02:30 is left out on 2026-03-29.
    assert_eq!(berlin("0 30 2 * * *", "2026-03-28T02:00:00Z"), "2026-03-30T00:30:00Z");
    assert_eq!(berlin("0 30 2 * * *", "2026-03-27T12:00:00Z"), "2026-03-28T01:30:00Z");
    // 02:30 is there twice on 2026-10-25.
    assert_eq!(berlin("0 30 2 * * *", "2026-10-24T12:00:00Z"), "2026-10-25T00:30:00Z");
    assert_eq!(berlin("0 30 2 * * *", "2026-10-25T00:30:00Z"), "2026-10-25T01:30:00Z");
    assert_eq!(berlin("@daily", "2026-03-29T12:00:00Z"), "2026-03-29T22:00:00Z");
}

const BLOCK: &str = "NATS/1.0\r\nNats-Schedule: @every 1s\r\nNats-Schedule-Target: tgt.e\r\n\
    A: b\r\nNats-Schedule-TTL: 90s\r\nNats-Schedule-Rollup: sub\r\nNats-Msg-Id: z\r\n\
    Nats-Expected-Stream: T\r\nNats-Rollup: sub\r\n\r\n";

fn config() -> StreamConfig {
    StreamConfig { allow_msg_schedules: true, allow_msg_ttl: true, ..StreamConfig::default() }
}

fn code(extra: &[(&str, &str)], config: &StreamConfig) -> Option<u16> {
    let mut block = headers::START.to_vec();
    for (name, value) in extra {
        headers::write(&mut block, name.as_bytes(), value.as_bytes());
    }
    block.extend_from_slice(headers::CRLF);
    let wants = |subject: &[u8]| subject.starts_with(b"t.") || subject.starts_with(b"tgt.");
    let found = PublishHeaders::scan(&block);
    let read = Scheduled::of(&found, b"t.a", config, wants, NOW).map(drop);
    read.and_then(|()| stops(&found, b"t.a").map(drop)).err().map(|error| error.err_code)
}

#[test]
fn what_a_schedule_says_is_checked() {
    let config = config();
    let daily = ("Nats-Schedule", "@daily");
    let target = ("Nats-Schedule-Target", "tgt.a");
    assert_eq!(code(&[daily], &config), Some(10190));
    for bad in ["t.a", "nope", "tgt.*", "a..b", ""] {
        assert_eq!(code(&[daily, ("Nats-Schedule-Target", bad)], &config), Some(10190), "{bad}");
    }
    for (name, value, expected) in [
        ("Nats-Schedule-Source", "t.b", None),
        ("Nats-Schedule-Source", "", None),
        ("Nats-Schedule-Source", "t.a", Some(10203)),
        ("Nats-Schedule-Source", "tgt.a", Some(10203)),
        ("Nats-Schedule-Source", "t.*", Some(10203)),
        ("Nats-Schedule-Source", "nope", Some(10203)),
        ("Nats-Schedule-TTL", "5s", None),
        ("Nats-Schedule-TTL", "never", None),
        ("Nats-Schedule-TTL", "", None),
        ("Nats-Schedule-TTL", "x", Some(10191)),
        ("Nats-Schedule-TTL", "0", Some(10191)),
        ("Nats-Schedule-Rollup", "sub", None),
        ("Nats-Schedule-Rollup", "", None),
        ("Nats-Schedule-Rollup", "all", Some(10192)),
        ("Nats-Schedule-Rollup", "SUB", Some(10192)),
        ("Nats-Rollup", "sub", None),
        ("Nats-Rollup", "all", Some(10192)),
        ("Nats-Rollup", "x", Some(10192)),
        ("Nats-Schedule-Time-Zone", "UTC", None),
        ("Nats-Schedule-Time-Zone", "", Some(10223)),
    ] {
        assert_eq!(code(&[daily, target, (name, value)], &config), expected, "{name} {value}");
    }
    assert_eq!(code(&[("Nats-Schedule", "x"), target], &config), Some(10189));
    assert_eq!(code(&[("Nats-Schedule", "")], &config), None);
    assert_eq!(code(&[daily, target], &StreamConfig::default()), Some(10188));
    let without_ttl = StreamConfig { allow_msg_ttl: false, ..config };
    assert_eq!(code(&[daily, target, ("Nats-Schedule-TTL", "5s")], &without_ttl), Some(10166));
}

#[test]
fn schedules_are_ended_from_elsewhere_only() {
    let config = config();
    let (next, by) = ("Nats-Schedule-Next", "Nats-Scheduler");
    for (extra, expected) in [
        (&[(next, "purge"), (by, "t.q")][..], None),
        (&[(next, "purge"), (by, "q")], None),
        (&[(next, "purge")], Some(10212)),
        (&[(by, "t.q")], Some(10212)),
        (&[(next, "purge"), (by, "t.a")], Some(10212)),
        (&[(next, "purge"), (by, "")], Some(10212)),
        (&[(next, "x"), (by, "t.q")], Some(10212)),
        (&[(next, "2030-01-01T00:00:00Z"), (by, "t.q")], Some(10212)),
    ] {
        assert_eq!(code(extra, &config), expected, "{extra:?}");
    }
}

#[test]
fn what_it_makes_says_where_from() {
    let found = PublishHeaders::scan(BLOCK.as_bytes());
    let config = config();
    let scheduled = Scheduled::of(&found, b"t.e", &config, |_| true, NOW).unwrap().unwrap();
    let made = |next| {
        let mut out = Vec::new();
        output_headers(&mut out, BLOCK.as_bytes(), b"t.e", next, &scheduled);
        String::from_utf8(out).unwrap()
    };
    let start = "NATS/1.0\r\nA: b\r\nNats-Scheduler: t.e\r\nNats-Schedule-Next: ";
    let end = "\r\nNats-TTL: 90s\r\nNats-Rollup: sub\r\n\r\n";
    assert_eq!(made(None), format!("{start}purge{end}"));
    let next = scheduled.schedule.next(NOW);
    assert_eq!(made(next), format!("{start}2026-11-21T07:18:58Z{end}"));
}

proptest! {
    #[test]
    fn any_pattern_is_survived(pattern in "[0-9*?,/@a-z -]{0,24}", now in -1_000_000_000..NOW) {
        if let Ok(schedule) = Schedule::parse(&pattern, None, now) {
            let _ = schedule.next(now);
        }
    }

    #[test]
    fn the_next_time_is_later_and_fits(
        second in 0u32..60, minute in 0u32..60, hour in 0u32..24, now in 0..NOW,
        zone in proptest::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York"]),
    ) {
        let pattern = format!("{second} {minute} {hour} * * *");
        let schedule = Schedule::parse(&pattern, Some(zone), now).unwrap();
        let at = schedule.next(now).unwrap();
        prop_assert!(at > now && at - now <= 50 * 3600 * SECOND);
        let zone = super::zone(zone).unwrap();
        let shown = zone.to_datetime(jiff::Timestamp::from_second(at / SECOND).unwrap());
        let fields = (shown.second() as u32, shown.minute() as u32, shown.hour() as u32);
        prop_assert_eq!(fields, (second, minute, hour));
    }
}
