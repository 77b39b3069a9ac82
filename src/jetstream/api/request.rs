//! What a subject below `$JS.API.` asks for.

use super::*;
use crate::error::ApiError;

/// Begins every subject of the API.
pub const PREFIX: &str = "$JS.API.";

/// One call, by its subject. Names are as they are spelled there: not checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request<'a> {
    Info,
    StreamCreate(&'a str),
    StreamUpdate(&'a str),
    StreamNames,
    StreamList,
    StreamInfo(&'a str),
    StreamDelete(&'a str),
    StreamPurge(&'a str),
    StreamMsgGet(&'a str),
    StreamMsgDelete(&'a str),
    StreamSnapshot(&'a str),
    StreamRestore(&'a str),
    StreamPeerRemove(&'a str),
    StreamLeaderStepdown(&'a str),
    /// With the subject whose last message is wanted, if it is in the request's subject.
    DirectGet {
        stream: &'a str,
        subject: Option<&'a str>,
    },
    /// Without a name: one is made, or is in the body.
    ConsumerCreate {
        stream: &'a str,
        name: Option<&'a str>,
        filter: Option<&'a str>,
    },
    ConsumerDurableCreate {
        stream: &'a str,
        name: &'a str,
    },
    ConsumerNames(&'a str),
    ConsumerList(&'a str),
    ConsumerInfo {
        stream: &'a str,
        name: &'a str,
    },
    ConsumerDelete {
        stream: &'a str,
        name: &'a str,
    },
    ConsumerMsgNext {
        stream: &'a str,
        name: &'a str,
    },
    ConsumerPause {
        stream: &'a str,
        name: &'a str,
    },
    ConsumerUnpin {
        stream: &'a str,
        name: &'a str,
    },
    ConsumerReset {
        stream: &'a str,
        name: &'a str,
    },
    ConsumerLeaderStepdown {
        stream: &'a str,
        name: &'a str,
    },
    MetaLeaderStepdown,
    ServerRemove,
    AccountPurge(&'a str),
    StreamMove {
        account: &'a str,
        stream: &'a str,
    },
    StreamCancelMove {
        account: &'a str,
        stream: &'a str,
    },
}

// === impl Request ===

impl<'a> Request<'a> {
    /// Reads a whole subject. What the API does not know is nothing, and gets no answer.
    #[must_use]
    pub fn parse(subject: &'a [u8]) -> Option<Self> {
        let subject = std::str::from_utf8(subject).ok()?.strip_prefix(PREFIX)?;
        let (group, rest) = subject.split_once('.').unwrap_or((subject, ""));
        match group {
            "INFO" => (subject == "INFO").then_some(Request::Info),
            "STREAM" => Self::of_stream(rest),
            "CONSUMER" => Self::of_consumer(rest),
            "DIRECT" => {
                let rest = rest.strip_prefix("GET.")?;
                let (stream, subject) = match rest.split_once('.') {
                    Some((stream, subject)) => (stream, Some(subject)),
                    None => (rest, None),
                };
                Some(Request::DirectGet { stream, subject })
            }
            "META" => (rest == "LEADER.STEPDOWN").then_some(Request::MetaLeaderStepdown),
            "SERVER" => (rest == "REMOVE").then_some(Request::ServerRemove),
            "ACCOUNT" => Self::of_account(rest),
            _ => None,
        }
    }

    fn of_stream(rest: &'a str) -> Option<Self> {
        let (verb, rest) = rest.split_once('.').unwrap_or((rest, ""));
        Some(match verb {
            "NAMES" if rest.is_empty() => Request::StreamNames,
            "LIST" if rest.is_empty() => Request::StreamList,
            "CREATE" => Request::StreamCreate(token(rest)?),
            "UPDATE" => Request::StreamUpdate(token(rest)?),
            "INFO" => Request::StreamInfo(token(rest)?),
            "DELETE" => Request::StreamDelete(token(rest)?),
            "PURGE" => Request::StreamPurge(token(rest)?),
            "SNAPSHOT" => Request::StreamSnapshot(token(rest)?),
            "RESTORE" => Request::StreamRestore(token(rest)?),
            "MSG" => match rest.split_once('.')? {
                ("GET", rest) => Request::StreamMsgGet(token(rest)?),
                ("DELETE", rest) => Request::StreamMsgDelete(token(rest)?),
                _ => return None,
            },
            "PEER" => Request::StreamPeerRemove(token(rest.strip_prefix("REMOVE.")?)?),
            "LEADER" => Request::StreamLeaderStepdown(token(rest.strip_prefix("STEPDOWN.")?)?),
            _ => return None,
        })
    }

    fn of_consumer(rest: &'a str) -> Option<Self> {
        let (verb, rest) = rest.split_once('.')?;
        let (verb, rest) = match verb {
            "MSG" => (verb, rest.strip_prefix("NEXT.")?),
            "DURABLE" => (verb, rest.strip_prefix("CREATE.")?),
            "LEADER" => (verb, rest.strip_prefix("STEPDOWN.")?),
            "NAMES" => return token(rest).map(Request::ConsumerNames),
            "LIST" => return token(rest).map(Request::ConsumerList),
            "CREATE" => return Self::of_consumer_create(rest),
            _ => (verb, rest),
        };
        let (stream, name) = rest.split_once('.')?;
        let (stream, name) = (token(stream)?, token(name)?);
        Some(match verb {
            "MSG" => Request::ConsumerMsgNext { stream, name },
            "DURABLE" => Request::ConsumerDurableCreate { stream, name },
            "LEADER" => Request::ConsumerLeaderStepdown { stream, name },
            "INFO" => Request::ConsumerInfo { stream, name },
            "DELETE" => Request::ConsumerDelete { stream, name },
            "PAUSE" => Request::ConsumerPause { stream, name },
            "UNPIN" => Request::ConsumerUnpin { stream, name },
            "RESET" => Request::ConsumerReset { stream, name },
            _ => return None,
        })
    }

    fn of_consumer_create(rest: &'a str) -> Option<Self> {
        let mut parts = rest.splitn(3, '.');
        let stream = token(parts.next()?)?;
        let name = match parts.next() {
            Some(name) => Some(token(name)?),
            None => None,
        };
        let filter = parts.next().filter(|filter| !filter.is_empty());
        Some(Request::ConsumerCreate { stream, name, filter })
    }

    fn of_account(rest: &'a str) -> Option<Self> {
        let pair = |rest: &'a str| {
            let (account, stream) = rest.split_once('.')?;
            Some((token(account)?, token(stream)?))
        };
        if let Some(account) = rest.strip_prefix("PURGE.") {
            return token(account).map(Request::AccountPurge);
        }
        if let Some(rest) = rest.strip_prefix("STREAM.MOVE.") {
            return pair(rest).map(|(account, stream)| Request::StreamMove { account, stream });
        }
        let rest = rest.strip_prefix("STREAM.CANCEL_MOVE.")?;
        pair(rest).map(|(account, stream)| Request::StreamCancelMove { account, stream })
    }

    /// The response to this call that only says why not; nothing for a call that is not answered
    /// in JSON.
    #[must_use]
    pub fn refuse(&self, error: impl Into<ApiError>) -> Option<Vec<u8>> {
        fn of<T: Response>(error: ApiError) -> Vec<u8> {
            Reply::<T>::failed(error).to_json()
        }
        let error = error.into();
        Some(match self {
            Request::Info => of::<AccountInfo>(error),
            Request::StreamCreate(_) => of::<StreamCreateResponse>(error),
            Request::StreamUpdate(_)
            | Request::StreamMove { .. }
            | Request::StreamCancelMove { .. } => of::<StreamUpdateResponse>(error),
            Request::StreamNames => of::<StreamNames>(error),
            Request::StreamList => of::<StreamList>(error),
            Request::StreamInfo(_) => of::<StreamInfoResponse>(error),
            Request::StreamDelete(_) => of::<StreamDeleteResponse>(error),
            Request::StreamPurge(_) => of::<PurgeResponse>(error),
            Request::StreamMsgGet(_) => of::<MsgGetResponse>(error),
            Request::StreamMsgDelete(_) => of::<MsgDeleteResponse>(error),
            Request::StreamSnapshot(_) => of::<SnapshotResponse>(error),
            Request::StreamRestore(_) => of::<RestoreResponse>(error),
            Request::StreamPeerRemove(_) => of::<PeerRemoveResponse>(error),
            Request::StreamLeaderStepdown(_) => of::<StreamLeaderStepdown>(error),
            Request::ConsumerCreate { .. } | Request::ConsumerDurableCreate { .. } => {
                of::<ConsumerCreateResponse>(error)
            }
            Request::ConsumerNames(_) => of::<ConsumerNames>(error),
            Request::ConsumerList(_) => of::<ConsumerList>(error),
            Request::ConsumerInfo { .. } => of::<ConsumerInfoResponse>(error),
            Request::ConsumerDelete { .. } => of::<ConsumerDeleteResponse>(error),
            Request::ConsumerPause { .. } => of::<ConsumerPauseResponse>(error),
            Request::ConsumerUnpin { .. } => of::<ConsumerUnpinResponse>(error),
            Request::ConsumerReset { .. } => of::<ConsumerResetResponse>(error),
            Request::ConsumerLeaderStepdown { .. } => of::<ConsumerLeaderStepdown>(error),
            Request::MetaLeaderStepdown => of::<MetaLeaderStepdown>(error),
            Request::ServerRemove => of::<ServerRemoveResponse>(error),
            Request::AccountPurge(_) => of::<AccountPurgeResponse>(error),
            Request::DirectGet { .. } | Request::ConsumerMsgNext { .. } => return None,
        })
    }
}

/// One token, and nothing else.
fn token(text: &str) -> Option<&str> {
    (!text.is_empty() && !text.contains('.')).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(subject: &str) -> Option<Request<'_>> {
        Request::parse(subject.as_bytes())
    }

    #[test]
    fn subjects_are_told_apart() {
        use Request::*;
        let (stream, name) = ("S", "C");
        let cases = [
            ("INFO", Info),
            ("STREAM.CREATE.S", StreamCreate("S")),
            ("STREAM.UPDATE.S", StreamUpdate("S")),
            ("STREAM.NAMES", StreamNames),
            ("STREAM.LIST", StreamList),
            ("STREAM.INFO.S", StreamInfo("S")),
            ("STREAM.DELETE.S", StreamDelete("S")),
            ("STREAM.PURGE.S", StreamPurge("S")),
            ("STREAM.MSG.GET.S", StreamMsgGet("S")),
            ("STREAM.MSG.DELETE.S", StreamMsgDelete("S")),
            ("STREAM.SNAPSHOT.S", StreamSnapshot("S")),
            ("STREAM.RESTORE.S", StreamRestore("S")),
            ("STREAM.PEER.REMOVE.S", StreamPeerRemove("S")),
            ("STREAM.LEADER.STEPDOWN.S", StreamLeaderStepdown("S")),
            ("DIRECT.GET.S", DirectGet { stream, subject: None }),
            ("DIRECT.GET.S.$KV.b.k", DirectGet { stream, subject: Some("$KV.b.k") }),
            ("CONSUMER.CREATE.S", ConsumerCreate { stream, name: None, filter: None }),
            ("CONSUMER.CREATE.S.C", ConsumerCreate { stream, name: Some(name), filter: None }),
            (
                "CONSUMER.CREATE.S.C.a.*.>",
                ConsumerCreate { stream, name: Some(name), filter: Some("a.*.>") },
            ),
            ("CONSUMER.DURABLE.CREATE.S.C", ConsumerDurableCreate { stream, name }),
            ("CONSUMER.NAMES.S", ConsumerNames("S")),
            ("CONSUMER.LIST.S", ConsumerList("S")),
            ("CONSUMER.INFO.S.C", ConsumerInfo { stream, name }),
            ("CONSUMER.DELETE.S.C", ConsumerDelete { stream, name }),
            ("CONSUMER.MSG.NEXT.S.C", ConsumerMsgNext { stream, name }),
            ("CONSUMER.PAUSE.S.C", ConsumerPause { stream, name }),
            ("CONSUMER.UNPIN.S.C", ConsumerUnpin { stream, name }),
            ("CONSUMER.RESET.S.C", ConsumerReset { stream, name }),
            ("CONSUMER.LEADER.STEPDOWN.S.C", ConsumerLeaderStepdown { stream, name }),
            ("META.LEADER.STEPDOWN", MetaLeaderStepdown),
            ("SERVER.REMOVE", ServerRemove),
            ("ACCOUNT.PURGE.A", AccountPurge("A")),
            ("ACCOUNT.STREAM.MOVE.A.S", StreamMove { account: "A", stream }),
            ("ACCOUNT.STREAM.CANCEL_MOVE.A.S", StreamCancelMove { account: "A", stream }),
        ];
        for (subject, request) in cases {
            let subject = format!("{PREFIX}{subject}");
            assert_eq!(parse(&subject), Some(request), "{subject}");
        }
    }

    #[test]
    fn what_is_no_call_is_left_alone() {
        for rest in [
            "",
            "INFO.S",
            "STREAM",
            "STREAM.CREATE",
            "STREAM.CREATE.",
            "STREAM.CREATE.a.b",
            "STREAM.NAMES.x",
            "STREAM.MSG.S",
            "STREAM.MSG.PUT.S",
            "STREAM.PEER.S",
            "STREAM.TEMPLATE.CREATE.T",
            "DIRECT.S",
            "CONSUMER",
            "CONSUMER.INFO.S",
            "CONSUMER.INFO.S.C.D",
            "CONSUMER.CREATE.S..x",
            "CONSUMER.NEXT.S.C",
            "META.LEADER",
            "ACCOUNT.STREAM.MOVE.A",
            "WHAT.EVER",
        ] {
            assert_eq!(parse(&format!("{PREFIX}{rest}")), None, "{rest}");
        }
        assert_eq!(parse("$JS.d.API.INFO"), None);
        assert_eq!(Request::parse(b"$JS.API.STREAM.INFO.\xff"), None);
    }

    #[test]
    fn refusals_have_the_fields_that_are_always_there() {
        let refuse = |request: Request<'_>| {
            let error = ApiError { code: 400, err_code: 1, description: "x".into() };
            String::from_utf8(request.refuse(error).unwrap()).unwrap()
        };
        let error = r#""error":{"code":400,"err_code":1,"description":"x"}"#;
        let kind = |name: &str| format!(r#"{{"type":"io.nats.jetstream.api.v1.{name}_response""#);
        for (request, name, rest) in [
            (Request::StreamCreate("S"), "stream_create", ""),
            (
                Request::StreamNames,
                "stream_names",
                r#","total":0,"offset":0,"limit":0,"streams":null"#,
            ),
            (Request::StreamList, "stream_list", r#","total":0,"offset":0,"limit":0,"streams":[]"#),
            (Request::StreamInfo("S"), "stream_info", r#","total":0,"offset":0,"limit":0"#),
            (Request::StreamPurge("S"), "stream_purge", r#","purged":0"#),
            (Request::StreamRestore("S"), "stream_restore", r#","deliver_subject":"""#),
            (
                Request::ConsumerNames("S"),
                "consumer_names",
                r#","total":0,"offset":0,"limit":0,"consumers":[]"#,
            ),
            (
                Request::ConsumerPause { stream: "S", name: "C" },
                "consumer_pause",
                r#","paused":false,"pause_until":"0001-01-01T00:00:00Z""#,
            ),
            (Request::StreamDelete("S"), "stream_delete", ""),
        ] {
            assert_eq!(refuse(request), format!("{},{error}{rest}}}", kind(name)));
        }
    }

    proptest! {
        #[test]
        fn any_subject_is_survived(rest in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Request::parse(&[PREFIX.as_bytes(), &rest].concat());
        }
    }
}
