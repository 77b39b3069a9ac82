//! The order in which a configuration is looked at, for creation.

use super::{StreamConfig, defaults, features, origins, subjects};
use crate::error::{ApiError, codes};
use crate::names;

/// Bytes.
const DESCRIPTION_MAX: usize = 4096;
/// Bytes, of names and values together.
const METADATA_MAX: usize = 128 * 1024;

/// What the rules have to know besides the configuration.
#[derive(Clone, Copy)]
pub struct StreamRules<'a> {
    /// Refuse what would be adjusted.
    pub pedantic: bool,
    /// The longest time message ids are remembered, in nanoseconds; 0 is no limit.
    pub duplicate_window_max: i64,
    /// Whether there are servers to replicate to.
    pub clustered: bool,
    /// Another stream of the account.
    pub find: &'a dyn Fn(&str) -> Option<&'a StreamConfig>,
}

/// An error in the configuration that has no number of its own.
pub(super) fn invalid(why: impl std::fmt::Display) -> ApiError {
    codes::STREAM_INVALID_CONFIG.with(why)
}

// === impl StreamRules ===

impl<'a> StreamRules<'a> {
    /// For a server that knows no other stream and has no limits.
    #[must_use]
    pub fn alone() -> Self {
        StreamRules { pedantic: false, duplicate_window_max: 0, clustered: false, find: &|_| None }
    }

    /// In pedantic mode an error, otherwise nothing.
    pub(super) fn adjust(&self, why: &str) -> Result<(), ApiError> {
        if self.pedantic { Err(codes::PEDANTIC.with(why)) } else { Ok(()) }
    }
}

// === impl StreamConfig ===

impl StreamConfig {
    /// What a stream of the name `stream`, which does not exist yet, works with.
    ///
    /// Neither other streams' subjects ([`super::overlap`]) nor the account's limits
    /// ([`super::check_account`]) are looked at.
    pub fn for_create(self, stream: &str, rules: &StreamRules<'_>) -> Result<Self, ApiError> {
        if self.name != stream {
            return Err(codes::STREAM_MISMATCH.into());
        }
        if names::has_path_separator(&self.name) {
            return Err(codes::STREAM_NAME_CONTAINS_PATH_SEPARATORS.into());
        }
        if self.sealed {
            return Err(invalid("stream configuration for create can not be sealed"));
        }
        if self.mirror_direct && self.mirror.is_none() {
            return Err(invalid("stream has no mirror but does have mirror direct"));
        }
        let mut config = self.checked(rules)?;
        config.set_required_level();
        if config.num_replicas > 1 && !rules.clustered {
            return Err(codes::STREAM_REPLICAS_NOT_SUPPORTED.into());
        }
        Ok(config)
    }

    /// What creation and update have in common: filled in, and checked.
    pub(super) fn checked(mut self, rules: &StreamRules<'_>) -> Result<Self, ApiError> {
        check_names(&self)?;
        defaults::fill_in(&mut self, rules)?;
        features::check(&mut self, rules)?;
        origins::check(&mut self, rules)?;
        subjects::check(&mut self, rules)?;
        self.strip_server_metadata();
        Ok(self)
    }
}

fn check_names(config: &StreamConfig) -> Result<(), ApiError> {
    if !names::is_valid(&config.name) {
        return Err(invalid(
            "stream name is required and can not contain '.', '*', '>', '\\', '/'",
        ));
    }
    if config.name.len() > names::LENGTH_MAX {
        return Err(too_long("stream name", names::LENGTH_MAX));
    }
    if config.description.len() > DESCRIPTION_MAX {
        return Err(too_long("stream description", DESCRIPTION_MAX));
    }
    let metadata: usize = config.metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
    if metadata > METADATA_MAX {
        return Err(invalid(format_args!(
            "stream metadata exceeds maximum size of {METADATA_MAX} bytes"
        )));
    }
    Ok(())
}

fn too_long(what: &str, max: usize) -> ApiError {
    invalid(format_args!("{what} is too long, maximum allowed is {max}"))
}
