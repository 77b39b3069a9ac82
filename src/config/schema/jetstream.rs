//! Persistence.

use super::Shape::*;
use super::{Block, Key, key};

pub(super) static JETSTREAM: Block = Block::new("jetstream", JETSTREAM_KEYS);

#[rustfmt::skip]
static JETSTREAM_KEYS: &[Key] = &[
    key("enabled", Bool, "true", "Persistence.").or(&["enable"]),
    key("disabled", Bool, "false", "No persistence.").or(&["disable"]),
    key("store_dir", Path, "", "Directory of stored streams.").or(&["store", "storedir"]),
    key("max_memory_store", Storage, "-1",
        "Memory for streams; three quarters of the machine's when unset.")
            .or(&["max_mem_store", "max_mem"]).reloads(),
    key("max_file_store", Storage, "-1",
        "Disk for streams; three quarters of what is free when unset.").or(&["max_file"]).reloads(),
    key("domain", Text, "", "Name that separates this persistence from that of connected servers."),
    key("encryption_key", Secret, "",
        "Key with which stored data is encrypted.").or(&["key", "ek"]),
    key("prev_encryption_key", Secret, "",
        "Key used before, to change keys.").or(&["prev_key", "prev_ek"]),
    key("cipher", Text, "chacha", "Cipher of stored data: chacha or aes."),
    key("extension_hint", Text, "", "`no_extend`: the domain is that of this server alone."),
    key("unique_tag", Text, "", "Tag prefix that replicas must not share.").later(),
    key("sync_interval", OneOf(&[Int, Text]), "always",
        "Time between syncs to disk; or always: what is acknowledged is on disk.").or(&["sync"]),
    key("strict", Bool, "true", "Refuse requests with unknown fields."),
    key("max_outstanding_catchup", Storage, "64MB",
        "Bytes under way to replicas that catch up.").later(),
    key("max_buffered_size", Storage, "128MB", "Bytes that may wait for a stream."),
    key("max_buffered_msgs", Int, "100000", "Messages that may wait for a stream."),
    key("request_queue_limit", Int, "10000", "API requests that may wait."),
    key("info_queue_limit", Int, "10000", "API requests for information that may wait."),
    key("meta_compact", Int, "",
        "Log entries after which the meta log is compacted.").reloads().later(),
    key("meta_compact_size", Storage, "",
        "Size at which the meta log is compacted.").reloads().later(),
    key("meta_compact_sync", Bool, "false", "Wait for the compaction of the meta log.").reloads(),
    key("max_concurrent_io", Int, "4096",
        "Disk operations at a time, 4 to 8192.").reloads().later(),
    key("limits", Block(&LIMITS), "", "Limits for all accounts."),
    key("tpm", Block(&TPM), "", "Encryption key kept in a TPM.").refused(),
];

static LIMITS: Block = Block::new("jetstream.limits", LIMITS_KEYS);

#[rustfmt::skip]
static LIMITS_KEYS: &[Key] = &[
    key("max_ack_pending", Int, "", "Unacknowledged messages of a consumer."),
    key("max_ha_assets", Int, "", "Replicated streams and consumers on this server.").later(),
    key("max_request_batch", Int, "", "Messages of one pull request."),
    key("duplicate_window", DurationText, "", "Longest window for finding duplicates."),
    key("batch", Block(&BATCH), "", "Limits of atomic batches."),
];

static BATCH: Block = Block::new("jetstream.limits.batch", BATCH_KEYS);

#[rustfmt::skip]
static BATCH_KEYS: &[Key] = &[
    key("max_inflight_per_stream", Int, "", "Open batches of one stream."),
    key("max_inflight_total", Int, "", "Open batches of the server."),
    key("max_msgs", Int, "", "Messages of one batch."),
    key("timeout", DurationText, "", "Time a batch may stay open."),
];

static TPM: Block = Block::new("jetstream.tpm", TPM_KEYS);

#[rustfmt::skip]
static TPM_KEYS: &[Key] = &[
    key("keys_file", Path, "", "File of the sealed key."),
    key("encryption_password", Secret, "", "Password of the sealed key."),
    key("srk_password", Secret, "", "Password of the storage root key."),
    key("pcr", Int, "22", "Register the key is bound to."),
    key("cipher", Text, "chacha", "Cipher of stored data: chacha or aes."),
];
