//! The state of a stream against a list of messages that does the same the slow way.

use std::sync::{Arc, mpsc};

use proptest::option::weighted;
use proptest::prelude::*;
use vagus_jetstream::stream::{Discard, Storage, StreamConfig};
use vagus_store::disk::RealDisk;
use vagus_store::{Filter, Kind, Options, Store};

use super::expiry::Swept;
use super::plan::{Incoming, Stop};
use super::rules::Rules;
use super::state::State;

#[derive(Clone, Debug)]
enum Step {
    Publish { subject: u8, size: usize, rollup: Option<bool>, ttl: Option<u8>, id: Option<u8> },
    Expect { subject: u8, right: bool },
    Remove(u64),
    Purge { below: Option<u64>, keep: Option<u64>, subject: Option<u8> },
    Wait(u8),
    Commit,
    Abort,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Kept {
    seq: u64,
    at: i64,
    ends: i64,
    subject: String,
    bytes: u64,
}

#[derive(Clone, Debug, Default)]
struct Model {
    kept: Vec<Kept>,
    last: u64,
    /// Ids with their sequence and when they were seen.
    ids: Vec<(u8, u64, i64)>,
}

#[derive(Clone, Debug)]
struct Limits {
    msgs: Option<i64>,
    bytes: Option<i64>,
    per_subject: Option<i64>,
    age: Option<i64>,
    new: bool,
    new_per_subject: bool,
}

const SECOND: i64 = 1_000_000_000;
const WINDOW: i64 = 3 * SECOND;

fn subject(n: u8) -> String {
    format!("s.{}", n % 4)
}

impl Model {
    fn bytes(&self) -> u64 {
        self.kept.iter().map(|kept| kept.bytes).sum()
    }

    fn of(&self, subject: &str) -> impl Iterator<Item = &Kept> {
        self.kept.iter().filter(move |kept| kept.subject == subject)
    }

    fn has_room(&self, limits: &Limits, new: &Kept, rollup: bool) -> bool {
        if !limits.new {
            return true;
        }
        let full =
            limits.per_subject.is_some_and(|max| self.of(&new.subject).count() as i64 >= max);
        if full && limits.new_per_subject && !rollup {
            return false;
        }
        let replaced = self.of(&new.subject).next().filter(|_| full).map(|kept| kept.bytes);
        let msgs = limits.msgs.is_some_and(|max| self.kept.len() as i64 >= max);
        let bytes = limits.bytes.is_some_and(|max| (self.bytes() + new.bytes) as i64 > max);
        !(msgs && replaced.is_none() || bytes && replaced.is_none_or(|old| old < new.bytes))
    }

    fn limit(&mut self, limits: &Limits, subject: &str) {
        if let Some(max) = limits.per_subject {
            while self.of(subject).count() as i64 > max {
                let first = self.kept.iter().position(|kept| kept.subject == subject).unwrap();
                self.kept.remove(first);
            }
        }
        while !limits.new
            && (limits.msgs.is_some_and(|max| self.kept.len() as i64 > max)
                || limits.bytes.is_some_and(|max| self.bytes() as i64 > max))
        {
            self.kept.remove(0);
        }
    }

    fn purge(&mut self, below: Option<u64>, keep: Option<u64>, subject: Option<&str>) -> u64 {
        let wanted = |kept: &Kept| {
            below.is_none_or(|below| kept.seq < below) && subject.is_none_or(|s| kept.subject == s)
        };
        let count = self.kept.iter().filter(|kept| wanted(kept)).count() as u64;
        let mut left = count.saturating_sub(keep.unwrap_or(0));
        let purged = left;
        self.kept.retain(|kept| {
            let goes = left > 0 && wanted(kept);
            left -= u64::from(goes);
            !goes
        });
        purged
    }
}

struct Both {
    state: State,
    model: Model,
    durable: Model,
    limits: Limits,
    now: i64,
}

impl Both {
    fn step(&mut self, step: Step) {
        match step {
            Step::Publish { subject: n, size, rollup, ttl, id } => {
                self.publish(&subject(n), size, rollup, ttl, id);
            }
            Step::Expect { subject: n, right } => self.expect(&subject(n), right),
            Step::Remove(seq) => {
                let there = self.model.kept.iter().position(|kept| kept.seq == seq);
                there.map(|at| self.model.kept.remove(at));
                assert_eq!(self.state.remove(seq), there.is_some());
            }
            Step::Purge { below, keep, subject: n } => {
                let subject = n.map(subject);
                let wanted = self.model.purge(below, keep, subject.as_deref());
                let filter = subject.as_deref().map(str::as_bytes);
                assert_eq!(self.state.purge(below, keep, filter), wanted);
            }
            Step::Wait(seconds) => {
                self.now += i64::from(seconds) * SECOND;
                let (now, age) = (self.now, self.limits.age);
                self.model.kept.retain(|kept| {
                    let old = age.is_some_and(|age| kept.at + age <= now && kept.ends != i64::MAX);
                    !(old || kept.ends != 0 && kept.ends <= now)
                });
                assert!(matches!(self.state.sweep(now), Swept::Until(_)));
                self.state.dedupe.expire(now, usize::MAX);
            }
            Step::Commit => self.commit(),
            Step::Abort => {
                self.state.abort();
                self.model = self.durable.clone();
            }
        }
    }

    fn commit(&mut self) {
        let (tell, told) = mpsc::channel();
        self.state.log.commit(Box::new(move |outcome| tell.send(outcome).unwrap()));
        told.recv().unwrap().unwrap();
        self.durable = self.model.clone();
    }

    fn publish(
        &mut self,
        subject: &str,
        size: usize,
        rollup: Option<bool>,
        ttl: Option<u8>,
        id: Option<u8>,
    ) {
        let mut headers = Vec::new();
        if let Some(all) = rollup {
            headers.push(format!("Nats-Rollup: {}", if all { "all" } else { "sub" }));
        }
        headers.extend(ttl.map(|ttl| match ttl {
            0 => "Nats-TTL: never".to_owned(),
            seconds => format!("Nats-TTL: {seconds}s"),
        }));
        headers.extend(id.map(|id| format!("Nats-Msg-Id: {id}")));
        let block = match headers.is_empty() {
            true => String::new(),
            false => format!("NATS/1.0\r\n{}\r\n\r\n", headers.join("\r\n")),
        };
        let payload = vec![b'x'; size];
        let ends = ttl.map_or(0, |ttl| match ttl {
            0 => i64::MAX,
            seconds => self.now + i64::from(seconds) * SECOND,
        });
        let bytes = (16 + subject.len() + block.len() + size) as u64;
        let seq = self.model.last + 1;
        let new = Kept { seq, at: self.now, ends, subject: subject.to_owned(), bytes };
        let got = self.store(subject, &block, &payload);
        let now = self.now;
        let seen = |(known, _, at): &&(u8, u64, i64)| Some(*known) == id && now - at < WINDOW;
        if let Some((_, known, _)) = self.model.ids.iter().rev().find(seen) {
            return assert!(matches!(got, Err(Stop::Duplicate(seq)) if seq == *known), "{got:?}");
        }
        if !self.model.has_room(&self.limits, &new, rollup.is_some()) {
            return assert!(matches!(got, Err(Stop::Refused(_))), "{got:?}");
        }
        assert_eq!(got.unwrap(), seq);
        self.model.last = seq;
        self.model.ids.extend(id.map(|id| (id, seq, now)));
        self.model.kept.push(new);
        match rollup {
            Some(true) => drop(self.model.purge(None, Some(1), None)),
            Some(false) => drop(self.model.purge(None, Some(1), Some(subject))),
            None => {}
        }
        self.model.limit(&self.limits, subject);
    }

    fn store(&mut self, subject: &str, block: &str, payload: &[u8]) -> Result<u64, Stop> {
        let incoming = Incoming {
            subject: subject.as_bytes(),
            headers: block.as_bytes(),
            payload,
            sourced: false,
        };
        let plan = self.state.check(incoming, None, self.now)?;
        self.state.keep(plan, self.now).map(|kept| kept.seq)
    }

    fn expect(&mut self, subject: &str, right: bool) {
        let last = self.model.of(subject).last().map_or(0, |kept| kept.seq);
        let said = if right { last } else { last + 1 };
        let name = "Nats-Expected-Last-Subject-Sequence";
        let block = format!("NATS/1.0\r\n{name}: {said}\r\n\r\n");
        let bytes = (16 + subject.len() + block.len()) as u64;
        let seq = self.model.last + 1;
        let new = Kept { seq, at: self.now, ends: 0, subject: subject.to_owned(), bytes };
        let got = self.store(subject, &block, b"");
        if right && self.model.has_room(&self.limits, &new, false) {
            assert_eq!(got.unwrap(), seq);
            self.model.last = seq;
            self.model.kept.push(new);
            self.model.limit(&self.limits, subject);
        } else {
            assert!(matches!(got, Err(Stop::Refused(_))), "{got:?}");
        }
    }

    /// What is committed, both ways.
    fn compare(&mut self) {
        self.commit();
        let mut kept = Vec::new();
        self.state.reader.visit(1, &Filter::all(), usize::MAX, &mut |stored| {
            kept.push((stored.seq, String::from_utf8(stored.subject.to_vec()).unwrap()));
            true
        });
        let model = &self.model;
        let wanted: Vec<_> =
            model.kept.iter().map(|kept| (kept.seq, kept.subject.clone())).collect();
        assert_eq!(kept, wanted);
        assert_eq!(self.state.log.bytes(), model.bytes());
        assert_eq!(self.state.log.last_seq(), model.last);
        let first = model.kept.first().map_or(model.last + 1, |kept| kept.seq);
        assert_eq!(self.state.log.first_seq(), first);
    }
}

fn limits() -> impl Strategy<Value = Limits> {
    let some = |low: i64, high: i64| proptest::option::of(low..high);
    (some(1, 12), some(60, 600), some(1, 4), some(1, 6), any::<bool>(), any::<bool>()).prop_map(
        |(msgs, bytes, per_subject, age, new, per)| Limits {
            msgs,
            bytes,
            per_subject,
            age: age.map(|age| age * SECOND),
            new,
            new_per_subject: new && per && per_subject.is_some(),
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let publish = (
        any::<u8>(),
        0usize..40,
        weighted(0.1, any::<bool>()),
        weighted(0.2, 0u8..5),
        weighted(0.3, 0u8..6),
    );
    prop_oneof![
        8 => publish.prop_map(|(subject, size, rollup, ttl, id)| {
            Step::Publish { subject, size, rollup, ttl, id }
        }),
        2 => (any::<u8>(), any::<bool>())
            .prop_map(|(subject, right)| Step::Expect { subject, right }),
        2 => (1u64..60).prop_map(Step::Remove),
        1 => (weighted(0.5, 1u64..60), weighted(0.5, 0u64..4), weighted(0.5, any::<u8>()))
            .prop_map(|(below, keep, subject)| Step::Purge { below, keep, subject }),
        2 => (0u8..4).prop_map(Step::Wait),
        2 => Just(Step::Commit),
        1 => Just(Step::Abort),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn a_stream_is_what_its_model_says(
        limits in limits(), steps in proptest::collection::vec(step(), 0..60),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(Options::new(dir.path()), Arc::new(RealDisk)).unwrap();
        let group =
            store.create("A", "S", Kind::Memory, 1, Vec::new(), Box::new(|_| {})).unwrap();
        let config = StreamConfig {
            name: "S".into(),
            subjects: vec!["s.*".into()],
            storage: Storage::Memory,
            max_msgs: limits.msgs.unwrap_or(-1),
            max_bytes: limits.bytes.unwrap_or(-1),
            max_msgs_per_subject: limits.per_subject.unwrap_or(-1),
            max_age: limits.age.unwrap_or(0),
            max_msg_size: -1,
            discard: if limits.new { Discard::New } else { Discard::Old },
            discard_new_per_subject: limits.new_per_subject,
            duplicate_window: WINDOW,
            allow_rollup: true,
            allow_msg_ttl: true,
            ..StreamConfig::default()
        };
        let state = State::new(Rules::new(config).unwrap(), store.log(group).unwrap(), 1 << 20);
        let (model, durable) = (Model::default(), Model::default());
        let mut both = Both { state, model, durable, limits, now: 1_000 * SECOND };
        steps.into_iter().for_each(|step| both.step(step));
        both.compare();
        drop(both);
        store.shutdown();
    }
}
