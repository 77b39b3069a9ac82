//! Who a request to create is about: its subject and its body have to say the same.

use super::ConsumerConfig;
use crate::api::{ConsumerCreate, Request};
use crate::error::{ApiError, codes};
use crate::names;

/// The configuration with its names as they are meant. Of a consumer that has none yet, and shall
/// get one, the name is empty.
///
/// `request` is one of the two that create consumers; of others nothing is asked.
pub fn identify(create: ConsumerCreate, request: &Request<'_>) -> Result<ConsumerConfig, ApiError> {
    let (stream, subject_name, filter, is_durable) = match *request {
        Request::ConsumerCreate { stream, name, filter } => (stream, name, filter, false),
        Request::ConsumerDurableCreate { stream, name } => (stream, Some(name), None, true),
        _ => return Ok(create.config),
    };
    if create.stream != stream {
        return Err(codes::STREAM_MISMATCH.into());
    }
    let mut config = create.config;
    if let Some(filter) = filter {
        check_filter(&config, filter)?;
    }
    match subject_name {
        Some(name) => {
            check_name(name)?;
            if config.durable.is_empty() && is_durable {
                return Err(codes::CONSUMER_DURABLE_NAME_NOT_SET.into());
            }
            if !config.durable.is_empty() && config.durable != name {
                return Err(codes::CONSUMER_DURABLE_NAME_NOT_MATCH_SUBJECT.into());
            }
            name.clone_into(&mut config.name);
        }
        None if !config.durable.is_empty() => {
            return Err(codes::CONSUMER_EPHEMERAL_WITH_DURABLE_NAME.into());
        }
        None => check_name(&config.name)?,
    }
    Ok(config)
}

fn check_filter(config: &ConsumerConfig, filter: &str) -> Result<(), ApiError> {
    if !config.filter_subjects.is_empty() {
        return Err(codes::CONSUMER_MULTIPLE_FILTERS_NOT_ALLOWED.into());
    }
    if config.filter_subject != filter {
        return Err(codes::CONSUMER_CREATE_FILTER_SUBJECT_MISMATCH.into());
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), ApiError> {
    if names::has_path_separator(name) {
        return Err(codes::CONSUMER_NAME_CONTAINS_PATH_SEPARATORS.into());
    }
    if name.len() > names::LENGTH_MAX {
        return Err(codes::CONSUMER_NAME_TOO_LONG.with(names::LENGTH_MAX));
    }
    Ok(())
}
