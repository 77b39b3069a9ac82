//! The order in which a configuration is looked at, for creation.

use super::{ConsumerConfig, defaults, kinds, priority, start};
use crate::error::{ApiError, codes};
use crate::names;
use crate::stream::StreamConfig;

/// Bytes.
const DESCRIPTION_MAX: usize = 4096;
/// Bytes, of names and values together.
const METADATA_MAX: usize = 128 * 1024;

/// What the rules have to know besides the configuration.
#[derive(Debug, Clone, Copy)]
pub struct ConsumerRules<'a> {
    pub stream: &'a StreamConfig,
    /// Refuse what would be adjusted.
    pub pedantic: bool,
    /// Whether there are servers to replicate to.
    pub clustered: bool,
    /// Of the server, and of the account; 0 or less is no limit.
    pub max_ack_pending: [i64; 2],
    /// Of a pull request, by the server; 0 is no limit.
    pub max_batch: i64,
}

// === impl ConsumerRules ===

impl<'a> ConsumerRules<'a> {
    /// For a server and an account without limits.
    #[must_use]
    pub fn of(stream: &'a StreamConfig) -> Self {
        ConsumerRules {
            stream,
            pedantic: false,
            clustered: false,
            max_ack_pending: [0, 0],
            max_batch: 0,
        }
    }

    /// In pedantic mode an error, otherwise nothing.
    pub(super) fn adjust(&self, why: &str) -> Result<(), ApiError> {
        if self.pedantic { Err(codes::PEDANTIC.with(why)) } else { Ok(()) }
    }
}

// === impl ConsumerConfig ===

impl ConsumerConfig {
    /// What a consumer that does not exist yet works with.
    ///
    /// Other consumers are not looked at: neither how many there are, nor what they want of a work
    /// queue ([`super::check_queue`]).
    pub fn for_create(self, rules: &ConsumerRules<'_>) -> Result<Self, ApiError> {
        let mut config = self.checked(rules)?;
        defaults::fill_in_inactivity(&mut config, rules);
        config.set_required_level();
        Ok(config)
    }

    /// What creation and update have in common: filled in, and checked.
    pub(super) fn checked(mut self, rules: &ConsumerRules<'_>) -> Result<Self, ApiError> {
        if !self.durable.is_empty() && self.name.is_empty() {
            self.name.clone_from(&self.durable);
        }
        check_texts(&self)?;
        defaults::fill_in(&mut self, rules)?;
        check_replicas(&self, rules)?;
        kinds::check(&mut self, rules)?;
        start::check(&self)?;
        check_limits(&self, rules)?;
        sampling(&self.sample_freq)?;
        priority::check(&mut self)?;
        self.strip_server_metadata();
        Ok(self)
    }
}

fn check_texts(config: &ConsumerConfig) -> Result<(), ApiError> {
    let name = &config.name;
    if !name.is_empty() && !names::is_valid(name) {
        let code = codes::STREAM_INVALID_CONFIG;
        return Err(code.with("consumer name can not contain '.', '*', '>', '\\', '/'"));
    }
    if config.is_durable() && config.durable != config.name {
        return Err(codes::CONSUMER_CREATE_DURABLE_AND_NAME_MISMATCH.into());
    }
    if config.name.len() > names::LENGTH_MAX {
        return Err(codes::CONSUMER_NAME_TOO_LONG.with(names::LENGTH_MAX));
    }
    if config.description.len() > DESCRIPTION_MAX {
        return Err(codes::CONSUMER_DESCRIPTION_TOO_LONG.with(DESCRIPTION_MAX));
    }
    let metadata: usize = config.metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
    if metadata > METADATA_MAX {
        return Err(codes::CONSUMER_METADATA_LENGTH.with(format_args!("{}KB", METADATA_MAX / 1024)));
    }
    Ok(())
}

fn check_replicas(config: &ConsumerConfig, rules: &ConsumerRules<'_>) -> Result<(), ApiError> {
    use crate::stream::Retention;
    let of_stream = rules.stream.num_replicas;
    let wrong = match config.num_replicas {
        0 => return Ok(()),
        ..0 => codes::REPLICAS_COUNT_CANNOT_BE_NEGATIVE,
        2.. if !rules.clustered => codes::STREAM_REPLICAS_NOT_SUPPORTED,
        replicas if replicas > of_stream => codes::CONSUMER_REPLICAS_EXCEEDS_STREAM,
        replicas if replicas < of_stream && rules.stream.retention != Retention::Limits => {
            codes::CONSUMER_REPLICAS_SHOULD_MATCH_STREAM
        }
        _ => return Ok(()),
    };
    Err(wrong.into())
}

fn check_limits(config: &ConsumerConfig, rules: &ConsumerRules<'_>) -> Result<(), ApiError> {
    let [server, account] = rules.max_ack_pending;
    for limit in [server, account, rules.stream.consumer_limits.max_ack_pending] {
        if limit > 0 && config.max_ack_pending > limit {
            return Err(codes::CONSUMER_MAX_PENDING_ACK_EXCESS.with(limit));
        }
    }
    let threshold = rules.stream.consumer_limits.inactive_threshold;
    if threshold > 0 && config.inactive_threshold > threshold {
        let limit = crate::nanos_text(threshold);
        return Err(codes::CONSUMER_INACTIVE_THRESHOLD_EXCESS.with(limit));
    }
    if rules.max_batch > 0 && config.max_batch > rules.max_batch {
        return Err(codes::CONSUMER_MAX_REQUEST_BATCH_EXCEEDED.with(rules.max_batch));
    }
    Ok(())
}

/// The percentage of acknowledgements that are reported: of nothing 0.
pub fn sampling(text: &str) -> Result<u64, ApiError> {
    if text.is_empty() {
        return Ok(0);
    }
    let digits = text.strip_suffix('%').unwrap_or(text);
    let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(digits);
    let wrong = if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("strconv.Atoi: parsing {digits:?}: invalid syntax")
    } else {
        match digits.parse::<i64>() {
            Ok(percent) if percent >= 0 => return Ok(percent.unsigned_abs()),
            // This is what Go prints for "no error".
            Ok(_) => "<nil>".to_owned(),
            Err(_) => format!("strconv.Atoi: parsing {digits:?}: value out of range"),
        }
    };
    Err(codes::CONSUMER_INVALID_SAMPLING.with(wrong))
}
