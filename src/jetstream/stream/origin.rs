//! Where the messages of a mirror, or of a stream with sources, come from.

use serde::{Deserialize, Serialize};

use super::SubjectTransform;
use crate::json::{is_default, is_empty_vec};
use crate::time::Time;

/// One origin.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamSource {
    /// Name of the stream there.
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub opt_start_seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opt_start_time: Option<Time>,
    #[serde(skip_serializing_if = "is_default")]
    pub filter_subject: String,
    #[serde(skip_serializing_if = "is_empty_vec")]
    pub subject_transforms: Vec<SubjectTransform>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalStream>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer: Option<SourceConsumer>,
}

/// How to reach a stream of another account or domain.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ExternalStream {
    /// Takes the place of `$JS.API`.
    pub api: String,
    /// Prefix of the subject that messages arrive at.
    pub deliver: String,
}

/// A durable consumer that was made for the transfer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceConsumer {
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub deliver_subject: String,
}
