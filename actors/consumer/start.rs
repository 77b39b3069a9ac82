//! Where a consumer begins: each deliver policy as a sequence, or as a list of picked messages with
//! a sequence to go on from.

use std::collections::VecDeque;

use vagus_jetstream::consumer::{ConsumerConfig, DeliverPolicy};

use super::progress::{Reading, Unreadable, VERSION, put};

/// What a stream can say about its messages. Filters are those of the consumer.
pub(crate) trait History {
    fn first_seq(&self) -> u64;
    fn last_seq(&self) -> u64;
    /// The last message that passes the filters.
    fn last_matching(&self) -> Option<u64>;
    /// The first message published at this time (unix nanoseconds) or later; one behind the last
    /// if there is none.
    fn since(&self, time_ns: i64) -> u64;
    /// The last message of each subject that passes the filters, in any order.
    fn last_per_subject(&self) -> Vec<u64>;
}

/// A consumer's beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Start {
    /// The first sequence to look at.
    pub next: u64,
    pub picks: Option<Picks>,
}

/// Messages to be delivered before all others, and where to go on then.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Picks {
    seqs: VecDeque<u64>,
    resume: u64,
}

/// Where a consumer with this configuration begins.
pub(crate) fn start(config: &ConsumerConfig, history: &impl History) -> Start {
    let first = history.first_seq().max(1);
    let next = match config.deliver_policy {
        DeliverPolicy::All => first,
        DeliverPolicy::Last => history.last_matching().unwrap_or(history.last_seq()),
        DeliverPolicy::New => history.last_seq() + 1,
        DeliverPolicy::ByStartSequence => config.opt_start_seq,
        DeliverPolicy::ByStartTime => {
            config.opt_start_time.map_or(first, |time| history.since(time.nanos()))
        }
        DeliverPolicy::LastPerSubject => {
            let picks = Picks::new(history.last_per_subject(), history.last_seq() + 1);
            return Start { next: picks.next().unwrap_or(picks.resume), picks: picks.if_any() };
        }
    };
    Start { next: next.max(first), picks: None }
}

// === impl Picks ===

impl Picks {
    fn new(mut seqs: Vec<u64>, resume: u64) -> Self {
        seqs.sort_unstable();
        seqs.dedup();
        Self { seqs: seqs.into(), resume }
    }

    fn if_any(self) -> Option<Self> {
        (!self.seqs.is_empty()).then_some(self)
    }

    /// The message to deliver next.
    pub(crate) fn next(&self) -> Option<u64> {
        self.seqs.front().copied()
    }

    /// The first sequence behind what was picked from.
    pub(crate) fn resume(&self) -> u64 {
        self.resume
    }

    pub(crate) fn len(&self) -> usize {
        self.seqs.len()
    }

    /// Everything up to this sequence is delivered, or gone.
    pub(crate) fn done_through(&mut self, seq: u64) {
        while self.seqs.front().is_some_and(|pick| *pick <= seq) {
            self.seqs.pop_front();
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put(&mut out, self.resume);
        put(&mut out, self.seqs.len() as u64);
        let mut last = 0;
        for seq in &self.seqs {
            put(&mut out, seq - last);
            last = *seq;
        }
        out
    }

    /// What [`Picks::encode`] wrote, less what is done up to `seq`; none if that is all.
    pub(crate) fn decode(bytes: &[u8], seq: u64) -> Result<Option<Self>, Unreadable> {
        let mut from = Reading::new(bytes)?;
        let mut picks = Self { seqs: VecDeque::new(), resume: from.number()? };
        let mut last = 0u64;
        for _ in 0..from.number()? {
            last = last.wrapping_add(from.number()?);
            picks.seqs.push_back(last);
        }
        picks.done_through(seq);
        Ok(picks.if_any())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages: sequence, subject, time.
    struct Stream(Vec<(u64, char, i64)>, &'static str);

    impl Stream {
        fn wanted(&self) -> impl Iterator<Item = &(u64, char, i64)> {
            self.0.iter().filter(|(_, subject, _)| self.1.contains(*subject))
        }
    }

    impl History for Stream {
        fn first_seq(&self) -> u64 {
            self.0.first().map_or(0, |message| message.0)
        }

        fn last_seq(&self) -> u64 {
            self.0.last().map_or(0, |message| message.0)
        }

        fn last_matching(&self) -> Option<u64> {
            self.wanted().last().map(|message| message.0)
        }

        fn since(&self, time_ns: i64) -> u64 {
            let found = self.0.iter().find(|message| message.2 >= time_ns);
            found.map_or(self.last_seq() + 1, |message| message.0)
        }

        fn last_per_subject(&self) -> Vec<u64> {
            let last: std::collections::BTreeMap<char, u64> =
                self.wanted().map(|message| (message.1, message.0)).collect();
            last.into_values().collect()
        }
    }

    fn begin(deliver_policy: DeliverPolicy, opt_start_seq: u64, stream: &Stream) -> Start {
        let config = ConsumerConfig { deliver_policy, opt_start_seq, ..ConsumerConfig::default() };
        start(&config, stream)
    }

    #[test]
    fn each_policy_has_its_beginning() {
        use DeliverPolicy::*;
        let messages = vec![(5, 'a', 10), (6, 'b', 20), (8, 'a', 30), (9, 'c', 40)];
        let stream = Stream(messages, "ab");
        let next = |policy, seq| begin(policy, seq, &stream).next;
        assert_eq!(next(All, 0), 5);
        assert_eq!(next(Last, 0), 8);
        assert_eq!(next(New, 0), 10);
        assert_eq!([1, 7, 20].map(|seq| next(ByStartSequence, seq)), [5, 7, 20]);
        let picked = begin(LastPerSubject, 0, &stream);
        assert_eq!(picked.next, 6);
        assert_eq!(picked.picks, Some(Picks { seqs: [6, 8].into(), resume: 10 }));
    }

    #[test]
    fn nothing_begins_with_the_first_message() {
        use DeliverPolicy::*;
        let stream = Stream(vec![], "a");
        for policy in [All, Last, New, ByStartTime, LastPerSubject] {
            assert_eq!(begin(policy, 0, &stream), Start { next: 1, picks: None });
        }
    }

    #[test]
    fn picks_are_read_back_without_what_is_done() {
        let mut picks = Picks::new(vec![9, 3, 70_000, 3], 80_000);
        let bytes = picks.encode();
        assert_eq!(Picks::decode(&bytes, 0), Ok(Some(picks.clone())));
        picks.done_through(5);
        assert_eq!((picks.next(), picks.len()), (Some(9), 2));
        assert_eq!(Picks::decode(&bytes, 5), Ok(Some(picks)));
        assert_eq!(Picks::decode(&bytes, 70_000), Ok(None));
        assert!(Picks::decode(&bytes[..3], 0).is_err());
    }
}
