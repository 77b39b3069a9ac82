//! What the server uses, allows and was configured to: the same on `/varz` and `/jsz`.

use std::time::Duration;

use serde::Serialize;
use vagus_actors::jetstream::usage::Counts;
use vagus_actors::jetstream::{Accounts, JetStream};
use vagus_config::{Config, SyncInterval};

/// What is used. Of an account: what may be reserved, and no level.
#[derive(Debug, Default, Serialize)]
pub(in crate::monitor) struct Stats {
    pub(in crate::monitor) memory: u64,
    pub(in crate::monitor) storage: u64,
    pub(in crate::monitor) reserved_memory: u64,
    pub(in crate::monitor) reserved_storage: u64,
    pub(in crate::monitor) accounts: u64,
    pub(in crate::monitor) ha_assets: u64,
    pub(in crate::monitor) api: Api,
}

#[derive(Debug, Default, Serialize)]
pub(in crate::monitor) struct Api {
    level: u64,
    total: u64,
    errors: u64,
}

/// What was configured, or found.
#[derive(Debug, Default, Serialize)]
pub(in crate::monitor) struct Settings {
    max_memory: u64,
    max_storage: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    store_dir: Option<String>,
    /// Nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    sync_interval: Option<u64>,
    #[serde(skip_serializing_if = "is_false")]
    sync_always: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    compress_ok: bool,
    #[serde(skip_serializing_if = "is_false")]
    strict: bool,
}

/// Limits for all accounts, where there are any.
#[derive(Debug, Default, Serialize)]
pub(in crate::monitor) struct Limits {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_request_batch: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_ack_pending: Option<u64>,
    /// Nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_duplicate_window: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_batch_inflight_per_stream: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_batch_inflight_total: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_batch_size: Option<u64>,
    /// Nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_batch_timeout: Option<u64>,
}

// === impl Stats ===

impl Stats {
    pub(in crate::monitor) fn of_server(jetstream: &Accounts) -> Self {
        let total = &jetstream.total;
        Self {
            reserved_memory: unsigned(total.reserved(true)),
            reserved_storage: unsigned(total.reserved(false)),
            accounts: jetstream.count() as u64,
            api: Api { level: vagus_jetstream::api::LEVEL, ..Api::of(total) },
            ..Self::of(total)
        }
    }

    /// Of one account. No limit reads as the largest number there is.
    pub(in crate::monitor) fn of_account(jetstream: &JetStream) -> Self {
        let limits = jetstream.limits();
        let reserved = |in_memory| limits.bytes(in_memory).map_or(u64::MAX, unsigned);
        Self {
            reserved_memory: reserved(true),
            reserved_storage: reserved(false),
            ..Self::of(&jetstream.usage)
        }
    }

    fn of(counts: &Counts) -> Self {
        Self {
            memory: unsigned(counts.bytes(true)),
            storage: unsigned(counts.bytes(false)),
            api: Api::of(counts),
            ..Self::default()
        }
    }
}

impl Api {
    fn of(counts: &Counts) -> Self {
        Self { level: 0, total: counts.requests(), errors: counts.errors() }
    }
}

// === impl Settings ===

impl Settings {
    pub(in crate::monitor) fn of(jetstream: &Accounts, config: &Config) -> Self {
        let settings = jetstream.settings();
        let sync = config.jetstream.sync_interval;
        Self {
            max_memory: settings.memory_max,
            max_storage: settings.storage_max,
            store_dir: Some(settings.store_dir.join("jetstream").display().to_string()),
            sync_interval: match sync {
                SyncInterval::Always => None,
                SyncInterval::Every(time) => Some(nanos(time)),
            },
            sync_always: sync == SyncInterval::Always,
            domain: jetstream.domain().map(str::to_owned),
            compress_ok: true,
            strict: settings.strict,
        }
    }
}

impl Settings {
    /// For those who need not know where the server keeps its files.
    pub(in crate::monitor) fn without_folder(self) -> Self {
        Self { store_dir: None, ..self }
    }
}

// === impl Limits ===

impl Limits {
    pub(in crate::monitor) fn of(config: &Config) -> Self {
        let limits = &config.jetstream.limits;
        Self {
            max_request_batch: limits.max_request_batch,
            max_ack_pending: limits.max_ack_pending,
            max_duplicate_window: limits.duplicate_window.map(nanos),
            max_batch_inflight_per_stream: limits.batch.max_inflight_per_stream,
            max_batch_inflight_total: limits.batch.max_inflight_total,
            max_batch_size: limits.batch.max_msgs,
            max_batch_timeout: limits.batch.timeout.map(nanos),
        }
    }
}

/// Counters go below zero for a moment, when something is taken off before it was added.
fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

// serde passes references.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_limited_is_not_shown() {
        let mut config = Config::default();
        let shown = |config: &Config| serde_json::to_string(&Limits::of(config)).unwrap();
        assert_eq!(shown(&config), "{}");
        config.jetstream.limits.max_ack_pending = Some(5);
        config.jetstream.limits.batch.timeout = Some(Duration::from_secs(2));
        assert_eq!(shown(&config), r#"{"max_ack_pending":5,"max_batch_timeout":2000000000}"#);
    }
}
