//! How a consumer begins: anew, where its policy says, or where it was.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use vagus_jetstream::ack::AckSubjects;
use vagus_jetstream::consumer::ReplayPolicy;
use vagus_runtime::Cx;

use super::Consumer;
use super::clock::Clock;
use super::deliver::Halt;
use super::done::Done;
use super::ledger::{Answer, Ledger, Told};
use super::messages::{Birth, Home, Nudge, Seat};
use super::parts::{Pulling, Pushing, sample_percent};
use super::pause::Pause;
use super::record::Keys;
use super::replay::Replay;
use super::source::{Past, Source};
use super::start::{Picks, start};
use super::state::State;
use super::terms::Terms;
use crate::stream::messages::Progress;

/// What is written of a consumer's progress.
struct Written {
    base: bytes::Bytes,
    deltas: Vec<bytes::Bytes>,
    picks: Option<bytes::Bytes>,
}

// === impl Consumer ===

impl Consumer {
    /// Knows nothing yet; [`Consumer::begin`] follows.
    pub(super) fn new(home: Arc<Home>, seat: Arc<Seat>, birth: Option<Box<Birth>>) -> Self {
        let config = seat.config();
        Self {
            state: State::default(),
            source: Source::new(&config),
            pulling: Pulling::new(&config),
            pushing: None,
            picks: None,
            replay: None,
            pause: Pause::default(),
            ledger: Ledger::default(),
            clock: Clock::default(),
            done: Done::default(),
            subjects: None,
            halt: Halt::default(),
            sample: sample_percent(&config),
            looked_to: 0,
            listening: false,
            loading: false,
            going_on: false,
            unborn: false,
            told_all: false,
            home,
            seat,
            config,
            birth,
        }
    }

    /// Finds out where it stands.
    pub(super) fn begin(&mut self, cx: &mut Cx<'_, Self>) {
        let now_ns = self.home.js.now_ns();
        let birth = self.birth.take().map(|birth| *birth);
        self.note_use(now_ns);
        self.ledger.begin(now_ns);
        self.pause = Pause::new(self.config.pause_until.map(|time| time.nanos()), now_ns);
        if self.config.is_push() {
            self.begin_to_push(cx, now_ns);
        }
        let written = match &birth {
            Some(Birth::New(_)) => None,
            _ => self.written(),
        };
        match written {
            Some(written) => self.restore(&written),
            None => self.start_anew(),
        }
        if self.config.replay_policy == ReplayPolicy::Original {
            let last = self.home.reader.state().last_seq;
            self.replay = Some(Box::new(Replay::new(last)));
        }
        if let Some(Birth::New(caller)) = birth {
            self.ledger.write_record();
            if let Some(caller) = caller {
                self.unborn = true;
                self.ledger.answer(Answer::Call(caller, Told::Created));
            }
            self.announce_birth(cx);
        }
    }

    fn announce_birth(&mut self, cx: &mut Cx<'_, Self>) {
        let home = Arc::clone(&self.home);
        home.js.turn(cx.cell().arbiter(), |out| {
            self.advise_action("CREATED", "create", out);
            if self.pause.until_ns().is_some() {
                self.advise_pause(out);
            }
        });
    }

    /// What an earlier incarnation wrote, if there was one.
    fn written(&self) -> Option<Written> {
        if self.seat.is_volatile() {
            let kept = self.seat.volatile.lock().clone()?;
            let picks = Some(kept.picks).filter(|picks| !picks.is_empty());
            return Some(Written { base: kept.base, deltas: kept.deltas, picks });
        }
        let keys = Keys::of(&self.seat.name);
        let value = self.home.table.get(&keys.state)?;
        let picks = self.home.table.get(&keys.picks).map(|value| value.base);
        Some(Written { base: value.base, deltas: value.deltas, picks })
    }

    /// What an earlier incarnation wrote last may not show yet. So the first write is a base: what
    /// it says counts, and no delta is taken for one that builds on what was not known.
    fn restore(&mut self, written: &Written) {
        let name = &*self.seat.name;
        match State::restore(Terms::from(&*self.config), &written.base) {
            Ok(state) => self.state = state,
            Err(unreadable) => {
                tracing::error!(consumer = name, "{unreadable}: it starts over");
                return self.start_over();
            }
        }
        for delta in &written.deltas {
            if let Err(unreadable) = self.state.replay(delta) {
                tracing::error!(consumer = name, "{unreadable}: what followed comes again");
                break;
            }
        }
        if let Some(picks) = &written.picks {
            let picks = Picks::decode(picks, self.state.delivered().stream);
            self.picks = picks.unwrap_or_default().map(Box::new);
        }
    }

    /// Nothing is known of it: better again than never.
    fn start_over(&mut self) {
        let first = self.home.reader.state().first_seq.max(1);
        self.state = State::new(Terms::from(&*self.config), first);
        self.ledger.rewrite();
    }

    fn start_anew(&mut self) {
        let filter = self.source.filter();
        let past = Past { reader: &self.home.reader, filter: &filter };
        let begin = start(&self.config, &past);
        self.state = State::new(Terms::from(&*self.config), begin.next);
        self.picks = begin.picks.map(Box::new);
        if self.picks.is_some() {
            self.ledger.write_picks();
        }
        self.ledger.rewrite();
    }

    /// Watches the deliver subject.
    pub(super) fn begin_to_push(&mut self, cx: &mut Cx<'_, Self>, now_ns: i64) {
        let interest = &self.home.js.realm.interest;
        let burst = self.burst();
        let mut pushing = Pushing::new(&self.config, burst, now_ns);
        let handle = cx.handle();
        let bell = move || drop(handle.send_urgent(Nudge::Interest));
        let subject = self.config.deliver_subject.as_bytes();
        pushing.watch = Some(interest.watches.add(subject, Arc::new(bell)));
        self.pushing = Some(Box::new(pushing));
        // Looked at once the watch is in force, so that nobody is missed.
        let _ = cx.handle().send_urgent(Nudge::Interest);
    }

    /// Bytes that may be sent at once in spite of a rate.
    pub(super) fn burst(&self) -> u64 {
        let payload_max = self.home.js.broker.settings().limits.payload_max as u64;
        payload_max.min(self.home.msg_size_max.load(Relaxed))
    }

    pub(super) fn ack_subjects(&self) -> AckSubjects {
        let (js, stream, name) = (&self.home.js, &*self.home.stream, &*self.seat.name);
        if js.settings().ack_v2 {
            let domain = js.domain().unwrap_or("");
            return AckSubjects::with_domain(domain, self.home.js.account_hash(), stream, name);
        }
        AckSubjects::new(stream, name)
    }

    /// Tells the stream where this consumer stands, where it wants to know and does not yet.
    fn tell_all(&mut self) {
        let (floor, done) = self.state.settled();
        let progress = Progress { consumer: self.seat.id, floor, done };
        self.told_all = self.home.progress.send_urgent(progress).is_ok();
        self.done.take();
    }

    /// Tells the stream what this turn was done with.
    pub(super) fn tell_stream(&mut self) {
        self.seat.set_lowest(self.state.pending().first().map_or(u64::MAX, |slot| slot.seq));
        if !self.told_all && self.home.wants_progress() {
            return self.tell_all();
        }
        if self.done.is_empty() {
            return;
        }
        let done = self.done.take();
        if self.home.wants_progress() {
            let progress =
                Progress { consumer: self.seat.id, floor: self.state.done_floor(), done };
            // Past the bound: what is lost here stays in the stream for good.
            let _ = self.home.progress.send_urgent(progress);
        }
    }
}
