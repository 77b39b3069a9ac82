//! Random operations on a stream and its consumers, restarts among them, and a model of both that
//! is too simple to be wrong: what is delivered, how often, and what is left must be the same.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{eventually_within, is_reference};
use crate::kit::{Js, ok};
use crate::random::{Random, count};
use crate::rig::pause;

/// Long enough for acknowledgements that nobody waits for to be written.
const SETTLED_MS: u64 = 50;

#[derive(Clone)]
struct Stored {
    subject: String,
    payload: String,
    id: Option<String>,
}

/// A durable pull consumer.
struct Consumer {
    name: &'static str,
    /// The first words of the subjects it wants; none: all.
    filters: &'static [&'static str],
    ack_all: bool,
    room: usize,
    /// The last sequence that was delivered for the first time.
    cursor: u64,
    /// Delivered and not settled: how often.
    open: BTreeMap<u64, u64>,
    /// Deliveries so far.
    sequence: u64,
}

struct Run {
    js: Js,
    random: Random,
    kept: BTreeMap<u64, Stored>,
    last: u64,
    work_queue: bool,
    consumers: Vec<Consumer>,
    ids: u64,
    /// What was done, for whoever has to find out why it went wrong.
    trace: Vec<String>,
}

// === impl Consumer ===

impl Consumer {
    fn new(
        name: &'static str,
        filters: &'static [&'static str],
        ack_all: bool,
        room: usize,
    ) -> Self {
        let (cursor, open, sequence) = (0, BTreeMap::new(), 0);
        Consumer { name, filters, ack_all, room, cursor, open, sequence }
    }

    fn config(&self) -> Value {
        let filters: Vec<_> = self.filters.iter().map(|word| format!("s.{word}.>")).collect();
        json!({
            "durable_name": self.name, "ack_policy": if self.ack_all { "all" } else { "explicit" },
            "max_ack_pending": self.room, "ack_wait": 600_000_000_000u64,
            "filter_subjects": filters,
        })
    }

    fn wants(&self, stored: &Stored) -> bool {
        let word = stored.subject.split('.').nth(1).unwrap();
        self.filters.is_empty() || self.filters.contains(&word)
    }

    /// What comes next, at most `most`.
    fn next(&self, kept: &BTreeMap<u64, Stored>, most: usize) -> Vec<u64> {
        let most = most.min(self.room.saturating_sub(self.open.len()));
        let behind = kept.range(self.cursor + 1..);
        behind.filter(|(_, stored)| self.wants(stored)).map(|(seq, _)| *seq).take(most).collect()
    }

    fn left(&self, kept: &BTreeMap<u64, Stored>) -> usize {
        kept.range(self.cursor + 1..).filter(|(_, stored)| self.wants(stored)).count()
    }

    /// The sequences that an acknowledgement of `seq` settles.
    fn settle(&mut self, seq: u64) -> Vec<u64> {
        let all = self.ack_all;
        let gone: Vec<u64> =
            self.open.keys().copied().filter(|open| *open == seq || all && *open < seq).collect();
        self.open.retain(|open, _| !gone.contains(open));
        gone
    }
}

// === impl Run ===

impl Run {
    fn start(seed: u64, work_queue: bool) -> Run {
        let consumers = match work_queue {
            true => vec![
                Consumer::new("A", &["0", "1"], false, 50),
                Consumer::new("B", &["2", "3"], false, 5),
            ],
            false => vec![
                Consumer::new("A", &[], false, 50),
                Consumer::new("B", &["1", "3"], true, 100),
                Consumer::new("C", &["2"], false, 4),
            ],
        };
        let mut js = Js::start();
        js.create(json!({
            "name": "S", "subjects": ["s.>"], "duplicate_window": 600_000_000_000u64,
            "retention": if work_queue { "workqueue" } else { "limits" },
        }));
        for consumer in &consumers {
            js.consumer("S", consumer.name, consumer.config());
        }
        let (random, kept, trace) = (Random::new(seed), BTreeMap::new(), Vec::new());
        Run { js, random, kept, last: 0, work_queue, consumers, ids: 0, trace }
    }

    fn publish(&mut self) {
        let word = self.random.below(4);
        let subject = format!("s.{word}.{}", self.random.below(3));
        let payload = "p".repeat(1 + self.random.below(300) as usize);
        let known: Vec<_> =
            self.kept.iter().filter_map(|(seq, kept)| Some((*seq, kept.id.clone()?))).collect();
        let id = match self.random.below(4) {
            0 if !known.is_empty() => {
                let (seq, id) = &known[self.random.below(known.len() as u64) as usize];
                let answer = self.js.publish_with(&subject, &[("Nats-Msg-Id", id)], &payload);
                self.trace.push(format!("publish {id} again: {answer}"));
                assert_eq!((&answer["seq"], &answer["duplicate"]), (&json!(seq), &json!(true)));
                return;
            }
            1 | 2 => {
                self.ids += 1;
                Some(format!("id-{}", self.ids))
            }
            _ => None,
        };
        let headers: Vec<_> = id.iter().map(|id| ("Nats-Msg-Id", id.as_str())).collect();
        let answer = self.js.publish_with(&subject, &headers, &payload);
        self.last += 1;
        self.trace.push(format!("publish {subject} {id:?}: {answer}"));
        assert_eq!(answer["seq"], self.last, "{answer}");
        self.kept.insert(self.last, Stored { subject, payload, id });
    }

    fn remove(&mut self, seq: u64) {
        self.kept.remove(&seq);
        for consumer in &mut self.consumers {
            consumer.open.remove(&seq);
        }
    }

    fn delete(&mut self) {
        let seq = 1 + self.random.below(self.last.max(1));
        let answer = self.js.api("STREAM.MSG.DELETE.S", json!({"seq": seq}));
        self.trace.push(format!("delete {seq}: {answer}"));
        assert_eq!(answer["success"] == true, self.kept.contains_key(&seq), "{answer}");
        self.remove(seq);
    }

    fn purge(&mut self) {
        let word = self.random.below(4);
        let below = 1 + self.random.below(self.last + 1);
        let request = json!({"filter": format!("s.{word}.>"), "seq": below});
        let gone: Vec<u64> = self
            .kept
            .range(..below)
            .filter(|(_, stored)| stored.subject.starts_with(&format!("s.{word}.")))
            .map(|(seq, _)| *seq)
            .collect();
        let answer = ok(self.js.api("STREAM.PURGE.S", request.clone()));
        self.trace.push(format!("purge {request}: {answer}"));
        assert_eq!(answer["purged"], gone.len(), "{request} {answer}");
        gone.into_iter().for_each(|seq| self.remove(seq));
    }

    fn fetch(&mut self, n: usize) {
        let most = 1 + self.random.below(12) as usize;
        let wanted = self.consumers[n].next(&self.kept, most);
        let name = self.consumers[n].name;
        let request = json!({"batch": most, "no_wait": true, "expires": 150_000_000});
        let sid = self.js.pull_from(name, request);
        self.trace.push(format!("fetch {most} from {name}: {wanted:?}"));
        for seq in wanted {
            self.expect(n, &sid, seq, 1);
            let consumer = &mut self.consumers[n];
            consumer.cursor = seq;
            consumer.open.insert(seq, 1);
        }
        self.js.unsubscribe(&sid);
    }

    /// The next message of the subscription is this one.
    fn expect(&mut self, n: usize, sid: &str, seq: u64, times: u64) {
        let message = self.js.next(sid);
        let stored = &self.kept[&seq];
        let consumer = &mut self.consumers[n];
        consumer.sequence += 1;
        assert_eq!(message.status(), None, "instead of {seq}");
        assert_eq!(message.counts(), (seq, consumer.sequence, times));
        assert_eq!(message.subject, stored.subject);
        assert_eq!(message.text(), stored.payload);
        assert_eq!(message.header("Nats-Msg-Id"), stored.id.as_deref());
    }

    /// Something that was delivered, if anything is open.
    fn some_open(&mut self, n: usize) -> Option<(u64, String)> {
        let consumer = &self.consumers[n];
        let at = self.random.below(consumer.open.len().max(1) as u64) as usize;
        let (seq, times) = consumer.open.iter().nth(at)?;
        // Only stream sequence and count matter to the server.
        let reply = format!("$JS.ACK.S.{}.{times}.{seq}.{}.1.0", consumer.name, consumer.sequence);
        Some((*seq, reply))
    }

    fn ack(&mut self, n: usize, word: &str) {
        let Some((seq, reply)) = self.some_open(n) else { return };
        let waits = self.random.below(3) > 0;
        if waits {
            let answer = self.js.request(&reply, &[], word);
            assert!(answer.payload.is_empty() && answer.status().is_none(), "{answer:?}");
        } else {
            self.js.send(&reply, &[], word);
        }
        let name = self.consumers[n].name;
        let gone = match word {
            "+TERM" => self.consumers[n].open.remove_entry(&seq).into_iter().map(|o| o.0).collect(),
            _ => self.consumers[n].settle(seq),
        };
        self.trace.push(format!("{word} {seq} of {name}, waits {waits}: {gone:?}"));
        if self.work_queue {
            gone.into_iter().for_each(|seq| self.remove(seq));
        }
    }

    /// A message is given back, and comes again at once.
    fn nak(&mut self, n: usize) {
        let Some((seq, reply)) = self.some_open(n) else { return };
        let name = self.consumers[n].name;
        self.trace.push(format!("-NAK {seq} of {name}"));
        self.js.request(&reply, &[], "-NAK");
        let times = self.consumers[n].open[&seq] + 1;
        let sid = self.js.pull_from(name, json!({"batch": 1, "expires": 5_000_000_000u64}));
        self.expect(n, &sid, seq, times);
        self.consumers[n].open.insert(seq, times);
        self.js.unsubscribe(&sid);
    }

    fn again(&mut self) {
        self.js.flush();
        pause(SETTLED_MS);
        let orderly = is_reference() || self.random.below(2) == 0;
        self.trace.push(format!("again, orderly {orderly}"));
        if orderly { self.js.restart() } else { self.js.crash() }
    }

    fn told(&mut self) -> Value {
        let state = ok(self.js.api("STREAM.INFO.S", ""))["state"].take();
        let consumers = self.consumers.iter().map(|consumer| {
            let info = ok(self.js.api(&format!("CONSUMER.INFO.S.{}", consumer.name), ""));
            json!([
                consumer.name,
                info["num_pending"],
                info["num_ack_pending"],
                info["delivered"]["consumer_seq"],
            ])
        });
        let consumers: Vec<Value> = consumers.collect();
        json!([state["messages"], state["first_seq"], state["last_seq"], consumers])
    }

    fn wanted(&self) -> Value {
        let consumers = self.consumers.iter().map(|consumer| {
            json!([
                consumer.name,
                consumer.left(&self.kept),
                consumer.open.len(),
                consumer.sequence,
            ])
        });
        let consumers: Vec<Value> = consumers.collect();
        // Nothing was ever stored: the first is 0.
        let none = if self.last == 0 { 0 } else { self.last + 1 };
        let first = self.kept.keys().next().copied().unwrap_or(none);
        json!([self.kept.len(), first, self.last, consumers])
    }

    /// Both say the same, at the latest after what is still under way.
    fn check(&mut self) {
        let wanted = self.wanted();
        let mut told = Value::Null;
        let same = eventually_within(std::time::Duration::from_secs(5), || {
            told = self.told();
            (told == wanted).then_some(())
        });
        let trace: Vec<_> = self.trace.iter().rev().take(12).collect();
        assert!(same.is_some(), "told {told}, but it is {wanted}: {trace:#?}");
    }

    fn go(mut self, steps: u64) {
        for _ in 0..steps {
            let n = self.random.below(self.consumers.len() as u64) as usize;
            match self.random.below(100) {
                0..35 => self.publish(),
                35..60 => self.fetch(n),
                60..78 => self.ack(n, "+ACK"),
                78..81 => self.ack(n, "+TERM"),
                81..87 => self.nak(n),
                87..92 => self.delete(),
                92..94 => self.purge(),
                94..96 => self.again(),
                _ => {}
            }
            self.check();
        }
        self.again();
        self.check();
    }
}

#[test]
fn a_stream_and_its_consumers_are_what_their_model_says() {
    for seed in 0..count("VAGUS_TEST_SEEDS", 3) {
        Run::start(seed, false).go(200);
    }
}

#[test]
fn a_work_queue_and_its_workers_are_what_their_model_says() {
    for seed in 0..count("VAGUS_TEST_SEEDS", 3) {
        Run::start(1000 + seed, true).go(200);
    }
}
