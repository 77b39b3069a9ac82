//! Accounts: users, what they share, and their limits.

use super::Shape::*;
use super::{Block, Key, auth, key};

pub(crate) static ACCOUNT: Block = Block::new("accounts", ACCOUNT_KEYS);

#[rustfmt::skip]
static ACCOUNT_KEYS: &[Key] = &[
    key("nkey", Text, "", "Public key of the account.").reloads(),
    key("users", Blocks(&auth::USER), "", "Users of the account.").reloads(),
    key("exports", Blocks(&EXPORT), "",
        "Streams and services offered to other accounts.").reloads(),
    key("imports", Blocks(&IMPORT), "",
        "Streams and services taken from other accounts.").reloads(),
    key("jetstream", OneOf(&[Bool, Text, Block(&JETSTREAM)]), "",
        "Persistence for the account and its limits.").reloads(),
    key("default_permissions", Block(&auth::PERMISSIONS), "",
        "Permissions of users who have none of their own.").reloads(),
    key("mappings", auth::MAPPINGS, "",
        "Subject mappings of the account.").or(&["maps"]).reloads(),
    key("limits", Block(&LIMITS), "", "Limits of the account.").reloads(),
    key("msg_trace", OneOf(&[Text, Block(&TRACE)]), "",
        "Where traces of messages go.").or(&["trace_dest"]).reloads().later(),
];

static LIMITS: Block =
    Block::new("accounts.limits", LIMITS_KEYS).unknown("Unknown field {} parsing account limits");

#[rustfmt::skip]
static LIMITS_KEYS: &[Key] = &[
    key("max_connections", Int, "-1", "Connections at a time.").or(&["max_conn"]).reloads(),
    key("max_subscriptions", Int, "-1", "Subscriptions at a time.").or(&["max_subs"]).reloads(),
    key("max_payload", Bytes, "-1", "Largest message.").or(&["max_pay"]).reloads(),
    key("max_leafnodes", Int, "-1",
        "Leaf node connections at a time.").or(&["max_leafs"]).reloads(),
];

static TRACE: Block = Block::new("accounts.msg_trace", TRACE_KEYS)
    .unknown("Unknown field {} parsing account message trace map/struct \"msg_trace\"");

#[rustfmt::skip]
static TRACE_KEYS: &[Key] = &[
    key("dest", Text, "", "Subject for trace events.").reloads(),
    key("sampling", OneOf(&[Int, Text]), "100", "Share of messages traced, in per cent.").reloads(),
];

static JETSTREAM: Block = Block::new("accounts.jetstream", JETSTREAM_KEYS);

#[rustfmt::skip]
static JETSTREAM_KEYS: &[Key] = &[
    key("enabled", Bool, "true", "Persistence for the account.").or(&["enable"]).reloads(),
    key("disabled", Bool, "false", "No persistence for the account.").or(&["disable"]).reloads(),
    key("max_memory", Storage, "-1",
        "Memory for streams.").or(&["max_mem", "mem", "memory"]).reloads(),
    key("max_store", Storage, "-1",
        "Disk for streams.").or(&["max_file", "max_disk", "store", "disk"]).reloads(),
    key("max_streams", Int, "-1", "Number of streams.").or(&["streams"]).reloads(),
    key("max_consumers", Int, "-1", "Number of consumers.").or(&["consumers"]).reloads(),
    key("max_bytes_required", Bool, "false",
        "Streams must name their size limit.").or(&["max_stream_bytes", "max_bytes"]).reloads(),
    key("mem_max_stream_bytes", Storage, "-1",
        "Largest stream in memory.").or(&["memory_max_stream_bytes"]).reloads(),
    key("disk_max_stream_bytes", Storage, "-1",
        "Largest stream on disk.").or(&["store_max_stream_bytes"]).reloads(),
    key("max_ack_pending", Int, "-1", "Unacknowledged messages of a consumer.").reloads(),
    key("cluster_traffic", Text, "system",
        "Account that replication runs in: system or owner.").reloads(),
];

static EXPORT: Block = Block::new("accounts.exports", EXPORT_KEYS);

#[rustfmt::skip]
static EXPORT_KEYS: &[Key] = &[
    key("stream", Text, "", "Subject of a stream offered.").reloads(),
    key("service", Text, "", "Subject of a service offered.").reloads(),
    key("accounts", Texts, "", "Accounts that may import; all when unset.").reloads(),
    key("account_token_position", Int, "",
        "Token of the subject that must be the importing account.").reloads(),
    key("response_type", Text, "singleton",
        "Responses to one request: singleton, stream or chunked.").or(&["response"]).reloads(),
    key("response_threshold", DurationText, "2m",
        "Time in which to respond.")
            .or(&["threshold", "response_max_time", "response_time"]).reloads(),
    key("latency", OneOf(&[Text, Block(&LATENCY)]), "",
        "Where response times are published.").reloads(),
    key("allow_trace", Bool, "false", "Let message traces through.").reloads(),
];

static LATENCY: Block = Block::new("accounts.exports.latency", LATENCY_KEYS);

#[rustfmt::skip]
static LATENCY_KEYS: &[Key] = &[
    key("subject", Text, "", "Subject for response times.").reloads(),
    key("sampling", OneOf(&[Int, Text]), "100",
        "Share of requests measured, in per cent, or headers.").reloads(),
];

static IMPORT: Block = Block::new("accounts.imports", IMPORT_KEYS);

#[rustfmt::skip]
static IMPORT_KEYS: &[Key] = &[
    key("stream", Block(&SOURCE), "", "Stream taken from another account.").reloads(),
    key("service", Block(&SOURCE), "", "Service taken from another account.").reloads(),
    key("prefix", Text, "", "Tokens put before the subjects of the stream.").reloads(),
    key("to", Text, "", "Subject in this account.").reloads(),
    key("share", Bool, "false", "Tell the service who asks.").reloads(),
    key("allow_trace", Bool, "false", "Let message traces through.").reloads(),
];

static SOURCE: Block = Block::new("accounts.imports.stream, service", SOURCE_KEYS);

#[rustfmt::skip]
static SOURCE_KEYS: &[Key] = &[
    key("account", Text, "", "Account that exports.").reloads(),
    key("subject", Text, "", "Subject as exported.").reloads(),
];
