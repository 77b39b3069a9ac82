//! What one read of a publisher sends to whom: gathered per target, handed over at the end.

use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use vagus_wire::repeat;

use super::block::Block;
use super::origin;
use super::{Origin, Outbound, Subscription, Target};

/// Output of the read that an arbiter works through.
#[derive(Default)]
pub struct Batch {
    open: Vec<Open>,
    /// Target slot -> index in `open`, plus one; 0 when the target has no block yet.
    index: Vec<u32>,
    pool: Vec<Block>,
    bytes: usize,
    /// Targets that were left with much pending; see [`Batch::take_behind`].
    behind: Vec<Arc<Outbound>>,
    soft_max: usize,
    drop_above: usize,
    work: u64,
    /// When what is gathered came in; see [`Batch::dated`].
    now_ns: u64,
    /// The leaf cluster that it comes from; see [`Batch::comes_from`].
    origin: Option<Arc<Origin>>,
    pub out_msgs: u64,
    pub out_bytes: u64,
}

/// One target's share.
struct Open {
    target: Target,
    block: Block,
    msgs: u64,
    bytes: u64,
    /// Messages that an actor was told the number of, block by block.
    told: u64,
    /// What is unlike other targets about it.
    manner: Manner,
    /// The leaf cluster that the end of the block comes from, as it says itself.
    origin: Option<Arc<Origin>>,
}

/// How a target is treated.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Usual,
    /// It is so far behind that messages to it are dropped.
    Drops,
    /// It is sent `LMSG` for `MSG`.
    Leaf,
    /// It is told which leaf cluster messages come from.
    Server,
}

/// A message within the input.
#[derive(Clone, Copy)]
pub struct Span {
    /// First byte behind `PUB <subject> `.
    pub start: u32,
    /// One past its last byte.
    pub end: u32,
    /// Payload in bytes.
    pub size: u32,
}

/// Consecutive messages to one subject.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    pub spans: &'a [Span],
    /// Sum of the payloads, in bytes.
    pub payload: u64,
}

// === impl Run ===

impl<'a> Run<'a> {
    /// Gathers into `spans` the messages at `at` that repeat `head`, `most` of them at most. The
    /// answer is where they end, and the sum of their payloads in bytes.
    #[inline]
    pub fn gather(
        spans: &mut Vec<Span>,
        input: &[u8],
        mut at: usize,
        head: &[u8],
        payload_max: usize,
        most: usize,
    ) -> (usize, u64) {
        spans.clear();
        let mut payload = 0;
        while spans.len() < most
            && let Some(found) = repeat::next(input, at, head, payload_max)
        {
            spans.push(Span {
                start: found.tail as u32,
                end: found.end as u32,
                size: found.size as u32,
            });
            payload += found.size as u64;
            at = found.end;
        }
        (at, payload)
    }

    /// As much of it as the subscription still takes; `None`: nothing.
    #[inline]
    pub fn claim(self, sub: &Subscription) -> Option<Self> {
        let granted = sub.claim(self.spans.len() as u64) as usize;
        match granted {
            0 => None,
            n if n == self.spans.len() => Some(self),
            n => {
                let spans = &self.spans[..n];
                let payload = spans.iter().map(|span| u64::from(span.size)).sum();
                Some(Self { spans, payload })
            }
        }
    }
}

/// A block of this size is handed over before it grows.
const BLOCK_MAX: usize = 256 << 10;
/// A run of this many bytes is handed over at once, so that the next target reuses warm memory.
const RUN_AT_ONCE: usize = 64 << 10;
/// From this average message size, the kernel gathers from the read buffer itself.
const GATHER_FROM: usize = 4 << 10;
/// A batch as large as this is handed over early, to bound the memory of wide fan-out.
const BATCH_BYTES_MAX: usize = 4 << 20;
const BATCH_TARGETS_MAX: usize = 1024;
const POOL_MAX: usize = 64;
/// Vectored writes: slices a call.
const SLICES: usize = 64;

impl Batch {
    /// Targets with more than `soft_max` bytes pending count as behind; messages to targets with
    /// more than `drop_above` are dropped.
    pub fn begin(&mut self, soft_max: usize, drop_above: usize) {
        self.soft_max = soft_max;
        self.drop_above = drop_above;
        self.work = 0;
    }

    /// What is gathered from here on came in at `now_ns`, from the server's start.
    #[inline]
    pub fn dated(&mut self, now_ns: u64) {
        self.now_ns = now_ns;
    }

    /// What is gathered from here on comes from leaf nodes of this cluster, which other servers
    /// are told.
    #[inline]
    pub fn comes_from(&mut self, origin: Option<Arc<Origin>>) {
        self.origin = origin;
    }

    /// Deliveries since [`Batch::begin`].
    #[inline]
    #[must_use]
    pub fn work(&self) -> u64 {
        self.work
    }

    /// Forgets what a panic may have left half gathered.
    pub fn reset(&mut self) {
        // While they are being handed over, only `bytes` tells of them.
        if !self.open.is_empty() || self.bytes > 0 {
            *self = Self::default();
        }
        self.behind.clear();
    }

    /// The block of a target.
    #[inline]
    fn open(&mut self, target: &Target) -> &mut Open {
        let slot = target.slot();
        let known = self.index.get(slot).copied().unwrap_or(0);
        if known != 0 {
            return &mut self.open[known as usize - 1];
        }
        self.open_new(slot, target)
    }

    fn open_new(&mut self, slot: usize, target: &Target) -> &mut Open {
        if self.open.len() >= BATCH_TARGETS_MAX || self.bytes >= BATCH_BYTES_MAX {
            self.flush();
        }
        if self.index.len() <= slot {
            self.index.resize((slot + 1).next_power_of_two(), 0);
        }
        let block = self.pool.pop().unwrap_or_default();
        let manner = match target {
            Target::Connection(out) if self.drops(out) => Manner::Drops,
            Target::Leaf(_) => Manner::Leaf,
            Target::Route(lane) if lane.takes_origins => Manner::Server,
            _ => Manner::Usual,
        };
        let target = target.clone();
        let open = Open { target, block, msgs: 0, bytes: 0, told: 0, manner, origin: None };
        self.open.push(open);
        self.index[slot] = self.open.len() as u32;
        let last = self.open.len() - 1;
        &mut self.open[last]
    }

    /// Appends one delivery of `payload` bytes: `head` and `tail` make up its frame.
    #[inline]
    pub fn message(&mut self, target: &Target, head: &[u8], tail: &[u8], payload: usize) {
        let size = head.len() + tail.len();
        self.work += 1;
        if self.bytes >= BATCH_BYTES_MAX {
            self.flush();
        }
        let origin = self.origin.clone();
        let open = self.open(target);
        if open.manner == Manner::Drops {
            return;
        }
        if open.block.len() + size > BLOCK_MAX && !open.block.is_empty() {
            open.hand_over();
        }
        match open.manner {
            Manner::Usual | Manner::Drops => {}
            Manner::Leaf => open.block.put(mark_of_leaf(head, tail), &[]),
            Manner::Server => open.tell_origin(origin.as_ref()),
        }
        open.block.put(head, tail);
        open.msgs += 1;
        open.bytes += payload as u64;
        self.bytes += size;
    }

    /// Sends one large delivery without copying it, behind what is gathered for its target.
    pub fn large(&mut self, target: &Target, head: &[u8], tail: &[u8], payload: usize) {
        let Some(out) = target.out() else {
            return self.message(target, head, tail, payload);
        };
        let origin = self.origin.clone();
        let open = self.open(target);
        let (opening, origin) = match open.manner {
            Manner::Usual => (target.opening(), &[][..]),
            Manner::Drops => return,
            Manner::Leaf => (mark_of_leaf(head, tail), &[][..]),
            Manner::Server => (target.opening(), line_of(origin.as_ref())),
        };
        open.hand_over();
        open.msgs += 1;
        open.bytes += payload as u64;
        out.send_slices(&mut [opening, origin, head, tail].map(IoSlice::new));
    }

    /// Whether a client is so far behind that messages to it are dropped.
    #[must_use]
    pub fn drops(&self, out: &Outbound) -> bool {
        out.pending() > self.drop_above
    }

    /// Appends protocol text, which counts as no message.
    pub fn text(&mut self, target: &Target, text: &[u8]) {
        self.open(target).block.put(text, b"");
        self.bytes += text.len();
    }

    /// Appends a run of messages to one subject for one subscription.
    pub fn run(&mut self, target: &Target, head: &[u8], input: &[u8], run: Run<'_>) {
        let marked;
        let head = match target {
            Target::Leaf(_) => {
                marked = [mark_of_leaf(head, &[]), head].concat();
                &marked[..]
            }
            _ => head,
        };
        let spans = run.spans;
        let bytes = match (spans.first(), spans.last()) {
            (Some(first), Some(last)) => {
                (last.end - first.start) as usize + spans.len() * head.len()
            }
            _ => 0,
        };
        self.work += spans.len() as u64;
        let origin = self.origin.clone();
        let open = self.open(target);
        if open.manner == Manner::Drops {
            return;
        }
        open.msgs += spans.len() as u64;
        open.bytes += run.payload;
        let is_socket = !matches!(target, Target::Actor(_));
        let at_once = bytes >= RUN_AT_ONCE && is_socket;
        let origin = origin.as_ref().filter(|_| open.manner == Manner::Server);
        let large = at_once && bytes / spans.len() >= GATHER_FROM;
        if large && open.gather(line_of(origin), head, input, spans) {
            return;
        }
        if at_once {
            open.hand_over();
        }
        open.tell_origin(origin);
        for span in spans {
            let tail = &input[span.start as usize..span.end as usize];
            if open.block.len() + head.len() + tail.len() > BLOCK_MAX && is_socket {
                open.hand_over();
                open.tell_origin(origin);
            }
            open.block.put(head, tail);
        }
        if at_once {
            open.hand_over();
            let block = std::mem::take(&mut open.block);
            self.recycle(block);
        } else {
            self.bytes += bytes;
        }
    }

    /// Hands everything over. The target with slot `last`, the publisher itself, comes last, so
    /// that its `PONG` follows what it published.
    pub fn flush_with_last(&mut self, last: usize) {
        if let Some(n) = self.index.get(last).copied().filter(|n| *n != 0) {
            let end = self.open.len() - 1;
            self.open.swap(n as usize - 1, end);
        }
        self.flush();
    }

    /// Hands everything over.
    pub fn flush(&mut self) {
        let mut open = std::mem::take(&mut self.open);
        for mut one in open.drain(..) {
            self.index[one.target.slot()] = 0;
            one.hand_over();
            self.count(&one);
            self.recycle(one.block);
        }
        self.open = open;
        self.bytes = 0;
    }

    fn count(&mut self, one: &Open) {
        self.out_msgs += one.msgs;
        self.out_bytes += one.bytes;
        if let Target::Route(lane) = &one.target {
            lane.crossed.out_msgs.fetch_add(one.msgs, Relaxed);
            lane.crossed.out_bytes.fetch_add(one.bytes, Relaxed);
        }
        if let Some(out) = one.target.out() {
            if one.msgs > 0 {
                out.stats.out_msgs.fetch_add(one.msgs, Relaxed);
                out.stats.out_bytes.fetch_add(one.bytes, Relaxed);
                if out.stats.active_ns.load(Relaxed) < self.now_ns {
                    out.stats.active_ns.store(self.now_ns, Relaxed);
                }
            }
            if out.pending() > self.soft_max {
                self.behind.push(Arc::clone(out));
            }
        }
    }

    fn recycle(&mut self, mut block: Block) {
        if self.pool.len() < POOL_MAX && block.capacity() > 0 && block.capacity() <= 2 * BLOCK_MAX {
            block.clear();
            self.pool.push(block);
        }
    }

    /// Connections that are far behind what was sent to them.
    #[must_use]
    pub fn take_behind(&mut self) -> Vec<Arc<Outbound>> {
        std::mem::take(&mut self.behind)
    }
}

// === impl Open ===

impl Open {
    /// Says of what follows which leaf cluster it comes from, if that is news.
    #[inline]
    fn tell_origin(&mut self, origin: Option<&Arc<Origin>>) {
        if !origin::same(self.origin.as_ref(), origin) {
            let nowhere = if self.origin.is_some() { Origin::NOWHERE } else { &[] };
            self.block.put(origin.map_or(nowhere, |origin| origin.line()), &[]);
            self.origin = origin.cloned();
        }
    }

    fn hand_over(&mut self) {
        if self.block.is_empty() {
            return;
        }
        // Every write begins anew.
        self.origin = None;
        match &self.target {
            Target::Connection(out) => {
                out.send(self.block.bytes());
                self.block.clear();
            }
            Target::Leaf(lane) => {
                lane.out.send(self.block.bytes());
                self.block.clear();
            }
            Target::Route(lane) => {
                lane.send(self.block.bytes());
                self.block.clear();
            }
            Target::Actor(feed) => {
                let count = self.msgs - self.told;
                self.told = self.msgs;
                feed.send(self.block.take(), count);
            }
            Target::Bridge(_) => self.block.clear(),
        }
    }

    /// Sends a run straight from the read buffer. Only what has a socket can; false otherwise.
    fn gather(&mut self, origin: &[u8], head: &[u8], input: &[u8], spans: &[Span]) -> bool {
        let Some(out) = self.target.out().cloned() else { return false };
        self.hand_over();
        let opening = self.target.opening();
        for some in spans.chunks((SLICES - 2) / 2) {
            let mut slices = std::array::from_fn::<_, SLICES, _>(|_| IoSlice::new(&[]));
            (slices[0], slices[1]) = (IoSlice::new(opening), IoSlice::new(origin));
            for (pair, span) in slices[2..].chunks_exact_mut(2).zip(some) {
                pair[0] = IoSlice::new(head);
                pair[1] = IoSlice::new(&input[span.start as usize..span.end as usize]);
            }
            out.send_slices(&mut slices[..2 + some.len() * 2]);
        }
        true
    }
}

/// What tells another server the leaf cluster of what follows, first thing in a write.
fn line_of(origin: Option<&Arc<Origin>>) -> &[u8] {
    origin.map_or(&[], |origin| origin.line())
}

/// What goes before a delivery to a leaf link, where that has no headers: `MSG` is `LMSG` there.
fn mark_of_leaf(head: &[u8], tail: &[u8]) -> &'static [u8] {
    match head.first().or(tail.first()) {
        Some(b'M') => b"L",
        _ => b"",
    }
}
