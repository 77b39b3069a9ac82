//! Requests for consumers: the subject and the body have to agree before the stream is asked.

use vagus_jetstream::api::ConsumerCreate;
use vagus_jetstream::consumer::ConsumerConfig;
use vagus_jetstream::{ApiError, codes, json};

use super::Meta;
use super::requests::is_empty;
use crate::jetstream::Caller;
use crate::stream::messages::{CreateConsumer, Request};

impl Meta {
    /// `CONSUMER.CREATE.<stream>[.<name>[.<filter>]]`
    pub(super) fn create_consumer(
        &mut self,
        caller: &Caller,
        stream: &str,
        name: Option<&str>,
        filter: Option<&str>,
    ) -> Result<(), ApiError> {
        let mut ask = self.read_consumer(caller, stream)?;
        let config = &mut ask.config;
        match name {
            None if !config.durable.is_empty() => {
                return Err(codes::CONSUMER_EPHEMERAL_WITH_DURABLE_NAME.error());
            }
            None => {}
            Some(name) => {
                check_name(name)?;
                if !config.durable.is_empty() && config.durable != name {
                    return Err(codes::CONSUMER_DURABLE_NAME_NOT_MATCH_SUBJECT.error());
                }
                config.name = name.to_owned();
                check_filter(config, filter)?;
            }
        }
        self.ask_for_consumer(caller, stream, ask)
    }

    /// `CONSUMER.DURABLE.CREATE.<stream>.<name>`
    pub(super) fn create_durable(
        &mut self,
        caller: &Caller,
        stream: &str,
        name: &str,
    ) -> Result<(), ApiError> {
        let mut ask = self.read_consumer(caller, stream)?;
        if ask.config.durable.is_empty() {
            return Err(codes::CONSUMER_DURABLE_NAME_NOT_SET.error());
        }
        if ask.config.durable != name {
            return Err(codes::CONSUMER_DURABLE_NAME_NOT_MATCH_SUBJECT.error());
        }
        check_name(name)?;
        if ask.config.name.is_empty() {
            ask.config.name = name.to_owned();
        }
        self.ask_for_consumer(caller, stream, ask)
    }

    fn read_consumer(&self, caller: &Caller, stream: &str) -> Result<ConsumerCreate, ApiError> {
        let body = caller.body();
        let ask: ConsumerCreate = match is_empty(body) {
            true => ConsumerCreate::default(),
            false => json::parse(body, self.js.settings().strict)?,
        };
        if ask.stream != stream {
            return Err(codes::STREAM_MISMATCH.error());
        }
        Ok(ask)
    }

    fn ask_for_consumer(
        &self,
        caller: &Caller,
        stream: &str,
        ask: ConsumerCreate,
    ) -> Result<(), ApiError> {
        let ConsumerCreate { config, action, pedantic, .. } = ask;
        let request = CreateConsumer { config, action, pedantic };
        self.send(stream, caller, Request::CreateConsumer(Box::new(request)))
    }
}

fn check_name(name: &str) -> Result<(), ApiError> {
    if name.contains(['/', '\\']) {
        return Err(codes::CONSUMER_NAME_CONTAINS_PATH_SEPARATORS.error());
    }
    Ok(())
}

fn check_filter(config: &ConsumerConfig, filter: Option<&str>) -> Result<(), ApiError> {
    let Some(filter) = filter else { return Ok(()) };
    if !config.filter_subjects.is_empty() {
        return Err(codes::CONSUMER_MULTIPLE_FILTERS_NOT_ALLOWED.error());
    }
    if config.filter_subject != filter {
        return Err(codes::CONSUMER_CREATE_FILTER_SUBJECT_MISMATCH.error());
    }
    Ok(())
}
