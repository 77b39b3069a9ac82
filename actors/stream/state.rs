//! What a stream knows and decides. No clock, no mailbox, no sending: the actor tells the time,
//! commits what is staged here, and answers.

use std::sync::Arc;

use bytes::Bytes;
use hashbrown::HashMap;
use vagus_jetstream::codes;
use vagus_jetstream::headers::PublishHeaders;
use vagus_jetstream::stream::Compression;
use vagus_store::{Entry, Got, Log, Reader, Removed, TableOp};

use super::counter::Counter;
use super::dedupe::Dedupe;
use super::plan::{Plan, Rollup, Stop, expires_ns};
use super::retention::Retention;
use super::rules::Rules;
use super::schedules::{Planned, Schedules};

/// See the module's text.
pub(super) struct State {
    pub rules: Rules,
    pub log: Log,
    pub reader: Reader,
    pub dedupe: Dedupe,
    pub retention: Retention,
    pub schedules: Schedules,
    /// `Nats-Msg-Id` of the last message; empty without one.
    pub last_id: Vec<u8>,
    /// What subjects count to, as far as known; each is good while its message is the last.
    counters: HashMap<Box<[u8]>, (u64, Counter)>,
    /// Largest payload of the server, in bytes.
    pub payload_max: usize,
    /// The server has no room left for streams.
    pub is_full: bool,
    /// Bytes that the log may grow to by the limits of the account.
    pub log_max: u64,
    /// Sequences that left since the last look, as ranges in the order in which they did.
    pub removed: Vec<(u64, u64)>,
    /// Messages up to here are too young for the stream's age, or exempt from it.
    pub(super) aged: u64,
    /// Subjects (by their number) of messages that the stream made by itself.
    pub made: Vec<u32>,
}

/// A message that is stored once the next commit has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub seq: u64,
    /// The sequence before it of its subject; 0 without one.
    pub before: u64,
    /// The store's number for its subject; `None` when nobody wanted it and it is only counted.
    pub subject: Option<u32>,
}

/// Counters kept in memory at most.
const COUNTERS_MAX: usize = 64 << 10;
/// Begins the keys of schedules in the table.
pub(super) const SCHEDULES: &[u8] = b"schedule/";

// === impl State ===

impl State {
    pub(super) fn new(rules: Rules, log: Log, payload_max: usize) -> Self {
        let reader = log.reader();
        log.set_compression(rules.config.compression != Compression::None);
        Self {
            dedupe: Dedupe::new(rules.config.duplicate_window),
            retention: Retention::new(rules.retention()),
            schedules: Schedules::default(),
            last_id: Vec::new(),
            counters: HashMap::new(),
            payload_max,
            is_full: false,
            log_max: u64::MAX,
            removed: Vec::new(),
            aged: 0,
            made: Vec::new(),
            rules,
            log,
            reader,
        }
    }

    /// Stages a message that passed all checks, and what goes with it.
    ///
    /// # Errors
    /// When the store can't take it: nothing is staged.
    pub(super) fn keep(&mut self, plan: Plan<'_>, now_ns: i64) -> Result<Kept, Stop> {
        if !self.retention.is_wanted(plan.subject) {
            return Ok(self.count_only(&plan, now_ns));
        }
        let entry = Entry {
            seq: None,
            time_ns: now_ns,
            expires_ns: expires_ns(plan.ttl, now_ns),
            subject: plan.subject,
            headers: &plan.headers,
            payload: &plan.payload,
            has_id: plan.id.is_some(),
        };
        let seq = self.log.append(entry).map_err(|error| codes::STREAM_STORE_FAILED.with(error))?;
        let Some(placed) = self.log.placed() else {
            return Err(codes::STREAM_STORE_FAILED
                .with("the message is not where it was put")
                .into());
        };
        if plan.id.is_some() || !self.last_id.is_empty() {
            self.note_id(plan.id, seq, now_ns);
        }
        if let Some(counter) = plan.counter {
            self.remember(plan.subject, seq, counter);
        }
        if plan.rollup != Rollup::None || plan.ends.is_some() {
            self.roll_up(plan.rollup, plan.subject, plan.ends, 1);
        } else if let Some(max) = self.rules.max_msgs_per_subject
            && placed.count > max
        {
            self.trim_subject(plan.subject, placed.count - max);
        }
        if let Some(due_ns) = plan.schedule {
            self.plan_schedule(plan.subject, Planned { seq, due_ns });
        }
        self.trim();
        Ok(Kept { seq, before: placed.before, subject: Some(placed.subject_id) })
    }

    /// Nobody wants it: it gets a sequence, and that is all.
    fn count_only(&mut self, plan: &Plan<'_>, now_ns: i64) -> Kept {
        let seq = self.log.last_seq() + 1;
        self.log.skip_to(seq);
        self.note_id(plan.id, seq, now_ns);
        self.roll_up(plan.rollup, plan.subject, plan.ends, 0);
        Kept { seq, before: 0, subject: None }
    }

    fn note_id(&mut self, id: Option<&[u8]>, seq: u64, now_ns: i64) {
        self.last_id.clear();
        if let Some(id) = id {
            self.last_id.extend_from_slice(id);
            self.dedupe.insert(id, seq, now_ns);
        }
    }

    fn roll_up(&mut self, rollup: Rollup, subject: &[u8], ends: Option<&[u8]>, keep: u64) {
        match rollup {
            Rollup::None => {}
            Rollup::Subject => drop(self.purge(None, Some(keep), Some(subject))),
            Rollup::All => drop(self.purge(None, Some(keep), None)),
        }
        if let Some(schedule) = ends {
            self.purge(None, None, Some(schedule));
        }
    }

    /// Removes messages: those below a sequence, or all but the newest `keep`, of all subjects or
    /// of those that match. The answer is how many.
    pub(super) fn purge(
        &mut self,
        below: Option<u64>,
        keep: Option<u64>,
        filter: Option<&[u8]>,
    ) -> u64 {
        let from = self.removed.len();
        let purged = self.log.purge(below, keep, filter);
        self.removed.extend(purged.ranges);
        self.forget_schedules(from);
        purged.messages
    }

    /// Removes one message. False when it is not there.
    pub(super) fn remove(&mut self, seq: u64) -> bool {
        let gone = self.log.remove(seq);
        self.note_gone(seq, gone)
    }

    /// Removes one message and overwrites it. False when it is not there.
    pub(super) fn erase(&mut self, seq: u64) -> bool {
        let gone = self.log.erase(seq);
        self.note_gone(seq, gone)
    }

    fn note_gone(&mut self, seq: u64, gone: Option<Removed>) -> bool {
        let gone = gone.is_some();
        if gone {
            note(&mut self.removed, seq);
            self.drop_schedule(seq);
        }
        gone
    }

    fn trim_subject(&mut self, subject: &[u8], excess: u64) {
        for _ in 0..excess {
            let Some(oldest) = self.log.first_of(subject) else { return };
            self.remove(oldest);
        }
    }

    /// After a message to this subject.
    pub(super) fn trim_after(&mut self, subject: &[u8]) {
        if let Some(max) = self.rules.max_msgs_per_subject {
            self.trim_subject(subject, self.log.count_of(subject).saturating_sub(max));
        }
        self.trim();
    }

    /// After an update: every subject may have too many.
    pub(super) fn trim_all(&mut self) {
        self.trim();
        if let Some(max) = self.rules.max_msgs_per_subject {
            let mut over = Vec::new();
            self.reader.subjects(b">", &mut |subject, count, _| {
                if count > max {
                    over.push((subject.to_vec(), count - max));
                }
            });
            over.iter().for_each(|(subject, excess)| self.trim_subject(subject, *excess));
        }
    }

    /// Removes the oldest until the stream is within its limits. One that refuses what is new keeps
    /// what it has.
    pub(super) fn trim(&mut self) {
        if self.rules.discard_new {
            return;
        }
        if let Some(max) = self.rules.max_msgs {
            while self.log.len() > max && self.remove(self.log.first_seq()) {}
        }
        if let Some(max) = self.rules.max_bytes {
            while self.log.bytes() > max && self.remove(self.log.first_seq()) {}
        }
    }

    // === counters ===

    /// What a subject counts to.
    pub(super) fn counter(&mut self, subject: &[u8]) -> Result<Counter, Stop> {
        let Some(last) = self.log.last_of(subject) else { return Ok(Counter::default()) };
        if let Some((seq, counter)) = self.counters.get(subject)
            && *seq == last
        {
            return Ok(counter.clone());
        }
        let mut read = None;
        let got = self.reader.get(last, |stored| {
            let marks = PublishHeaders::scan(stored.headers);
            read = Some(Counter::read(stored.payload, marks.counter_sources));
        });
        match (got, read) {
            (Got::Cold(load), _) => Err(Stop::Cold(load)),
            (_, Some(Ok(counter))) => {
                self.remember(subject, last, counter.clone());
                Ok(counter)
            }
            _ => Err(codes::MESSAGE_COUNTER_BROKEN.error().into()),
        }
    }

    fn remember(&mut self, subject: &[u8], seq: u64, counter: Counter) {
        if self.counters.len() >= COUNTERS_MAX {
            // What is not committed yet can't be read back.
            let committed = self.reader.committed();
            self.counters.retain(|_, (seq, _)| *seq > committed);
        }
        self.counters.insert(subject.into(), (seq, counter));
    }

    // === schedules ===

    /// Plans a schedule, or its next time, so that a restart finds it.
    pub(super) fn plan_schedule(&mut self, subject: &[u8], planned: Planned) {
        self.schedules.plan(subject, planned);
        let mut value = planned.seq.to_be_bytes().to_vec();
        value.extend_from_slice(&planned.due_ns.to_be_bytes());
        self.log.stage_table(TableOp::Put(schedule_key(subject), value.into()));
    }

    /// What is stored there is no schedule any more.
    pub(super) fn end_schedule(&mut self, seq: u64) {
        self.drop_schedule(seq);
    }

    fn drop_schedule(&mut self, seq: u64) {
        if let Some(subject) = self.schedules.drop_seq(seq) {
            self.log.stage_table(TableOp::Delete(schedule_key(&subject)));
        }
    }

    /// Drops the schedules of what was removed since `removed` had this length.
    fn forget_schedules(&mut self, from: usize) {
        if self.schedules.is_empty() {
            return;
        }
        let gone = |seq: u64| self.removed[from..].iter().any(|(a, b)| (*a..=*b).contains(&seq));
        let seqs: Vec<u64> = self.schedules.seqs().filter(|seq| gone(*seq)).collect();
        seqs.into_iter().for_each(|seq| self.drop_schedule(seq));
    }

    /// Fills the schedules from the table.
    pub(super) fn recover_schedules(&mut self) {
        self.schedules = Schedules::default();
        for (key, value) in self.log.table().scan(SCHEDULES) {
            let parts = value.base.split_at_checked(8);
            let parts =
                parts.map(|(seq, due)| (<[u8; 8]>::try_from(seq), <[u8; 8]>::try_from(due)));
            if let Some((Ok(seq), Ok(due))) = parts {
                let planned =
                    Planned { seq: u64::from_be_bytes(seq), due_ns: i64::from_be_bytes(due) };
                self.schedules.plan(&key[SCHEDULES.len()..], planned);
            }
        }
    }

    // === failure ===

    /// A commit failed, and so did all behind it: back to what is durable.
    pub(super) fn abort(&mut self) {
        self.log.abort();
        self.dedupe.forget_after(self.log.last_seq());
        self.retention.forget_subjects();
        self.counters.clear();
        self.removed.clear();
        self.made.clear();
        self.aged = 0;
        self.recover_schedules();
    }

    pub(super) fn name(&self) -> &str {
        &self.rules.config.name
    }

    pub(super) fn config(&self) -> &Arc<vagus_jetstream::stream::StreamConfig> {
        &self.rules.config
    }
}

fn schedule_key(subject: &[u8]) -> Bytes {
    [SCHEDULES, subject].concat().into()
}

/// Adds a sequence to ranges that grow at their end, as a rule.
fn note(removed: &mut Vec<(u64, u64)>, seq: u64) {
    match removed.last_mut() {
        Some((_, last)) if *last + 1 == seq => *last = seq,
        _ => removed.push((seq, seq)),
    }
}
