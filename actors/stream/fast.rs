//! Fast-ingest batches: the reply subject that drives one, and where each stands.
//!
//! Nothing in a message tells that it belongs to such a batch but its reply subject,
//! `<prefix>.<id>.<flow>.<ok|fail>.<sequence>.<operation>.$FI`.

use vagus_jetstream::ApiError;

/// The end of every reply subject of a fast batch.
const SUFFIX: &[u8] = b".$FI";
/// Most messages between two acknowledgements, over all batches of a stream.
const FLOW_MAX: u16 = 500;
const FLOW_DEFAULT: u16 = 10;
pub(super) const ID_MAX: usize = 64;

/// What a message asks of its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Start,
    Append,
    /// Store this message, then commit.
    Commit,
    /// Commit without this message.
    End,
    Ping,
}

/// The reply subject of a fast batch, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket<'a> {
    pub id: &'a [u8],
    pub flow: u16,
    pub gap_ok: bool,
    pub seq: u64,
    pub operation: Operation,
}

/// Whether this is the reply subject of a fast batch at all.
pub(super) fn is_ticket(reply: &[u8]) -> bool {
    reply.len() > SUFFIX.len() && reply.ends_with(SUFFIX)
}

// === impl Ticket ===

impl<'a> Ticket<'a> {
    /// Reads a reply subject that [`is_ticket`] says is one; `None` when it is malformed.
    pub(super) fn read(reply: &'a [u8]) -> Option<Self> {
        let mut parts = reply[..reply.len() - SUFFIX.len()].rsplitn(6, |byte| *byte == b'.');
        let operation = match parts.next()? {
            b"0" => Operation::Start,
            b"1" => Operation::Append,
            b"2" => Operation::Commit,
            b"3" => Operation::End,
            b"4" => Operation::Ping,
            _ => return None,
        };
        let seq = number(parts.next()?).filter(|seq| (1..u64::MAX).contains(seq))?;
        let gap_ok = match parts.next()? {
            b"ok" => true,
            b"fail" => false,
            _ => return None,
        };
        let flow = match number(parts.next()?) {
            None | Some(0) => FLOW_DEFAULT,
            Some(flow) => u16::try_from(flow).unwrap_or(u16::MAX),
        };
        let id = parts.next()?;
        // Something has to be in front of the id, or the client could not listen for answers.
        parts.next()?;
        let fits = match operation {
            Operation::Start => seq == 1,
            Operation::Append | Operation::End => seq > 1,
            Operation::Commit | Operation::Ping => true,
        };
        fits.then_some(Self { id, flow, gap_ok, seq, operation })
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// One open batch.
#[derive(Debug)]
pub(super) struct Fast {
    pub gap_ok: bool,
    /// Highest batch sequence seen.
    pub last: u64,
    /// Highest batch sequence that is stored for good.
    pub stored: u64,
    /// Stream sequence of the last message stored.
    pub stream_seq: u64,
    /// Messages that are staged and not stored yet.
    pub pending: u64,
    /// It ends when all that is pending is stored.
    pub ending: bool,
    /// When it is given up, in nanoseconds of the wall clock.
    pub deadline_ns: i64,
    /// The sequence of the last acknowledgement.
    acked: u64,
    /// Messages between two acknowledgements, now and at most.
    flow: u16,
    flow_max: u16,
}

// === impl Fast ===

impl Fast {
    /// A batch that allows `flow` messages between acknowledgements, one of `open`.
    pub(super) fn new(ticket: &Ticket<'_>, open: usize, deadline_ns: i64) -> Self {
        let flow = if open > 1 { 1 } else { ticket.flow.min(FLOW_MAX) };
        Self {
            gap_ok: ticket.gap_ok,
            last: 0,
            stored: 0,
            stream_seq: 0,
            pending: 0,
            ending: false,
            deadline_ns,
            acked: 0,
            flow,
            flow_max: ticket.flow,
        }
    }

    /// `{"type":"ack",...}` for the last acknowledged sequence.
    pub(super) fn flow_ack(&self) -> Vec<u8> {
        format!(r#"{{"type":"ack","seq":{},"msgs":{}}}"#, self.acked, self.flow).into_bytes()
    }

    /// The acknowledgement that is due now that more is stored, one of `open` batches.
    pub(super) fn due_ack(&mut self, open: usize) -> Option<Vec<u8>> {
        let flow = u64::from(self.flow);
        if self.stored < self.acked + flow {
            return None;
        }
        self.acked += (self.stored - self.acked) / flow * flow;
        let share = usize::from(FLOW_MAX) / open.max(1);
        let max = u16::try_from(share).unwrap_or(FLOW_MAX).max(1).min(self.flow_max);
        self.flow = if self.flow < max {
            self.flow.saturating_mul(2).min(max)
        } else {
            (self.flow / 2).max(max)
        };
        Some(self.flow_ack())
    }

    /// Takes a message's place in the batch. The answer is what to tell of a gap, and whether the
    /// message is to be stored; if not, the batch may have ended.
    pub(super) fn accept(&mut self, ticket: &Ticket<'_>) -> (Option<Vec<u8>>, bool) {
        let expected = self.last + 1;
        let missing = (ticket.seq > expected).then(|| gap(expected, ticket.seq));
        if ticket.seq == expected || (self.gap_ok && ticket.seq > expected) {
            self.last = ticket.seq;
        } else {
            self.end();
            return (missing, false);
        }
        match ticket.operation {
            Operation::End => {
                self.last -= 1;
                self.end();
                (missing, false)
            }
            Operation::Commit => {
                self.ending = true;
                (missing, true)
            }
            _ => (missing, true),
        }
    }

    /// The publisher asks how far it is, and says how far it should be.
    pub(super) fn ping(&mut self, ticket: &Ticket<'_>, open: usize) -> Vec<Vec<u8>> {
        let mut texts = Vec::new();
        if ticket.seq > self.last {
            texts.push(gap(self.last + 1, ticket.seq + 1));
            if !self.gap_ok {
                self.end();
                if self.is_over() {
                    return texts;
                }
            } else {
                self.last = ticket.seq;
                if self.pending == 0 {
                    self.stored = self.last;
                }
                if let Some(due) = self.due_ack(open) {
                    texts.push(due);
                    return texts;
                }
            }
        }
        texts.push(self.flow_ack());
        texts
    }

    /// No more is taken.
    fn end(&mut self) {
        self.ending = true;
        if self.pending == 0 {
            self.stored = self.last;
        }
    }

    /// A message counts without being stored. The acknowledgement that is due with that.
    pub(super) fn skip(&mut self, seq: u64, open: usize) -> Option<Vec<u8>> {
        if self.pending > 0 {
            return None;
        }
        self.stored = seq;
        self.due_ack(open)
    }

    /// The last message does not count after all, and it is the end.
    pub(super) fn step_back(&mut self) {
        self.last -= 1;
        self.end();
    }

    /// What is under way will not be stored.
    pub(super) fn lose_pending(&mut self) {
        self.pending = 0;
        self.last = self.stored;
    }

    /// One of the messages staged is stored now, as `stream_seq`.
    pub(super) fn on_stored(&mut self, seq: u64, stream_seq: u64) {
        self.pending = self.pending.saturating_sub(1);
        self.stream_seq = stream_seq;
        // With nothing under way, what followed were duplicates or gaps.
        self.stored = if self.pending == 0 { self.last } else { seq };
    }

    /// Whether it is over: asked to end, and all of it stored.
    pub(super) fn is_over(&self) -> bool {
        self.ending && self.pending == 0
    }
}

/// `{"type":"gap",...}`: messages from `expected` up to `received` did not come.
pub(super) fn gap(expected: u64, received: u64) -> Vec<u8> {
    format!(r#"{{"type":"gap","last_seq":{expected},"seq":{received}}}"#).into_bytes()
}

/// `{"type":"err",...}`: a message was refused.
pub(super) fn failure(seq: u64, error: &ApiError) -> Vec<u8> {
    let error = serde_json::to_string(error).unwrap_or_default();
    format!(r#"{{"type":"err","seq":{seq},"error":{error}}}"#).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_are_read() {
        let reply = b"_INBOX.x.u1.3.ok.7.1.$FI";
        assert!(is_ticket(reply) && !is_ticket(b"_INBOX.x") && !is_ticket(b".$FI"));
        let ticket = Ticket::read(reply).unwrap();
        let wanted =
            Ticket { id: b"u1", flow: 3, gap_ok: true, seq: 7, operation: Operation::Append };
        assert_eq!(ticket, wanted);
        let flow = |text: &str| {
            Ticket::read(format!("p.i.{text}.fail.1.0.$FI").as_bytes()).map(|ticket| ticket.flow)
        };
        assert_eq!(flow("0"), Some(10));
        assert_eq!(flow("-5"), Some(10));
        assert_eq!(flow("99999"), Some(65535));
    }

    #[test]
    fn malformed_tickets_are_refused() {
        for bad in [
            "p.i.1.ok.1.9.$FI",
            "p.i.1.ok.0.1.$FI",
            "p.i.1.maybe.1.0.$FI",
            "p.i.1.ok.2.0.$FI",
            "p.i.1.ok.1.1.$FI",
            "p.i.1.ok.1.3.$FI",
            "p.i.1.ok.18446744073709551615.1.$FI",
            "i.1.ok.1.0.$FI",
            "1.ok.1.0.$FI",
            "0.$FI",
        ] {
            assert_eq!(Ticket::read(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn acknowledgements_come_every_so_often() {
        let ticket = Ticket::read(b"p.i.8.fail.1.0.$FI").unwrap();
        let mut batch = Fast::new(&ticket, 2, 0);
        assert_eq!(batch.flow_ack(), br#"{"type":"ack","seq":0,"msgs":1}"#);
        (batch.last, batch.pending) = (1, 1);
        batch.on_stored(1, 10);
        assert_eq!(batch.due_ack(1).unwrap(), br#"{"type":"ack","seq":1,"msgs":2}"#);
        (batch.last, batch.pending) = (6, 5);
        (2..=6).for_each(|seq| batch.on_stored(seq, 9 + seq));
        assert_eq!(batch.due_ack(1).unwrap(), br#"{"type":"ack","seq":5,"msgs":4}"#);
        assert_eq!(batch.due_ack(1), None);
        assert_eq!((batch.stored, batch.stream_seq), (6, 15));
    }
}
