//! Limits of accounts as their JWTs state them: numbers, of which a negative one means no limit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::claims::nullable;
use crate::account::{AccountLimits, JetStreamLimits};

/// `limits` of an account's claims.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OperatorLimits {
    pub subs: i64,
    /// Bytes; not enforced, as in nats-server.
    pub data: i64,
    /// Bytes of a message.
    pub payload: i64,
    pub imports: i64,
    pub exports: i64,
    /// Exports may have wildcards.
    pub wildcards: bool,
    pub disallow_bearer: bool,
    pub conn: i64,
    pub leaf: i64,
    #[serde(flatten)]
    pub jetstream: JetStreamClaims,
    /// By number of replicas: `R1`, `R3`. Where there are any, those for all do not count.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "BTreeMap::is_empty")]
    pub tiered_limits: BTreeMap<String, JetStreamClaims>,
}

/// Limits of JetStream; without storage there is none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JetStreamClaims {
    pub mem_storage: i64,
    pub disk_storage: i64,
    pub streams: i64,
    pub consumer: i64,
    pub max_ack_pending: i64,
    pub mem_max_stream_bytes: i64,
    pub disk_max_stream_bytes: i64,
    pub max_bytes_required: bool,
}

impl OperatorLimits {
    pub fn account(&self) -> AccountLimits {
        AccountLimits {
            connections: limit(self.conn),
            leafnodes: limit(self.leaf),
            subscriptions: limit(self.subs),
            payload: limit(self.payload),
        }
    }

    /// `None`: no JetStream. What holds for all streams; nothing, where there are tiers.
    pub fn jetstream(&self) -> Option<JetStreamLimits> {
        match self.tiers().is_empty() {
            true => self.jetstream.rules(),
            false => Some(JetStreamLimits::default()),
        }
    }

    /// Limits of JetStream by number of replicas.
    pub fn tiers(&self) -> BTreeMap<String, JetStreamLimits> {
        let tiers = self.tiered_limits.iter();
        tiers.filter_map(|(name, tier)| Some((name.clone(), tier.rules()?))).collect()
    }
}

impl JetStreamClaims {
    fn rules(&self) -> Option<JetStreamLimits> {
        let enabled = self.mem_storage != 0 || self.disk_storage != 0;
        enabled.then(|| JetStreamLimits {
            memory: limit(self.mem_storage),
            store: limit(self.disk_storage),
            streams: positive(self.streams),
            consumers: positive(self.consumer),
            max_bytes_required: self.max_bytes_required,
            memory_stream: positive(self.mem_max_stream_bytes),
            store_stream: positive(self.disk_max_stream_bytes),
            ack_pending: positive(self.max_ack_pending),
            owner_traffic: false,
        })
    }
}

/// A negative number is no limit.
pub(super) fn limit(number: i64) -> Option<u64> {
    u64::try_from(number).ok()
}

/// Neither is 0.
fn positive(number: i64) -> Option<u64> {
    limit(number).filter(|number| *number > 0)
}
