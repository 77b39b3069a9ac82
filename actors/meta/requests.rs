//! Reading requests: what is asked, whether it may be, and who answers it.

use serde::de::DeserializeOwned;
use vagus_jetstream::api::{
    AccountInfo, ConsumerReset, ConsumerUnpin, LEVEL, MsgGet, Purge, Request, Response,
};
use vagus_jetstream::{ApiError, api, codes, json};
use vagus_runtime::Cx;
use vagus_wire::headers;

use super::Meta;
use crate::delivery::{Outlet, Post};
use crate::jetstream::Caller;
use crate::jetstream::desk::api_tail;
use crate::stream::messages::{self as stream, Call};

const LEVEL_HEADER: &[u8] = b"Nats-Required-Api-Level";

impl Meta {
    /// One message of a client: a request, or something that nobody else is there for.
    pub(super) fn request(&mut self, caller: Caller, out: &mut Outlet<'_>, cx: &mut Cx<'_, Self>) {
        let domain = self.js.domain().map(str::as_bytes);
        let Some(tail) = api_tail(caller.subject(), domain) else {
            // An answer to a consumer that is not here. It may be beyond a leaf link, in a stream
            // of the same name.
            if self.js.broker.realms.leafs.count_of(self.js.account()) == 0 {
                refuse(&caller, out);
            }
            return;
        };
        let subject = [api::PREFIX.as_bytes(), tail].concat();
        let of_domain = caller.subject().len() > subject.len();
        if of_domain && (tail.starts_with(b"$KV.") || tail.starts_with(b"$OBJ.")) {
            return pass_on(&caller, tail, out);
        }
        let Some(request) = Request::parse(&subject) else { return };
        if matches!(request, Request::ConsumerMsgNext { .. } | Request::DirectGet { .. }) {
            return refuse(&caller, out);
        }
        if let Err(error) = self.answer(&caller, request, out, cx) {
            self.refuse(&caller, request, error, out);
        }
    }

    /// Answers with an error, in the form that this request's answers have.
    pub(super) fn refuse(
        &self,
        caller: &Caller,
        request: Request<'_>,
        error: ApiError,
        out: &mut Outlet<'_>,
    ) {
        if let Some(json) = request.refuse(error) {
            caller.answer_json(&self.js, out, &json, true);
        }
    }

    pub(super) fn reply<T: Response>(&self, caller: &Caller, body: T, out: &mut Outlet<'_>) {
        caller.answer_json(&self.js, out, &api::Reply::ok(body).to_json(), false);
    }

    fn answer(
        &mut self,
        caller: &Caller,
        request: Request<'_>,
        out: &mut Outlet<'_>,
        cx: &mut Cx<'_, Self>,
    ) -> Result<(), ApiError> {
        check_level(caller)?;
        match request {
            Request::Info => {
                let info: AccountInfo = self.account_info();
                self.reply(caller, info, out);
                Ok(())
            }
            Request::StreamCreate(name) => self.create(caller, name, cx),
            Request::StreamUpdate(name) => self.update(caller, name),
            Request::StreamDelete(name) => self.delete(caller, name, cx),
            Request::StreamRestore(name) => self.restore(caller, name, out, cx),
            Request::StreamNames => self.names(caller, out),
            Request::StreamList => self.list(caller, cx),
            Request::ConsumerCreate { stream, name, filter } => {
                self.create_consumer(caller, stream, name, filter)
            }
            Request::ConsumerDurableCreate { stream, name } => {
                self.create_durable(caller, stream, name)
            }
            Request::StreamPeerRemove(_)
            | Request::StreamLeaderStepdown(_)
            | Request::ConsumerLeaderStepdown { .. } => Err(codes::CLUSTER_REQUIRED.error()),
            // For the system account alone; others are not answered.
            Request::MetaLeaderStepdown
            | Request::ServerRemove
            | Request::AccountPurge(_)
            | Request::StreamMove { .. }
            | Request::StreamCancelMove { .. } => Ok(()),
            request => self.ask_stream(caller, request),
        }
    }

    /// Passes on what a stream answers by itself.
    fn ask_stream(&mut self, caller: &Caller, request: Request<'_>) -> Result<(), ApiError> {
        let (name, request) = self.stream_request(caller, request)?;
        self.send(name, caller, request)
    }

    pub(super) fn send(
        &self,
        stream: &str,
        caller: &Caller,
        request: stream::Request,
    ) -> Result<(), ApiError> {
        let (_, handle) = self.living(stream).ok_or_else(|| self.missing(stream))?;
        // A stream that has no room is far behind: who asks is told nothing, and asks again.
        let _ = handle.send_urgent(Call { caller: caller.clone(), request });
        Ok(())
    }

    /// Why a stream does not answer.
    pub(super) fn missing(&self, stream: &str) -> ApiError {
        match self.offline.get(stream) {
            Some(cause) => codes::STREAM_OFFLINE_REASON.with(cause),
            None => codes::STREAM_NOT_FOUND.error(),
        }
    }

    fn stream_request<'a>(
        &self,
        caller: &Caller,
        request: Request<'a>,
    ) -> Result<(&'a str, stream::Request), ApiError> {
        let strict = self.js.settings().strict;
        let body = caller.body();
        let of = |name: &'a str, request| Ok((name, request));
        match request {
            Request::StreamInfo(name) => of(name, stream::Request::Info(optional(body, strict)?)),
            Request::StreamPurge(name) => {
                let ask: Purge = optional(body, strict)?;
                if ask.sequence > 0 && ask.keep > 0 {
                    return Err(codes::BAD_REQUEST.error());
                }
                of(name, stream::Request::Purge(ask))
            }
            Request::StreamMsgGet(name) => {
                let ask: MsgGet = required(body, strict)?;
                check_get(&ask)?;
                of(name, stream::Request::Get(ask))
            }
            Request::StreamMsgDelete(name) => {
                of(name, stream::Request::Delete(required(body, strict)?))
            }
            Request::StreamSnapshot(name) => {
                of(name, stream::Request::Snapshot(required(body, strict)?))
            }
            Request::ConsumerNames(name) => {
                of(name, stream::Request::ConsumerNames(optional(body, strict)?))
            }
            Request::ConsumerList(name) => {
                of(name, stream::Request::ConsumerList(optional(body, strict)?))
            }
            Request::ConsumerInfo { stream, name } => {
                must_be_empty(body)?;
                of(stream, stream::Request::ConsumerInfo(name.to_owned()))
            }
            Request::ConsumerDelete { stream, name } => {
                must_be_empty(body)?;
                of(stream, stream::Request::DeleteConsumer(name.to_owned()))
            }
            Request::ConsumerPause { stream, name } => {
                of(stream, stream::Request::PauseConsumer(name.to_owned(), optional(body, strict)?))
            }
            Request::ConsumerUnpin { stream, name } => {
                let ask: ConsumerUnpin = json::parse(body, false)?;
                if ask.group.is_empty() {
                    return Err(codes::INVALID_JSON.with("consumer group not specified"));
                }
                of(stream, stream::Request::UnpinConsumer(name.to_owned(), ask))
            }
            Request::ConsumerReset { stream, name } => {
                let ask = match body.is_empty() {
                    true => ConsumerReset::default(),
                    false => json::parse(body, false)?,
                };
                of(stream, stream::Request::ResetConsumer(name.to_owned(), ask))
            }
            // All others were answered before.
            _ => Err(codes::BAD_REQUEST.error()),
        }
    }
}

/// Nobody hears it: as if there were no subscription.
fn refuse(caller: &Caller, out: &mut Outlet<'_>) {
    if let Some(reply) = caller.reply() {
        out.refuse(reply, caller.subject());
    }
}

/// A bucket of this domain, named through its prefix.
fn pass_on(caller: &Caller, subject: &[u8], out: &mut Outlet<'_>) {
    let headers = Some(caller.headers()).filter(|block| !block.is_empty());
    out.publish(Post { subject, reply: caller.reply(), headers, payload: caller.body() });
}

fn check_level(caller: &Caller) -> Result<(), ApiError> {
    let Some(level) = headers::get(caller.headers(), LEVEL_HEADER) else { return Ok(()) };
    let level = std::str::from_utf8(level).ok().and_then(|text| text.parse::<u64>().ok());
    match level {
        Some(level) if level <= LEVEL => Ok(()),
        _ => Err(codes::REQUIRED_API_LEVEL.error()),
    }
}

/// A body that may be left out: whatever is no JSON object or list says nothing.
pub(super) fn optional<T: DeserializeOwned + Default + json::Named>(
    body: &[u8],
    strict: bool,
) -> Result<T, ApiError> {
    match body.trim_ascii_start().first() {
        Some(b'{' | b'[') => json::parse(body, strict),
        _ => Ok(T::default()),
    }
}

/// A body that has to say something.
pub(super) fn required<T: DeserializeOwned + json::Named>(
    body: &[u8],
    strict: bool,
) -> Result<T, ApiError> {
    if is_empty(body) {
        return Err(codes::BAD_REQUEST.error());
    }
    json::parse(body, strict)
}

pub(super) fn must_be_empty(body: &[u8]) -> Result<(), ApiError> {
    is_empty(body).then_some(()).ok_or_else(|| codes::NOT_EMPTY_REQUEST.error())
}

/// No bytes, or an object without members.
pub(super) fn is_empty(body: &[u8]) -> bool {
    let body = body.trim_ascii();
    body.is_empty()
        || (body.starts_with(b"{")
            && body.ends_with(b"}")
            && body[1..body.len() - 1].trim_ascii().is_empty())
}

/// One message, by one way to choose it.
fn check_get(ask: &MsgGet) -> Result<(), ApiError> {
    let (seq, time) = (ask.seq > 0, ask.start_time.is_some());
    let (last, next) = (!ask.last_for.is_empty(), !ask.next_for.is_empty());
    let conflict = (last && (seq || next || time)) || (seq && time);
    let many = ask.batch > 0 || ask.max_bytes > 0;
    if conflict || many || !(seq || time || last || next) {
        return Err(codes::BAD_REQUEST.error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_bodies() {
        for body in ["", " ", "{}", " {\n} "] {
            assert!(is_empty(body.as_bytes()), "{body:?}");
        }
        for body in ["x", "{\"a\":1}", "[]", "null", "{"] {
            assert!(!is_empty(body.as_bytes()), "{body:?}");
        }
    }

    #[test]
    fn a_message_is_chosen_in_one_way() {
        let check = |json: &str| check_get(&json::parse(json.as_bytes(), true).unwrap()).is_ok();
        for good in [
            r#"{"seq":1}"#,
            r#"{"last_by_subj":"a"}"#,
            r#"{"next_by_subj":"a"}"#,
            r#"{"seq":1,"next_by_subj":"a"}"#,
            r#"{"start_time":"2026-01-01T00:00:00Z"}"#,
            r#"{"start_time":"2026-01-01T00:00:00Z","next_by_subj":"a"}"#,
        ] {
            assert!(check(good), "{good}");
        }
        for bad in [
            "{}",
            r#"{"no_hdr":true}"#,
            r#"{"seq":1,"last_by_subj":"a"}"#,
            r#"{"seq":1,"start_time":"2026-01-01T00:00:00Z"}"#,
            r#"{"last_by_subj":"a","next_by_subj":"a"}"#,
            r#"{"seq":1,"batch":2}"#,
        ] {
            assert!(!check(bad), "{bad}");
        }
    }
}
