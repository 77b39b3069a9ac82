//! Statistics that nobody has to ask for: soon after the start, then ever more rarely.

use std::sync::Arc;
use std::time::Duration;

use vagus_runtime::{Cx, Handler, Message};

use super::System;
use super::answer::Body;
use super::pages::PageError;
use crate::delivery::Post;

/// When statistics are due.
pub(super) struct Beat {
    next: Duration,
}

/// Statistics to be published.
pub(super) struct Due(Vec<u8>);

impl Message for Due {
    fn weight(&self) -> usize {
        self.0.len()
    }
}

const FIRST_AFTER: Duration = Duration::from_millis(250);
const EVERY_MAX: Duration = Duration::from_secs(10);

// === impl Beat ===

impl Default for Beat {
    fn default() -> Self {
        Self { next: FIRST_AFTER }
    }
}

impl Beat {
    /// Time until the next statistics.
    fn advance(&mut self) -> Duration {
        let next = (self.next * 2).min(EVERY_MAX);
        std::mem::replace(&mut self.next, next)
    }
}

// === impl System ===

impl System {
    pub(super) fn schedule_statsz(&mut self, cx: &mut Cx<'_, Self>) {
        let after = self.beat.advance();
        cx.run_later(after, |me, cx| {
            me.publish_statsz(cx);
            me.schedule_statsz(cx);
        });
    }

    /// If somebody listens.
    fn publish_statsz(&self, cx: &Cx<'_, Self>) {
        let subject = self.office.about_server("STATSZ");
        let mut wanted = false;
        self.event(cx, |_, out| wanted = out.interested(subject.as_bytes(), None));
        let Some(seat) = wanted.then(|| self.office.seat()).flatten() else { return };
        let (office, handle) = (Arc::clone(&self.office), cx.handle());
        let done = move |made: Result<Vec<u8>, PageError>| {
            if let Ok(page) = made {
                let statsz = office.envelope(&Body::Data("statsz", &page));
                // A system that is gone has nobody to tell.
                let _ = handle.send_urgent(Due(statsz));
            }
            drop(seat);
        };
        self.office.pages.make("STATSZ", Vec::new(), Box::new(done));
    }
}

// === impl Handler<Due> ===

impl Handler<Due> for System {
    fn handle(&mut self, Due(payload): Due, cx: &mut Cx<'_, Self>) {
        let subject = self.office.about_server("STATSZ");
        self.event(cx, |_, out| {
            let (subject, payload) = (subject.as_bytes(), &payload[..]);
            out.publish(Post { subject, reply: None, headers: None, payload });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_become_rare_but_not_too_rare() {
        let mut beat = Beat::default();
        let millis: Vec<_> = (0..8).map(|_| beat.advance().as_millis()).collect();
        assert_eq!(millis, [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
    }
}
