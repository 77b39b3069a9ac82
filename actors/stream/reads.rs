//! `STREAM.MSG.GET`: one message as JSON.

use vagus_jetstream::api::{MsgGet, MsgGetResponse, Reply, StoredMessage};
use vagus_jetstream::base64::Base64;
use vagus_jetstream::{ApiError, Time, codes};
use vagus_runtime::Cx;
use vagus_store::{Filter, Got, Reader, Stored};

use super::{Life, Stream};
use crate::delivery::Outlet;
use crate::jetstream::Caller;

/// The sequence that a request selects; `None`: there is no such message.
pub(super) fn select(reader: &Reader, ask: &MsgGet) -> Option<u64> {
    let from = match ask.start_time {
        Some(time) => reader.seq_at_time(time.nanos())?,
        None => ask.seq,
    };
    if !ask.last_for.is_empty() {
        return reader.last_matching(u64::MAX, &Filter::new(ask.last_for.as_bytes()));
    }
    if !ask.next_for.is_empty() {
        return reader.next_matching(from, &Filter::new(ask.next_for.as_bytes()));
    }
    Some(from)
}

fn check(ask: &MsgGet) -> Result<(), ApiError> {
    let (seq, time) = (ask.seq > 0, ask.start_time.is_some());
    let (last, next) = (!ask.last_for.is_empty(), !ask.next_for.is_empty());
    let nothing = !(seq || time || last || next);
    let many = ask.batch != 0 || ask.max_bytes != 0 || !ask.multi_last_for.is_empty();
    if nothing || many || (last && (seq || time || next)) || (seq && time) {
        return Err(codes::BAD_REQUEST.error());
    }
    Ok(())
}

fn shown(stored: &Stored<'_>, no_headers: bool) -> StoredMessage {
    let headers = if no_headers { b"" } else { stored.headers };
    StoredMessage {
        subject: String::from_utf8_lossy(stored.subject).into_owned(),
        seq: stored.seq,
        headers: Base64(headers.to_vec()),
        data: Base64(stored.payload.to_vec()),
        time: Time::from_nanos(stored.time_ns),
    }
}

impl Life {
    pub(super) fn get(
        &mut self,
        caller: Caller,
        ask: MsgGet,
        out: &mut Outlet<'_>,
        cx: &mut Cx<'_, Stream>,
    ) {
        if self.is_under_way(&ask) {
            // It is answered behind the commit of what it asks for.
            self.open.then.push(Box::new(move |life, _, out, cx| life.get(caller, ask, out, cx)));
            return;
        }
        let answer = match check(&ask) {
            Err(error) => Err(error),
            Ok(()) => match select(&self.state.reader, &ask) {
                None => Err(codes::NO_MESSAGE_FOUND.error()),
                Some(seq) => match self.read_one(seq, ask.no_headers) {
                    Ok(answer) => answer,
                    Err(load) => {
                        let loading = self.state.reader.load(load);
                        cx.when(loading, move |me, (), cx| {
                            me.turn(cx, |life, out, cx| life.get(caller, ask, out, cx));
                        });
                        return;
                    }
                },
            },
        };
        match answer {
            // What is found is told without an audit.
            Ok(message) => {
                let found = MsgGetResponse { message: Some(message) };
                let json = Reply::ok(found).to_json();
                caller.answer_unaudited(&self.js, out, &json);
            }
            Err(error) => self.answer_with::<MsgGetResponse>(&caller, Err(error), out),
        }
    }

    /// Whether a message is asked for that is staged, and not committed yet.
    fn is_under_way(&self, ask: &MsgGet) -> bool {
        let log = &self.state.log;
        let staged = ask.seq > self.state.reader.committed() && ask.seq <= log.last_seq();
        staged && self.failing.is_none() && check(ask).is_ok() && ask.next_for.is_empty()
    }

    fn read_one(
        &self,
        seq: u64,
        no_headers: bool,
    ) -> Result<Result<StoredMessage, ApiError>, vagus_store::Load> {
        let mut found = None;
        let got = self.state.reader.get(seq, |stored| found = Some(shown(stored, no_headers)));
        match got {
            Got::Cold(load) => Err(load),
            Got::Damaged => {
                let text = format!("message {seq} is damaged on disk");
                Ok(Err(codes::STREAM_GENERAL_ERROR.with(text)))
            }
            Got::Found | Got::Gone => Ok(found.ok_or_else(|| codes::NO_MESSAGE_FOUND.error())),
        }
    }
}
