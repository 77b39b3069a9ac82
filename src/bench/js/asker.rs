//! One connection with requests under way: which of them an answer belongs to, how long it took,
//! and when the next one may go.
//!
//! Each request has a reply subject of its own, as clients give it: the inbox of the connection
//! and the number of the request, in hexadecimal digits.

use std::collections::VecDeque;
use std::time::Instant;

use hdrhistogram::Histogram;

use super::api::{inbox, refuse_no_responders};
use crate::connection::{Connection, Patience};
use crate::error::BenchError;
use crate::flow::Flow;
use crate::inbound::Msg;
use crate::metrics::new_histogram;
use crate::publisher::Quota;

/// Digits of the number of a request in its reply subject.
const DIGITS: usize = 8;
/// Bytes of requests that go out before answers are looked at again.
const WRITE_BYTES: usize = 128 * 1024;

/// What is asked, and what an answer must be.
pub(super) trait Load: Send {
    /// Appends request `number` of this connection (from 0), to be answered at `reply`.
    fn request(&mut self, number: u64, reply: &[u8], out: &mut Vec<u8>);
    /// Takes the answer to request `number`. `Err`: nothing the server says can be trusted; an
    /// error that the server answers with is for the load to count.
    fn answer(&mut self, number: u64, msg: &Msg<'_>) -> Result<(), BenchError>;
}

/// The requests that one connection has under way.
pub(super) struct Asker<L> {
    pub(super) load: L,
    inbox: String,
    window: usize,
    /// When each request since `oldest` was sent; `None` once it is answered.
    sent: VecDeque<Option<Instant>>,
    oldest: u64,
    waiting: usize,
    latencies: Histogram<u64>,
}

/// What an asker found out.
pub(super) struct Answered<L> {
    pub(super) load: L,
    pub(super) answers: u64,
    pub(super) last_at: Instant,
    pub(super) latencies: Histogram<u64>,
}

impl<L: Load> Asker<L> {
    /// With at most `window` requests under way.
    pub(super) fn new(load: L, window: u32) -> Result<Self, BenchError> {
        let window = usize::try_from(window).unwrap_or(1).max(1);
        Ok(Self {
            load,
            inbox: inbox(),
            window,
            sent: VecDeque::with_capacity(window),
            oldest: 0,
            waiting: 0,
            latencies: new_histogram()?,
        })
    }

    /// What the connection must subscribe to.
    pub(super) fn reply_subject(&self) -> String {
        format!("{}.*", self.inbox)
    }

    /// Appends up to `count` requests to `out`, as many as go out at once; returns how many.
    fn request(&mut self, count: usize, reply: &mut [u8], out: &mut Vec<u8>) -> usize {
        let now = Instant::now();
        let digits_at = reply.len() - DIGITS;
        for done in 0..count {
            if out.len() >= WRITE_BYTES {
                return done;
            }
            let number = self.oldest + self.sent.len() as u64;
            write_hex(&mut reply[digits_at..], number);
            self.load.request(number, reply, out);
            self.sent.push_back(Some(now));
            self.waiting += 1;
        }
        count
    }

    /// Takes an answer that came at `now`.
    fn answer(&mut self, msg: &Msg<'_>, now: Instant) -> Result<(), BenchError> {
        refuse_no_responders(msg.headers)?;
        let sent = msg.subject.last_chunk::<DIGITS>().and_then(|digits| {
            // The number is known but for its upper half, and `oldest` is not far from it.
            let behind = read_hex(digits)?.wrapping_sub(self.oldest as u32);
            let sent_at = self.sent.get_mut(behind as usize)?.take()?;
            Some((self.oldest + u64::from(behind), sent_at))
        });
        let Some((number, sent_at)) = sent else {
            let subject = String::from_utf8_lossy(msg.subject).into_owned();
            let text = format!("the answer to {subject} was not asked for, or came twice");
            return Err(BenchError::Verify(text));
        };
        while self.sent.front().is_some_and(Option::is_none) {
            self.sent.pop_front();
            self.oldest += 1;
        }
        self.waiting -= 1;
        let nanos = now.saturating_duration_since(sent_at).as_nanos();
        self.latencies.saturating_record(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.load.answer(number, msg)
    }

    /// Asks until the quota is used up and all is answered.
    pub(super) fn run(
        mut self,
        connection: &mut Connection,
        index: usize,
        quota: Quota,
        flow: &Flow,
    ) -> Result<Answered<L>, BenchError> {
        let start = flow.wait_for_start();
        let aborted = || flow.is_aborted();
        let mut patience = Patience::until(flow.stall_timeout, &aborted);
        let mut reply = format!("{}.{:0DIGITS$}", self.inbox, 0).into_bytes();
        let mut out = Vec::with_capacity(WRITE_BYTES * 2);
        let (mut requests, mut answers, mut last_at) = (0u64, 0u64, start);
        loop {
            let wanted = quota.left(start, requests, self.window - self.waiting);
            let count = self.request(wanted, &mut reply, &mut out);
            requests += count as u64;
            flow.add_published(count as u64);
            connection.write(&out, &mut patience)?;
            out.clear();
            if self.waiting == 0 {
                break;
            }
            // What did not go out at once waits for no answer.
            let read = if count < wanted { connection.fill_now()? } else { connection.fill()? };
            if read {
                let now = Instant::now();
                connection.drain(|msg| {
                    answers += 1;
                    self.answer(msg, now)
                })?;
                last_at = now;
                flow.set_delivered(index, answers);
            } else if flow.is_aborted() {
                return Err(BenchError::Aborted);
            } else if last_at.elapsed() > flow.stall_timeout {
                let seconds = flow.stall_timeout.as_secs();
                let (got, expected) = (answers, requests);
                return Err(BenchError::Stalled { what: "answered", got, expected, seconds });
            }
        }
        flow.publisher_done(index, requests);
        // An answer that comes twice comes before this `PONG`.
        connection.flush(flow.stall_timeout, |msg| self.answer(msg, last_at))?;
        Ok(Answered { load: self.load, answers, last_at, latencies: self.latencies })
    }
}

/// Fills `digits` with the lowest hexadecimal digits of `number`.
pub(super) fn write_hex(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number % 16) as usize];
        number /= 16;
    }
}

fn read_hex(digits: &[u8; DIGITS]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u32::from(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Remembers what it was asked for.
    struct Spy(Vec<u64>);

    impl Load for Spy {
        fn request(&mut self, number: u64, reply: &[u8], out: &mut Vec<u8>) {
            out.extend_from_slice(format!("{number} {}\n", reply.escape_ascii()).as_bytes());
        }

        fn answer(&mut self, number: u64, _: &Msg<'_>) -> Result<(), BenchError> {
            self.0.push(number);
            Ok(())
        }
    }

    fn answer(asker: &mut Asker<Spy>, subject: &str) -> Result<(), BenchError> {
        let msg = Msg { subject: subject.as_bytes(), reply: None, headers: b"", payload: b"" };
        asker.answer(&msg, Instant::now())
    }

    fn asked(asker: &mut Asker<Spy>, count: usize) -> Vec<String> {
        let mut reply = format!("{}.{:0DIGITS$}", asker.inbox, 0).into_bytes();
        let mut out = Vec::new();
        asker.request(count, &mut reply, &mut out);
        let text = String::from_utf8(out).unwrap();
        text.lines().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
    }

    #[test]
    fn answers_come_in_any_order_and_only_once() {
        let mut asker = Asker::new(Spy(Vec::new()), 4).unwrap();
        let subjects = asked(&mut asker, 4);
        assert!(subjects[3].ends_with(".00000003"), "{subjects:?}");
        for at in [2, 0, 3] {
            answer(&mut asker, &subjects[at]).unwrap();
        }
        assert_eq!((asker.waiting, asker.oldest, asker.sent.len()), (1, 1, 3));
        assert!(answer(&mut asker, &subjects[2]).is_err(), "twice");
        assert!(answer(&mut asker, &subjects[0]).is_err(), "long gone");
        answer(&mut asker, &subjects[1]).unwrap();
        assert_eq!((asker.waiting, asker.oldest, asker.sent.len()), (0, 4, 0));
        assert_eq!(asker.load.0, [2, 0, 3, 1]);
        assert!(answer(&mut asker, &subjects[1].replace("0000", "000g")).is_err());
        assert_eq!(asker.latencies.len(), 4);
    }

    #[test]
    fn numbers_go_on_beyond_the_digits() {
        let mut asker = Asker::new(Spy(Vec::new()), 2).unwrap();
        asker.oldest = u64::from(u32::MAX);
        let subjects = asked(&mut asker, 2);
        assert!(subjects[0].ends_with(".ffffffff") && subjects[1].ends_with(".00000000"));
        answer(&mut asker, &subjects[1]).unwrap();
        answer(&mut asker, &subjects[0]).unwrap();
        assert_eq!(asker.load.0, [1 << 32, (1 << 32) - 1]);
    }

    #[test]
    fn nobody_there_is_said() {
        let mut asker = Asker::new(Spy(Vec::new()), 1).unwrap();
        let subject = asked(&mut asker, 1).remove(0);
        let headers = b"NATS/1.0 503\r\n\r\n";
        let msg = Msg { subject: subject.as_bytes(), reply: None, headers, payload: b"" };
        let error = asker.answer(&msg, Instant::now()).unwrap_err();
        assert!(error.to_string().contains("nobody answers"), "{error}");
    }
}
