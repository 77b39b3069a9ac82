//! One subscription, as the index and the publishers see it.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicU8, AtomicU64};

use vagus_auth::Filter;
use vagus_subject::Interested;

use super::{Lane, Shadow, Target};

/// A handle to a [`Subscription`]: what the index holds.
#[derive(Clone)]
pub struct Sub(Arc<Subscription>);

/// One subscription. The texts are kept once, in the form in which a delivery needs them.
pub struct Subscription {
    pub target: Target,
    /// `HMSG <subject> <sid> `, or `HPUB <subject> ` for another server, and behind it the queue
    /// group's name.
    text: Box<[u8]>,
    subject_len: u32,
    head_len: u32,
    /// How many members of its queue group it stands for.
    weight: u32,
    state: AtomicU8,
    delivered: AtomicU64,
    /// Total deliveries after which it ends, when `LIMITED`.
    max: AtomicU64,
    /// What is kept back from it.
    filter: Option<Arc<Filter>>,
    /// Another subscription, which this one stands for.
    shadow: Option<Box<Shadow>>,
}

/// `HMSG ` in front of the subject.
const VERB: usize = 5;
/// It takes no more messages.
const CLOSED: u8 = 1;
/// It ends after `max` deliveries.
const LIMITED: u8 = 2;
/// All of these are claimed. A claim among them is good, even if it learns only now of the end.
const REACHED: u8 = 4;

// === impl Sub ===

impl Sub {
    #[must_use]
    pub fn new(target: Target, subject: &[u8], queue: Option<&[u8]>, sid: &[u8]) -> Self {
        Self::filtered(target, subject, queue, sid, None)
    }

    /// The same, but messages that `filter` denies are kept back.
    #[must_use]
    pub fn filtered(
        target: Target,
        subject: &[u8],
        queue: Option<&[u8]>,
        sid: &[u8],
        filter: Option<Arc<Filter>>,
    ) -> Self {
        let parts: [&[u8]; 6] = [b"HMSG ", subject, b" ", sid, b" ", queue.unwrap_or_default()];
        Self(Arc::new(Subscription {
            target,
            text: parts.concat().into_boxed_slice(),
            subject_len: subject.len() as u32,
            head_len: (VERB + subject.len() + sid.len() + 2) as u32,
            weight: 1,
            state: AtomicU8::new(0),
            delivered: AtomicU64::new(0),
            max: AtomicU64::new(0),
            filter,
            shadow: None,
        }))
    }

    /// What stands for another subscription in the interest of another realm, on `subject`.
    #[must_use]
    pub fn shadow(of: Shadow, subject: &[u8]) -> Self {
        let (target, queue) = (of.of.target.clone(), of.of.queue().map(<[u8]>::to_vec));
        let mut sub = match target.is_far() {
            true => Self::far(target, subject, queue.as_deref(), of.of.weight(), None),
            false => Self::new(target, subject, queue.as_deref(), of.of.sid()),
        };
        if let Some(inner) = Arc::get_mut(&mut sub.0) {
            inner.shadow = Some(Box::new(of));
        }
        sub
    }

    /// What `weight` clients of another server want, but for messages that `filter` denies.
    #[must_use]
    pub fn routed(
        lane: &Arc<Lane>,
        subject: &[u8],
        queue: Option<&[u8]>,
        weight: u32,
        filter: Option<Arc<Filter>>,
    ) -> Self {
        Self::far(Target::Route(Arc::clone(lane)), subject, queue, weight, filter)
    }

    /// The same of another server that is reached through `target`.
    #[must_use]
    pub fn far(
        target: Target,
        subject: &[u8],
        queue: Option<&[u8]>,
        weight: u32,
        filter: Option<Arc<Filter>>,
    ) -> Self {
        let parts = [target.verb(), subject, b" ", queue.unwrap_or_default()];
        Self(Arc::new(Subscription {
            target,
            text: parts.concat().into_boxed_slice(),
            subject_len: subject.len() as u32,
            head_len: (VERB + subject.len() + 1) as u32,
            weight,
            state: AtomicU8::new(0),
            delivered: AtomicU64::new(0),
            max: AtomicU64::new(0),
            filter,
            shadow: None,
        }))
    }

    /// Another subscription that is the same but for what is kept back from it.
    #[must_use]
    pub fn with_filter(&self, filter: Option<Arc<Filter>>) -> Self {
        let max = self.max();
        let state = max.map_or(0, |_| LIMITED);
        Self(Arc::new(Subscription {
            target: self.target.clone(),
            text: self.text.clone(),
            subject_len: self.subject_len,
            head_len: self.head_len,
            weight: self.weight,
            state: AtomicU8::new(state),
            delivered: AtomicU64::new(self.delivered()),
            max: AtomicU64::new(max.unwrap_or(0)),
            filter,
            shadow: None,
        }))
    }
}

impl Deref for Sub {
    type Target = Subscription;

    fn deref(&self) -> &Subscription {
        &self.0
    }
}

impl Interested for Sub {
    fn subject(&self) -> &[u8] {
        self.0.subject()
    }

    fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn identity(&self) -> Option<u64> {
        Some(Arc::as_ptr(&self.0) as u64)
    }
}

// === impl Subscription ===

impl Subscription {
    /// What a delivery with headers to this subscription starts with; without headers, leave out
    /// the first byte.
    #[inline]
    #[must_use]
    pub fn head(&self) -> &[u8] {
        &self.text[..self.head_len as usize]
    }

    #[must_use]
    pub fn subject(&self) -> &[u8] {
        &self.text[VERB..VERB + self.subject_len as usize]
    }

    #[must_use]
    pub fn sid(&self) -> &[u8] {
        let start = VERB + self.subject_len as usize + 1;
        // Another server has none.
        self.text.get(start..self.head_len as usize - 1).unwrap_or_default()
    }

    /// How many members of its queue group it stands for.
    #[inline]
    #[must_use]
    pub fn weight(&self) -> u32 {
        self.weight
    }

    /// The queue group; a group's name is never empty.
    #[must_use]
    pub fn queue(&self) -> Option<&[u8]> {
        Some(&self.text[self.head_len as usize..]).filter(|queue| !queue.is_empty())
    }

    #[must_use]
    pub fn filter(&self) -> Option<&Arc<Filter>> {
        self.filter.as_ref()
    }

    /// Whether messages to `subject` are kept back from it.
    #[inline]
    #[must_use]
    pub fn denies(&self, subject: &[u8]) -> bool {
        self.filter.as_ref().is_some_and(|filter| filter.denies(subject))
    }

    #[inline]
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state.load(Relaxed) & CLOSED == 0
    }

    /// The subscription that this one stands for, if it does.
    #[inline]
    #[must_use]
    pub fn stands_for(&self) -> Option<&Shadow> {
        self.shadow.as_deref()
    }

    /// Takes the right to deliver up to `wanted` messages; the answer is how many. The claim that
    /// reaches the limit of an auto-unsubscribe ends the subscription.
    #[inline]
    pub fn claim(&self, wanted: u64) -> u64 {
        // Counts first and looks at the state second; `limit` does the opposite, so that one of the
        // two knows of the other.
        let before = self.delivered.fetch_add(wanted, SeqCst);
        let state = self.state.load(SeqCst);
        if state == 0 {
            return wanted;
        }
        self.claim_limited(state, before, wanted)
    }

    #[cold]
    fn claim_limited(&self, state: u8, before: u64, wanted: u64) -> u64 {
        if state & CLOSED != 0 && state & REACHED == 0 {
            self.delivered.fetch_sub(wanted, Relaxed);
            return 0;
        }
        let left = self.max.load(Relaxed).saturating_sub(before);
        if left > 0 && left <= wanted && state & REACHED == 0 {
            self.state.fetch_or(CLOSED | REACHED, SeqCst);
            if let Target::Connection(out) = &self.target {
                out.expire(self.sid());
            }
        }
        left.min(wanted)
    }

    /// From now on nobody delivers to it.
    pub fn close(&self) {
        self.state.fetch_or(CLOSED, Relaxed);
    }

    /// Ends it after `max` deliveries since it began. True when that many were made already.
    pub fn limit(&self, max: u64) -> bool {
        self.max.store(max, Relaxed);
        self.state.fetch_or(LIMITED, SeqCst);
        let reached = self.delivered.load(SeqCst) >= max;
        if reached {
            self.state.fetch_or(CLOSED | REACHED, SeqCst);
        }
        reached
    }

    /// Messages delivered so far.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        let delivered = self.delivered.load(Relaxed);
        self.max().map_or(delivered, |max| delivered.min(max))
    }

    /// The limit of an auto-unsubscribe.
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        (self.state.load(Relaxed) & LIMITED != 0).then(|| self.max.load(Relaxed))
    }
}
