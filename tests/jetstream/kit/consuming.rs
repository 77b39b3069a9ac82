//! Words for tests of consumers: the stream `S` on `s.>`, pulls, deliveries, acknowledgements.

use serde_json::{Value, json};

use super::message::Msg;
use super::nats::Nats;
use crate::harness::eventually_within;

/// What the reply subject of a delivered message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) stream: String,
    pub(crate) consumer: String,
    /// How often this message was delivered.
    pub(crate) count: u64,
    pub(crate) stream_seq: u64,
    pub(crate) consumer_seq: u64,
    pub(crate) time_ns: u64,
    pub(crate) pending: u64,
}

// === impl Msg ===

impl Msg {
    /// Reads `$JS.ACK.<stream>.<consumer>.<count>.<stream seq>.<consumer seq>.<ns>.<pending>`.
    #[track_caller]
    pub(crate) fn delivery(&self) -> Delivery {
        let reply = self.reply.as_deref().unwrap_or_else(|| panic!("no reply in {self:?}"));
        let words: Vec<_> = reply.split('.').collect();
        assert!(words.len() == 9 && reply.starts_with("$JS.ACK."), "no ack subject: {self:?}");
        let number = |at: usize| words[at].parse().unwrap_or_else(|_| panic!("in {reply}"));
        Delivery {
            stream: words[2].to_owned(),
            consumer: words[3].to_owned(),
            count: number(4),
            stream_seq: number(5),
            consumer_seq: number(6),
            time_ns: number(7),
            pending: number(8),
        }
    }

    /// The stream sequence of a delivered message.
    #[track_caller]
    pub(crate) fn seq(&self) -> u64 {
        self.delivery().stream_seq
    }

    /// Stream sequence, consumer sequence and how often it was delivered.
    #[track_caller]
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        let it = self.delivery();
        (it.stream_seq, it.consumer_seq, it.count)
    }
}

/// The stream sequences of delivered messages.
#[track_caller]
pub(crate) fn seqs(messages: &[Msg]) -> Vec<u64> {
    messages.iter().map(Msg::seq).collect()
}

// === impl Nats ===

impl Nats {
    /// Creates the stream `S` on `s.>` with `count` messages: `s.1` says `1`, and so on.
    #[track_caller]
    pub(crate) fn filled(&mut self, count: u64) {
        self.create(json!({"name": "S", "subjects": ["s.>"]}));
        self.fill(1..=count);
    }

    /// Stores more of the same.
    #[track_caller]
    pub(crate) fn fill(&mut self, seqs: impl IntoIterator<Item = u64>) {
        for n in seqs {
            self.stored(&format!("s.{n}"), n.to_string(), n);
        }
    }

    /// Creates the durable pull consumer `C` of `S`, explicit acks unless `config` says otherwise.
    #[track_caller]
    pub(crate) fn puller(&mut self, config: Value) -> Value {
        let mut all = json!({"durable_name": "C", "ack_policy": "explicit"});
        all.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
        self.consumer("S", "C", all)
    }

    /// Asks `C` for messages without waiting for any; the sid of the inbox they come to.
    #[track_caller]
    pub(crate) fn pull(&mut self, body: Value) -> String {
        self.pull_from("C", body)
    }

    #[track_caller]
    pub(crate) fn pull_from(&mut self, consumer: &str, body: Value) -> String {
        let inbox = self.inbox();
        let sid = self.subscribe(&inbox);
        self.ask_next(consumer, &inbox, body);
        sid
    }

    /// The request alone, for messages to `inbox`. A string is the body as it is.
    #[track_caller]
    pub(crate) fn ask_next(&mut self, consumer: &str, inbox: &str, body: Value) {
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.S.{consumer}");
        let body = match body {
            Value::String(text) => text,
            value => value.to_string(),
        };
        self.send_reply(&subject, inbox, &[], body);
    }

    /// The next `count` messages of `C`, which must be there or come.
    #[track_caller]
    pub(crate) fn fetch(&mut self, count: usize) -> Vec<Msg> {
        self.fetch_from("C", count)
    }

    #[track_caller]
    pub(crate) fn fetch_from(&mut self, consumer: &str, count: usize) -> Vec<Msg> {
        let sid = self.pull_from(consumer, json!({"batch": count}));
        let messages: Vec<Msg> = (0..count).map(|_| self.next(&sid)).collect();
        for message in &messages {
            assert_eq!(message.status(), None, "a status instead of a message");
        }
        self.unsubscribe(&sid);
        messages
    }

    /// Asserts that `C` has nothing to give now.
    #[track_caller]
    pub(crate) fn nothing_due(&mut self) {
        let sid = self.pull(json!({"batch": 1, "no_wait": true}));
        assert_eq!(self.next(&sid).head, "NATS/1.0 404 No Messages\r\n\r\n");
    }

    /// Acknowledges, or whatever `word` says, and does not wait.
    #[track_caller]
    pub(crate) fn ack(&mut self, message: &Msg, word: &str) {
        let reply = message.reply.clone().expect("an ack subject");
        self.send(&reply, &[], word);
    }

    /// The same as a request; its answer must be empty.
    #[track_caller]
    pub(crate) fn double_ack(&mut self, message: &Msg, word: &str) {
        let reply = message.reply.clone().expect("an ack subject");
        let answer = self.request(&reply, &[], word);
        assert_eq!((answer.head.as_str(), answer.text()), ("", ""), "after {word}");
    }

    #[track_caller]
    pub(crate) fn consumer_info(&mut self, consumer: &str) -> Value {
        super::ok(self.api(&format!("CONSUMER.INFO.S.{consumer}"), ""))
    }

    /// Reads the info of a consumer of `S` until `probe` is true for it.
    #[track_caller]
    pub(crate) fn wait_consumer(&mut self, consumer: &str, mut probe: impl FnMut(&Value) -> bool) {
        let mut last = Value::Null;
        let found = eventually_within(crate::harness::DEADLINE, || {
            last = self.consumer_info(consumer);
            probe(&last).then_some(())
        });
        assert!(found.is_some(), "the consumer never came to that: {last:#}");
    }

    /// Reads the state of `S` until `probe` is true for it.
    #[track_caller]
    pub(crate) fn wait_state(&mut self, mut probe: impl FnMut(&Value) -> bool) {
        let mut last = Value::Null;
        let found = eventually_within(crate::harness::DEADLINE, || {
            last = self.state("S");
            probe(&last).then_some(())
        });
        assert!(found.is_some(), "the stream never came to that: {last:#}");
    }
}
