//! What an arbiter remembers of the interest: subject -> everyone who wants it.
//!
//! Owned by one thread, so a hit costs a hash, a comparison and three loads of generations, and no
//! lock. A subject is taken in only when it was asked for before: the reply subjects of requests,
//! each used once, would otherwise push out everything worth keeping.

use std::rc::Rc;

use super::interest::{Interest, Place, Stamp};
use super::subscription::{Sub, Target};

/// Everyone who wants one subject, at one point in time.
#[derive(Default)]
pub struct Match {
    pub place: Place,
    pub stamp: Stamp,
    pub plain: Vec<Want>,
    /// Queue groups: one member of each gets a message.
    pub queues: Vec<Vec<Want>>,
    /// What deliveries to pattern subscriptions start with: these carry the message's subject.
    heads: Vec<u8>,
}

/// One subscription that wants the subject.
pub struct Want {
    pub sub: Sub,
    /// Place of its head in the match; empty for a subscription to the subject itself, which has
    /// the head ready.
    head: (u32, u32),
}

/// The cache of one arbiter.
pub struct Cache {
    slots: Vec<Option<Entry>>,
    /// A byte of the hash of subjects seen once, by another part of the hash.
    seen: Box<[u8]>,
    /// Entries pushed out since the table last grew.
    pushed_out: usize,
    /// The answer for a subject that was not taken in.
    once: Match,
    pub lookups: u64,
    /// Slots that are taken.
    len: usize,
    /// Most subscriptions found for one subject.
    widest: usize,
}

struct Entry {
    hash: u64,
    subject: Box<[u8]>,
    found: Rc<Match>,
}

/// An answer of the cache.
pub enum Found<'a> {
    /// Kept: good for as long as the generations in it stand.
    Kept(Rc<Match>),
    /// Good for one message.
    Once(&'a Match),
}

const SLOTS_FIRST: usize = 1 << 8;
const SLOTS_MAX: usize = 1 << 17;
const SEEN: usize = 1 << 17;

// === impl Match ===

impl Match {
    pub(super) fn clear(&mut self) {
        self.plain.clear();
        self.queues.clear();
        self.heads.clear();
    }

    /// Adds a subscription to the very subject.
    pub(super) fn push_literal(&mut self, sub: &Sub) {
        self.push(Want { sub: sub.clone(), head: (0, 0) });
    }

    /// Adds a subscription to a pattern.
    pub(super) fn push_pattern(&mut self, sub: &Sub, subject: &[u8]) {
        let start = self.heads.len() as u32;
        for part in [&b"HMSG "[..], subject, b" ", sub.sid(), b" "] {
            self.heads.extend_from_slice(part);
        }
        self.push(Want { sub: sub.clone(), head: (start, self.heads.len() as u32) });
    }

    fn push(&mut self, want: Want) {
        let Some(name) = want.sub.queue() else {
            self.plain.push(want);
            return;
        };
        let group = self.queues.iter_mut().find(|group| group[0].sub.queue() == Some(name));
        match group {
            Some(group) => group.push(want),
            None => self.queues.push(vec![want]),
        }
    }

    /// `HMSG <subject> <sid> ` of a delivery to `want`.
    #[inline]
    #[must_use]
    pub fn head<'a>(&'a self, want: &'a Want) -> &'a [u8] {
        match want.head {
            (0, 0) => want.sub.head(),
            (start, end) => &self.heads[start as usize..end as usize],
        }
    }

    /// Whether the interest is still what it was when this was read.
    #[inline]
    #[must_use]
    pub fn is_current(&self, interest: &Interest) -> bool {
        interest.stamp(self.place) == self.stamp
    }

    /// How many subscriptions want the subject, all members of queue groups counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.plain.len() + self.queues.iter().map(Vec::len).sum::<usize>()
    }

    /// Whether nobody wants the subject.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.queues.is_empty()
    }

    /// The first plain subscription of connection `cid` among those found.
    #[must_use]
    pub fn plain_of(&self, cid: u64) -> Option<&Want> {
        self.plain.iter().find(|want| match &want.sub.target {
            Target::Connection(out) => out.cid == cid && want.sub.is_open(),
            Target::Actor(_) => false,
        })
    }
}

// === impl Cache ===

impl Default for Cache {
    fn default() -> Self {
        Self {
            slots: (0..SLOTS_FIRST).map(|_| None).collect(),
            seen: vec![0; SEEN].into_boxed_slice(),
            pushed_out: 0,
            once: Match::default(),
            lookups: 0,
            len: 0,
            widest: 0,
        }
    }
}

impl Cache {
    /// Everyone who wants `subject`.
    pub fn find(&mut self, interest: &Interest, subject: &[u8]) -> Found<'_> {
        let place = interest.place(subject);
        if let Some(entry) = self.slot(place.hash, subject)
            && let Some(entry) = &mut self.slots[entry]
        {
            if entry.found.is_current(interest) {
                return Found::Kept(Rc::clone(&entry.found));
            }
            self.lookups += 1;
            let found = refresh(entry, interest, place);
            self.widest = self.widest.max(found.len());
            return Found::Kept(found);
        }
        self.lookups += 1;
        if !self.seen_before(place.hash) {
            interest.collect(place, subject, &mut self.once);
            self.widest = self.widest.max(self.once.len());
            return Found::Once(&self.once);
        }
        let mut found = Match::default();
        interest.collect(place, subject, &mut found);
        self.widest = self.widest.max(found.len());
        found.plain.shrink_to_fit();
        Found::Kept(self.take_in(place.hash, subject, Rc::new(found)))
    }

    /// Subjects that are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Most subscriptions found for one subject so far.
    #[must_use]
    pub fn widest(&self) -> usize {
        self.widest
    }

    /// Index of the slot that holds `subject`. A subject lives in one of two neighbours.
    fn slot(&self, hash: u64, subject: &[u8]) -> Option<usize> {
        let first = hash as usize & (self.slots.len() - 1);
        [first, first ^ 1].into_iter().find(|n| {
            self.slots[*n]
                .as_ref()
                .is_some_and(|entry| entry.hash == hash && *entry.subject == *subject)
        })
    }

    fn seen_before(&mut self, hash: u64) -> bool {
        let mark = (hash >> 48) as u8 | 1;
        let seen = &mut self.seen[(hash >> 20) as usize & (SEEN - 1)];
        std::mem::replace(seen, mark) == mark
    }

    fn take_in(&mut self, hash: u64, subject: &[u8], found: Rc<Match>) -> Rc<Match> {
        if self.pushed_out > self.slots.len() / 2 && self.slots.len() < SLOTS_MAX {
            self.grow();
        }
        let entry = Entry { hash, subject: subject.into(), found: Rc::clone(&found) };
        self.place_entry(entry);
        found
    }

    fn place_entry(&mut self, entry: Entry) {
        let first = entry.hash as usize & (self.slots.len() - 1);
        let free = [first, first ^ 1].into_iter().find(|n| self.slots[*n].is_none());
        // Of two taken neighbours the one named by another bit of the hash goes.
        let slot = free.unwrap_or(first ^ (entry.hash >> 63) as usize);
        match self.slots[slot].replace(entry) {
            Some(_) => self.pushed_out += 1,
            None => self.len += 1,
        }
    }

    fn grow(&mut self) {
        let size = self.slots.len() * 2;
        let old = std::mem::replace(&mut self.slots, (0..size).map(|_| None).collect());
        self.len = 0;
        for entry in old.into_iter().flatten() {
            self.place_entry(entry);
        }
        self.pushed_out = 0;
    }
}

/// Reads an entry again after the interest has changed, in place where nobody else holds it.
fn refresh(entry: &mut Entry, interest: &Interest, place: Place) -> Rc<Match> {
    if Rc::get_mut(&mut entry.found).is_none() {
        entry.found = Rc::default();
    }
    if let Some(found) = Rc::get_mut(&mut entry.found) {
        interest.collect(place, &entry.subject, found);
    }
    Rc::clone(&entry.found)
}
