//! Mirrors and sources: which are allowed, alone and together, and that none leads back.

use std::collections::VecDeque;

use vagus_subject::{has_wildcards, is_valid_literal, is_valid_subscription, overlaps};

use super::rules::{StreamRules, invalid};
use super::subjects::{bad_source, check_destination};
use super::{ExternalStream, SourceConsumer, StreamConfig, StreamSource};
use crate::error::{ApiError, Code, codes};
use crate::names;

/// The subjects of the API of this server.
const LOCAL_API: &str = "$JS.API";

/// The errors of a mirror, or of a source, for the same mistakes.
struct Codes {
    word: &'static str,
    name: Code,
    filters: Code,
    transform_source: Code,
    transform: Code,
    overlapping: Code,
    consumer: Code,
    message_size: Code,
}

const MIRROR: Codes = Codes {
    word: "mirror",
    name: codes::MIRROR_INVALID_STREAM_NAME,
    filters: codes::MIRROR_MULTIPLE_FILTERS_NOT_ALLOWED,
    transform_source: codes::MIRROR_INVALID_SUBJECT_FILTER,
    transform: codes::MIRROR_INVALID_TRANSFORM_DESTINATION,
    overlapping: codes::MIRROR_OVERLAPPING_SUBJECT_FILTERS,
    consumer: codes::MIRROR_DURABLE_CONSUMER_CFG_INVALID,
    message_size: codes::MIRROR_MAX_MESSAGE_SIZE_TOO_BIG,
};

const SOURCE: Codes = Codes {
    word: "source",
    name: codes::SOURCE_INVALID_STREAM_NAME,
    filters: codes::SOURCE_MULTIPLE_FILTERS_NOT_ALLOWED,
    transform_source: codes::SOURCE_INVALID_SUBJECT_FILTER,
    transform: codes::SOURCE_INVALID_TRANSFORM_DESTINATION,
    overlapping: codes::SOURCE_OVERLAPPING_SUBJECT_FILTERS,
    consumer: codes::SOURCE_DURABLE_CONSUMER_CFG_INVALID,
    message_size: codes::SOURCE_MAX_MESSAGE_SIZE_TOO_BIG,
};

pub(super) fn check(config: &mut StreamConfig, rules: &StreamRules<'_>) -> Result<(), ApiError> {
    if let Some(mirror) = config.mirror.take() {
        let checked = check_mirror(config, &mirror, rules);
        config.mirror = Some(mirror);
        return checked;
    }
    for source in &config.sources {
        check_origin(config, source, &SOURCE, rules)?;
    }
    check_together(&config.sources)?;
    check_cycle(config, rules)
}

/// `config` is the stream without its mirror.
fn check_mirror(
    config: &mut StreamConfig,
    mirror: &StreamSource,
    rules: &StreamRules<'_>,
) -> Result<(), ApiError> {
    for (wrong, code) in [
        (config.first_seq > 0, codes::MIRROR_WITH_FIRST_SEQ),
        (!config.subjects.is_empty(), codes::MIRROR_WITH_SUBJECTS),
        (!config.sources.is_empty(), codes::MIRROR_WITH_SOURCES),
        (config.allow_msg_counter, codes::MIRROR_WITH_COUNTERS),
        (config.allow_atomic, codes::MIRROR_WITH_ATOMIC_PUBLISH),
        (config.allow_batched, codes::MIRROR_WITH_BATCH_PUBLISH),
        (config.allow_msg_schedules, codes::MIRROR_WITH_MSG_SCHEDULES),
    ] {
        if wrong {
            return Err(code.into());
        }
    }
    if mirror.external.is_none() && mirror.name == config.name {
        return Err(invalid("detected cycle"));
    }
    check_origin(config, mirror, &MIRROR, rules)?;
    if mirror.external.is_none()
        && let Some(origin) = (rules.find)(&mirror.name)
    {
        config.mirror_direct = origin.allow_direct;
    }
    Ok(())
}

fn check_origin(
    config: &StreamConfig,
    origin: &StreamSource,
    codes: &Codes,
    rules: &StreamRules<'_>,
) -> Result<(), ApiError> {
    if !names::is_valid(&origin.name) {
        return Err(codes.name.into());
    }
    if !origin.filter_subject.is_empty() && !origin.subject_transforms.is_empty() {
        return Err(codes.filters.into());
    }
    check_transforms(origin, codes)?;
    if let Some(consumer) = &origin.consumer {
        check_consumer(origin, consumer, codes)?;
    }
    match &origin.external {
        Some(external) => check_external(config, external, &origin.name, rules),
        None => {
            if let Some(known) = (rules.find)(&origin.name)
                && config.max_msg_size > 0
                && known.max_msg_size > 0
                && known.max_msg_size > config.max_msg_size
            {
                return Err(codes.message_size.into());
            }
            check_filter(origin, codes)
        }
    }
}

fn check_filter(origin: &StreamSource, codes: &Codes) -> Result<(), ApiError> {
    let filter = &origin.filter_subject;
    if filter.is_empty() || is_valid_subscription(filter.as_bytes()) {
        return Ok(());
    }
    let colon = if codes.word == "source" { ":" } else { "" };
    Err(crate::error::codes::STREAM_CREATE.with(format_args!(
        "subject filter '{filter}' for the {}{colon} invalid subject",
        codes.word
    )))
}

fn check_transforms(origin: &StreamSource, codes: &Codes) -> Result<(), ApiError> {
    let transforms = &origin.subject_transforms;
    for (n, transform) in transforms.iter().enumerate() {
        let src = transform.src.as_bytes();
        if !transform.src.is_empty() && !is_valid_subscription(src) {
            return Err(codes.transform_source.with(bad_source(&transform.src)));
        }
        check_destination(&transform.src, &transform.dest)
            .map_err(|why| codes.transform.with(why))?;
        if transforms[..n].iter().any(|other| overlaps(other.src.as_bytes(), src)) {
            return Err(codes.overlapping.into());
        }
    }
    Ok(())
}

/// A consumer that somebody made decides itself what it delivers.
fn check_consumer(
    origin: &StreamSource,
    consumer: &SourceConsumer,
    codes: &Codes,
) -> Result<(), ApiError> {
    let named = names::is_valid(&consumer.name);
    let delivers = is_valid_literal(consumer.deliver_subject.as_bytes());
    let chooses = origin.opt_start_seq > 0
        || origin.opt_start_time.is_some()
        || !origin.filter_subject.is_empty();
    if named && delivers && !chooses { Ok(()) } else { Err(codes.consumer.into()) }
}

fn check_external(
    config: &StreamConfig,
    external: &ExternalStream,
    origin: &str,
    rules: &StreamRules<'_>,
) -> Result<(), ApiError> {
    let (api, deliver) = (&external.api, &external.deliver);
    if !deliver.is_empty() {
        if has_wildcards(deliver.as_bytes()) {
            return Err(codes::STREAM_INVALID_EXTERNAL_DELIVERY_SUBJ.with(deliver));
        }
        let here = (rules.find)(origin).map_or(&config.subjects, |known| &known.subjects);
        let below = format!("{deliver}.>");
        if let Some(subject) = here.iter().find(|s| overlaps(s.as_bytes(), below.as_bytes())) {
            let code = codes::STREAM_EXTERNAL_DEL_PREFIX_OVERLAPS;
            return Err(code.with_all(&[deliver, subject]));
        }
    }
    if !api.is_empty() {
        if !is_valid_literal(api.as_bytes()) {
            return Err(invalid(format_args!(
                "stream external api prefix {api:?} must be a valid subject without wildcards"
            )));
        }
        if overlaps(api.as_bytes(), LOCAL_API.as_bytes()) {
            let code = codes::STREAM_EXTERNAL_API_OVERLAP;
            return Err(code.with_all(&[api, &LOCAL_API]));
        }
    }
    Ok(())
}

fn check_together(sources: &[StreamSource]) -> Result<(), ApiError> {
    let consumer = |source: &StreamSource| source.consumer.as_ref().map(|c| c.name.clone());
    for (n, source) in sources.iter().enumerate() {
        let same = sources[..n].iter().any(|other| {
            other.name == source.name
                && other.external == source.external
                && other.filter_subject == source.filter_subject
                && other.subject_transforms == source.subject_transforms
                && consumer(other) == consumer(source)
        });
        if same {
            return Err(codes::SOURCE_DUPLICATE_DETECTED.into());
        }
        let shared = source.consumer.is_some()
            && sources[..n].iter().any(|other| {
                other.name == source.name
                    && other.external == source.external
                    && consumer(other) == consumer(source)
            });
        if shared {
            return Err(codes::SOURCE_DURABLE_CONSUMER_DUPLICATE_DETECTED.into());
        }
    }
    Ok(())
}

/// A message must not come back to the stream it left, nor to another one on two ways: that too is
/// refused as a cycle. Sources with a filter that none of the stream's own subjects pass are let
/// be.
fn check_cycle(config: &StreamConfig, rules: &StreamRules<'_>) -> Result<(), ApiError> {
    let mut seen: Vec<&str> = Vec::new();
    let mut next = VecDeque::from([config]);
    while let Some(stream) = next.pop_front() {
        seen.push(&stream.name);
        let mirror = stream.mirror.iter().map(|mirror| (mirror, true));
        let sources = stream.sources.iter().map(|source| (source, passes(stream, source)));
        for (origin, meets) in sources.chain(mirror).filter(|(it, _)| it.external.is_none()) {
            if !seen.contains(&origin.name.as_str()) {
                next.extend((rules.find)(&origin.name));
            } else if meets {
                return Err(invalid("detected cycle"));
            }
        }
    }
    Ok(())
}

/// Whether messages of the stream's own subjects pass the filter of one of its sources.
fn passes(stream: &StreamConfig, source: &StreamSource) -> bool {
    let filter = source.filter_subject.as_bytes();
    let meets = |subject: &String| overlaps(subject.as_bytes(), filter);
    filter.is_empty() || stream.subjects.iter().any(meets)
}
