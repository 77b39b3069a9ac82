//! How a source stands with its origin: what it waits for, what it has, when it tries again.
//! Nothing here looks at a clock or sends anything.

use vagus_jetstream::ApiError;
use vagus_jetstream::ack::{AckSubject, Delivery};
use vagus_jetstream::headers::{self, names};
use vagus_jetstream::stream::{StreamSource, StreamSourceInfo};
use vagus_wire::frame::Frame;

/// See the module's text.
pub(super) struct Link {
    phase: Phase,
    /// The first message that the stream does not have; 0: from where the configuration says.
    stored: u64,
    /// The first that was not handed over.
    taken: u64,
    /// Place of the last delivery among those of the consumer.
    consumer_seq: u64,
    /// Batches that the stream has not answered.
    under_way: u32,
    /// Flow control to answer when nothing is under way.
    owed: Option<Vec<u8>>,
    attempt: u64,
    failures: u32,
    lag: u64,
    /// When the origin was heard of; 0: never.
    heard_ns: i64,
    error: Option<ApiError>,
}

pub(super) enum Phase {
    Apart { until_ns: i64 },
    Asking { since_ns: i64 },
    Linked { consumer: String },
}

/// What a delivery is.
pub(super) enum Heard {
    Message(Delivery),
    /// A message that the stream has already.
    Known,
    Heartbeat,
    Flow,
    /// The origin waits for an answer to this.
    Stalled(Vec<u8>),
    /// Something is missing before it.
    Gap,
}

const SECOND: i64 = 1_000_000_000;
/// A request without an answer, and a consumer without a sign of life, are given up after this.
const ANSWER_WITHIN: i64 = 30 * SECOND;
const SIGN_WITHIN: i64 = 10 * SECOND;
/// Pause after something was missing.
const AGAIN: i64 = SECOND / 4;
/// Pause after a failure, times their number, and the longest.
const PAUSE: i64 = 2 * SECOND;
const PAUSE_MAX: i64 = 120 * SECOND;

impl Link {
    pub(super) fn new(from: u64) -> Self {
        Self {
            phase: Phase::Apart { until_ns: 0 },
            stored: from,
            taken: from,
            consumer_seq: 0,
            under_way: 0,
            owed: None,
            attempt: 0,
            failures: 0,
            lag: 0,
            heard_ns: 0,
            error: None,
        }
    }

    pub(super) fn phase(&self) -> &Phase {
        &self.phase
    }

    pub(super) fn next_seq(&self) -> u64 {
        self.stored
    }

    pub(super) fn attempt(&self) -> u64 {
        self.attempt
    }

    pub(super) fn consumer(&self) -> Option<String> {
        match &self.phase {
            Phase::Linked { consumer } => Some(consumer.clone()),
            Phase::Apart { .. } | Phase::Asking { .. } => None,
        }
    }

    /// Another consumer was asked for: what the last one sends no longer counts.
    pub(super) fn asked(&mut self, now_ns: i64) {
        self.attempt += 1;
        self.phase = Phase::Asking { since_ns: now_ns };
        self.taken = self.stored;
        self.consumer_seq = 0;
        self.under_way = 0;
        self.owed = None;
    }

    pub(super) fn linked(&mut self, consumer: String, now_ns: i64) {
        if matches!(self.phase, Phase::Asking { .. }) {
            self.phase = Phase::Linked { consumer };
            self.heard_ns = now_ns;
            self.error = None;
            self.failures = 0;
        }
    }

    pub(super) fn lost(&mut self, now_ns: i64, error: Option<ApiError>) {
        let pause = match error {
            None => AGAIN,
            Some(_) => {
                self.failures += 1;
                (PAUSE * i64::from(self.failures)).min(PAUSE_MAX)
            }
        };
        if error.is_some() {
            self.error = error;
        }
        self.phase = Phase::Apart { until_ns: now_ns + pause };
    }

    /// Whether it is time to ask the origin again.
    pub(super) fn is_due(&self, now_ns: i64) -> bool {
        match self.phase {
            Phase::Apart { until_ns } => now_ns >= until_ns,
            Phase::Asking { since_ns } => now_ns - since_ns > ANSWER_WITHIN,
            Phase::Linked { .. } => now_ns - self.heard_ns > SIGN_WITHIN,
        }
    }

    /// Looks at a delivery of the consumer. Those of an earlier consumer are gaps at the latest
    /// with their numbers; the subject they come on is the same.
    pub(super) fn hear(&mut self, bytes: &[u8], frame: &Frame, now_ns: i64) -> Heard {
        let block = frame.headers.of(bytes);
        if block.starts_with(b"NATS/1.0 100") {
            self.heard_ns = now_ns;
            return self.hear_status(block, frame.reply.is_some());
        }
        let subject = frame.reply.as_ref().map(|reply| reply.of(bytes)).unwrap_or_default();
        let Some(AckSubject { delivery, .. }) = AckSubject::parse(subject) else {
            return Heard::Known;
        };
        let follows = match self.phase {
            Phase::Apart { .. } => return Heard::Known,
            // The first may come before the answer to the request.
            _ if self.consumer_seq == 0 => true,
            _ => delivery.consumer_seq == self.consumer_seq + 1,
        };
        self.heard_ns = now_ns;
        match follows {
            false => Heard::Gap,
            true if delivery.stream_seq < self.taken => {
                self.consumer_seq = delivery.consumer_seq;
                Heard::Known
            }
            true => Heard::Message(delivery),
        }
    }

    fn hear_status(&self, block: &[u8], asks: bool) -> Heard {
        if asks {
            return Heard::Flow;
        }
        if let Some(subject) = headers::get(block, names::CONSUMER_STALLED) {
            return Heard::Stalled(subject.to_vec());
        }
        let last = headers::get(block, names::LAST_CONSUMER);
        let last = last.and_then(|text| std::str::from_utf8(text).ok()?.parse::<u64>().ok());
        match last {
            Some(last) if self.consumer_seq > 0 && last > self.consumer_seq => Heard::Gap,
            _ => Heard::Heartbeat,
        }
    }

    pub(super) fn took(&mut self, delivery: &Delivery) {
        self.consumer_seq = delivery.consumer_seq;
        self.taken = delivery.stream_seq + 1;
        self.lag = delivery.pending;
    }

    pub(super) fn sent(&mut self) {
        self.under_way += 1;
    }

    pub(super) fn is_idle(&self) -> bool {
        self.under_way == 0
    }

    pub(super) fn owe(&mut self, reply: Vec<u8>) {
        self.owed = Some(reply);
    }

    /// The stream has answered a batch. What is returned is flow control to be answered now.
    pub(super) fn kept(
        &mut self,
        attempt: u64,
        last: u64,
        outcome: Result<(), ApiError>,
        now_ns: i64,
    ) -> Option<Vec<u8>> {
        if outcome.is_ok() {
            self.stored = self.stored.max(last + 1);
        }
        if attempt != self.attempt {
            return None;
        }
        self.under_way = self.under_way.saturating_sub(1);
        if let Err(error) = outcome {
            self.lost(now_ns, Some(error));
            return None;
        }
        if self.under_way == 0 { self.owed.take() } else { None }
    }

    /// What an answer to flow control says has been stored.
    pub(super) fn acknowledged(&self) -> Vec<u8> {
        let mut block = headers::START.to_vec();
        headers::write_number(&mut block, names::LAST_CONSUMER, self.consumer_seq);
        headers::write_number(&mut block, names::LAST_STREAM, self.stored.saturating_sub(1));
        block.extend_from_slice(headers::CRLF);
        block
    }

    pub(super) fn info(&self, config: &StreamSource, now_ns: i64) -> StreamSourceInfo {
        let active = match self.heard_ns {
            0 => -1,
            // In whole seconds, so that a report is not new each time.
            heard => (now_ns - heard) / SECOND * SECOND,
        };
        StreamSourceInfo {
            name: config.name.clone(),
            external: config.external.clone(),
            lag: self.lag,
            active,
            error: self.error.clone(),
            filter_subject: config.filter_subject.clone(),
            subject_transforms: config.subject_transforms.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use vagus_jetstream::codes;
    use vagus_wire::frame;

    use super::*;

    fn message(consumer_seq: u64, stream_seq: u64) -> Vec<u8> {
        let reply = format!("$JS.ACK.O.C.1.{stream_seq}.{consumer_seq}.5.7");
        format!("MSG a 1 {reply} 1\r\nx\r\n").into_bytes()
    }

    fn hear(link: &mut Link, bytes: &[u8]) -> Heard {
        let frame = frame::read(bytes).unwrap();
        link.hear(bytes, &frame, SECOND)
    }

    fn take(link: &mut Link, consumer_seq: u64, stream_seq: u64) {
        let Heard::Message(delivery) = hear(link, &message(consumer_seq, stream_seq)) else {
            panic!("not taken: {consumer_seq} {stream_seq}");
        };
        link.took(&delivery);
    }

    fn linked(from: u64) -> Link {
        let mut link = Link::new(from);
        assert!(link.is_due(1));
        link.asked(1);
        link.linked("C".into(), 1);
        link
    }

    #[test]
    fn deliveries_follow_each_other() {
        let mut link = linked(0);
        take(&mut link, 1, 3);
        take(&mut link, 2, 9);
        assert!(matches!(hear(&mut link, &message(4, 11)), Heard::Gap));
        link.lost(SECOND, None);
        assert!(!link.is_due(SECOND) && link.is_due(2 * SECOND));
        assert!(matches!(hear(&mut link, &message(5, 12)), Heard::Known), "of nobody");
    }

    #[test]
    fn flow_control_waits_for_the_stream() {
        let mut link = linked(0);
        take(&mut link, 1, 1);
        link.sent();
        assert!(!link.is_idle());
        link.owe(b"fc".to_vec());
        let attempt = link.attempt();
        assert_eq!(link.kept(attempt, 1, Ok(()), SECOND), Some(b"fc".to_vec()));
        assert_eq!(link.next_seq(), 2);
        let block = String::from_utf8(link.acknowledged()).unwrap();
        assert_eq!(block, "NATS/1.0\r\nNats-Last-Consumer: 1\r\nNats-Last-Stream: 1\r\n\r\n");
    }

    #[test]
    fn what_could_not_be_stored_is_asked_for_again() {
        let mut link = linked(5);
        take(&mut link, 1, 5);
        link.sent();
        let attempt = link.attempt();
        let failed = Err(codes::STREAM_STORE_FAILED.with("maximum messages exceeded"));
        assert_eq!(link.kept(attempt, 5, failed, SECOND), None);
        assert_eq!(link.next_seq(), 5);
        assert!(link.info(&StreamSource::default(), SECOND).error.is_some());
        link.asked(10 * SECOND);
        take(&mut link, 1, 5);
        // An answer to the batch of the earlier consumer.
        link.sent();
        assert_eq!(link.kept(attempt, 5, Ok(()), SECOND), None);
        assert!(!link.is_idle());
    }

    #[test]
    fn a_heartbeat_tells_of_what_is_missing() {
        let mut link = linked(0);
        take(&mut link, 1, 1);
        let beat = |last: u64| {
            let block =
                format!("NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: {last}\r\n\r\n");
            format!("HMSG a 1 {0} {0}\r\n{block}\r\n", block.len()).into_bytes()
        };
        assert!(matches!(hear(&mut link, &beat(1)), Heard::Heartbeat));
        assert!(matches!(hear(&mut link, &beat(2)), Heard::Gap));
    }
}
