//! `DIRECT.GET`: messages as they are, without JSON around them, and without an order among the
//! answers to different requests: what has to be read from disk comes when it comes.

use std::collections::VecDeque;

use vagus_jetstream::api::{DirectGet, LEVEL};
use vagus_jetstream::headers::{self, names};
use vagus_jetstream::{json, status};
use vagus_runtime::Cx;
use vagus_store::{Filter, Got, Load, Reader, Stored};
use vagus_wire::frame::{Frame, frames};

use super::{Life, Stream, reads, republish};
use crate::delivery::{Outlet, Post};
use crate::jetstream::{Mail, desk};

/// A request that is being answered.
struct Job {
    reply: Vec<u8>,
    no_headers: bool,
    /// Whether the end is told.
    many: bool,
    /// The sequences to send, or how to find them.
    want: Want,
    /// Messages and bytes that may still be sent.
    left: usize,
    bytes_left: usize,
    /// Messages that match behind the one sent last.
    pending: u64,
    /// What was sent last.
    last: u64,
    /// Up to where the subjects were looked at.
    up_to: Option<u64>,
}

enum Want {
    /// This one.
    One(u64),
    /// All from here on that match.
    From { seq: u64, filter: Filter },
    /// These.
    Listed(VecDeque<u64>),
}

/// Subjects that one request may ask for.
const SUBJECTS_MAX: usize = 1024;
/// Messages sent in one turn.
const MOST: usize = 256;
/// Bytes of one answer where a request does not say.
const BYTES_DEFAULT: usize = 64 << 20;

impl Life {
    pub(super) fn direct(&mut self, mail: &Mail, out: &mut Outlet<'_>, cx: &mut Cx<'_, Stream>) {
        for (_, frame) in frames(&mail.frames) {
            self.direct_one(&mail.frames, &frame, out, cx);
        }
    }

    fn direct_one(
        &mut self,
        bytes: &[u8],
        frame: &Frame,
        out: &mut Outlet<'_>,
        cx: &mut Cx<'_, Stream>,
    ) {
        let Some(reply) = frame.reply.map(|reply| reply.of(bytes)) else { return };
        let subject = frame.subject.of(bytes);
        let level = headers::get(frame.headers.of(bytes), names::REQUIRED_API_LEVEL);
        if level.is_some_and(|level| !is_met(level)) {
            return tell(out, reply, status::REQUIRED_API_LEVEL);
        }
        let domain = self.js.domain().map(str::as_bytes);
        let key =
            desk::api_tail(subject, domain).and_then(|tail| tail.splitn(4, |b| *b == b'.').nth(3));
        match self.read_request(key, frame.payload.of(bytes), reply) {
            Ok(job) => self.go_on(job, out, cx),
            Err(refusal) => tell(out, reply, refusal),
        }
    }

    fn read_request(
        &self,
        key: Option<&[u8]>,
        body: &[u8],
        reply: &[u8],
    ) -> Result<Job, &'static [u8]> {
        if body.is_empty() && key.is_none() {
            return Err(status::EMPTY_REQUEST);
        }
        let mut ask = match body.is_empty() {
            true => DirectGet::default(),
            false => json::parse(body, false).map_err(|_| status::MALFORMED_REQUEST)?,
        };
        match key {
            Some(key) => {
                let plain = DirectGet {
                    no_headers: ask.no_headers,
                    max_bytes: ask.max_bytes,
                    ..DirectGet::default()
                };
                if key.is_empty() || ask != plain {
                    return Err(status::BAD_REQUEST);
                }
                ask.last_for = String::from_utf8_lossy(key).into_owned();
            }
            None => check(&ask)?,
        }
        plan(&self.state.reader, &ask, reply)
    }

    /// Sends as much as one turn may.
    fn go_on(&self, mut job: Job, out: &mut Outlet<'_>, cx: &mut Cx<'_, Stream>) {
        let reader = &self.state.reader;
        let name = self.state.name();
        for _ in 0..MOST {
            match job.step(reader, name, out) {
                Ok(true) => {}
                Ok(false) => return,
                Err(load) => {
                    let loading = reader.load(load);
                    cx.when(loading, |me, (), cx| {
                        me.turn(cx, |life, out, cx| life.go_on(job, out, cx));
                    });
                    return;
                }
            }
        }
        cx.when(tokio::task::yield_now(), |me, (), cx| {
            me.turn(cx, |life, out, cx| life.go_on(job, out, cx));
        });
    }
}

/// Whether the server can do what a request needs.
fn is_met(level: &[u8]) -> bool {
    let level = std::str::from_utf8(level).ok().and_then(|text| text.parse::<u64>().ok());
    level.is_some_and(|level| level <= LEVEL)
}

fn tell(out: &mut Outlet<'_>, reply: &[u8], status: &[u8]) {
    out.publish(Post { subject: reply, reply: None, headers: Some(status), payload: b"" });
}

/// Refuses what contradicts itself.
fn check(ask: &DirectGet) -> Result<(), &'static [u8]> {
    let (seq, time) = (ask.seq > 0, ask.start_time.is_some());
    let (last, next) = (!ask.last_for.is_empty(), !ask.next_for.is_empty());
    let multi = !ask.multi_last_for.is_empty();
    if !(seq || time || last || next || multi) {
        return Err(status::EMPTY_REQUEST);
    }
    let conflict = (last && (seq || time || next || multi || ask.batch > 0))
        || (seq && time)
        || (next && multi)
        || (ask.up_to_seq > 0 && ask.up_to_time.is_some());
    if conflict { Err(status::BAD_REQUEST) } else { Ok(()) }
}

/// Finds out what a request wants.
fn plan(reader: &Reader, ask: &DirectGet, reply: &[u8]) -> Result<Job, &'static [u8]> {
    let count = usize::try_from(ask.batch).unwrap_or(0);
    let bytes = usize::try_from(ask.max_bytes).ok().filter(|bytes| *bytes > 0);
    let mut job = Job {
        reply: reply.to_vec(),
        no_headers: ask.no_headers,
        many: count > 0,
        want: Want::One(0),
        left: count.max(1),
        bytes_left: bytes.unwrap_or(BYTES_DEFAULT),
        pending: 0,
        last: 0,
        up_to: None,
    };
    if !ask.multi_last_for.is_empty() {
        let (seqs, up_to) = last_of_many(reader, ask)?;
        job.pending = seqs.len() as u64;
        job.want = Want::Listed(seqs);
        (job.many, job.up_to) = (true, Some(up_to));
        job.left = if count > 0 { count } else { usize::MAX };
        return Ok(job);
    }
    if !job.many {
        job.want = Want::One(reads::select(reader, ask).ok_or(status::MESSAGE_NOT_FOUND)?);
        return Ok(job);
    }
    let seq = match ask.start_time {
        Some(time) => reader.seq_at_time(time.nanos()).ok_or(status::MESSAGE_NOT_FOUND)?,
        None => ask.seq,
    };
    let filter = match ask.next_for.as_str() {
        "" => Filter::all(),
        pattern => Filter::new(pattern.as_bytes()),
    };
    job.pending = reader.count_from(seq, &filter);
    if job.pending == 0 {
        return Err(status::MESSAGE_NOT_FOUND);
    }
    job.want = Want::From { seq, filter };
    Ok(job)
}

/// The last message of every subject that matches, ascending, and up to where was looked.
fn last_of_many(reader: &Reader, ask: &DirectGet) -> Result<(VecDeque<u64>, u64), &'static [u8]> {
    let mut up_to = ask.up_to_seq;
    if let Some(time) = ask.up_to_time {
        let behind = reader.seq_at_time(time.nanos()).unwrap_or(reader.committed() + 1);
        if behind <= reader.state().first_seq {
            return Err(status::NO_RESULTS);
        }
        up_to = behind - 1;
    }
    if up_to == 0 {
        up_to = reader.committed();
    }
    let filter = Filter::any(ask.multi_last_for.iter().map(String::as_bytes));
    let mut seqs =
        reader.last_of_each(up_to, &filter, SUBJECTS_MAX).map_err(|_| status::TOO_MANY_RESULTS)?;
    seqs.retain(|seq| *seq >= ask.seq);
    if seqs.is_empty() {
        return Err(status::NO_RESULTS);
    }
    Ok((seqs.into(), up_to))
}

// === impl Job ===

impl Job {
    /// Sends one message. False: that was all. An error: this has to be read first.
    fn step(&mut self, reader: &Reader, stream: &str, out: &mut Outlet<'_>) -> Result<bool, Load> {
        let Some(seq) = self.next(reader) else {
            self.end(reader, out);
            return Ok(false);
        };
        let (mut text, mut sent) = (Vec::new(), 0);
        let got = reader.get(seq, |stored| {
            sent = stored.subject.len() + stored.headers.len() + stored.payload.len();
            self.pending = self.pending.saturating_sub(1);
            if !self.no_headers {
                text = self.headers(stream, stored);
            }
            let headers = Some(&text[..]).filter(|text| !text.is_empty());
            let payload = stored.payload;
            out.publish(Post { subject: &self.reply, reply: None, headers, payload });
        });
        match got {
            Got::Cold(load) => return Err(load),
            Got::Found => {
                self.last = seq;
                self.left -= 1;
                self.bytes_left = self.bytes_left.saturating_sub(sent);
            }
            Got::Gone | Got::Damaged if !self.many => {
                tell(out, &self.reply, status::MESSAGE_NOT_FOUND);
                return Ok(false);
            }
            Got::Gone | Got::Damaged => {}
        }
        match &mut self.want {
            Want::One(_) => return Ok(false),
            Want::From { seq: from, .. } => *from = seq + 1,
            Want::Listed(seqs) => drop(seqs.pop_front()),
        }
        Ok(true)
    }

    fn next(&self, reader: &Reader) -> Option<u64> {
        if self.left == 0 || self.bytes_left == 0 {
            return None;
        }
        match &self.want {
            Want::One(seq) => Some(*seq),
            Want::From { seq, filter } => reader.next_matching(*seq, filter),
            Want::Listed(seqs) => seqs.front().copied(),
        }
    }

    fn headers(&self, stream: &str, stored: &Stored<'_>) -> Vec<u8> {
        let mut text = republish::origin(stream, stored);
        if self.many {
            headers::write_number(&mut text, names::NUM_PENDING, self.pending);
            headers::write_number(&mut text, names::LAST_SEQUENCE, self.last);
        }
        text.extend_from_slice(headers::CRLF);
        text
    }

    fn end(&mut self, reader: &Reader, out: &mut Outlet<'_>) {
        if !self.many {
            return;
        }
        if let Want::From { seq, filter } = &self.want {
            self.pending = reader.count_from(*seq, filter);
        }
        let mut text = Vec::new();
        status::end_of_batch(&mut text, self.pending, self.last, self.up_to);
        tell(out, &self.reply, &text);
    }
}
