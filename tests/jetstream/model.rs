//! Random operations on a stream, and a model of a stream that is too simple to be wrong: after
//! every step both must agree on every sequence, subject and byte.

use serde_json::{Value, json};

use crate::harness::is_reference;
use crate::kit::{Js, Msg, ok};

/// A small generator of random numbers; a seed is a test.
struct Random(u64);

impl Random {
    /// Below `end`, from 0.
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn subject(&mut self) -> String {
        match self.below(6) {
            0 => "s.only".to_owned(),
            n => format!("s.{n}.{}", self.below(4)),
        }
    }

    /// A filter and what it stands for in the model.
    fn filter(&mut self) -> String {
        match self.below(4) {
            0 => "s.*.2".to_owned(),
            1 => format!("s.{}.>", 1 + self.below(5)),
            2 => "s.>".to_owned(),
            _ => self.subject(),
        }
    }
}

fn matches(filter: &str, subject: &str) -> bool {
    let (mut wanted, mut tokens) = (filter.split('.'), subject.split('.'));
    loop {
        match (wanted.next(), tokens.next()) {
            (Some(">"), Some(_)) => return true,
            (Some(want), Some(token)) if want == "*" || want == token => {}
            (None, None) => return true,
            _ => return false,
        }
    }
}

struct Kept {
    seq: u64,
    subject: String,
    payload: String,
}

struct Model {
    kept: Vec<Kept>,
    last: u64,
    /// First sequence when nothing is kept.
    next_first: u64,
    overhead: u64,
    max_msgs: Option<u64>,
    max_bytes: Option<u64>,
    per_subject: Option<u64>,
    discard_new: bool,
    new_per_subject: bool,
}

impl Model {
    fn bytes_of(&self, kept: &Kept) -> u64 {
        self.overhead + (kept.subject.len() + kept.payload.len()) as u64
    }

    fn bytes(&self) -> u64 {
        self.kept.iter().map(|kept| self.bytes_of(kept)).sum()
    }

    fn count(&self, subject: &str) -> u64 {
        self.kept.iter().filter(|kept| kept.subject == subject).count() as u64
    }

    /// The error that a publish gets.
    fn refusal(&self, subject: &str) -> Option<&'static str> {
        let at_limit = self.per_subject.is_some_and(|max| self.count(subject) >= max);
        if !self.discard_new {
            return None;
        }
        if self.new_per_subject && at_limit {
            return Some("maximum messages per subject exceeded");
        }
        let full = self.max_msgs.is_some_and(|max| self.kept.len() as u64 >= max);
        (full && !at_limit).then_some("maximum messages exceeded")
    }

    fn publish(&mut self, subject: &str, payload: &str) -> u64 {
        self.last += 1;
        let (subject, payload) = (subject.to_owned(), payload.to_owned());
        self.kept.push(Kept { seq: self.last, subject, payload });
        self.enforce(false);
        self.last
    }

    /// After a publish room is made on its subject first, after an update in the whole stream.
    fn enforce(&mut self, update: bool) {
        if !update {
            self.enforce_subjects();
        }
        // A stream that refuses new messages keeps what it has, even beyond a smaller limit.
        while !self.discard_new
            && (self.max_msgs.is_some_and(|max| self.kept.len() as u64 > max)
                || self.max_bytes.is_some_and(|max| self.bytes() > max))
        {
            self.kept.remove(0);
        }
        if update {
            self.enforce_subjects();
        }
        self.settle();
    }

    fn enforce_subjects(&mut self) {
        let Some(max) = self.per_subject else { return };
        let mut newest: Vec<Kept> = Vec::new();
        while let Some(kept) = self.kept.pop() {
            let newer = newest.iter().filter(|other| other.subject == kept.subject).count();
            if (newer as u64) < max {
                newest.push(kept);
            }
        }
        newest.reverse();
        self.kept = newest;
    }

    fn settle(&mut self) {
        self.next_first = self.kept.first().map_or(self.last + 1, |kept| kept.seq);
    }

    fn delete(&mut self, seq: u64) -> bool {
        let before = self.kept.len();
        self.kept.retain(|kept| kept.seq != seq);
        self.settle();
        self.kept.len() < before
    }

    fn purge(&mut self, filter: &str, below: Option<u64>, keep: Option<u64>) -> u64 {
        let matching =
            self.kept.iter().filter(|kept| matches(filter, &kept.subject)).count() as u64;
        let mut removable = matching.saturating_sub(keep.unwrap_or(0));
        let before = self.kept.len();
        self.kept.retain(|kept| {
            let goes = matches(filter, &kept.subject)
                && below.is_none_or(|below| kept.seq < below)
                && removable > 0;
            removable -= u64::from(goes);
            !goes
        });
        self.settle();
        (before - self.kept.len()) as u64
    }

    fn state(&self) -> Value {
        let mut subjects: Vec<_> = self.kept.iter().map(|kept| &kept.subject).collect();
        subjects.sort();
        subjects.dedup();
        let counts: serde_json::Map<String, Value> =
            subjects.iter().map(|s| ((*s).clone(), self.count(s).into())).collect();
        let here = |seq: &u64| self.kept.iter().any(|kept| kept.seq == *seq);
        let deleted: Vec<u64> = match self.kept.is_empty() {
            true => Vec::new(),
            false => (self.next_first..=self.last).filter(|seq| !here(seq)).collect(),
        };
        json!({
            "messages": self.kept.len(), "bytes": self.bytes(), "first_seq": self.next_first,
            "last_seq": self.last, "subjects": counts, "deleted": deleted,
        })
    }
}

struct Run {
    js: Js,
    model: Model,
    random: Random,
    storage: &'static str,
    step: u64,
    /// What was done last, for whoever has to find out why it went wrong.
    trace: Vec<String>,
}

impl Run {
    fn start(seed: u64, storage: &'static str) -> Run {
        let overhead = if storage == "file" { 30 } else { 16 };
        let model = Model {
            kept: Vec::new(),
            last: 0,
            next_first: 1,
            overhead,
            max_msgs: None,
            max_bytes: None,
            per_subject: None,
            discard_new: false,
            new_per_subject: false,
        };
        let random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let mut run = Run { js: Js::start(), model, random, storage, step: 0, trace: Vec::new() };
        let config = run.config();
        run.js.create(config);
        run.publish();
        run
    }

    fn config(&self) -> Value {
        let limit = |value: Option<u64>| value.map_or(-1, |value| value as i64);
        json!({
            "name": "S", "subjects": ["s.>"], "storage": self.storage, "allow_direct": true,
            "max_msgs": limit(self.model.max_msgs), "max_bytes": limit(self.model.max_bytes),
            "max_msgs_per_subject": limit(self.model.per_subject),
            "discard": if self.model.discard_new { "new" } else { "old" },
            "discard_new_per_subject": self.model.new_per_subject,
        })
    }

    fn publish(&mut self) {
        let (subject, size) = (self.random.subject(), self.random.below(60));
        let payload = format!("{:.<1$}", self.step, size as usize);
        let answer = self.js.publish(&subject, &payload);
        self.trace.push(format!("publish {subject} {size}: {answer}"));
        match self.model.refusal(&subject) {
            Some(text) => crate::kit::refused(&answer, 10077, text),
            None => {
                let seq = self.model.publish(&subject, &payload);
                assert_eq!(answer["seq"], seq, "{answer}");
            }
        }
    }

    fn delete(&mut self) {
        let seq = 1 + self.random.below(self.model.last);
        let answer = self.js.api("STREAM.MSG.DELETE.S", json!({"seq": seq}));
        self.trace.push(format!("delete {seq}: {answer}"));
        assert_eq!(answer["success"] == true, self.model.delete(seq), "{seq}: {answer}");
    }

    fn purge(&mut self) {
        let (filter, n) = (self.random.filter(), self.random.below(5));
        let mut request = json!({});
        if filter != "s.>" {
            request["filter"] = filter.clone().into();
        }
        let (mut below, mut keep) = (None, None);
        if self.random.one_in(2) {
            keep = Some(n + 1);
            request["keep"] = (n + 1).into();
        } else {
            let seq = 2 + self.random.below(self.model.last);
            below = Some(seq);
            request["seq"] = seq.into();
        }
        let answer = ok(self.js.api("STREAM.PURGE.S", request.clone()));
        self.trace.push(format!("purge {request}: {answer}"));
        let purged = self.model.purge(&filter, below, keep);
        assert_eq!(answer["purged"], purged, "{request} {answer}");
    }

    fn update(&mut self) {
        let random = &mut self.random;
        let mut limit =
            |low: u64, range: u64| (random.below(3) > 0).then(|| low + random.below(range));
        self.model.max_msgs = limit(5, 40);
        self.model.per_subject = limit(1, 4);
        self.model.max_bytes = limit(400, 2000);
        self.model.discard_new = self.random.one_in(3);
        self.model.new_per_subject =
            self.model.discard_new && self.model.per_subject.is_some() && self.random.one_in(2);
        if self.model.discard_new {
            self.model.max_bytes = None;
        }
        self.model.enforce(true);
        let config = self.config();
        self.trace.push(format!("update {config}"));
        ok(self.js.update(config));
    }

    fn again(&mut self) {
        if self.storage == "memory" {
            return;
        }
        self.trace.push("again".to_owned());
        // The reference brings removed messages back after a crash.
        match is_reference() || self.random.one_in(2) {
            true => self.js.restart(),
            false => self.js.crash(),
        }
    }

    fn check(&mut self) {
        let request = json!({"deleted_details": true, "subjects_filter": ">"});
        let state = ok(self.js.api("STREAM.INFO.S", request))["state"].take();
        let mut got = json!({});
        for field in ["messages", "bytes", "first_seq", "last_seq", "subjects", "deleted"] {
            got[field] = match (&state[field], field) {
                (Value::Null, "subjects") => json!({}),
                (Value::Null, "deleted") => json!([]),
                (value, _) => value.clone(),
            };
        }
        assert_eq!(
            got,
            self.model.state(),
            "step {}: {:#?}",
            self.step,
            self.trace.iter().rev().take(8).collect::<Vec<_>>()
        );
    }

    fn read(&mut self) {
        let (filter, from) = (self.random.filter(), 1 + self.random.below(self.model.last + 1));
        let pick = |kept: &&Kept| matches(&filter, &kept.subject);
        let next = self.model.kept.iter().filter(pick).find(|kept| kept.seq >= from);
        let last = self.model.kept.iter().rfind(pick);
        for (request, wanted) in [
            (json!({"next_by_subj": filter, "seq": from}), next),
            (json!({"last_by_subj": filter}), last),
        ] {
            let answer = self.js.api("STREAM.MSG.GET.S", request.clone());
            let Some(wanted) = wanted else {
                assert_eq!(answer["error"]["err_code"], 10037, "{request} {answer}");
                continue;
            };
            assert_eq!(answer["message"]["seq"], wanted.seq, "{request}");
            let message = Msg::stored(&answer["message"]);
            let got = (message.subject.as_str(), message.text());
            assert_eq!(got, (wanted.subject.as_str(), wanted.payload.as_str()));
        }
        let all: Vec<_> =
            self.model.kept.iter().filter(|kept| kept.seq >= from && pick(kept)).collect();
        let request = json!({"next_by_subj": filter, "seq": from, "batch": 1000}).to_string();
        let end = |message: &Msg| message.status().is_some();
        let mut got = self.js.request_until("$JS.API.DIRECT.GET.S", request, end);
        got.pop();
        let got: Vec<_> = got.iter().map(|message| message.number("Nats-Sequence")).collect();
        assert_eq!(got, all.iter().map(|kept| kept.seq).collect::<Vec<_>>(), "{filter} {from}");
    }

    /// What a new consumer says of the messages before it.
    fn pending(&mut self) {
        let (filter, from) = (self.random.filter(), 1 + self.random.below(self.model.last + 1));
        let matching: Vec<_> =
            self.model.kept.iter().filter(|kept| matches(&filter, &kept.subject)).collect();
        let (policy, wanted) = match self.random.below(3) {
            0 => ("all", matching.len()),
            1 => ("by_start_sequence", matching.iter().filter(|kept| kept.seq >= from).count()),
            _ => {
                let mut subjects: Vec<_> = matching.iter().map(|kept| &kept.subject).collect();
                subjects.sort();
                subjects.dedup();
                ("last_per_subject", subjects.len())
            }
        };
        let mut config = json!({
            "name": "C", "deliver_policy": policy, "ack_policy": "none", "filter_subject": filter,
            "mem_storage": true,
        });
        if policy == "by_start_sequence" {
            config["opt_start_seq"] = from.into();
        }
        let made = self.js.consumer("S", "C", config);
        assert_eq!(made["num_pending"], wanted, "{policy} {filter} {from}: {made}");
        ok(self.js.api("CONSUMER.DELETE.S.C", ""));
    }

    fn go(mut self, steps: u64) {
        while self.step < steps {
            self.step += 1;
            match self.random.below(100) {
                0..60 => self.publish(),
                60..74 => self.delete(),
                74..80 => self.purge(),
                80..84 => self.update(),
                84..85 => self.again(),
                85..93 => self.read(),
                _ => self.pending(),
            }
            self.check();
        }
        self.again();
        self.check();
    }
}

/// How many seeds: few, unless somebody wants to look further.
fn seeds() -> u64 {
    std::env::var("VAGUS_TEST_SEEDS").map_or(4, |count| count.parse().expect("a number"))
}

#[test]
fn a_stream_of_files_is_what_its_model_says() {
    for seed in 0..seeds() {
        Run::start(1 + seed, "file").go(300);
    }
}

#[test]
fn a_stream_in_memory_is_what_its_model_says() {
    for seed in 0..seeds() {
        Run::start(1001 + seed, "memory").go(300);
    }
}
