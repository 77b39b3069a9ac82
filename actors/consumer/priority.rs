//! Which of the waiting pull requests may be served: overflow thresholds, and the pinned client.

use super::waiting::Request;

/// What a request has to pass to be served.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Gate<'a> {
    /// Every request passes.
    Open,
    /// A request passes when enough messages are to come, or to be acknowledged.
    Overflow { pending: u64, ack_pending: u64 },
    /// Only requests with this pin pass.
    Pinned(&'a str),
    /// Nobody is pinned yet: requests without a pin pass.
    Unpinned,
}

/// Who is pinned. Forgotten when the consumer's actor is made anew.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Pin {
    id: Option<Box<str>>,
    /// When the pinned client was pinned, in unix nanoseconds.
    since_ns: i64,
    /// When the client counts as gone, unless it asks before.
    until_ns: i64,
    /// Silence after which it does, in nanoseconds.
    timeout_ns: i64,
}

/// What is wrong with the pin of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WrongPin {
    /// Another client is pinned.
    Mismatch,
    /// No client is.
    Nobody,
}

// === impl Gate ===

impl Gate<'_> {
    #[cfg(test)]
    pub(crate) fn open() -> Self {
        Self::Open
    }

    /// Whether the request may be served.
    pub(crate) fn lets(&self, request: &Request) -> bool {
        match *self {
            Self::Open => true,
            Self::Overflow { pending, ack_pending } => {
                let Request { min_pending, min_ack_pending, .. } = *request;
                (min_pending == 0 && min_ack_pending == 0)
                    || (min_pending > 0 && pending >= min_pending)
                    || (min_ack_pending > 0 && ack_pending >= min_ack_pending)
            }
            Self::Pinned(id) => request.pin.as_deref() == Some(id),
            Self::Unpinned => request.pin.is_none(),
        }
    }
}

// === impl Pin ===

impl Pin {
    /// A pin that lasts so many nanoseconds of silence.
    pub(crate) fn new(timeout_ns: i64) -> Self {
        Self { timeout_ns, ..Self::default() }
    }

    /// The pinned client.
    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Since when it is, in unix nanoseconds; 0: nobody is.
    pub(crate) fn since_ns(&self) -> i64 {
        if self.id.is_some() { self.since_ns } else { 0 }
    }

    /// Checks the pin of a new request, and renews the time of the pinned client.
    pub(crate) fn on_request(&mut self, id: Option<&str>, now_ns: i64) -> Result<(), WrongPin> {
        match (self.id(), id) {
            (_, None) => Ok(()),
            (Some(pinned), Some(id)) if pinned == id => {
                self.renew(now_ns);
                Ok(())
            }
            (Some(_), Some(_)) => Err(WrongPin::Mismatch),
            (None, Some(_)) => Err(WrongPin::Nobody),
        }
    }

    fn renew(&mut self, now_ns: i64) {
        self.until_ns = now_ns.saturating_add(self.timeout_ns);
    }

    /// Pins a client.
    pub(crate) fn pin(&mut self, id: &str, now_ns: i64) {
        self.id = Some(id.into());
        self.since_ns = now_ns;
        self.renew(now_ns);
    }

    /// Nobody is pinned any more. False when nobody was.
    pub(crate) fn unpin(&mut self) -> bool {
        self.id.take().is_some()
    }

    /// Unpins a client that was silent for too long.
    pub(crate) fn on_time(&mut self, now_ns: i64) -> bool {
        self.next_due().is_some_and(|due_ns| due_ns <= now_ns) && self.unpin()
    }

    /// When the pinned client counts as gone.
    pub(crate) fn next_due(&self) -> Option<i64> {
        self.id.as_ref().map(|_| self.until_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overflow_takes_one_threshold_or_the_other() {
        let gate = Gate::Overflow { pending: 10, ack_pending: 3 };
        let lets = |min_pending, min_ack_pending| {
            gate.lets(&Request { min_pending, min_ack_pending, ..Request::default() })
        };
        assert!(lets(0, 0) && lets(10, 0) && lets(0, 3) && lets(10, 100) && lets(100, 3));
        assert!(!lets(11, 0) && !lets(0, 4) && !lets(11, 4));
    }

    #[test]
    fn a_pin_lasts_while_its_client_asks() {
        let mut pin = Pin::new(100);
        assert_eq!(pin.on_request(Some("x"), 0), Err(WrongPin::Nobody));
        assert_eq!(pin.on_request(None, 0), Ok(()));
        pin.pin("x", 5);
        assert_eq!((pin.since_ns(), pin.next_due()), (5, Some(105)));
        assert_eq!(pin.on_request(Some("y"), 50), Err(WrongPin::Mismatch));
        assert_eq!(pin.on_request(None, 50), Ok(()));
        assert_eq!(pin.next_due(), Some(105));
        assert_eq!(pin.on_request(Some("x"), 50), Ok(()));
        assert!(!pin.on_time(149));
        assert!(pin.on_time(150));
        assert!(!pin.on_time(150));
        assert_eq!((pin.id(), pin.since_ns(), pin.next_due()), (None, 0, None));
    }

    #[test]
    fn only_the_pinned_pass() {
        let with = |pin: Option<&str>| Request { pin: pin.map(Into::into), ..Request::default() };
        assert!(Gate::Pinned("x").lets(&with(Some("x"))));
        assert!(!Gate::Pinned("x").lets(&with(Some("y"))));
        assert!(!Gate::Pinned("x").lets(&with(None)));
        assert!(Gate::Unpinned.lets(&with(None)));
        assert!(!Gate::Unpinned.lets(&with(Some("x"))));
    }
}
