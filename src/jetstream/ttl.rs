//! How long a message lives: the header `Nats-TTL`.

use vagus_wire::duration;

const SECOND: i64 = 1_000_000_000;

/// What a message says about its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ttl {
    /// Longer than any limit of the stream on age.
    Never,
    /// Whole seconds, at least one.
    Seconds(i64),
}

/// It is neither seconds nor a duration of a second or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid per-message TTL")]
pub struct InvalidTtl;

// === impl Ttl ===

impl Ttl {
    /// Reads the value of a header; an empty one says nothing.
    pub fn parse(value: &[u8]) -> Result<Option<Ttl>, InvalidTtl> {
        if value.is_empty() {
            return Ok(None);
        }
        if value.eq_ignore_ascii_case(b"never") {
            return Ok(Some(Ttl::Never));
        }
        let seconds = if value.iter().all(u8::is_ascii_digit) {
            let digit =
                |n: i64, digit: &u8| n.saturating_mul(10).saturating_add((digit - b'0').into());
            value.iter().fold(0, digit)
        } else {
            let text = std::str::from_utf8(value).map_err(|_| InvalidTtl)?;
            duration::parse(text).map_err(|_| InvalidTtl)? / SECOND
        };
        if seconds < 1 { Err(InvalidTtl) } else { Ok(Some(Ttl::Seconds(seconds))) }
    }

    /// When a message stored at that time ends (both in nanoseconds since 1970); nothing if never.
    #[must_use]
    pub fn expires(self, stored: i64) -> Option<i64> {
        match self {
            Ttl::Never => None,
            Ttl::Seconds(seconds) => Some(stored.saturating_add(seconds.saturating_mul(SECOND))),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_those_nats_takes() {
        let cases = [
            ("1h", 3600),
            ("90s", 90),
            ("1", 1),
            ("1.5s", 1),
            ("1500ms", 1),
            ("1h30m", 5400),
            ("+5s", 5),
            ("9999999999", 9_999_999_999),
            ("99999999999999999999", i64::MAX),
        ];
        for (value, seconds) in cases {
            assert_eq!(Ttl::parse(value.as_bytes()), Ok(Some(Ttl::Seconds(seconds))), "{value}");
        }
        for value in ["never", "NEVER"] {
            assert_eq!(Ttl::parse(value.as_bytes()), Ok(Some(Ttl::Never)));
        }
        assert_eq!(Ttl::parse(b""), Ok(None));
        for value in [
            "0", "-1", "Never ", "999ms", "0.5s", "5 ", "1e3", "+5", "1ns", "0s", "1d", "0x5",
            "5_0", "-5s",
        ] {
            assert_eq!(Ttl::parse(value.as_bytes()), Err(InvalidTtl), "{value}");
        }
    }

    #[test]
    fn the_end_is_counted_from_storing() {
        assert_eq!(Ttl::Seconds(2).expires(5), Some(2_000_000_005));
        assert_eq!(Ttl::Seconds(i64::MAX).expires(5), Some(i64::MAX));
        assert_eq!(Ttl::Never.expires(5), None);
    }

    proptest! {
        #[test]
        fn any_value_is_survived(value in proptest::collection::vec(any::<u8>(), 0..12)) {
            let _ = Ttl::parse(&value);
        }
    }
}
