//! A fast-ingest batch: where it stands, and what its publisher is told and when.

use vagus_jetstream::ApiError;
use vagus_jetstream::batch::{FastOp, FastReply, flow_ack, flow_error, flow_gap};

/// Most messages between two acknowledgements, over all batches of a stream.
const FLOW_MAX: u16 = 500;

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
    pub(super) fn new(ticket: &FastReply<'_>, open: usize, deadline_ns: i64) -> Self {
        let flow = if open > 1 { 1 } else { ticket.flow.min(FLOW_MAX) };
        Self {
            gap_ok: ticket.gaps_ok,
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

    /// What tells the publisher how far it is.
    pub(super) fn flow_ack(&self) -> Vec<u8> {
        let mut text = Vec::new();
        flow_ack(&mut text, self.acked, self.flow);
        text
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
    pub(super) fn accept(&mut self, ticket: &FastReply<'_>) -> (Option<Vec<u8>>, bool) {
        let expected = self.last + 1;
        let missing = (ticket.seq > expected).then(|| gap(expected, ticket.seq));
        if ticket.seq == expected || (self.gap_ok && ticket.seq > expected) {
            self.last = ticket.seq;
        } else {
            self.end();
            return (missing, false);
        }
        match ticket.op {
            FastOp::Commit => {
                self.last -= 1;
                self.end();
                (missing, false)
            }
            FastOp::StoreAndCommit => {
                self.ending = true;
                (missing, true)
            }
            _ => (missing, true),
        }
    }

    /// The publisher asks how far it is, and says how far it should be.
    pub(super) fn ping(&mut self, ticket: &FastReply<'_>, open: usize) -> Vec<Vec<u8>> {
        let mut texts = Vec::new();
        if ticket.seq > self.last {
            texts.push(gap(self.last + 1, ticket.seq + 1));
            if !self.gap_ok {
                self.end();
                return texts;
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
}

/// Messages from `expected` up to `received` did not come.
fn gap(expected: u64, received: u64) -> Vec<u8> {
    let mut text = Vec::new();
    flow_gap(&mut text, expected, received);
    text
}

/// A message was refused.
pub(super) fn failure(seq: u64, error: &ApiError) -> Vec<u8> {
    let mut text = Vec::new();
    flow_error(&mut text, seq, error);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_come_every_so_often() {
        let ticket = FastReply::parse(b"p.i.8.fail.1.0.$FI").unwrap().unwrap();
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
