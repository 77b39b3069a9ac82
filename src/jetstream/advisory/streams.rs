//! About streams, and about calls of the API.

use serde::Serialize;

use super::{ADVISORIES, Done, event};
use crate::json::is_default;
use crate::stream::StreamState;
use crate::time::Time;

/// A call was answered. `C` describes who called.
#[derive(Debug, Clone, Serialize)]
pub struct ApiAudit<'a, C> {
    pub server: &'a str,
    pub client: C,
    pub subject: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    pub request: &'a str,
    pub response: &'a str,
}

/// A stream was created, changed or deleted.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct StreamAction<'a> {
    pub stream: &'a str,
    pub action: Done,
}

/// A snapshot begins.
#[derive(Debug, Clone, Serialize)]
pub struct SnapshotCreate<'a, C> {
    pub stream: &'a str,
    pub state: &'a StreamState,
    pub client: C,
}

/// A snapshot has ended.
#[derive(Debug, Clone, Serialize)]
pub struct SnapshotComplete<'a, C> {
    pub stream: &'a str,
    pub start: Time,
    pub end: Time,
    pub client: C,
}

/// A restore begins.
#[derive(Debug, Clone, Serialize)]
pub struct RestoreCreate<'a, C> {
    pub stream: &'a str,
    pub client: C,
}

/// A restore has ended.
#[derive(Debug, Clone, Serialize)]
pub struct RestoreComplete<'a, C> {
    pub stream: &'a str,
    pub start: Time,
    pub end: Time,
    pub bytes: u64,
    pub client: C,
}

/// An atomic batch was given up.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct BatchAbandoned<'a> {
    /// Only in the copy for the system.
    #[serde(skip_serializing_if = "is_default")]
    pub account: &'a str,
    pub stream: &'a str,
    pub batch: &'a str,
    /// One of the `BATCH_*` of this module's parent.
    pub reason: &'a str,
}

event!(ApiAudit<C> = "advisory.v1.api_audit", |_event| format!("{ADVISORIES}.API"));
event!(StreamAction = "advisory.v1.stream_action", |event| {
    format!("{ADVISORIES}.STREAM.{}.{}", event.action.word(), event.stream)
});
event!(SnapshotCreate<C> = "advisory.v1.snapshot_create", |event| {
    format!("{ADVISORIES}.STREAM.SNAPSHOT_CREATE.{}", event.stream)
});
event!(SnapshotComplete<C> = "advisory.v1.snapshot_complete", |event| {
    format!("{ADVISORIES}.STREAM.SNAPSHOT_COMPLETE.{}", event.stream)
});
event!(RestoreCreate<C> = "advisory.v1.restore_create", |event| {
    format!("{ADVISORIES}.STREAM.RESTORE_CREATE.{}", event.stream)
});
event!(RestoreComplete<C> = "advisory.v1.restore_complete", |event| {
    format!("{ADVISORIES}.STREAM.RESTORE_COMPLETE.{}", event.stream)
});
event!(BatchAbandoned = "advisory.v1.stream_batch_abandoned", |event| {
    format!("{ADVISORIES}.STREAM.BATCH_ABANDONED.{}", event.stream)
});
