//! Until when a consumer is paused.

/// See the module's text. Times are unix nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Pause {
    until_ns: Option<i64>,
}

// === impl Pause ===

impl Pause {
    /// Paused until then. A time that is past, or none, is no pause.
    pub(crate) fn new(until_ns: Option<i64>, now_ns: i64) -> Self {
        Self { until_ns: until_ns.filter(|until_ns| *until_ns > now_ns) }
    }

    /// Until when.
    pub(crate) fn until_ns(&self) -> Option<i64> {
        self.until_ns
    }

    /// Nanoseconds that are left of it.
    pub(crate) fn remaining_ns(&self, now_ns: i64) -> Option<i64> {
        self.until_ns.map(|until_ns| until_ns - now_ns).filter(|left_ns| *left_ns > 0)
    }

    /// Whether it is over just now.
    pub(crate) fn on_time(&mut self, now_ns: i64) -> bool {
        self.until_ns.take_if(|until_ns| *until_ns <= now_ns).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_ends_once() {
        let mut pause = Pause::new(Some(100), 40);
        assert_eq!(pause.remaining_ns(40), Some(60));
        assert!(!pause.on_time(99));
        assert!(pause.on_time(100));
        assert!(!pause.on_time(100));
        assert_eq!(Pause::new(Some(100), 100), Pause::default());
    }
}
