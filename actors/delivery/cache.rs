//! What an arbiter remembers of the interest: subject -> everyone who wants it.
//!
//! Owned by one thread, so a hit costs a hash, a comparison and three loads of generations, and no
//! lock. A subject is taken in only when it was asked for before: the reply subjects of requests,
//! each used once, would otherwise push out everything worth keeping.

use std::rc::Rc;
use std::sync::Arc;

use smallvec::SmallVec;

use super::interest::{Interest, Place, Stamp};
use super::spread::Reach;
use super::{Bridge, Origin, Shadow, Sub, Target, origin};

/// Everyone who wants one subject, at one point in time. Small ones lie in one piece of memory:
/// a publisher that goes through many subjects waits for little else than that memory.
#[derive(Default)]
pub struct Match {
    pub place: Place,
    pub stamp: Stamp,
    pub plain: SmallVec<[Want; 2]>,
    /// The subject, and behind it what deliveries to pattern subscriptions start with: these carry
    /// the message's subject.
    text: SmallVec<[u8; 96]>,
    subject_len: u32,
    /// So much of the subject decides who wants it: whatever follows, one token, the answer is the
    /// same but for subscriptions to the very subject. 0: all of it.
    alike_len: u32,
    /// All who want it are clients, and do so by patterns that may match its like, too.
    by_patterns: bool,
    /// Queue groups: one member of each gets a message.
    pub queues: Vec<Vec<Want>>,
    /// Ways into other realms.
    pub bridges: Vec<Arc<Bridge>>,
    /// Every message has to be looked at: no run of them can be handed over as it came.
    pub one_by_one: bool,
    /// Members of its queue groups are at other servers.
    pub routed_queues: bool,
    /// Slots of the servers among `plain` that want it for leaf nodes alone, but for those of more
    /// than one cluster.
    mixed: Vec<usize>,
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
    buckets: Vec<Bucket>,
    /// A byte of the hash of subjects seen once, by another part of the hash.
    seen: Box<[u8]>,
    /// Entries pushed out since the table last grew.
    pushed_out: usize,
    /// The answer for a subject that was not taken in, and of which realm it is.
    once: Match,
    once_salt: u64,
    len: usize,
    /// Sum of the weights of the matches.
    bytes: usize,
    widest: usize,
    pub lookups: u64,
}

/// Subjects whose hashes agree in the lower bits: one cache line.
#[derive(Default)]
#[repr(align(64))]
struct Bucket([Option<Entry>; WAYS]);

struct Entry {
    hash: u64,
    found: Rc<Match>,
}

/// An answer of the cache.
pub enum Found<'a> {
    /// Kept: good for as long as the generations in it stand.
    Kept(Rc<Match>),
    /// Good for one message.
    Once(&'a Match),
}

/// `HMSG `, or `HPUB `.
const VERB: usize = 5;
const WAYS: usize = 4;
const BUCKETS_FIRST: usize = 1 << 6;
const BUCKETS_MAX: usize = 1 << 16;
/// Most bytes that one arbiter keeps, and that it keeps of one subject.
const BYTES_MAX: usize = 32 << 20;
const MATCH_BYTES_MAX: usize = 1 << 20;
const SEEN: usize = 1 << 17;

// === impl Match ===

impl Match {
    fn clear(&mut self) {
        self.plain.clear();
        self.queues.clear();
        self.text.clear();
        (self.subject_len, self.alike_len) = (0, 0);
        self.bridges.clear();
        self.one_by_one = false;
        self.routed_queues = false;
        self.mixed.clear();
    }

    /// Begins anew, for this subject.
    pub(super) fn begin(&mut self, subject: &[u8]) {
        self.clear();
        self.text.extend_from_slice(subject);
        self.subject_len = subject.len() as u32;
        self.by_patterns = true;
    }

    #[inline]
    fn subject(&self) -> &[u8] {
        &self.text[..self.subject_len as usize]
    }

    /// Notes that the patterns would find the same whatever the last token is.
    pub(super) fn set_alike(&mut self) {
        let dot = memchr::memrchr(b'.', self.subject()).filter(|_| self.by_patterns);
        self.alike_len = dot.map_or(0, |dot| dot as u32 + 1);
    }

    /// Whether what decides who wants this match's subject is the same in `subject`.
    fn is_alike(&self, subject: &[u8]) -> bool {
        let common = &self.subject()[..self.alike_len as usize];
        let last = subject.strip_prefix(common).unwrap_or_default();
        !common.is_empty() && !last.is_empty() && !last.contains(&b'.')
    }

    /// Becomes the match of another subject, wanted by the same: all of them clients, by patterns.
    pub(super) fn rename(&mut self, subject: &[u8]) {
        self.text.clear();
        self.text.extend_from_slice(subject);
        self.subject_len = subject.len() as u32;
        let Self { text, plain, queues, .. } = self;
        for want in plain.iter_mut().chain(queues.iter_mut().flatten()) {
            want.head = write_head(text, [b"HMSG ", subject, b" ", want.sub.sid(), b" "]);
        }
    }

    /// Adds a subscription to the very subject.
    pub(super) fn push_literal(&mut self, sub: &Sub, subject: &[u8]) {
        self.by_patterns = false;
        if let Some(shadow) = sub.stands_for() {
            return self.push_shadow(shadow, subject);
        }
        self.push(Want { sub: sub.clone(), head: (0, 0) });
    }

    /// Adds a subscription to a pattern.
    pub(super) fn push_pattern(&mut self, sub: &Sub, subject: &[u8]) {
        // What is denied, or how a message is called elsewhere, may depend on the last token.
        let is_plain = matches!(sub.target, Target::Connection(_)) && sub.filter().is_none();
        self.by_patterns &= is_plain && sub.stands_for().is_none();
        if let Some(shadow) = sub.stands_for() {
            return self.push_shadow(shadow, subject);
        }
        if sub.denies(subject) {
            return;
        }
        self.push_named(sub, subject);
    }

    /// Adds the subscription that a shadow stands for, if the message is one for it.
    #[cold]
    fn push_shadow(&mut self, shadow: &Shadow, subject: &[u8]) {
        if let Some(name) = shadow.local_name(subject) {
            self.push_named(&shadow.of, &name);
        }
    }

    /// Adds a subscription that is shown `subject`.
    fn push_named(&mut self, sub: &Sub, subject: &[u8]) {
        let words = match sub.target.is_far() {
            false => [&b"HMSG "[..], subject, b" ", sub.sid(), b" "],
            true => [sub.target.verb(), subject, b" ", b"", b""],
        };
        let head = write_head(&mut self.text, words);
        self.push(Want { sub: sub.clone(), head });
    }

    fn push(&mut self, want: Want) {
        if let Target::Bridge(bridge) = &want.sub.target {
            self.one_by_one = true;
            return self.bridges.push(Arc::clone(bridge));
        }
        let routed = want.sub.target.is_far();
        self.one_by_one |= want.sub.target.looks_at(self.subject());
        let Some(name) = want.sub.queue() else {
            return self.push_plain(want, routed);
        };
        self.one_by_one |= routed;
        self.routed_queues |= routed;
        let group = self.queues.iter_mut().find(|group| group[0].sub.queue() == Some(name));
        match group {
            // Those of other servers come last, behind them those of other clusters; leaf nodes
            // behind those who are as near.
            Some(group) => {
                let place =
                    |want: &Want| (Reach::of(&want.sub.target), want.sub.target.is_behind_leaf());
                let near = group.partition_point(|known| place(known) <= place(&want));
                group.insert(near, want);
            }
            None => self.queues.push(vec![want]),
        }
    }

    /// Another server gets a message once.
    fn push_plain(&mut self, want: Want, routed: bool) {
        let slot = want.sub.target.slot();
        let same_place = |known: &&mut Want| known.sub.target.slot() == slot;
        let Some(known) = self.plain.iter_mut().filter(|_| routed).find(same_place) else {
            return self.plain.push(want);
        };
        match (known.sub.target.origin(), want.sub.target.origin()) {
            (None, _) => {}
            (Some(_), None) => *known = want,
            (Some(one), Some(other)) if one == other => {}
            (Some(_), Some(_)) => self.mixed.push(slot),
        }
    }

    /// Whether `want` is where a message comes from, of this leaf cluster.
    #[must_use]
    pub fn leads_back(&self, want: &Want, from: &Arc<Origin>) -> bool {
        match &want.sub.target {
            Target::Leaf(lane) => lane.is_of(from),
            Target::Route(lane) => {
                let others = want.sub.queue().is_none() && self.mixed.contains(&lane.slot());
                !others && origin::same(lane.behind(), Some(from))
            }
            Target::Connection(_) | Target::Actor(_) | Target::Bridge(_) => false,
        }
    }

    /// Leaves out other servers where an actor of this one answers, and other clusters where
    /// another server does. What crosses a leaf link is a matter of that link's terms.
    pub(super) fn keep_near(&mut self) {
        let near = |want: &Want| Reach::of(&want.sub.target);
        let leaf = |want: &Want| want.sub.target.is_leaf();
        let answers = |want: &&Want| {
            !leaf(want) && (want.sub.target.is_actor().is_some() || near(want) > Reach::Here)
        };
        if let Some(nearest) = self.plain.iter().filter(answers).map(near).min() {
            self.plain.retain(|want| leaf(want) || near(want) <= nearest);
        }
    }

    /// `HMSG <subject> <sid> ` of a delivery to `want`.
    #[inline]
    #[must_use]
    pub fn head<'a>(&'a self, want: &'a Want) -> &'a [u8] {
        match want.head {
            (0, 0) => want.sub.head(),
            (start, end) => &self.text[start as usize..end as usize],
        }
    }

    /// The subject that `want` is shown.
    #[must_use]
    pub fn shown<'a>(&'a self, want: &'a Want) -> &'a [u8] {
        let head = self.head(want);
        let words = head.get(VERB..).unwrap_or_default();
        memchr::memchr(b' ', words).map_or(words, |end| &words[..end])
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

    /// How many subscriptions there are.
    #[inline]
    #[must_use]
    pub fn width(&self) -> usize {
        self.plain.len() + self.queues.iter().map(Vec::len).sum::<usize>()
    }

    /// Bytes that it takes, roughly.
    fn weight(&self) -> usize {
        size_of::<Self>() + self.width() * size_of::<Want>() + self.text.len()
    }

    /// Whether nobody wants the subject.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.queues.is_empty() && self.bridges.is_empty()
    }

    /// The first plain subscription of connection `cid` among those found.
    #[must_use]
    pub fn plain_of(&self, cid: u64) -> Option<&Want> {
        self.plain.iter().find(|want| match &want.sub.target {
            Target::Connection(out) => out.cid == cid && want.sub.is_open(),
            _ => false,
        })
    }
}

/// Adds what a delivery starts with; where it is.
fn write_head(text: &mut SmallVec<[u8; 96]>, words: [&[u8]; 5]) -> (u32, u32) {
    let start = text.len() as u32;
    words.iter().for_each(|part| text.extend_from_slice(part));
    (start, text.len() as u32)
}

// === impl Cache ===

impl Default for Cache {
    fn default() -> Self {
        Self {
            buckets: (0..BUCKETS_FIRST).map(|_| Bucket::default()).collect(),
            seen: vec![0; SEEN].into_boxed_slice(),
            pushed_out: 0,
            once: Match::default(),
            once_salt: 0,
            len: 0,
            bytes: 0,
            widest: 0,
            lookups: 0,
        }
    }
}

impl Cache {
    /// Everyone who wants `subject`.
    pub fn find(&mut self, interest: &Interest, subject: &[u8]) -> Found<'_> {
        let plain = vagus_subject::hash(subject);
        // Equal for equal subjects of one realm alone.
        let hash = plain ^ interest.salt();
        let index = hash as usize & (self.buckets.len() - 1);
        let entry = self.buckets[index].0.iter_mut().flatten().find(|entry| entry.hash == hash);
        if let Some(entry) = entry
            && entry.found.subject() == subject
        {
            if !entry.found.is_current(interest) {
                self.lookups += 1;
                self.bytes -= entry.found.weight();
                refresh(entry, interest, subject);
                self.bytes += entry.found.weight();
            }
            return Found::Kept(Rc::clone(&entry.found));
        }
        self.lookups += 1;
        if !self.seen_before(hash) {
            interest.collect_hashed(plain, subject, &mut self.once);
            self.once_salt = interest.salt();
            return Found::Once(&self.once);
        }
        let mut found = Match::default();
        interest.collect_hashed(plain, subject, &mut found);
        self.widest = self.widest.max(found.width());
        let found = Rc::new(found);
        if found.weight() <= MATCH_BYTES_MAX {
            self.take_in(Entry { hash, found: Rc::clone(&found) });
        }
        Found::Kept(found)
    }

    /// The same for the subject of an answer: of these many come one behind the other that differ
    /// in their last token alone, each of them used once.
    pub fn find_inbox(&mut self, interest: &Interest, subject: &[u8]) -> Found<'_> {
        if self.once_salt == interest.salt()
            && self.once.is_alike(subject)
            && interest.turn_into(vagus_subject::hash(subject), subject, &mut self.once)
        {
            return Found::Once(&self.once);
        }
        self.find(interest, subject)
    }

    fn seen_before(&mut self, hash: u64) -> bool {
        let mark = (hash >> 56) as u8 | 1;
        let seen = &mut self.seen[(hash >> 20) as usize & (SEEN - 1)];
        if *seen == mark {
            return true;
        }
        // Two subjects in use that share a place would take it from each other for ever, and never
        // be taken in: so a place that is taken is taken over every other time.
        if *seen == 0 || self.lookups.is_multiple_of(2) {
            *seen = mark;
        }
        false
    }

    fn take_in(&mut self, entry: Entry) {
        if self.bytes > BYTES_MAX {
            // Rare, and quickly made good by what is asked for again.
            self.buckets = (0..BUCKETS_FIRST).map(|_| Bucket::default()).collect();
            (self.bytes, self.len, self.pushed_out) = (0, 0, 0);
        }
        if self.pushed_out > self.buckets.len() && self.buckets.len() < BUCKETS_MAX {
            self.grow();
        }
        self.place(entry);
    }

    fn place(&mut self, entry: Entry) {
        let count = self.buckets.len();
        self.bytes += entry.found.weight();
        let bucket = &mut self.buckets[entry.hash as usize & (count - 1)].0;
        match bucket.iter_mut().find(|slot| slot.is_none()) {
            Some(free) => {
                *free = Some(entry);
                self.len += 1;
            }
            None => {
                // Which one goes is left to a part of the hash that nothing else looks at.
                let way = (entry.hash >> 61) as usize % WAYS;
                if let Some(old) = bucket[way].replace(entry) {
                    self.bytes -= old.found.weight();
                }
                self.pushed_out += 1;
            }
        }
    }

    fn grow(&mut self) {
        let count = self.buckets.len() * 2;
        let fresh = (0..count).map(|_| Bucket::default()).collect();
        let old = std::mem::replace(&mut self.buckets, fresh);
        (self.len, self.bytes) = (0, 0);
        for entry in old.into_iter().flat_map(|bucket| bucket.0).flatten() {
            self.place(entry);
        }
        self.pushed_out = 0;
    }

    /// Subjects remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The most subscriptions that one subject looked up was wanted by.
    #[must_use]
    pub fn widest(&self) -> usize {
        self.widest
    }
}

/// Reads an entry again after the interest has changed, in place where nobody else holds it.
fn refresh(entry: &mut Entry, interest: &Interest, subject: &[u8]) {
    if Rc::get_mut(&mut entry.found).is_none() {
        entry.found = Rc::default();
    }
    if let Some(found) = Rc::get_mut(&mut entry.found) {
        interest.collect_hashed(entry.hash ^ interest.salt(), subject, found);
    }
}
