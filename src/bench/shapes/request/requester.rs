//! One requester: the requests that a connection has under way, and who their replies are for.

use std::collections::VecDeque;
use std::time::Instant;

use hdrhistogram::Histogram;

use crate::args::RequestArgs;
use crate::connection::{Connection, Patience};
use crate::error::BenchError;
use crate::flow::Flow;
use crate::inbound::Msg;
use crate::metrics::new_histogram;
use crate::publisher::Quota;

/// A token is the slot (4 hexadecimal digits) and the number of the request in it (8).
const TOKEN_BYTES: usize = 12;
const SLOT_DIGITS: usize = 4;

/// What a requester found out.
pub(super) struct Finished {
    pub(super) replies: u64,
    pub(super) last_at: Instant,
    pub(super) latencies: Histogram<u64>,
}

/// The requests that one connection has under way.
pub(super) struct Requester {
    /// `_INBOX.<22 characters>`, as clients name theirs.
    inbox: String,
    fixed_reply: bool,
    size: usize,
    /// One whole request, and where in it the token stands.
    frame: Vec<u8>,
    token_at: usize,
    slots: Vec<Slot>,
    /// The slots in the order of their requests: who is next when the reply subject is fixed.
    order: VecDeque<usize>,
    latencies: Histogram<u64>,
}

#[derive(Clone, Copy)]
struct Slot {
    number: u32,
    sent_at: Option<Instant>,
}

impl Requester {
    pub(super) fn new(args: &RequestArgs) -> Result<Self, BenchError> {
        let id: String = std::iter::repeat_with(fastrand::alphanumeric).take(22).collect();
        let inbox = format!("_INBOX.{id}");
        let mut frame = format!("PUB {} {inbox}", args.subject).into_bytes();
        let token_at = frame.len() + 1;
        if !args.fixed_reply {
            frame.push(b'.');
            frame.extend_from_slice(&[b'0'; TOKEN_BYTES]);
        }
        frame.extend_from_slice(format!(" {}\r\n", args.size).as_bytes());
        frame.extend((b'a'..=b'z').cycle().take(args.size));
        frame.extend_from_slice(b"\r\n");
        let slot = Slot { number: 0, sent_at: None };
        Ok(Self {
            inbox,
            fixed_reply: args.fixed_reply,
            size: args.size,
            frame,
            token_at,
            slots: vec![slot; args.outstanding as usize],
            order: VecDeque::new(),
            latencies: new_histogram()?,
        })
    }

    pub(super) fn reply_subject(&self) -> String {
        if self.fixed_reply { self.inbox.clone() } else { format!("{}.*", self.inbox) }
    }

    /// Appends the next request of `slot` to `out`.
    fn request(&mut self, slot: usize, now: Instant, out: &mut Vec<u8>) {
        let state = &mut self.slots[slot];
        state.number = state.number.wrapping_add(1);
        state.sent_at = Some(now);
        let frame_at = out.len();
        out.extend_from_slice(&self.frame);
        if self.fixed_reply {
            self.order.push_back(slot);
        } else {
            let token = &mut out[frame_at + self.token_at..][..TOKEN_BYTES];
            write_hex(&mut token[..SLOT_DIGITS], slot as u64);
            write_hex(&mut token[SLOT_DIGITS..], u64::from(state.number));
        }
    }

    /// The slot that a reply belongs to; its latency is recorded.
    fn reply(&mut self, msg: &Msg<'_>, now: Instant) -> Result<usize, BenchError> {
        if msg.headers.starts_with(b"NATS/1.0 503") {
            return Err(BenchError::Server("no responders for the request".to_owned()));
        }
        let wrong = |what: &str| {
            let subject = String::from_utf8_lossy(msg.subject).into_owned();
            BenchError::Verify(format!("a reply to {subject} {what}"))
        };
        if msg.payload.len() != self.size {
            return Err(wrong("has another size than its request"));
        }
        let slot = if self.fixed_reply {
            self.order.pop_front()
        } else {
            msg.subject.last_chunk::<TOKEN_BYTES>().and_then(|token| self.slot_of(token))
        };
        let sent_at = slot.and_then(|slot| self.slots[slot].sent_at.take());
        let (Some(slot), Some(sent_at)) = (slot, sent_at) else {
            return Err(wrong("was not asked for, or came twice"));
        };
        let nanos = now.saturating_duration_since(sent_at).as_nanos();
        self.latencies.saturating_record(u64::try_from(nanos).unwrap_or(u64::MAX));
        Ok(slot)
    }

    /// The slot that a token names, if the request with that number is the one under way there.
    fn slot_of(&self, token: &[u8; TOKEN_BYTES]) -> Option<usize> {
        let slot = usize::try_from(read_hex(&token[..SLOT_DIGITS])?).ok()?;
        let number = read_hex(&token[SLOT_DIGITS..])?;
        let state = self.slots.get(slot)?;
        (u64::from(state.number) == number).then_some(slot)
    }

    pub(super) fn run(
        mut self,
        connection: &mut Connection,
        index: usize,
        quota: Quota,
        flow: &Flow,
    ) -> Result<Finished, BenchError> {
        let start = flow.wait_for_start();
        let aborted = || flow.is_aborted();
        let mut patience = Patience::until(flow.stall_timeout, &aborted);
        let mut out = Vec::new();
        let (mut requests, mut replies, mut last_at) = (0u64, 0u64, start);
        let mut free: Vec<usize> = (0..self.slots.len()).rev().collect();
        loop {
            let count = quota.left(start, requests, free.len());
            let now = Instant::now();
            for slot in free.drain(free.len() - count..) {
                self.request(slot, now, &mut out);
            }
            connection.write(&out, &mut patience)?;
            out.clear();
            requests += count as u64;
            flow.add_published(count as u64);
            if replies == requests {
                break;
            }
            if connection.fill()? {
                let now = Instant::now();
                connection.drain(|msg| {
                    free.push(self.reply(msg, now)?);
                    replies += 1;
                    last_at = now;
                    Ok(())
                })?;
                flow.set_delivered(index, replies);
            } else if flow.is_aborted() {
                return Err(BenchError::Aborted);
            } else if last_at.elapsed() > flow.stall_timeout {
                let seconds = flow.stall_timeout.as_secs();
                let (got, expected) = (replies, requests);
                return Err(BenchError::Stalled { what: "replied", got, expected, seconds });
            }
        }
        flow.publisher_done(index, requests);
        // A reply that comes twice comes before this `PONG`.
        connection.flush(flow.stall_timeout, |msg| self.reply(msg, last_at).map(|_| ()))?;
        Ok(Finished { replies, last_at, latencies: self.latencies })
    }
}

/// Fills `digits` with the lowest hexadecimal digits of `number`.
fn write_hex(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number % 16) as usize];
        number /= 16;
    }
}

fn read_hex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, digit| {
        Some(number * 16 + u64::from(char::from(*digit).to_digit(16)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requester(fixed_reply: bool) -> Requester {
        let args = RequestArgs {
            subject: "ask".to_owned(),
            size: 2,
            msgs: None,
            seconds: None,
            outstanding: 20,
            requesters: 1,
            responders: 1,
            fixed_reply,
        };
        Requester::new(&args).unwrap()
    }

    fn msg<'a>(subject: &'a [u8], payload: &'a [u8]) -> Msg<'a> {
        Msg { subject, reply: None, headers: b"", payload }
    }

    #[test]
    fn a_reply_finds_its_slot_once() {
        let mut requester = requester(false);
        let (now, mut out) = (Instant::now(), Vec::new());
        requester.request(17, now, &mut out);
        let text = String::from_utf8(out).unwrap();
        let subject = text.split(' ').nth(2).unwrap().to_owned();
        assert_eq!(text, format!("PUB ask {subject} 2\r\nab\r\n"));
        assert_eq!(subject, format!("{}.001100000001", requester.inbox));
        assert!(requester.reply(&msg(subject.as_bytes(), b"a"), now).is_err(), "other size");
        assert_eq!(requester.reply(&msg(subject.as_bytes(), b"ab"), now).unwrap(), 17);
        assert!(requester.reply(&msg(subject.as_bytes(), b"ab"), now).is_err(), "twice");
        requester.request(17, now, &mut Vec::new());
        assert!(requester.reply(&msg(subject.as_bytes(), b"ab"), now).is_err(), "old number");
    }

    #[test]
    fn a_fixed_reply_goes_by_order() {
        let mut requester = requester(true);
        let (now, mut out) = (Instant::now(), Vec::new());
        requester.request(3, now, &mut out);
        requester.request(1, now, &mut out);
        let inbox = requester.reply_subject();
        let one = format!("PUB ask {inbox} 2\r\nab\r\n");
        assert_eq!(String::from_utf8(out).unwrap(), one.repeat(2));
        for slot in [3, 1] {
            assert_eq!(requester.reply(&msg(inbox.as_bytes(), b"ab"), now).unwrap(), slot);
        }
        assert!(requester.reply(&msg(inbox.as_bytes(), b"ab"), now).is_err());
    }

    #[test]
    fn tokens_are_hexadecimal() {
        let mut digits = [0; 8];
        write_hex(&mut digits, 0x00de_ad0f);
        assert_eq!(&digits, b"00dead0f");
        assert_eq!(read_hex(&digits), Some(0x00de_ad0f));
        assert_eq!(read_hex(b"zz"), None);
    }
}
