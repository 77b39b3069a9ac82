//! JetStream as the configuration wants it: the store is opened, and what its actors share is made.

mod promises;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use thiserror::Error;
use tracing::info;
use vagus_actors::Broker;
use vagus_actors::jetstream::{Accounts, BatchLimits, Server, Settings};
use vagus_config::{Cipher, Config, JS_ACK_FC_V2, JetStream as Wanted, SyncInterval};
use vagus_jetstream::ApiError;
use vagus_store::disk::RealDisk;
use vagus_store::{CipherKind, Encryption, OpenError, Options, Store, Sync};
use vagus_telemetry::text::ByteSize;

pub(super) use self::promises::check;
use super::Identity;
use super::identity::COMPATIBLE;

/// Why JetStream can't be started.
#[derive(Debug, Error)]
pub enum JetStreamError {
    #[error("Can't start JetStream: {0}")]
    Store(#[from] OpenError),
    #[error(
        "Can't start JetStream: Error enabling jetstream on configured accounts: {} ({})",
        .0.description, .0.err_code
    )]
    Accounts(ApiError),
}

/// Bytes, where the machine does not say how much it has.
const MEMORY_UNKNOWN: u64 = 256 << 20;
const DISK_UNKNOWN: u64 = 1 << 40;

/// Opens the store. Blocks until it is known what is in it.
pub(super) fn open(
    config: &Config,
    identity: &Identity,
    broker: &Arc<Broker>,
) -> Result<Option<Arc<Accounts>>, JetStreamError> {
    let wanted = &config.jetstream;
    if !wanted.enabled {
        return Ok(None);
    }
    let began = Instant::now();
    info!("Starting JetStream");
    let settings = settings(config);
    announce(&settings);
    check(config, &settings).map_err(JetStreamError::Accounts)?;
    let store = Store::open(options(wanted, &settings.store_dir), Arc::new(RealDisk))?;
    let server = Server {
        id: identity.id.clone(),
        name: identity.name.clone(),
        version: COMPATIBLE.to_owned(),
    };
    for group in store.groups() {
        info!("  Found stream '{} > {}'", group.account, group.name);
    }
    info!("Took {:?} to start JetStream", began.elapsed());
    Ok(Some(Arc::new(Accounts::new(Arc::clone(broker), store, server, settings, config.system()))))
}

/// What a reload may change is read from here, too.
pub(super) fn settings(config: &Config) -> Settings {
    let wanted = &config.jetstream;
    let store_dir = wanted.store_dir.clone().unwrap_or_else(|| std::env::temp_dir().join("nats"));
    let limits = &wanted.limits;
    let standard = BatchLimits::default();
    let count = |given: Option<u64>, or: usize| {
        given.map_or(or, |count| usize::try_from(count).unwrap_or(usize::MAX))
    };
    let batch = &limits.batch;
    let signed = |given: Option<u64>| given.map(|n| i64::try_from(n).unwrap_or(i64::MAX));
    Settings {
        domain: wanted.domain.clone(),
        memory_max: wanted.max_memory_store.unwrap_or_else(memory),
        storage_max: wanted.max_file_store.unwrap_or_else(|| disk(&store_dir)),
        strict: wanted.strict,
        ack_pending_max: signed(limits.max_ack_pending),
        request_batch_max: signed(limits.max_request_batch),
        duplicate_window_max: limits.duplicate_window,
        batches: BatchLimits {
            atomic_per_stream_max: count(
                batch.max_inflight_per_stream,
                standard.atomic_per_stream_max,
            ),
            atomic_total_max: count(batch.max_inflight_total, standard.atomic_total_max),
            atomic_msgs_max: count(batch.max_msgs, standard.atomic_msgs_max),
            idle_max: batch.timeout.unwrap_or(standard.idle_max),
            ..standard
        },
        buffered_msgs_max: wanted.max_buffered_msgs,
        buffered_bytes_max: wanted.max_buffered_size,
        requests_max: count(Some(wanted.request_queue_limit), 0),
        ack_v2: config.feature_flags.get(JS_ACK_FC_V2).copied().unwrap_or(false),
        store_dir,
    }
}

fn options(wanted: &Wanted, dir: &Path) -> Options {
    let mut options = Options::new(dir);
    options.sync = match wanted.sync_interval {
        SyncInterval::Always => Sync::Always,
        SyncInterval::Every(time) => Sync::Every(time),
    };
    options.encryption = wanted.encryption_key.as_ref().map(|key| Encryption {
        cipher: match wanted.cipher {
            Cipher::ChaCha => CipherKind::ChaCha20Poly1305,
            Cipher::Aes => CipherKind::Aes256Gcm,
        },
        key: key.expose().to_owned(),
        prev_key: wanted.prev_encryption_key.as_ref().map(|key| key.expose().to_owned()),
    });
    options
}

fn announce(settings: &Settings) {
    info!("---------------- JETSTREAM ----------------");
    info!("  Strict:          {}", settings.strict);
    info!("  Max Memory:      {}", ByteSize(settings.memory_max));
    info!("  Max Storage:     {}", ByteSize(settings.storage_max));
    info!("  Store Directory: {:?}", settings.store_dir.join("jetstream"));
    if let Some(domain) = &settings.domain {
        info!("  Domain:          {domain}");
    }
    info!("  API Level:       {}", vagus_jetstream::api::LEVEL);
    info!("-------------------------------------------");
}

/// Three quarters of the machine's memory.
fn memory() -> u64 {
    let info = rustix::system::sysinfo();
    let unit = u64::from(info.mem_unit.max(1));
    match info.totalram.checked_mul(unit) {
        Some(bytes) if bytes > 0 => bytes / 4 * 3,
        _ => MEMORY_UNKNOWN,
    }
}

/// Three quarters of what is free where the store is, or will be.
fn disk(dir: &Path) -> u64 {
    let existing =
        dir.ancestors().find(|dir| dir.exists()).map_or(PathBuf::from("."), Path::to_path_buf);
    rustix::fs::statvfs(&existing)
        .map_or(DISK_UNKNOWN, |fs| fs.f_bavail.saturating_mul(fs.f_frsize) / 4 * 3)
}
