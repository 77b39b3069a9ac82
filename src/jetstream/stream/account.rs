//! What an account allows a stream to be.

use super::{Storage, StreamConfig};
use crate::api::AccountLimits;
use crate::error::{ApiError, codes};

/// What the other streams of an account have reserved with their `max_bytes`, and how many they
/// are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reserved {
    pub streams: i64,
    /// Bytes.
    pub memory: i64,
    /// Bytes.
    pub store: i64,
}

/// Whether the account has room for the stream beside what `others` take.
pub fn check_account(
    config: &StreamConfig,
    limits: &AccountLimits,
    others: Reserved,
) -> Result<(), ApiError> {
    if limits.max_streams > 0 && others.streams >= limits.max_streams {
        return Err(codes::MAXIMUM_STREAMS_LIMIT.into());
    }
    if limits.max_consumers > 0 && config.max_consumers > limits.max_consumers {
        return Err(codes::MAXIMUM_CONSUMERS_LIMIT.into());
    }
    if limits.max_bytes_required && config.max_bytes <= 0 {
        return Err(codes::STREAM_MAX_BYTES_REQUIRED.into());
    }
    let (of_stream, of_account, reserved, full) = match config.storage {
        Storage::Memory => (
            limits.memory_max_stream_bytes,
            limits.max_memory,
            others.memory,
            codes::MEMORY_RESOURCES_EXCEEDED,
        ),
        Storage::File => (
            limits.store_max_stream_bytes,
            limits.max_store,
            others.store,
            codes::STORAGE_RESOURCES_EXCEEDED,
        ),
    };
    if of_stream > 0 && config.max_bytes > of_stream {
        return Err(codes::STREAM_MAX_STREAM_BYTES_EXCEEDED.into());
    }
    // A stream of any size needs some room at least.
    let wanted = config.max_bytes.max(1).saturating_mul(config.num_replicas.max(1));
    if of_account >= 0 && reserved.saturating_add(wanted) > of_account {
        return Err(full.into());
    }
    Ok(())
}
