//! Messages that end with time: by the stream's age, by their own.

use std::time::Duration;

use vagus_jetstream::duration;
use vagus_jetstream::headers::{self, PublishHeaders, names};
use vagus_store::{Entry, Got, Load};

use super::state::State;

/// What was looked at, and how it goes on.
#[derive(Debug)]
pub(super) enum Swept {
    /// Nothing more is due before this time, in nanoseconds of the wall clock; `None`: ever.
    Until(Option<i64>),
    /// More is due: on with it, after others had their turn.
    More,
    /// A message has to be read first.
    Cold(Load),
}

/// Messages removed in one turn.
const MOST: usize = 4096;

impl State {
    /// Removes what has ended. With markers, a subject that is emptied gets one.
    pub(super) fn sweep(&mut self, now_ns: i64) -> Swept {
        let mut left = MOST;
        let own = match self.sweep_ttls(now_ns, &mut left) {
            Swept::Until(next) => next,
            other => return other,
        };
        match self.sweep_age(now_ns, &mut left) {
            Swept::Until(next) => Swept::Until([own, next].into_iter().flatten().min()),
            other => other,
        }
    }

    fn sweep_ttls(&mut self, now_ns: i64, left: &mut usize) -> Swept {
        while let Some((at, seq)) = self.log.next_expiring() {
            if at > now_ns {
                return Swept::Until(Some(at).filter(|at| *at < i64::MAX));
            }
            if *left == 0 {
                return Swept::More;
            }
            *left -= 1;
            if let Err(load) = self.expire(seq, now_ns) {
                return Swept::Cold(load);
            }
        }
        Swept::Until(None)
    }

    fn sweep_age(&mut self, now_ns: i64, left: &mut usize) -> Swept {
        let Some(age) = self.rules.max_age else { return Swept::Until(None) };
        // Those that never end stay behind, at the front.
        let mut from = self.aged.max(self.log.first_seq());
        while let Some(next) = self.log.next(from) {
            let (seq, ends) = (next.seq, next.time_ns.saturating_add(age));
            if ends > now_ns {
                self.aged = seq;
                return Swept::Until(Some(ends));
            }
            if *left == 0 {
                self.aged = seq;
                return Swept::More;
            }
            *left -= 1;
            let ended = match self.log.expires_of(seq) {
                Ok(i64::MAX) => Ok(()),
                Ok(_) => self.expire(seq, now_ns),
                Err(load) => Err(load),
            };
            if let Err(load) = ended {
                self.aged = seq;
                return Swept::Cold(load);
            }
            from = seq + 1;
        }
        self.aged = from;
        Swept::Until(None)
    }

    /// Ends one message.
    fn expire(&mut self, seq: u64, now_ns: i64) -> Result<(), Load> {
        let marked = match self.rules.marker_ttl {
            Some(ttl) => self.needs_marker(seq)?.map(|subject| (subject, ttl)),
            None => None,
        };
        self.remove(seq);
        if let Some((subject, ttl)) = marked {
            self.mark(&subject, ttl, now_ns);
        }
        Ok(())
    }

    /// The subject that this message leaves empty, if that is to be marked: not when it is a
    /// marker itself, of the server's or of a client's.
    fn needs_marker(&self, seq: u64) -> Result<Option<Vec<u8>>, Load> {
        let Some(found) = self.log.next(seq).filter(|found| found.seq == seq) else {
            return Ok(None);
        };
        let subject = self.log.subject(found.subject_id, <[u8]>::to_vec);
        if self.log.count_of(&subject) != 1 {
            return Ok(None);
        }
        let mut is_marker = false;
        let got = self.reader.get(seq, |stored| {
            let marks = PublishHeaders::scan(stored.headers);
            is_marker =
                marks.marker_reason.is_some() || marks.kv_operation == Some(names::KV_PURGE);
        });
        match got {
            Got::Cold(load) => Err(load),
            _ => Ok((!is_marker).then_some(subject)),
        }
    }

    fn mark(&mut self, subject: &[u8], lifetime: i64, now_ns: i64) {
        let (mut block, text) =
            (Vec::new(), duration::format(Duration::from_nanos(lifetime.unsigned_abs())));
        headers::append(&mut block, names::MARKER_REASON, names::MARKER_MAX_AGE);
        headers::append(&mut block, names::TTL, text.as_bytes());
        headers::append(&mut block, names::ROLLUP, names::ROLLUP_SUBJECT);
        let entry = Entry {
            seq: None,
            time_ns: now_ns,
            expires_ns: now_ns.saturating_add(lifetime),
            subject,
            headers: &block,
            payload: b"",
            has_id: false,
        };
        if let Err(error) = self.log.append(entry) {
            tracing::warn!("stream {}: a delete marker can't be stored: {error}", self.name());
        } else if let Some(placed) = self.log.placed() {
            self.made.push(placed.subject_id);
        }
    }
}
