//! How far a consumer may be set back.

use thiserror::Error;
use vagus_jetstream::consumer::{ConsumerConfig, DeliverPolicy};

use super::start::History;

/// Why it may not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum NotReset {
    #[error("not allowed")]
    NotAllowed,
    #[error("below start seq")]
    BelowStart,
    #[error("below start time")]
    BelowTime,
}

/// The sequence that a consumer goes on with that is told to go back to `seq`, or (0) to what is
/// acknowledged up to `floor`.
pub(crate) fn reset_to(
    config: &ConsumerConfig,
    seq: u64,
    floor: u64,
    history: &impl History,
) -> Result<u64, NotReset> {
    if seq == 0 {
        return Ok(floor + 1);
    }
    match config.deliver_policy {
        DeliverPolicy::All => Ok(seq),
        DeliverPolicy::ByStartSequence if seq < config.opt_start_seq => Err(NotReset::BelowStart),
        DeliverPolicy::ByStartSequence => Ok(seq),
        DeliverPolicy::ByStartTime => {
            let start = config.opt_start_time.map_or(0, |time| history.since(time.nanos()));
            if seq < start { Err(NotReset::BelowTime) } else { Ok(seq) }
        }
        _ => Err(NotReset::NotAllowed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message a nanosecond.
    struct Steady;

    impl History for Steady {
        fn first_seq(&self) -> u64 {
            1
        }

        fn last_seq(&self) -> u64 {
            100
        }

        fn last_matching(&self) -> Option<u64> {
            None
        }

        fn since(&self, time_ns: i64) -> u64 {
            time_ns as u64
        }

        fn last_per_subject(&self) -> Vec<u64> {
            Vec::new()
        }
    }

    #[test]
    fn not_below_its_start() {
        use DeliverPolicy::*;
        let to = |deliver_policy, seq| {
            let opt_start_time = Some(vagus_jetstream::time::Time::from_nanos(20));
            let config = ConsumerConfig {
                deliver_policy,
                opt_start_seq: 10,
                opt_start_time,
                ..ConsumerConfig::default()
            };
            reset_to(&config, seq, 41, &Steady)
        };
        assert_eq!(to(New, 0), Ok(42));
        assert_eq!(to(New, 5), Err(NotReset::NotAllowed));
        assert_eq!(to(All, 5), Ok(5));
        assert_eq!(to(ByStartSequence, 9), Err(NotReset::BelowStart));
        assert_eq!(to(ByStartSequence, 10), Ok(10));
        assert_eq!(to(ByStartTime, 19), Err(NotReset::BelowTime));
        assert_eq!(to(ByStartTime, 20), Ok(20));
    }
}
