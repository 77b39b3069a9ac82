//! Who wants what: the read side of the subject shards.
//!
//! Every slice has one writer, its `SubjectShard` actor, and any number of readers, the publishing
//! connections. A reader takes a slice's lock only when its arbiter's cache does not know a
//! subject; while the slice's generation stands still, what was read stays true. A generation moves
//! inside the write lock, after the change: who has seen the new generation sees the change.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{RwLock, RwLockReadGuard};
use vagus_subject::{Interested as _, Literals, Wildcards, has_wildcards, hash, shard_of, tokens};

use super::{Match, Sub, Watches};

/// The interest of one account, cut into slices.
pub struct Interest {
    /// Exact subjects, by the hash of the whole subject.
    literals: Box<[Slice<Literals<Sub>>]>,
    /// Patterns whose first token is literal, by the hash of that token. A client's own inbox
    /// pattern thus disturbs only what is cached for its slice.
    wildcards: Box<[Slice<Wildcards<Sub>>]>,
    /// Patterns that begin with a wildcard. Every subject is looked up here.
    root: Slice<Wildcards<Sub>>,
    /// Subscriptions that were ever added, for monitoring; those taken out are the difference.
    added: AtomicU64,
    /// Who is told of changes.
    pub watches: Watches,
    /// Tells the subjects of this realm from those of others in a cache that all share.
    salt: u64,
    /// Who writes the first slice. Writers and slices follow each other from there, in a ring.
    first: usize,
    /// Writers in the ring.
    writers: usize,
}

/// A part of the index with its generation.
pub struct Slice<T> {
    generation: AtomicU64,
    /// Whether nothing is in it, so that a reader need not look.
    empty: AtomicBool,
    index: RwLock<T>,
}

/// The generations under which something was read.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Stamp {
    literal: u64,
    wildcard: u64,
    root: u64,
}

/// Where a subject is looked up.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Place {
    pub hash: u64,
    literal: u32,
    wildcard: u32,
}

/// One change of the interest.
#[derive(Clone)]
pub enum Change {
    Add(Sub),
    Remove(Sub),
}

// === impl Change ===

impl Change {
    #[must_use]
    pub fn sub(&self) -> &Sub {
        match self {
            Self::Add(sub) | Self::Remove(sub) => sub,
        }
    }
}

// === impl Slice ===

impl<T: Default> Default for Slice<T> {
    fn default() -> Self {
        Self {
            generation: AtomicU64::new(1),
            empty: AtomicBool::new(true),
            index: RwLock::new(T::default()),
        }
    }
}

impl<T> Slice<T> {
    #[inline]
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// To read, unless there is nothing to read.
    #[inline]
    fn read(&self) -> Option<RwLockReadGuard<'_, T>> {
        (!self.empty.load(Ordering::Acquire)).then(|| self.index.read())
    }

    fn write(&self, is_empty: fn(&T) -> bool, change: impl FnOnce(&mut T)) {
        let mut index = self.index.write();
        change(&mut index);
        self.empty.store(is_empty(&index), Ordering::Release);
        self.generation.fetch_add(1, Ordering::Release);
    }
}

// === impl Interest ===

impl Interest {
    /// Interest in `shards` slices, and one more for patterns that begin with a wildcard.
    #[must_use]
    pub fn new(shards: usize) -> Self {
        let shards = shards.max(1);
        Self::of_realm(0, shards, shards + 1)
    }

    /// The interest of realm number `id`, in `slices` slices and one more, of which each is written
    /// by one of `writers`. Realms begin with different writers.
    #[must_use]
    pub fn of_realm(id: u64, slices: usize, writers: usize) -> Self {
        assert!((1..writers).contains(&slices), "every slice has a writer of its own");
        Self {
            // An odd factor: no two realms share a salt.
            salt: id.wrapping_mul(0x9E37_79B9_7F4A_7C15),
            first: (id.wrapping_mul(slices as u64 + 1) % writers as u64) as usize,
            writers,
            literals: (0..slices).map(|_| Slice::default()).collect(),
            wildcards: (0..slices).map(|_| Slice::default()).collect(),
            root: Slice::default(),
            added: AtomicU64::new(0),
            watches: Watches::default(),
        }
    }

    /// Number of writers that there are, for this realm and others.
    #[must_use]
    pub fn writers(&self) -> usize {
        self.writers
    }

    #[inline]
    pub(super) fn salt(&self) -> u64 {
        self.salt
    }

    /// The slice that `writer` owns, if any; the last is that of leading wildcards.
    fn owned_by(&self, writer: usize) -> Option<usize> {
        let slice = (writer + self.writers - self.first) % self.writers;
        (slice <= self.literals.len()).then_some(slice)
    }

    fn patterns(&self, slice: usize) -> &Slice<Wildcards<Sub>> {
        self.wildcards.get(slice).unwrap_or(&self.root)
    }

    /// Which writer owns the slice of a subscription with this subject or pattern.
    #[must_use]
    pub fn writer_of(&self, subject: &[u8]) -> usize {
        (self.first + self.slice_of(subject)) % self.writers
    }

    fn slice_of(&self, subject: &[u8]) -> usize {
        if !has_wildcards(subject) {
            return self.slice(hash(subject)) as usize;
        }
        match tokens(subject).next() {
            Some(b"*" | b">") | None => self.literals.len(),
            Some(first) => self.slice(hash(first)) as usize,
        }
    }

    /// Applies changes that all belong to `writer`, under one lock of each kind touched.
    pub fn apply(&self, writer: usize, changes: &[Change]) {
        self.apply_noting(writer, changes, |_| ());
    }

    /// The same, and tells `note` of those that changed something: a change may come twice.
    pub fn apply_noting(&self, writer: usize, changes: &[Change], mut note: impl FnMut(&Change)) {
        let Some(slice) = self.owned_by(writer) else {
            panic!("writer {writer} owns nothing of this realm");
        };
        let (mut literal, mut pattern) = (Vec::new(), Vec::new());
        for change in changes {
            if has_wildcards(change.sub().subject()) {
                pattern.push(change);
            } else {
                literal.push(change);
            }
        }
        let mut added = 0;
        let mut note = |change: &Change| {
            added += u64::from(matches!(change, Change::Add(_)));
            note(change);
        };
        if !literal.is_empty() {
            self.literals[slice]
                .write(Literals::is_empty, |index| change_literals(index, &literal, &mut note));
        }
        if !pattern.is_empty() {
            self.patterns(slice)
                .write(Wildcards::is_empty, |index| change_wildcards(index, &pattern, &mut note));
        }
        self.added.fetch_add(added, Ordering::Relaxed);
        self.watches.tell(changes);
    }

    /// Subscriptions that were ever added.
    #[must_use]
    pub fn added(&self) -> u64 {
        self.added.load(Ordering::Relaxed)
    }

    /// Builds the slices of `writer` anew from the entries that can still be reached: what a
    /// restarted writer does first, since its predecessor may have died half way through a change.
    pub fn rebuild(&self, writer: usize) {
        let Some(slice) = self.owned_by(writer) else { return };
        if let Some(literals) = self.literals.get(slice) {
            literals.write(Literals::is_empty, |index| {
                let mut fresh = Literals::default();
                for sub in index.iter().filter(|sub| sub.is_open()) {
                    fresh.insert(hash(sub.subject()), sub.clone());
                }
                *index = fresh;
            });
        }
        self.patterns(slice).write(Wildcards::is_empty, |index| {
            let mut fresh = Wildcards::default();
            for sub in index.iter().filter(|sub| sub.is_open()) {
                fresh.insert(sub.clone());
            }
            *index = fresh;
        });
    }

    #[inline]
    fn slice(&self, hash: u64) -> u32 {
        shard_of(hash, self.literals.len()) as u32
    }

    /// Where to look up the subject with this hash.
    fn place(&self, hash: u64, subject: &[u8]) -> Place {
        let first = memchr::memchr(b'.', subject).map_or(subject, |n| &subject[..n]);
        let wildcard = self.slice(vagus_subject::hash(first));
        Place { hash, literal: self.slice(hash), wildcard }
    }

    /// The generations that an answer for `place` depends on.
    #[inline]
    #[must_use]
    pub fn stamp(&self, place: Place) -> Stamp {
        Stamp {
            literal: self.literals[place.literal as usize].generation(),
            wildcard: self.wildcards[place.wildcard as usize].generation(),
            root: self.root.generation(),
        }
    }

    /// Fills `found` with everyone who wants `subject`.
    pub fn collect(&self, subject: &[u8], found: &mut Match) {
        self.collect_hashed(hash(subject), subject, found);
    }

    /// Calls `see` with everyone who has subscribed to `subject`, whether it is kept back from him
    /// or not.
    pub(super) fn visit(&self, subject: &[u8], see: &mut impl FnMut(&Sub)) {
        let hash = hash(subject);
        let place = self.place(hash, subject);
        if has_empty_token(subject) {
            return;
        }
        if let Some(literals) = self.literals[place.literal as usize].read() {
            literals.matching(hash, subject).iter().for_each(&mut *see);
        }
        for slice in [&self.wildcards[place.wildcard as usize], &self.root] {
            if let Some(wildcards) = slice.read() {
                wildcards.visit(subject, see);
            }
        }
    }

    /// Fills `found`, for a caller who has the hash of the subject.
    pub(super) fn collect_hashed(&self, hash: u64, subject: &[u8], found: &mut Match) {
        let place = self.place(hash, subject);
        found.begin(subject);
        found.place = place;
        // Read before the slices: if a change comes between, the answer is thrown away too early,
        // never too late.
        found.stamp = self.stamp(place);
        if has_empty_token(subject) {
            return;
        }
        if let Some(literals) = self.literals[place.literal as usize].read() {
            literals
                .matching(hash, subject)
                .iter()
                .for_each(|sub| found.push_literal(sub, subject));
        }
        let mut alike = true;
        for slice in [&self.wildcards[place.wildcard as usize], &self.root] {
            if let Some(wildcards) = slice.read() {
                alike &=
                    wildcards.visit(subject, &mut |sub: &Sub| found.push_pattern(sub, subject));
            }
        }
        if subject.starts_with(JETSTREAM) && !subject.starts_with(EVENTS) {
            found.keep_near();
        }
        if alike {
            found.set_alike();
        }
    }

    /// Makes of `found` the answer for a subject that differs from its own in the last token alone,
    /// where that is known to have the same takers. False: it is not known, and nothing is changed.
    pub(super) fn turn_into(&self, hash: u64, subject: &[u8], found: &mut Match) -> bool {
        let place = Place { hash, literal: self.slice(hash), ..found.place };
        let stamp = self.stamp(place);
        if (stamp.wildcard, stamp.root) != (found.stamp.wildcard, found.stamp.root) {
            return false;
        }
        if let Some(literals) = self.literals[place.literal as usize].read()
            && !literals.matching(hash, subject).is_empty()
        {
            return false;
        }
        (found.place, found.stamp) = (place, stamp);
        found.rename(subject);
        true
    }

    /// Number of subscriptions.
    #[must_use]
    pub fn len(&self) -> usize {
        let literals: usize = self.literals.iter().map(|s| s.index.read().len()).sum();
        let wildcards: usize = self.wildcards.iter().map(|s| s.index.read().len()).sum();
        literals + wildcards + self.root.index.read().len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of changes made so far.
    #[must_use]
    pub fn generation(&self) -> u64 {
        let literals = self.literals.iter().map(Slice::generation);
        let wildcards = self.wildcards.iter().map(Slice::generation);
        literals.chain(wildcards).sum::<u64>() + self.root.generation()
    }

    /// Calls `see` with every subscription, one slice's lock at a time.
    pub fn for_each(&self, mut see: impl FnMut(&Sub)) {
        for slice in &self.literals {
            slice.index.read().iter().for_each(&mut see);
        }
        for slice in self.wildcards.iter().chain([&self.root]) {
            slice.index.read().iter().for_each(&mut see);
        }
    }

    /// Calls `see` with every subscription in the slices of one writer.
    pub fn for_each_of(&self, writer: usize, mut see: impl FnMut(&Sub)) {
        let Some(slice) = self.owned_by(writer) else { return };
        if let Some(literals) = self.literals.get(slice) {
            literals.index.read().iter().for_each(&mut see);
        }
        self.patterns(slice).index.read().iter().for_each(&mut see);
    }

    /// Number of subscriptions in the slices of one writer.
    #[must_use]
    pub fn len_of(&self, writer: usize) -> usize {
        let Some(slice) = self.owned_by(writer) else { return 0 };
        let literals = self.literals.get(slice).map_or(0, |s| s.index.read().len());
        literals + self.patterns(slice).index.read().len()
    }
}

/// What JetStream is asked. Each server has streams of its own.
const JETSTREAM: &[u8] = b"$JS.";
/// What it tells of itself. Whoever listens is to hear that.
const EVENTS: &[u8] = b"$JS.EVENT.";

/// No subscription can have such a subject, and no pattern is meant to match one.
fn has_empty_token(subject: &[u8]) -> bool {
    tokens(subject).any(<[u8]>::is_empty)
}

fn change_literals(index: &mut Literals<Sub>, changes: &[&Change], note: &mut impl FnMut(&Change)) {
    for change in changes {
        let changed = match change {
            Change::Add(sub) => sub.is_open() && index.insert(hash(sub.subject()), sub.clone()),
            Change::Remove(sub) => index.remove(hash(sub.subject()), sub),
        };
        if changed {
            note(change);
        }
    }
}

fn change_wildcards(
    index: &mut Wildcards<Sub>,
    changes: &[&Change],
    note: &mut impl FnMut(&Change),
) {
    for change in changes {
        let changed = match change {
            Change::Add(sub) => sub.is_open() && index.insert(sub.clone()),
            Change::Remove(sub) => index.remove(sub),
        };
        if changed {
            note(change);
        }
    }
}
