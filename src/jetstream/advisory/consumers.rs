//! About consumers, and about what becomes of the messages they deliver.

use serde::Serialize;

use super::{ADVISORIES, Done, METRICS, event};
use crate::json::is_default;
use crate::time::Time;

/// A consumer was created, changed or deleted.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ConsumerAction<'a> {
    pub stream: &'a str,
    pub consumer: &'a str,
    pub action: Done,
}

/// A consumer stopped for a while, or goes on.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ConsumerPaused<'a> {
    pub stream: &'a str,
    pub consumer: &'a str,
    pub paused: bool,
    pub pause_until: Time,
}

/// One client gets all messages of a group.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct GroupPinned<'a> {
    pub account: &'a str,
    pub stream: &'a str,
    pub consumer: &'a str,
    pub group: &'a str,
    #[serde(rename = "pinned_id")]
    pub id: &'a str,
}

/// It no longer does.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct GroupUnpinned<'a> {
    pub account: &'a str,
    pub stream: &'a str,
    pub consumer: &'a str,
    pub group: &'a str,
    /// One of the `UNPINNED_*` of this module's parent.
    pub reason: &'a str,
}

/// A message was delivered as often as it may.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct MaxDeliveries<'a> {
    pub stream: &'a str,
    pub consumer: &'a str,
    pub stream_seq: u64,
    pub deliveries: u64,
}

/// A client did not take a message.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Naked<'a> {
    pub stream: &'a str,
    pub consumer: &'a str,
    pub consumer_seq: u64,
    pub stream_seq: u64,
    pub deliveries: u64,
}

/// A message will not be delivered again.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Terminated<'a> {
    pub stream: &'a str,
    pub consumer: &'a str,
    pub consumer_seq: u64,
    pub stream_seq: u64,
    pub deliveries: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub reason: &'a str,
}

/// How long an acknowledgement took.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct AckSample<'a> {
    pub stream: &'a str,
    pub consumer: &'a str,
    pub consumer_seq: u64,
    pub stream_seq: u64,
    /// Nanoseconds since the last delivery.
    pub ack_time: i64,
    pub deliveries: u64,
}

/// The subject of what `word` says about a consumer.
fn subject(word: &str, stream: &str, consumer: &str) -> String {
    format!("{ADVISORIES}.CONSUMER.{word}.{stream}.{consumer}")
}

event!(ConsumerAction = "advisory.v1.consumer_action", |event| {
    subject(event.action.word(), event.stream, event.consumer)
});
event!(ConsumerPaused = "advisory.v1.consumer_pause", |event| {
    subject("PAUSE", event.stream, event.consumer)
});
event!(GroupPinned = "advisory.v1.consumer_group_pinned", |event| {
    subject("PINNED", event.stream, event.consumer)
});
event!(GroupUnpinned = "advisory.v1.consumer_group_unpinned", |event| {
    subject("UNPINNED", event.stream, event.consumer)
});
event!(MaxDeliveries = "advisory.v1.max_deliver", |event| {
    subject("MAX_DELIVERIES", event.stream, event.consumer)
});
event!(Naked = "advisory.v1.nak", |event| subject("MSG_NAKED", event.stream, event.consumer));
event!(Terminated = "advisory.v1.terminated", |event| {
    subject("MSG_TERMINATED", event.stream, event.consumer)
});
event!(AckSample = "metric.v1.consumer_ack", |event| {
    format!("{METRICS}.CONSUMER.ACK.{}.{}", event.stream, event.consumer)
});
