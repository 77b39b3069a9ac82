//! A message whose trace came with it: what the stream made of it is the last thing to be told.

use vagus_jetstream::batch::is_fast;
use vagus_jetstream::headers::PublishHeaders;
use vagus_jetstream::{ApiError, codes};
use vagus_store::Load;
use vagus_wire::frame::Span;

use super::Life;
use super::flights::Answer;
use super::plan::{Incoming, Stop};
use super::values::{given, number};
use crate::delivery::trace::{Stored, TracedAs};

/// How the message did.
pub(super) enum Verdict<'a> {
    Stored,
    Duplicate,
    Refused(&'a ApiError),
    /// It was taken into a batch, which decides later.
    Batched,
}

impl Life {
    /// The next message is traced.
    pub(super) fn traces(&mut self, said: &[u8]) {
        self.trace = TracedAs::read(said).map(Box::new);
    }

    /// Whether the message is only looked at.
    pub(super) fn only_traces(&self) -> bool {
        self.trace.as_ref().is_some_and(|trace| trace.only)
    }

    /// Ends the trace, if the message has one, once what is staged is stored.
    pub(super) fn end_trace(&mut self, incoming: Incoming<'_>, verdict: &Verdict<'_>) {
        let Some(trace) = self.trace.take() else { return };
        let stored = matches!(verdict, Verdict::Stored);
        let unwanted = stored && !self.state.retention.is_wanted(incoming.subject);
        let subject = stored.then(|| incoming.subject.to_vec());
        let error = match verdict {
            Verdict::Stored | Verdict::Batched => None,
            Verdict::Duplicate => Some("msgid is duplicate".to_owned()),
            Verdict::Refused(error) => Some(why(error, incoming.headers)),
        };
        self.open.then.push(Box::new(move |life, outcome, out, _| {
            let error = error.or_else(|| outcome.err().map(|error| error.to_string()));
            let stored = Stored { subject: subject.as_deref(), unwanted, error };
            trace.end(stored, &life.js.broker, out);
        }));
    }

    /// The same for a message that was stored, but for `stop`.
    pub(super) fn end_trace_of(&mut self, incoming: Incoming<'_>, stop: Option<&Stop>) {
        match stop {
            None => self.end_trace(incoming, &Verdict::Stored),
            Some(Stop::Duplicate(_)) => self.end_trace(incoming, &Verdict::Duplicate),
            Some(Stop::Refused(error)) => self.end_trace(incoming, &Verdict::Refused(error)),
            // It comes again.
            Some(Stop::Cold(_)) => {}
        }
    }

    /// Ends the trace of a message of a batch, which is judged as a whole. Whether the message is
    /// dealt with by that.
    pub(super) fn traced_batch(&mut self, incoming: Incoming<'_>, reply: Option<&[u8]>) -> bool {
        let batched = reply.is_some_and(is_fast)
            || given(PublishHeaders::scan(incoming.headers).batch_id).is_some();
        let only = self.only_traces();
        if batched {
            self.end_trace(incoming, &Verdict::Batched);
        }
        batched && only
    }

    /// Says what would become of the message, which is not stored.
    ///
    /// # Errors
    /// When that can't be told before this is read.
    pub(super) fn look_at(
        &mut self,
        incoming: Incoming<'_>,
        reply: Option<Span>,
        now_ns: i64,
    ) -> Result<(), Load> {
        let stop = self.state.check(incoming, None, now_ns).err();
        self.end_trace_of(incoming, stop.as_ref());
        match stop {
            Some(Stop::Cold(load)) => return Err(load),
            Some(Stop::Refused(error)) => self.answer_error(reply, &error),
            Some(Stop::Duplicate(seq)) => self.ack(reply, Answer::Duplicate(seq)),
            None => {}
        }
        Ok(())
    }
}

/// The words of nats-server's trace, which are not always those of its answers.
fn why(error: &ApiError, headers: &[u8]) -> String {
    let marks = PublishHeaders::scan(headers);
    let text = &*error.description;
    let last = text.rsplit(' ').next().unwrap_or_default();
    match () {
        () if error.is(codes::STREAM_WRONG_LAST_SEQUENCE) => {
            match number(marks.expected_last_subject_seq) {
                Some(seq) if number(marks.expected_last_seq).is_none() => {
                    format!("last sequence by subject mismatch: {seq} vs {last}")
                }
                _ => {
                    let seq = number(marks.expected_last_seq).unwrap_or(0);
                    format!("last sequence mismatch: {seq} vs {last}")
                }
            }
        }
        () if error.is(codes::STREAM_WRONG_LAST_MSG_ID) => {
            let expected = given(marks.expected_last_msg_id).unwrap_or_default();
            format!("last msgid mismatch: {:?} vs {last:?}", String::from_utf8_lossy(expected))
        }
        () if error.is(codes::STREAM_MESSAGE_EXCEEDS_MAXIMUM)
            || error.is(codes::STREAM_HEADER_EXCEEDS_MAXIMUM) =>
        {
            "maximum payload exceeded".to_owned()
        }
        () if error.is(codes::MESSAGE_TTL_DISABLED) => "message TTL disabled".to_owned(),
        () if [
            codes::STREAM_NOT_MATCH,
            codes::STREAM_ROLLUP_FAILED,
            codes::STREAM_STORE_FAILED,
        ]
        .into_iter()
        .any(|code| error.is(code)) =>
        {
            text.to_owned()
        }
        () => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_the_words_of_traces() {
        let said = |error: ApiError, line: &str| {
            why(&error, format!("NATS/1.0\r\n{line}\r\n\r\n").as_bytes())
        };
        let last = || codes::STREAM_WRONG_LAST_SEQUENCE.with(4);
        let line = "Nats-Expected-Last-Sequence: 9";
        assert_eq!(said(last(), line), "last sequence mismatch: 9 vs 4");
        let line = "Nats-Expected-Last-Subject-Sequence: 9";
        assert_eq!(said(last(), line), "last sequence by subject mismatch: 9 vs 4");
        let id = codes::STREAM_WRONG_LAST_MSG_ID.with("a");
        let line = "Nats-Expected-Last-Msg-Id: b";
        assert_eq!(said(id, line), "last msgid mismatch: \"b\" vs \"a\"");
        let id = codes::STREAM_WRONG_LAST_MSG_ID.with("");
        assert_eq!(said(id, line), "last msgid mismatch: \"b\" vs \"\"");
        assert_eq!(said(codes::STREAM_NOT_MATCH.error(), ""), "expected stream does not match");
        assert_eq!(said(codes::STREAM_ROLLUP_FAILED.with("no"), ""), "no");
        let other = codes::STREAM_SEALED.error();
        assert_eq!(said(other, ""), "invalid operation on sealed stream (10109)");
    }
}
