//! How a traced message goes on into another account: as far as that lets others see.

use std::time::Instant;

use super::replies::Open;
use super::{Replies, Speaker};
use crate::delivery::Trace;
use crate::delivery::trace::{redirected, silenced};
use crate::realm::ServiceImport;

/// See the module's text.
pub(super) enum Passage {
    /// It is not traced.
    Plain,
    /// It ends here: it is to be traced alone, and may not be.
    Closed,
    /// It is traced no further.
    Untraced,
    /// With the events of other servers sent to this subject of the other account.
    Traced { reports: Vec<u8>, hops: u32 },
}

impl Passage {
    /// A request from `asked` here to `there`.
    pub(super) fn out(
        trace: Option<&mut Trace>,
        import: &ServiceImport,
        (asked, there): (&[u8], &[u8]),
        speaker: Speaker<'_>,
    ) -> Self {
        let Some(trace) = trace else { return Self::Plain };
        trace.goes_to(&import.exporter.name, asked, there);
        if !import.allow_trace {
            return Self::no_further(trace);
        }
        let open = Open {
            realm: import.importer.clone(),
            reply: trace.destination().into(),
            // Each server that the request reaches reports once.
            response: vagus_auth::account::ResponseType::Stream,
            threshold: import.threshold,
            asker: speaker.out().cloned(),
            measure: None,
        };
        match import.exporter.replies.open(open, Instant::now()) {
            Some(reports) => Self::Traced { reports, hops: trace.hops() },
            None => Self::no_further(trace),
        }
    }

    /// An answer to `reply` of the account that asked.
    pub(super) fn back(
        trace: Option<&mut Trace>,
        account: &str,
        (subject, reply): (&[u8], &[u8]),
    ) -> Self {
        let Some(trace) = trace else { return Self::Plain };
        trace.goes_to(account, subject, reply);
        Self::no_further(trace)
    }

    fn no_further(trace: &Trace) -> Self {
        if trace.is_all() { Self::Closed } else { Self::Untraced }
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }

    /// The headers with which the message goes on, where they are others.
    pub(super) fn headers(&self, block: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Plain | Self::Closed => None,
            Self::Untraced => Some(silenced(block)),
            Self::Traced { reports, .. } => Some(redirected(block, reports)),
        }
    }

    /// The trace to go on with.
    pub(super) fn goes_on<'a>(&self, trace: Option<&'a mut Trace>) -> Option<&'a mut Trace> {
        trace.filter(|_| matches!(self, Self::Traced { .. }))
    }

    /// The message is there. Where no other server got it, none will report.
    pub(super) fn end(self, trace: Option<&Trace>, replies: &Replies) {
        if let (Self::Traced { reports, hops }, Some(trace)) = (self, trace)
            && trace.hops() == hops
        {
            replies.forget(&reports);
        }
    }
}
