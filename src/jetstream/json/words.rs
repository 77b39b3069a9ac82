//! What Go calls the requests, their fields and the kinds of their values.

use super::decode::{Failure, Step};
use super::scan::{self, SyntaxError};
use super::when::why_no_time;
use crate::api;
use crate::pull::PullRequest;
use crate::stream::StreamConfig;

/// A request with the name that messages about it give.
pub trait Named {
    const NAME: &'static str;
    /// Fields that messages place in a part: `("*", part)` is all fields.
    const PART_OF: &'static [(&'static str, &'static str)] = &[];
}

macro_rules! named {
    ($($type:ty = $name:literal $(, $part:expr)?;)*) => {$(
        impl Named for $type {
            const NAME: &'static str = $name;
            $(const PART_OF: &'static [(&'static str, &'static str)] = &$part;)?
        }
    )*};
}

named! {
    StreamConfig = "StreamConfigRequest", [("pedantic", ""), ("*", "StreamConfig")];
    api::StreamsRequest = "JSApiStreamNamesRequest", [("offset", "ApiPagedRequest")];
    api::StreamInfoRequest = "JSApiStreamInfoRequest", [("offset", "ApiPagedRequest")];
    api::Purge = "JSApiStreamPurgeRequest";
    api::MsgGet = "JSApiMsgGetRequest";
    api::MsgDelete = "JSApiMsgDeleteRequest";
    api::Snapshot = "JSApiStreamSnapshotRequest";
    api::Restore = "JSApiStreamRestoreRequest";
    api::LeaderStepdown = "JSApiLeaderStepdownRequest";
    api::PeerRemove = "JSApiStreamRemovePeerRequest";
    api::ServerRemove = "JSApiMetaServerRemoveRequest";
    api::StreamMove = "JSApiMetaServerStreamMoveRequest";
    api::ConsumerCreate = "CreateConsumerRequest";
    api::ConsumersRequest = "JSApiConsumersRequest", [("offset", "ApiPagedRequest")];
    api::ConsumerPause = "JSApiConsumerPauseRequest";
    api::ConsumerUnpin = "JSApiConsumerUnpinRequest";
    api::ConsumerReset = "JSApiConsumerResetRequest";
    PullRequest = "JSApiConsumerGetNextRequest", [
        ("group", "PriorityGroup"),
        ("min_pending", "PriorityGroup"),
        ("min_ack_pending", "PriorityGroup"),
        ("id", "PriorityGroup"),
        ("priority", "PriorityGroup"),
    ];
}

// === impl Failure ===

impl Failure {
    /// What is said about it. `offsets` are only said of strict requests.
    pub(super) fn words(
        &self,
        body: &[u8],
        name: &'static str,
        part_of: &[(&str, &str)],
        offsets: bool,
    ) -> String {
        match self {
            Failure::Syntax(SyntaxError::End) if offsets => "unexpected EOF".to_owned(),
            Failure::Syntax(SyntaxError::End) => "unexpected end of JSON input".to_owned(),
            Failure::Syntax(SyntaxError::Byte { byte, place, offset }) => {
                let mut words = format!("invalid character {} {place}", quoted_byte(*byte));
                if offsets {
                    words.push_str(&format!(" at offset {offset}"));
                }
                words
            }
            Failure::Unknown(field) => format!("json: unknown field {field:?}"),
            Failure::Kind(way) => wrong_kind(body, name, part_of, way),
            Failure::Other(words) => words.clone(),
        }
    }
}

fn quoted_byte(byte: u8) -> String {
    match byte {
        b'\'' => r"'\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        b'\n' => r"'\n'".to_owned(),
        b'\r' => r"'\r'".to_owned(),
        b'\t' => r"'\t'".to_owned(),
        b' '..=b'~' => format!("'{}'", char::from(byte)),
        0x80.. => format!("'{}'", char::from(byte)),
        _ => format!("'\\x{byte:02x}'"),
    }
}

fn wrong_kind(body: &[u8], name: &str, part_of: &[(&str, &str)], way: &[Step]) -> String {
    // It was read as JSON before; of several documents the last that has the value counts.
    let documents = scan::documents(body, true).unwrap_or_default();
    let raw = documents.iter().rev().find_map(|text| scan::find(text, way)).unwrap_or_default();
    let text = String::from_utf8_lossy(raw);
    let is_element = matches!(way.last(), Some(Step::Index(_)));
    let fields: Vec<&str> = way
        .iter()
        .filter_map(|step| match step {
            Step::Field(name) => Some(name.as_str()),
            Step::Index(_) => None,
        })
        .collect();
    let Some((field, parents)) = fields.split_last() else {
        return format!("json: cannot unmarshal {} into Go value of type server.{name}", kind(raw));
    };
    // The one kind of object whose fields have names of their own.
    let (field, parents) = match parents.split_last() {
        Some((&"metadata", outer)) => (&"metadata", outer),
        _ => (field, parents),
    };
    let in_metadata = field == &"metadata" && fields.last() != Some(&"metadata");
    let holder = parents.last().map_or(name, |parent| type_of_object(parent, name));
    if let Some(words) = own_words(field, raw, &text) {
        return words;
    }
    let top = fields.first().copied().unwrap_or_default();
    let part = part_of.iter().find(|(field, _)| *field == top || *field == "*");
    let mut path = String::new();
    for step in part.map(|(_, part)| *part).into_iter().chain(parents.iter().copied()) {
        if !step.is_empty() {
            path.push_str(step);
            path.push('.');
        }
    }
    let expected = match kind_of(holder, field) {
        kind if is_element => kind.strip_prefix("[]").unwrap_or(kind).trim_start_matches('*'),
        _ if in_metadata => "string",
        kind => kind,
    };
    let number = expected.contains("int") || expected == "time.Duration";
    let given = match kind(raw) {
        "number" if number => format!("number {text}"),
        other => other.to_owned(),
    };
    format!(
        "json: cannot unmarshal {given} into Go struct field {holder}.{path}{field} \
         of type {expected}"
    )
}

/// Some fields read their values themselves, and have words of their own.
fn own_words(field: &str, raw: &[u8], text: &str) -> Option<String> {
    Some(match field {
        "retention" | "storage" | "discard" | "persist_mode" | "deliver_policy" | "ack_policy"
        | "replay_policy" => format!("can not unmarshal {text:?}"),
        "compression" if kind(raw) == "string" => "unknown compression algorithm".to_owned(),
        "priority_policy" => format!("unknown priority policy: {text}"),
        "action" => format!("unknown consumer action: {text}"),
        "opt_start_time" | "start_time" | "up_to_time" | "pause_until" | "first_ts" | "last_ts" => {
            match serde_json::from_slice::<String>(raw) {
                Ok(text) => why_no_time(&text),
                Err(_) => "Time.UnmarshalJSON: input is not a JSON string".to_owned(),
            }
        }
        _ => return None,
    })
}

/// What Go calls the kind of a value, given as JSON.
#[must_use]
pub fn kind(raw: &[u8]) -> &'static str {
    match raw.first() {
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "bool",
        _ => "number",
    }
}

/// The type of what a field holds, if it has fields itself.
fn type_of_object<'a>(field: &str, request: &'a str) -> &'a str {
    match field {
        "mirror" | "sources" => "StreamSource",
        "external" => "ExternalStream",
        "consumer" => "StreamConsumerSource",
        "subject_transform" | "subject_transforms" => "SubjectTransformConfig",
        "republish" => "RePublish",
        "placement" => "Placement",
        "consumer_limits" => "StreamConsumerLimits",
        "config" if request == "CreateConsumerRequest" => "ConsumerConfig",
        "config" => "StreamConfig",
        "state" => "StreamState",
        _ => request,
    }
}

/// The type of a field.
fn kind_of(holder: &str, field: &str) -> &'static str {
    match (holder, field) {
        ("ConsumerConfig" | "JSApiConsumerGetNextRequest" | "JSApiMsgGetRequest", "max_bytes") => {
            "int"
        }
        ("ConsumerConfig", "max_batch" | "max_waiting" | "max_deliver") => "int",
        ("CreateConsumerRequest", "config") => "server.ConsumerConfig",
        (_, "config") => "server.StreamConfig",
        (_, "state") => "server.StreamState",
        (_, "mirror") => "server.StreamSource",
        (_, "sources") => "[]*server.StreamSource",
        (_, "external") => "server.ExternalStream",
        (_, "consumer") => "server.StreamConsumerSource",
        (_, "subject_transform") => "server.SubjectTransformConfig",
        (_, "subject_transforms") => "[]server.SubjectTransformConfig",
        (_, "republish") => "server.RePublish",
        (_, "placement") => "server.Placement",
        (_, "consumer_limits") => "server.StreamConsumerLimits",
        (_, "metadata") => "map[string]string",
        (_, "subjects" | "tags" | "filter_subjects" | "priority_groups" | "multi_last") => {
            "[]string"
        }
        (_, "backoff") => "[]time.Duration",
        (_, "max_age" | "duplicate_window" | "subject_delete_marker_ttl" | "ack_wait") => {
            "time.Duration"
        }
        (_, "max_expires" | "idle_heartbeat" | "inactive_threshold" | "priority_timeout") => {
            "time.Duration"
        }
        (_, "expires") => "time.Duration",
        (_, "max_consumers" | "num_replicas" | "max_ack_pending" | "batch" | "offset") => "int",
        (_, "chunk_size" | "window_size" | "priority") => "int",
        (_, "max_msg_size") => "int32",
        (_, "max_msgs" | "max_bytes" | "max_msgs_per_subject") => "int64",
        (_, "min_pending" | "min_ack_pending") => "int64",
        (_, "first_seq" | "opt_start_seq" | "seq" | "keep" | "rate_limit_bps" | "up_to_seq") => {
            "uint64"
        }
        (_, "messages" | "bytes" | "last_seq") => "uint64",
        (_, field) if IS_BOOL.contains(&field) => "bool",
        _ => "string",
    }
}

const IS_BOOL: &[&str] = &[
    "allow_atomic",
    "allow_batched",
    "allow_direct",
    "allow_msg_counter",
    "allow_msg_schedules",
    "allow_msg_ttl",
    "allow_rollup_hdrs",
    "deleted_details",
    "deny_delete",
    "deny_purge",
    "direct",
    "discard_new_per_subject",
    "flow_control",
    "headers_only",
    "jsck",
    "mem_storage",
    "mirror_direct",
    "no_ack",
    "no_consumers",
    "no_erase",
    "no_hdr",
    "no_wait",
    "pedantic",
    "sealed",
    "sourcing",
];
