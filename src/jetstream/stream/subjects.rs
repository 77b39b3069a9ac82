//! The subjects of a stream: which are allowed, and what they become.

use vagus_subject::transform::{Kind, Transform, TransformError};
use vagus_subject::{is_subset, is_valid_subscription, overlaps};

use super::rules::{StreamRules, invalid};
use super::{Republish, StreamConfig};
use crate::error::{ApiError, codes};

/// Every subject.
const ALL: &str = ">";
/// What the API of the server answers to; a stream there must not answer as well.
const API: [&str; 3] = ["$JS.>", "$JSC.>", "$NRG.>"];
/// What of it nobody answers.
const EVENTS: &str = "$JS.EVENT.>";
/// What the system answers to.
const SYSTEM: &str = "$SYS.>";
/// What of it nobody answers.
const ACCOUNT_EVENTS: &str = "$SYS.ACCOUNT.>";

/// Whether any subject of the one list and of the other overlap.
#[must_use]
pub fn overlap(these: &[String], others: &[String]) -> bool {
    these.iter().any(|a| others.iter().any(|b| overlaps(a.as_bytes(), b.as_bytes())))
}

pub(super) fn check(config: &mut StreamConfig, rules: &StreamRules<'_>) -> Result<(), ApiError> {
    if config.subjects.is_empty() {
        if config.mirror.is_none() && config.sources.is_empty() {
            config.subjects = vec![config.name.clone()];
        }
    } else if config.mirror.is_none() {
        check_list(config)?;
    }
    check_transform(config)?;
    check_republish(config, rules)
}

fn check_list(config: &StreamConfig) -> Result<(), ApiError> {
    for (n, subject) in config.subjects.iter().enumerate() {
        let bytes = subject.as_bytes();
        if !is_valid_subscription(bytes) {
            return Err(invalid("invalid subject"));
        }
        let same = config.subjects[..n].iter().find(|other| overlaps(other.as_bytes(), bytes));
        if let Some(other) = same {
            return Err(invalid(format_args!("subject {other:?} overlaps with {subject:?}")));
        }
        if subject == ALL {
            if !config.no_ack {
                return Err(invalid("capturing all subjects requires no-ack to be true"));
            }
            if config.num_replicas > 1 {
                return Err(invalid("capturing all subjects requires replicas of 1"));
            }
        }
        if config.no_ack {
            continue;
        }
        if API.iter().any(|api| overlaps(bytes, api.as_bytes()))
            && !is_subset(bytes, EVENTS.as_bytes())
        {
            return Err(invalid(
                "subjects that overlap with jetstream api require no-ack to be true",
            ));
        }
        if overlaps(bytes, SYSTEM.as_bytes()) && !is_subset(bytes, ACCOUNT_EVENTS.as_bytes()) {
            return Err(invalid("subjects that overlap with system api require no-ack to be true"));
        }
    }
    Ok(())
}

fn check_transform(config: &StreamConfig) -> Result<(), ApiError> {
    let Some(transform) = &config.subject_transform else { return Ok(()) };
    if !transform.src.is_empty() && !is_valid_subscription(transform.src.as_bytes()) {
        let why = bad_source(&transform.src);
        return Err(codes::STREAM_TRANSFORM_INVALID_SOURCE.with(why));
    }
    check_destination(&transform.src, &transform.dest)
        .map_err(|why| codes::STREAM_TRANSFORM_INVALID_DESTINATION.with(why))
}

/// What is said of a source that is no subject.
pub(super) fn bad_source(source: &str) -> String {
    format!("invalid subject {source}")
}

/// Whether subjects of `src` can become `dest`.
pub(super) fn check_destination(src: &str, dest: &str) -> Result<(), TransformError> {
    Transform::new(src.as_bytes(), dest.as_bytes(), Kind::Stream).map(drop)
}

fn check_republish(config: &mut StreamConfig, rules: &StreamRules<'_>) -> Result<(), ApiError> {
    let Some(mut republish) = config.republish.clone() else { return Ok(()) };
    if republish.src.is_empty() {
        rules.adjust("republish source can not be empty")?;
        republish.src = ALL.to_owned();
    }
    republish_transformed(config, &mut republish);
    let (src, dest) = (republish.src.as_bytes(), republish.dest.as_bytes());
    let forms_cycle = !dest.is_empty()
        && config.subjects.iter().any(|subject| overlaps(dest, subject.as_bytes()));
    if forms_cycle {
        return Err(invalid("stream configuration for republish destination forms a cycle"));
    }
    if Transform::new(src, dest, Kind::Republish).is_err() {
        return Err(invalid(format_args!(
            "stream configuration for republish with transform from '{}' to '{}' not valid",
            republish.src, republish.dest
        )));
    }
    config.republish = Some(republish);
    Ok(())
}

/// "Publish everything again where it is stored" makes sense if it is stored under another
/// subject than it came with.
fn republish_transformed(config: &StreamConfig, republish: &mut Republish) {
    let [subject] = config.subjects.as_slice() else { return };
    let Some(transform) = &config.subject_transform else { return };
    let everything = republish.src == ALL && republish.dest == ALL;
    if everything && transform.src == *subject && !transform.dest.is_empty() {
        republish.src.clone_from(&transform.dest);
        republish.dest.clone_from(&transform.dest);
    }
}
