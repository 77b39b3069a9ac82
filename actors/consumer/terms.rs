//! What of a consumer's configuration decides over each message, in the form in which it is asked.

/// How messages are acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum AckMode {
    /// Never: delivered is done.
    #[default]
    None,
    /// Each message by itself.
    Explicit,
    /// A message with all before it.
    All,
    /// By the replies to flow control, each with all before it.
    Flow,
}

/// See the module's text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Terms {
    pub ack: AckMode,
    /// Nanoseconds until a message that is not acknowledged is due again.
    pub ack_wait_ns: i64,
    /// The same by number of deliveries, the last for all further ones; overrides `ack_wait_ns`.
    pub backoff_ns: Box<[i64]>,
    /// Deliveries of one message at most.
    pub deliver_max: Option<u32>,
    /// Messages that may wait for acknowledgement before new ones are held back.
    pub pending_max: Option<usize>,
}

// === impl Terms ===

impl Terms {
    /// Whether deliveries are acknowledged at all.
    pub(crate) fn acks(&self) -> bool {
        self.ack != AckMode::None
    }

    /// Nanoseconds until a message that was delivered `deliveries` times is due again.
    pub(crate) fn wait_ns(&self, deliveries: u32) -> i64 {
        let step = (deliveries.max(1) as usize - 1).min(self.backoff_ns.len().saturating_sub(1));
        self.backoff_ns.get(step).copied().unwrap_or(self.ack_wait_ns)
    }

    /// Whether a message may not be delivered once more.
    pub(crate) fn is_last(&self, deliveries: u32) -> bool {
        self.deliver_max.is_some_and(|max| deliveries >= max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_overrides_ack_wait_and_its_last_step_stays() {
        let mut terms = Terms { ack_wait_ns: 30, ..Terms::default() };
        assert_eq!([1, 2, 9].map(|n| terms.wait_ns(n)), [30, 30, 30]);
        terms.backoff_ns = [1, 5].into();
        assert_eq!([1, 2, 3, 9].map(|n| terms.wait_ns(n)), [1, 5, 5, 5]);
    }
}
