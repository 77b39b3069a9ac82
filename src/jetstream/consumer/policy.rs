//! The choices a consumer is made of, by the names they have in JSON.

use serde::{Deserialize, Serialize};

/// Where a consumer starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliverPolicy {
    /// With the first message.
    #[default]
    #[serde(alias = "undefined")]
    All,
    /// With the last that it wants.
    Last,
    /// Behind the last.
    New,
    ByStartSequence,
    ByStartTime,
    /// With the last of each subject.
    LastPerSubject,
}

/// What an acknowledgement says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AckPolicy {
    /// There are none.
    #[default]
    None,
    /// This message and all before it are done.
    All,
    /// This message is done.
    Explicit,
    /// The answers to flow control say what is done.
    FlowControl,
}

/// How fast old messages come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReplayPolicy {
    #[default]
    Instant,
    /// With the pauses they were published with.
    Original,
}

/// Which of the waiting pull requests is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriorityPolicy {
    #[default]
    None,
    /// Those whose threshold is passed.
    Overflow,
    /// Those of one client at a time.
    PinnedClient,
    /// Those of the lowest number first.
    Prioritized,
}
