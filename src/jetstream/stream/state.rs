//! What is in a stream.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::json::is_default;
use crate::time::Time;

/// Numbers about the messages of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamState {
    #[serde(rename = "messages")]
    pub msgs: u64,
    pub bytes: u64,
    pub first_seq: u64,
    #[serde(rename = "first_ts")]
    pub first_time: Time,
    pub last_seq: u64,
    #[serde(rename = "last_ts")]
    pub last_time: Time,
    #[serde(skip_serializing_if = "is_default")]
    pub num_subjects: u64,
    /// Messages by subject, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subjects: Option<BTreeMap<String, u64>>,
    /// Sequences between the first and the last that are gone.
    #[serde(skip_serializing_if = "is_default")]
    pub num_deleted: u64,
    /// These sequences, if asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deleted: Vec<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<LostStreamData>,
    #[serde(rename = "consumer_count")]
    pub consumers: u64,
}

/// Messages that the disk no longer gives back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LostStreamData {
    /// Sequences.
    #[serde(rename = "msgs")]
    pub seqs: Vec<u64>,
    pub bytes: u64,
}
