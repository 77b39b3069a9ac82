//! How long a message lives, as its `Nats-TTL` says.

use std::time::Duration;

use vagus_jetstream::duration;

use super::plan::Ttl;

const SECOND: i64 = 1_000_000_000;

/// A value was no lifetime.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoTtl;

/// A duration such as `1h30m` of at least a second, whole seconds, or `never`. Fractions of a second
/// count for nothing, and 0 is none.
pub(super) fn read(text: &[u8]) -> Result<Ttl, NoTtl> {
    let text = std::str::from_utf8(text).map_err(|_| NoTtl)?;
    if text.eq_ignore_ascii_case("never") {
        return Ok(Ttl::Never);
    }
    match duration::parse(text) {
        Ok(ns) if ns < SECOND => Err(NoTtl),
        Ok(ns) => Ok(Ttl::Seconds(ns / SECOND)),
        Err(_) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            match text.parse() {
                Ok(0) | Err(_) => Err(NoTtl),
                Ok(seconds) => Ok(Ttl::Seconds(seconds)),
            }
        }
        Err(_) => Err(NoTtl),
    }
}

/// A duration as Go writes it: `1h0m5s`.
pub(super) fn text(ns: i64) -> String {
    duration::format(Duration::from_nanos(ns.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_read() {
        for (text, ttl) in [
            ("1s", Ok(Ttl::Seconds(1))),
            ("1h30m", Ok(Ttl::Seconds(5400))),
            ("1500ms", Ok(Ttl::Seconds(1))),
            ("90", Ok(Ttl::Seconds(90))),
            ("NEVER", Ok(Ttl::Never)),
            ("0", Err(NoTtl)),
            ("100ms", Err(NoTtl)),
            ("-1s", Err(NoTtl)),
            ("-1", Err(NoTtl)),
            ("1x", Err(NoTtl)),
            ("soon", Err(NoTtl)),
        ] {
            assert_eq!(read(text.as_bytes()), ttl, "{text}");
        }
    }

    #[test]
    fn durations_are_written_as_go_does() {
        for (seconds, wanted) in [(2, "2s"), (60, "1m0s"), (3605, "1h0m5s")] {
            assert_eq!(text(seconds * SECOND), wanted);
        }
    }
}
