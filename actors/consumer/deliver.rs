//! Delivering: what is due again first, then what is new, as long as somebody wants it and may
//! have it.

use std::sync::Arc;

use vagus_jetstream::ack::Delivery as AckTokens;
use vagus_jetstream::headers::{self as blocks, names};
use vagus_jetstream::status;
use vagus_store::{End, Got, Load, Stored};

use super::Consumer;
use super::parts::Pulling;
use super::priority::{Gate, Pin};
use super::terms::AckMode;
use super::waiting::{Request, Served};
use crate::delivery::{Outlet, Post};

/// Why no more is delivered.
#[derive(Debug, Default)]
pub(super) enum Halt {
    /// Nothing is there that was not delivered.
    #[default]
    CaughtUp,
    /// It is not durable yet that it was made.
    Unborn,
    /// Nobody wants anything, or not yet.
    NoDemand,
    /// As much as may be waits for acknowledgement.
    Full,
    Paused,
    /// Nobody subscribes to the deliver subject.
    Alone,
    /// The client has not said that it read what it was sent.
    Stalled,
    /// It is too early, until then (unix nanoseconds).
    Held(i64),
    /// Enough for one turn.
    Budget,
    /// What comes next is not in memory.
    Cold(Option<Load>),
}

/// A turn of delivering: the way out, and what may still be done.
struct Turn<'t, 'o> {
    out: &'t mut Outlet<'o>,
    now_ns: i64,
    messages: usize,
    bytes: u64,
    /// New messages that are to come.
    pending: u64,
    /// The acknowledgement subject of the message under way.
    reply: Vec<u8>,
    /// Its header block, where that is not as it was stored.
    block: Vec<u8>,
}

/// What became of one message.
enum Gave {
    /// Somebody has it.
    Yes,
    /// It stays, because of this.
    No(Halt),
}

/// A turn ends after so many messages, or bytes, so that others get theirs.
const MESSAGES_MAX: usize = 1024;
const BYTES_MAX: u64 = 1 << 20;

// === impl Consumer ===

impl Consumer {
    /// Delivers what can be delivered in one turn. The answer is why that was all.
    pub(super) fn deliver(&mut self, out: &mut Outlet<'_>, now_ns: i64) -> Halt {
        if self.unborn {
            return Halt::Unborn;
        }
        if self.loading {
            return Halt::Cold(None);
        }
        if self.pause.until_ns().is_some() {
            return Halt::Paused;
        }
        if let Some(halt) = self.halted_without_looking(now_ns) {
            return halt;
        }
        self.looked_to = self.home.reader.committed();
        let mut turn = Turn {
            out,
            now_ns,
            messages: MESSAGES_MAX,
            bytes: BYTES_MAX,
            pending: self.pending_messages(),
            reply: Vec::new(),
            block: Vec::new(),
        };
        let turn = &mut turn;
        let halt = self
            .deliver_again(turn)
            .or_else(|| self.deliver_picks(turn))
            .unwrap_or_else(|| self.deliver_new(turn));
        if matches!(halt, Halt::Full) && self.state.terms().ack == AckMode::Flow {
            self.ask_now(turn.out);
        }
        halt
    }

    /// What forbids to deliver anything, as far as that can be told without looking at messages.
    fn halted_without_looking(&self, now_ns: i64) -> Option<Halt> {
        let Some(pushing) = &self.pushing else {
            return self.pulling.waiting.is_empty().then_some(Halt::NoDemand);
        };
        if !pushing.push.is_active() {
            return Some(Halt::Alone);
        }
        if pushing.push.is_stalled() {
            return Some(Halt::Stalled);
        }
        pushing.push.held_until(0, now_ns).map(Halt::Held)
    }

    /// Messages that are due again.
    fn deliver_again(&mut self, turn: &mut Turn<'_, '_>) -> Option<Halt> {
        while let Some(slot) = self.state.peek_again() {
            let seq = slot.seq;
            if !self.is_wanted(turn.pending) {
                return Some(Halt::NoDemand);
            }
            if let Err(halt) = self.read_one(seq, true, turn) {
                return Some(halt);
            }
        }
        None
    }

    /// The last messages of each subject, as they were at the beginning.
    fn deliver_picks(&mut self, turn: &mut Turn<'_, '_>) -> Option<Halt> {
        while let Some(picks) = &mut self.picks {
            let Some(seq) = picks.next() else {
                self.state.skip_to(picks.resume() - 1);
                self.picks = None;
                self.ledger.write_picks();
                break;
            };
            if self.state.room() == 0 {
                return Some(Halt::Full);
            }
            if let Err(halt) = self.read_one(seq, false, turn) {
                return Some(halt);
            }
            if let Some(picks) = &mut self.picks {
                picks.done_through(seq);
            }
        }
        None
    }

    /// Reads a message by its sequence and delivers it.
    fn read_one(&mut self, seq: u64, again: bool, turn: &mut Turn<'_, '_>) -> Result<(), Halt> {
        let home = Arc::clone(&self.home);
        let mut gave = None;
        let got = home.reader.get(seq, |stored| {
            gave = Some(self.give(stored, again, turn));
        });
        match (got, gave) {
            (Got::Cold(load), _) => Err(Halt::Cold(Some(load))),
            (Got::Found, Some(Gave::No(halt))) => Err(halt),
            (Got::Found, _) => Ok(()),
            (Got::Gone | Got::Damaged, _) if again => {
                self.lose(seq, turn.out, turn.now_ns);
                Ok(())
            }
            (Got::Gone | Got::Damaged, _) => Ok(()),
        }
    }

    /// Messages that were not looked at yet.
    fn deliver_new(&mut self, turn: &mut Turn<'_, '_>) -> Halt {
        let home = Arc::clone(&self.home);
        let filter = self.source.filter();
        if self.state.room() == 0 {
            return Halt::Full;
        }
        let mut halt = None;
        let from = self.state.next_seq();
        let visited = home.reader.visit(from, &filter, turn.messages, &mut |stored| {
            match self.give(stored, false, turn) {
                Gave::Yes => halt = self.halt_before_next(turn),
                Gave::No(why) => halt = Some(why),
            }
            halt.is_none()
        });
        if let Some(halt) = halt {
            return halt;
        }
        // Nothing before this is for the consumer.
        self.state.skip_to(visited.next.saturating_sub(1));
        match visited.end {
            End::Cold(load) => Halt::Cold(Some(load)),
            End::Caught => Halt::CaughtUp,
            End::Stopped | End::Budget => Halt::Budget,
        }
    }

    /// Whether to stop behind a message that was delivered.
    fn halt_before_next(&self, turn: &Turn<'_, '_>) -> Option<Halt> {
        if self.state.room() == 0 {
            return Some(Halt::Full);
        }
        if turn.messages == 0 || turn.bytes == 0 {
            return Some(Halt::Budget);
        }
        if self.pushing.is_none() && !self.is_wanted(turn.pending) {
            // Nothing more is to come for certain, so whoever waits without patience learns it.
            return Some(Halt::NoDemand);
        }
        self.pushing.as_ref().and_then(|_| self.halted_without_looking(turn.now_ns))
    }

    /// Whether a request that waits may be served, or the consumer pushes.
    fn is_wanted(&self, pending: u64) -> bool {
        let Pulling { waiting, .. } = &self.pulling;
        self.pushing.is_some() || waiting.pick(&self.pulling.gate(pending, &self.state)).is_some()
    }

    /// Gives a message to whose turn it is, and books it.
    fn give(&mut self, stored: &Stored<'_>, again: bool, turn: &mut Turn<'_, '_>) -> Gave {
        if turn.messages == 0 || turn.bytes == 0 {
            return Gave::No(Halt::Budget);
        }
        if let Some(until_ns) = self.held_for_replay(stored, again, turn.now_ns) {
            return Gave::No(Halt::Held(until_ns));
        }
        let left = turn.pending.saturating_sub(u64::from(!again));
        self.write_reply(stored, again, left, &mut turn.reply);
        let gave = match self.pushing.is_some() {
            true => self.give_pushed(stored, turn),
            false => self.give_pulled(stored, turn).ok_or(Halt::NoDemand),
        };
        let size = match gave {
            Ok(size) => size,
            Err(halt) => return Gave::No(halt),
        };
        turn.pending = left;
        turn.messages -= 1;
        turn.bytes = turn.bytes.saturating_sub(size);
        self.book(stored, again, turn.now_ns);
        Gave::Yes
    }

    fn held_for_replay(&self, stored: &Stored<'_>, again: bool, now_ns: i64) -> Option<i64> {
        let replay = self.replay.as_ref().filter(|_| !again)?;
        replay.held_until(stored.seq, stored.time_ns, now_ns)
    }

    /// Writes the acknowledgement subject of the next delivery.
    fn write_reply(&mut self, stored: &Stored<'_>, again: bool, pending: u64, out: &mut Vec<u8>) {
        let before = if again { self.state.pending().get(stored.seq) } else { None };
        let tokens = AckTokens {
            count: before.map_or(0, |slot| u64::from(slot.deliveries)) + 1,
            stream_seq: stored.seq,
            consumer_seq: self.state.delivered().consumer + 1,
            time: stored.time_ns,
            pending,
        };
        if self.subjects.is_none() {
            self.subjects = Some(Box::new(self.ack_subjects()));
        }
        out.clear();
        if let Some(subjects) = &self.subjects {
            subjects.write(out, &tokens);
        }
    }

    fn book(&mut self, stored: &Stored<'_>, again: bool, now_ns: i64) {
        if again {
            self.state.deliver_again(stored.seq, now_ns);
        } else {
            self.state.deliver(stored.seq, now_ns);
            if let Some(replay) = &mut self.replay {
                replay.sent(stored.time_ns, now_ns);
            }
            if !self.state.terms().acks() && self.home.wants_progress() {
                self.done.push(stored.seq);
            }
        }
    }

    /// To the deliver subject. The answer is its size, or why it stays.
    fn give_pushed(&mut self, stored: &Stored<'_>, turn: &mut Turn<'_, '_>) -> Result<u64, Halt> {
        let Turn { out, now_ns, reply, block, .. } = turn;
        let post = shape(stored, reply, block, None, self.config.headers_only);
        let size = size_of_post(&post);
        let push = self.pushing.as_ref().map(|pushing| &pushing.push);
        if let Some(until_ns) = push.and_then(|push| push.held_until(size, *now_ns)) {
            return Err(Halt::Held(until_ns));
        }
        if out.deliver(self.config.deliver_subject.as_bytes(), post) == 0 {
            self.on_alone(*now_ns);
            return Err(Halt::Alone);
        }
        if let Some(pushing) = &mut self.pushing {
            pushing.push.sent(size, *now_ns);
        }
        self.ask_for_flow(out);
        Ok(size)
    }

    /// To a waiting request. None when nobody is there whose turn it is.
    fn give_pulled(&mut self, stored: &Stored<'_>, turn: &mut Turn<'_, '_>) -> Option<u64> {
        let Turn { out, now_ns, reply, block, pending, .. } = turn;
        loop {
            let gate = self.pulling.gate(*pending, &self.state);
            let index = self.pulling.waiting.pick(&gate)?;
            if matches!(gate, Gate::Unpinned) {
                if !out.interested(&self.pulling.waiting.get(index)?.inbox, None) {
                    self.pulling.waiting.remove(index);
                    continue;
                }
                self.pin(index, out, *now_ns);
            }
            let pin = self.pulling.pin.as_deref().and_then(Pin::id);
            let request = self.pulling.waiting.get(index)?;
            let post = shape(stored, reply, block, pin, self.config.headers_only);
            let size = size_of_post(&post);
            if !request.fits(size) {
                self.end_too_large(index, out);
                continue;
            }
            if out.deliver(&request.inbox, post) == 0 {
                // Its client is gone.
                self.pulling.waiting.remove(index);
                continue;
            }
            self.note_use(*now_ns);
            if let Served::Complete(request) = self.pulling.waiting.serve(index, size, *now_ns) {
                end_complete(&request, out);
            }
            return Some(size);
        }
    }

    fn end_too_large(&mut self, index: usize, out: &mut Outlet<'_>) {
        if let Some(request) = self.pulling.waiting.remove(index) {
            let mut block = Vec::new();
            status::message_exceeds_max_bytes(&mut block, request.rest());
            request.say(&block, out);
        }
    }

    /// Pins the client of a waiting request.
    fn pin(&mut self, index: usize, out: &mut Outlet<'_>, now_ns: i64) {
        let id = self.home.js.new_id();
        let Pulling { waiting, pin: Some(pin), .. } = &mut self.pulling else { return };
        pin.pin(&id, now_ns);
        if let Some(request) = waiting.get_mut(index) {
            request.pin = Some(id.as_str().into());
        }
        self.advise_pinned(&id, out);
    }

    /// Ends requests that do not wait, once there is nothing more for them.
    pub(super) fn end_drained(&mut self, out: &mut Outlet<'_>) {
        if !matches!(self.halt, Halt::CaughtUp) {
            return;
        }
        while let Some(request) = self.pulling.waiting.pop_drained() {
            request.say(status::NO_MESSAGES, out);
        }
    }
}

fn end_complete(request: &Request, out: &mut Outlet<'_>) {
    if request.bytes_left.is_some_and(|left| left > 0) {
        let mut block = Vec::new();
        status::batch_completed(&mut block, request.rest());
        request.say(&block, out);
    }
}

/// What a message takes of a budget.
fn size_of_post(post: &Post<'_>) -> u64 {
    let headers = post.headers.map_or(0, <[u8]>::len);
    (post.subject.len() + post.reply.map_or(0, <[u8]>::len) + headers + post.payload.len()) as u64
}

/// A message as it is delivered. `block` is where changed headers are put.
fn shape<'a>(
    stored: &Stored<'a>,
    reply: &'a [u8],
    block: &'a mut Vec<u8>,
    pin: Option<&str>,
    headers_only: bool,
) -> Post<'a> {
    let mut headers = stored.headers;
    if headers_only || pin.is_some() {
        block.clear();
        block.extend_from_slice(stored.headers);
        if headers_only {
            let size = stored.payload.len().to_string();
            blocks::append(block, names::MSG_SIZE, size.as_bytes());
        }
        if let Some(pin) = pin {
            blocks::append(block, names::PIN_ID, pin.as_bytes());
        }
        headers = block;
    }
    Post {
        subject: stored.subject,
        reply: Some(reply),
        headers: Some(headers).filter(|block| !block.is_empty()),
        payload: if headers_only { b"" } else { stored.payload },
    }
}
