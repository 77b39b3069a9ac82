//! The end of a turn: what was staged becomes one commit.

use vagus_runtime::Cx;

use super::flights::Flight;
use super::messages::Nudge;
use super::{Life, Stream};

impl Stream {
    /// At the end of every turn. A timer or a future that changed something calls it too: its
    /// turn may come after the one that ends all others.
    pub(super) fn finish(&mut self, cx: &mut Cx<'_, Self>) {
        // What is done at the end of a commit may stage more.
        while self.live(|life| life.commit()).unwrap_or(false) {
            self.turn(cx, |life, out, cx| life.land(out, cx));
        }
        if self.live(|life| life.sending.as_ref().is_some_and(|one| one.stirred)) == Some(true) {
            self.send_snapshot(cx);
        }
        self.live(|life| life.read_parked(cx));
        self.live(|life| life.arm(cx));
    }
}

impl Life {
    /// Reads what a publish waits for.
    fn read_parked(&mut self, cx: &mut Cx<'_, Stream>) {
        let Some(load) = self.to_load.take() else { return };
        cx.when(self.state.reader.load(load), |me, (), cx| {
            me.live(|life| {
                life.parking = false;
                life.take_parked();
            });
            me.finish(cx);
        });
    }

    /// Sends what is staged on its way. Whether there is something to be told.
    fn commit(&mut self) -> bool {
        let staged = self.failing.is_none() && self.state.log.is_staged();
        let removed = std::mem::take(&mut self.state.removed);
        for subject in self.state.made.drain(..) {
            self.open.touch(subject);
        }
        if staged || !self.open.is_empty() || !removed.is_empty() {
            let mut flight = std::mem::take(&mut self.open);
            flight.last_seq = self.state.log.last_seq();
            flight.removed = removed;
            if staged {
                self.submit(&mut flight);
            }
            self.flights.push_back(flight);
            self.charge();
        }
        self.ended.extend(self.completions.take());
        let front = self.flights.front();
        front.is_some_and(|flight| flight.ticket.is_none()) || !self.ended.is_empty()
    }

    fn submit(&mut self, flight: &mut Flight<super::Then>) {
        self.next_ticket += 1;
        self.tally.commits += 1;
        let (ticket, me) = (self.next_ticket, self.me.clone());
        flight.ticket = Some(ticket);
        // A stream that is gone has nobody to tell.
        let ring = move || drop(me.send_urgent(Nudge));
        self.state.log.commit(self.completions.done(ticket, ring));
    }

    /// Charges the account for what the stream takes now.
    pub(super) fn charge(&mut self) {
        let in_memory = self.state.rules.in_memory;
        let bytes = i64::try_from(self.state.log.bytes()).unwrap_or(i64::MAX);
        let reserved = self.state.rules.config.max_bytes.max(0);
        if bytes != self.charged.0 {
            self.js.usage.add_bytes(in_memory, bytes - self.charged.0);
        }
        if reserved != self.charged.1 {
            self.js.usage.reserve(in_memory, reserved - self.charged.1);
        }
        self.charged = (bytes, reserved);
        self.measure();
    }

    /// Where room is limited, looks how much is left: other streams take of it, and give back.
    pub(super) fn measure_if_tight(&mut self) {
        if self.state.is_full || self.state.log_max != u64::MAX || self.js.is_tight() {
            self.measure();
        }
    }

    fn measure(&mut self) {
        let in_memory = self.state.rules.in_memory;
        let settings = self.js.settings();
        let most = if in_memory { settings.memory_max } else { settings.storage_max };
        let used = u64::try_from(self.js.accounts.total.bytes(in_memory)).unwrap_or(0);
        self.state.is_full = used > most;
        let limits = self.js.limits_of(self.state.config().num_replicas).unwrap_or_default();
        let most = if in_memory { limits.max_memory } else { limits.max_store };
        self.state.log_max = match u64::try_from(most) {
            Err(_) => u64::MAX,
            Ok(_) => {
                let left = (most - self.js.usage.bytes(in_memory)).max(0);
                u64::try_from(self.charged.0.saturating_add(left)).unwrap_or(0)
            }
        };
    }

    /// The stream ends, or starts over: nothing is charged for it.
    pub(super) fn settle_accounts(&mut self) {
        let in_memory = self.state.rules.in_memory;
        self.js.usage.add_bytes(in_memory, -self.charged.0);
        self.js.usage.reserve(in_memory, -self.charged.1);
        self.charged = (0, 0);
    }
}
