//! Compression of links between servers.

use std::time::Duration;

/// What one end of a link wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compression {
    Off,
    /// What the other end wants.
    Accept,
    /// By the round-trip time: up to the first of these as [`Self::Uncompressed`], up to the second
    /// as [`Self::Fast`], and so on; above the last as the next mode. Zero leaves a mode out.
    Auto(Vec<Duration>),
    /// Ready for compression, without any.
    Uncompressed,
    Fast,
    Better,
    Best,
}

/// Of `s2_auto`, where the file does not say.
const THRESHOLDS_MS: [u64; 3] = [10, 50, 100];

impl Compression {
    /// The mode with the times that nats-server has.
    #[must_use]
    pub fn auto() -> Self {
        Self::Auto(THRESHOLDS_MS.map(Duration::from_millis).to_vec())
    }

    /// Reads a mode; `on` is what is meant by yes. `None` where there is no such mode.
    pub(crate) fn named(text: &str, on: Self) -> Option<Self> {
        Some(match text.to_lowercase().as_str() {
            "off" | "disabled" | "false" | "not supported" => Self::Off,
            "accept" => Self::Accept,
            "on" | "enabled" | "true" => on,
            "s2_auto" | "auto" => Self::auto(),
            "s2_uncompressed" | "uncompressed" => Self::Uncompressed,
            "s2_fast" | "fast" => Self::Fast,
            "s2_better" | "better" => Self::Better,
            "s2_best" | "best" => Self::Best,
            _ => return None,
        })
    }

    /// As nats-server names it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Accept => "accept",
            Self::Auto(_) => "s2_auto",
            Self::Uncompressed => "s2_uncompressed",
            Self::Fast => "s2_fast",
            Self::Better => "s2_better",
            Self::Best => "s2_best",
        }
    }

    /// What is done over a way of this length: one of the last four.
    #[must_use]
    pub fn at(&self, rtt: Duration) -> Self {
        let Self::Auto(times) = self else { return self.clone() };
        let step = times.iter().position(|time| rtt <= *time);
        // Three times stand between four modes; fewer of them leave the last out.
        let last = if times.len() >= 3 { 3 } else { times.len().saturating_sub(1) };
        match step.unwrap_or(last) {
            0 => Self::Uncompressed,
            1 => Self::Fast,
            2 => Self::Better,
            _ => Self::Best,
        }
    }

    /// What an end that wants this does where the other end wants `theirs`, by the name of it.
    #[must_use]
    pub fn agreed(&self, theirs: &str) -> Self {
        let theirs = Self::named(theirs, Self::Off).unwrap_or(Self::Off);
        match (self, theirs) {
            (Self::Off, _) | (_, Self::Off) | (Self::Accept, Self::Accept) => Self::Off,
            (Self::Accept, Self::Auto(_)) => Self::Fast,
            (Self::Accept, theirs) => theirs,
            (mine, _) => mine.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_decides() {
        let at = |times: &[u64], rtt| {
            let times = times.iter().map(|ms| Duration::from_millis(*ms)).collect();
            Compression::Auto(times).at(Duration::from_millis(rtt)).name()
        };
        let usual = [10, 50, 100];
        let modes = [0, 10, 11, 50, 51, 100, 101].map(|rtt| at(&usual, rtt));
        let [a, b, c, d] = ["s2_uncompressed", "s2_fast", "s2_better", "s2_best"];
        assert_eq!(modes, [a, a, b, b, c, c, d]);
        assert_eq!([1, 5, 9].map(|rtt| at(&[0, 5], rtt)), [b, b, b]);
        assert_eq!([1, 9].map(|rtt| at(&[5], rtt)), [a, a]);
        assert_eq!([1, 9, 99].map(|rtt| at(&[0, 0, 5, 10], rtt)), [c, d, d]);
        assert_eq!(Compression::Best.at(Duration::ZERO).name(), d);
    }

    #[test]
    fn two_ends_agree() {
        let modes = [
            Compression::Off,
            Compression::Accept,
            Compression::auto(),
            Compression::Uncompressed,
            Compression::Fast,
        ];
        for one in &modes {
            assert_eq!(Compression::named(one.name(), Compression::Off).as_ref(), Some(one));
            for other in &modes {
                // Both compress, each in its own way, or neither does.
                let (near, far) = (one.agreed(other.name()), other.agreed(one.name()));
                assert_eq!(near == Compression::Off, far == Compression::Off);
            }
        }
        assert_eq!(Compression::Accept.agreed("s2_best"), Compression::Best);
        assert_eq!(Compression::Accept.agreed("s2_auto"), Compression::Fast);
        assert_eq!(Compression::Fast.agreed("accept"), Compression::Fast);
        assert_eq!(Compression::Fast.agreed(""), Compression::Off);
    }
}
