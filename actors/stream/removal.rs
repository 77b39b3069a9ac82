//! `STREAM.PURGE` and `STREAM.MSG.DELETE`: messages go because a client wants it.

use vagus_jetstream::api::{MsgDelete, MsgDeleteResponse, Purge, PurgeResponse};
use vagus_jetstream::{ApiError, codes};

use super::Life;
use crate::delivery::Outlet;
use crate::jetstream::Caller;

impl Life {
    pub(super) fn purge(&mut self, caller: Caller, ask: &Purge, out: &mut Outlet<'_>) {
        if let Err(error) = self.check_purge(ask) {
            return self.answer_with::<PurgeResponse>(&caller, Err(error), out);
        }
        let below = Some(ask.sequence).filter(|seq| *seq > 0);
        let keep = Some(ask.keep).filter(|keep| *keep > 0);
        let filter = Some(ask.subject.as_bytes()).filter(|filter| !filter.is_empty());
        let purged = self.state.purge(below, keep, filter);
        self.open.then.push(Box::new(move |life, outcome, out, _| {
            let answer = outcome.map(|()| PurgeResponse { success: true, purged });
            let answer = answer.map_err(|error| codes::STREAM_PURGE_FAILED.with(error));
            life.answer_with(&caller, answer, out);
        }));
    }

    fn check_purge(&self, ask: &Purge) -> Result<(), ApiError> {
        let config = self.state.config();
        if config.sealed {
            return Err(codes::STREAM_SEALED.error());
        }
        if config.deny_purge {
            return Err(codes::STREAM_PURGE_FAILED.with("stream purge not permitted"));
        }
        if ask.sequence > 0 && ask.keep > 0 {
            return Err(codes::BAD_REQUEST.error());
        }
        self.check_not_failing(codes::STREAM_PURGE_FAILED)
    }

    /// While failed commits come to an end, nothing is begun that could be taken back with them.
    pub(super) fn check_not_failing(
        &self,
        code: vagus_jetstream::error::Code,
    ) -> Result<(), ApiError> {
        self.failing.map_or(Ok(()), |error| Err(code.with(error)))
    }

    pub(super) fn delete(&mut self, caller: Caller, ask: MsgDelete, out: &mut Outlet<'_>) {
        if let Err(error) = self.try_delete(ask) {
            return self.answer_with::<MsgDeleteResponse>(&caller, Err(error), out);
        }
        self.open.then.push(Box::new(move |life, outcome, out, _| {
            let answer = outcome.map(|()| MsgDeleteResponse { success: true });
            let answer = answer.map_err(|error| codes::STREAM_MSG_DELETE_FAILED.with(error));
            life.answer_with(&caller, answer, out);
        }));
    }

    fn try_delete(&mut self, ask: MsgDelete) -> Result<(), ApiError> {
        let config = self.state.config();
        if config.sealed {
            return Err(codes::STREAM_SEALED.error());
        }
        if config.deny_delete {
            return Err(codes::STREAM_MSG_DELETE_FAILED.with("message delete not permitted"));
        }
        if ask.seq == 0 {
            return Err(codes::BAD_REQUEST.error());
        }
        self.check_not_failing(codes::STREAM_MSG_DELETE_FAILED)?;
        let gone = match ask.no_erase {
            true => self.state.remove(ask.seq),
            false => self.state.erase(ask.seq),
        };
        gone.then_some(()).ok_or_else(|| codes::SEQUENCE_NOT_FOUND.with(ask.seq))
    }
}
