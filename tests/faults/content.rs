//! What a stream holds, as clients read it, and whether that is what was acknowledged.

use std::collections::{BTreeMap, HashMap};

use serde_json::json;

use crate::kit::{Msg, Nats};
use crate::load::id_of;

/// Id of every message by its sequence.
#[derive(Debug, Default)]
pub(crate) struct Content(pub(crate) BTreeMap<u64, String>);

// === impl Content ===

impl Content {
    /// Reads a stream from `from` on.
    #[track_caller]
    pub(crate) fn read(nats: &mut Nats, stream: &str, from: u64) -> Content {
        let subject = format!("$JS.API.DIRECT.GET.{stream}");
        let (mut all, mut next) = (BTreeMap::new(), from.max(1));
        loop {
            let request = json!({"seq": next, "next_by_subj": ">", "batch": 500}).to_string();
            let end = |message: &Msg| message.status().is_some();
            let mut answers = nats.request_until(&subject, request, end);
            let last = answers.pop().and_then(|end| end.status().map(str::to_owned)).unwrap();
            for message in &answers {
                let seq = message.number("Nats-Sequence");
                assert!(seq >= next, "{seq} came behind {next}");
                next = seq + 1;
                all.insert(seq, id_of(message));
            }
            if answers.is_empty() {
                // 503: there is no such stream.
                let known = ["404", "204", "503"].iter().any(|code| last.starts_with(code));
                assert!(known, "{last}");
                return Content(all);
            }
        }
    }

    /// The acknowledged messages that are not there, or not what was sent.
    pub(crate) fn lost(&self, acked: &BTreeMap<u64, String>) -> Vec<u64> {
        let (from, to) = match (acked.first_key_value(), acked.last_key_value()) {
            (Some((from, _)), Some((to, _))) => (*from, *to),
            _ => return Vec::new(),
        };
        let there = |(seq, id): &(&u64, &String)| self.0.get(*seq) != Some(*id);
        acked.range(from..=to).filter(there).map(|(seq, _)| *seq).collect()
    }

    /// No id is there twice, and no sequence is missing from `from` on.
    #[track_caller]
    pub(crate) fn check(&self, from: u64) {
        let mut seen = HashMap::new();
        for (expected, (seq, id)) in (from.max(1)..).zip(&self.0) {
            assert_eq!(*seq, expected, "a hole");
            if let Some(other) = seen.insert(id, seq) {
                panic!("{id} is stored twice, at {other} and {seq}");
            }
        }
    }
}
