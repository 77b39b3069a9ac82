//! How a log is read: by everybody at once, while it is written.

use std::future::Future;
use std::sync::Arc;

use super::core::Core;
use super::filter::Filter;
use super::index::Index;
use super::memory::Piece;
use super::walk::{Path, Walked};
use crate::record::Message;

/// Lost messages that are listed one by one.
const LOST_LISTED: usize = 64 << 10;
/// Slots that one visit looks at.
const VISIT_BUDGET: usize = 20_000;

/// Reads a log. Clones are cheap and read the same log.
///
/// Calls hold a lock that the writer waits for: what they call back must be quick, and must not
/// call the reader or the writer of the same log.
#[derive(Clone)]
pub struct Reader {
    core: Arc<Core>,
}

/// The numbers of a log, with what is staged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct State {
    pub messages: u64,
    pub bytes: u64,
    /// Sequence and time (ns since 1970) of the first message; one behind the last if there is
    /// none.
    pub first_seq: u64,
    pub first_time_ns: i64,
    /// The highest sequence given, and when the last message was stored.
    pub last_seq: u64,
    pub last_time_ns: i64,
    /// Distinct subjects.
    pub subjects: u64,
    /// Sequences between the first and the last without a message.
    pub deleted: u64,
    /// Of those, messages that should be there and can't be read.
    pub lost: u64,
}

/// A message as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored<'a> {
    pub seq: u64,
    pub time_ns: i64,
    /// 0: never.
    pub expires_ns: i64,
    /// It carries an id for the detection of duplicates.
    pub has_id: bool,
    pub subject: &'a [u8],
    pub headers: &'a [u8],
    pub payload: &'a [u8],
    /// Stands for the subject as long as it has messages.
    pub subject_id: u32,
}

/// How far a visit came.
#[derive(Debug)]
pub struct Visited {
    /// Where the next one goes on.
    pub next: u64,
    pub end: End,
}

/// Why a visit ended.
#[derive(Debug)]
pub enum End {
    /// Nothing more is committed.
    Caught,
    /// As many as asked for, or it was told to stop.
    Stopped,
    /// Much was looked at and little found: go on in the next turn.
    Budget,
    /// The next message must be read from disk: [`Reader::load`], then go on.
    Cold(Load),
}

/// What came of asking for one message.
#[derive(Debug)]
pub enum Got {
    Found,
    /// It never was, was removed, or is not committed.
    Gone,
    /// It should be there and can't be read.
    Damaged,
    Cold(Load),
}

/// Something to be read from disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    seq: u64,
}

/// What was read from disk last, and of which segment.
pub(crate) type Held = Option<(u64, Arc<Piece>)>;

// === impl Reader ===

impl Reader {
    pub(crate) fn new(core: Arc<Core>) -> Reader {
        Reader { core }
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    pub fn state(&self) -> State {
        self.core.index.read().state()
    }

    /// The highest sequence whose message is committed: contents are never read beyond it.
    pub fn committed(&self) -> u64 {
        self.core.index.read().committed
    }

    /// Calls `each` with up to `limit` committed messages from sequence `from` on that `filter`
    /// wants, ascending, until it says `false`; the one it says that to counts as seen.
    pub fn visit(
        &self,
        from: u64,
        filter: &Filter,
        limit: usize,
        each: &mut dyn FnMut(&Stored<'_>) -> bool,
    ) -> Visited {
        let index = self.core.index.read();
        let to = index.committed;
        if limit == 0 || from > to {
            let end = if from > to { End::Caught } else { End::Stopped };
            return Visited { next: from, end };
        }
        let mut left = limit;
        let mut held = None;
        let mut cold = None;
        let path = Path { from, to, budget: VISIT_BUDGET };
        let walked = index.walk(path, filter, &mut |segment, slot| match index.read(
            segment,
            slot,
            &mut held,
            &mut |stored| {
                left -= 1;
                each(stored) && left > 0
            },
        ) {
            Ok(more) => more,
            Err(load) => {
                cold = Some(load);
                false
            }
        });
        match (walked, cold) {
            (Walked::End, _) => Visited { next: to + 1, end: End::Caught },
            (Walked::Budget(next), _) => Visited { next, end: End::Budget },
            (Walked::Stopped(next), Some(load)) => Visited { next, end: End::Cold(load) },
            (Walked::Stopped(seq), None) => Visited { next: seq + 1, end: End::Stopped },
        }
    }

    /// Calls `each` with the message of this sequence, if it is there and committed.
    pub fn get(&self, seq: u64, each: impl FnOnce(&Stored<'_>)) -> Got {
        let index = self.core.index.read();
        if index.lost.contains(seq) {
            return Got::Damaged;
        }
        let found = index.find(seq).filter(|_| seq <= index.committed);
        let Some((segment, slot)) = found.filter(|at| index.segments[at.0].is_live(at.1)) else {
            return Got::Gone;
        };
        let (mut each, mut held) = (Some(each), None);
        match index.read(segment, slot, &mut held, &mut |stored| {
            if let Some(each) = each.take() {
                each(stored);
            }
            true
        }) {
            Ok(_) => Got::Found,
            Err(load) => Got::Cold(load),
        }
    }

    /// Brings what `load` names into memory, for a while. Whoever asked for it asks again then.
    pub fn load(&self, load: Load) -> impl Future<Output = ()> + Send + use<> {
        self.core.load(load.seq)
    }

    /// The sequence of the last committed message of a subject.
    pub fn last_of(&self, subject: &[u8]) -> Option<u64> {
        let index = self.core.index.read();
        let id = index.subjects.find(subject)?;
        index.last_upto(id, index.committed)
    }

    /// How many messages a subject has, those not committed included.
    pub fn count_of(&self, subject: &[u8]) -> u64 {
        let index = self.core.index.read();
        let id = index.subjects.find(subject);
        id.map_or(0, |id| u64::from(index.subjects.entry(id).count))
    }

    /// The sequence of the first message of a subject, be it committed or not.
    pub fn first_of(&self, subject: &[u8]) -> Option<u64> {
        let index = self.core.index.read();
        let entry = index.subjects.entry(index.subjects.find(subject)?);
        (entry.count > 0).then_some(entry.first)
    }

    /// The last committed message at or before `to` that `filter` wants.
    pub fn last_matching(&self, to: u64, filter: &Filter) -> Option<u64> {
        let index = self.core.index.read();
        index.last_matching(to.min(index.committed), filter)
    }

    /// The first committed message at or behind `from` that `filter` wants.
    pub fn next_matching(&self, from: u64, filter: &Filter) -> Option<u64> {
        let index = self.core.index.read();
        let (segment, slot) = *index.matching(from, index.committed + 1, filter, 1).first()?;
        Some(index.segments[segment].seq(slot))
    }

    /// The first committed message stored at or after `time_ns`.
    pub fn seq_at_time(&self, time_ns: i64) -> Option<u64> {
        let index = self.core.index.read();
        index.at_time(time_ns).filter(|seq| *seq <= index.committed)
    }

    /// The sequences of the last message, at or before `to`, of each subject that `filter` wants,
    /// ascending. `Err`: there are more than `limit`.
    pub fn last_of_each(
        &self,
        to: u64,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<u64>, TooMany> {
        let index = self.core.index.read();
        let to = to.min(index.committed);
        let mut found = Vec::new();
        index.each_subject(filter, &mut |id, _, _| {
            if found.len() <= limit {
                found.extend(index.last_upto(id, to));
            }
        });
        if found.len() > limit {
            return Err(TooMany);
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Calls `visit` with every subject that matches `filter`, how many messages it has and the
    /// sequence of the last one.
    pub fn subjects(&self, filter: &[u8], visit: &mut dyn FnMut(&[u8], u64, u64)) {
        let index = self.core.index.read();
        index.each_subject(&Filter::new(filter), &mut |_, subject, entry| {
            visit(subject, u64::from(entry.count), entry.last);
        });
    }

    /// The ranges of sequences between the first and the last that have no message, ascending.
    pub fn deleted(&self) -> Vec<(u64, u64)> {
        self.core.index.read().deleted()
    }

    /// Sequences of messages that should be there and can't be read, ascending; only the first ones
    /// where there are very many.
    pub fn lost(&self) -> Vec<u64> {
        let index = self.core.index.read();
        index.lost.iter().flat_map(|(from, to)| from..=to).take(LOST_LISTED).collect()
    }

    /// Messages below sequence `below` that `filter` wants, those not committed included.
    pub(crate) fn count(&self, filter: &Filter, below: u64) -> u64 {
        let index = self.core.index.read();
        below.checked_sub(1).map_or(0, |to| index.count_between(0, to, filter))
    }

    /// Bytes that the log takes in memory.
    pub fn memory(&self) -> usize {
        self.core.index.read().memory()
    }
}

/// More was found than was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many results")]
pub struct TooMany;

// === impl Index ===

impl Index {
    /// Calls `each` with the message of a live slot; what that returns.
    #[inline]
    pub(crate) fn read(
        &self,
        at: usize,
        slot: usize,
        held: &mut Held,
        each: &mut dyn FnMut(&Stored<'_>) -> bool,
    ) -> Result<bool, Load> {
        let segment = &self.segments[at];
        let offset = segment.offset(slot);
        let subject_id = segment.subject(slot);
        let mut show =
            |record| Message::parse(record).is_none_or(|message| each(&message.stored(subject_id)));
        if let Some(record) = segment.blocks.get(offset) {
            return Ok(show(record));
        }
        let fits = |piece: &Arc<Piece>| piece.has(offset);
        let key = || {
            let file = segment.file.as_ref()?;
            Some((self.number, segment.id, file.generation, file.chunk_of(offset)? as u32))
        };
        if !held.as_ref().is_some_and(|(id, piece)| *id == segment.id && fits(piece)) {
            *held = key().and_then(|key| self.memory.get(&key)).map(|piece| (segment.id, piece));
        }
        match held {
            Some((_, piece)) if fits(piece) => Ok(show(piece.from(offset))),
            _ => Err(Load { seq: segment.seq(slot) }),
        }
    }

    fn state(&self) -> State {
        let first = self.find(self.first).filter(|_| self.messages > 0);
        State {
            messages: self.messages,
            bytes: self.bytes,
            first_seq: self.first,
            first_time_ns: first.map_or(0, |(at, slot)| self.segments[at].facts.get(slot).time_ns),
            last_seq: self.last,
            last_time_ns: self.last_time,
            subjects: self.subjects.live() as u64,
            deleted: self.last + 1 - self.first - self.messages,
            lost: self.lost.count(),
        }
    }

    fn deleted(&self) -> Vec<(u64, u64)> {
        let mut gaps = Vec::new();
        let mut expected = self.first;
        self.walk(Path::all(self.first, self.last), &Filter::all(), &mut |segment, slot| {
            let seq = self.segments[segment].seq(slot);
            if seq > expected {
                gaps.push((expected, seq - 1));
            }
            expected = seq + 1;
            true
        });
        if expected <= self.last {
            gaps.push((expected, self.last));
        }
        gaps
    }

    fn memory(&self) -> usize {
        let segments: usize = self.segments.iter().map(|segment| segment.memory()).sum();
        segments + self.subjects.memory()
    }
}

// === impl Message ===

impl<'a> Message<'a> {
    #[inline]
    fn stored(&self, subject_id: u32) -> Stored<'a> {
        let Message { seq, time_ns, expires_ns, has_id, subject, headers, payload } = *self;
        Stored { seq, time_ns, expires_ns, has_id, subject, headers, payload, subject_id }
    }
}
