//! What nats-server 2.14.5 answered to a few hundred configurations, and what this crate says.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::*;
use crate::api::{Action, ConsumerCreate, Request};
use crate::error::{ApiError, codes};
use crate::json;
use crate::stream::{StreamConfig, StreamRules};

const OBSERVED: &str = include_str!("observed/create.jsonl");

/// One line: the streams there are, or what was asked, with which consumers there.
#[derive(Deserialize)]
struct Observed {
    streams: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    request: Value,
    #[serde(default)]
    prior: Vec<Value>,
    error: Option<ApiError>,
    config: Option<Value>,
}

fn stream(value: &Value) -> StreamConfig {
    let config: StreamConfig = json::parse(value.to_string().as_bytes(), true).unwrap();
    let name = config.name.clone();
    config.for_create(&name, &StreamRules::alone()).unwrap()
}

/// All that a server does with a request, but for who is listening.
fn answer(line: &Observed, stream: &StreamConfig) -> Result<ConsumerConfig, ApiError> {
    let rules = ConsumerRules::of(stream);
    let mut known: Vec<ConsumerConfig> = Vec::new();
    for prior in &line.prior {
        let config: ConsumerConfig = serde_json::from_value(prior.clone()).unwrap();
        known.push(config.for_create(&rules)?);
    }
    let subject = format!("$JS.API.{}", line.subject);
    let request = Request::parse(subject.as_bytes()).unwrap();
    let create: ConsumerCreate = json::parse(line.request.to_string().as_bytes(), true)?;
    let (action, pedantic) = (create.action, create.pedantic);
    let rules = ConsumerRules { pedantic, ..rules };
    let config = identify(create, &request)?;
    let (old, others): (Vec<_>, Vec<_>) =
        known.iter().partition(|known| !config.name.is_empty() && known.name == config.name);
    let old = old.first();
    let config = match old {
        None if action == Action::Update => return Err(codes::CONSUMER_DOES_NOT_EXIST.into()),
        None => config.for_create(&rules)?,
        Some(old) => {
            let new = config.for_update(old, &rules)?;
            if action == Action::Create && !new.is_same(old) {
                return Err(codes::CONSUMER_ALREADY_EXISTS.into());
            }
            new
        }
    };
    if stream.retention == crate::stream::Retention::WorkQueue && !config.direct {
        check_queue(&config, others.iter().copied())?;
    }
    let count = i64::try_from(known.len()).unwrap();
    if old.is_none() && stream.max_consumers > 0 && count >= stream.max_consumers {
        return Err(codes::MAXIMUM_CONSUMERS_LIMIT.into());
    }
    Ok(config)
}

#[test]
fn consumers_are_created_and_updated_as_observed() {
    let mut streams = BTreeMap::new();
    let mut wrong = Vec::new();
    let lines: Vec<Observed> = OBSERVED.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(lines.len() > 200);
    for line in &lines {
        if let Some(known) = &line.streams {
            streams = known.iter().map(|(name, value)| (name.clone(), stream(value))).collect();
            continue;
        }
        let name = line.request["stream_name"].as_str().unwrap_or_default();
        let Some(stream) = streams.get(name).or_else(|| streams.get("L")) else { continue };
        let said = match answer(line, stream) {
            Ok(config) => serde_json::to_string(&config.shown()).unwrap(),
            Err(error) => serde_json::to_string(&error).unwrap(),
        };
        let expected = match &line.error {
            Some(error) => serde_json::to_string(error).unwrap(),
            None => line.config.as_ref().unwrap().to_string(),
        };
        if said != expected {
            let (subject, request) = (&line.subject, &line.request);
            wrong.push(format!(
                "{subject} {request}\n  prior    {:?}\n  said     {said}\n  expected {expected}",
                line.prior
            ));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn refused(config: ConsumerConfig, rules: &ConsumerRules<'_>) -> Option<(u16, String)> {
    let error = config.for_create(rules).err()?;
    Some((error.err_code, error.description.into_owned()))
}

#[test]
fn servers_and_accounts_have_limits() {
    let stream = StreamConfig { num_replicas: 1, ..StreamConfig::default() };
    let free = ConsumerRules::of(&stream);
    let explicit = || ConsumerConfig { ack_policy: AckPolicy::Explicit, ..Default::default() };
    let rules = ConsumerRules { max_ack_pending: [700, 300], ..free };
    assert_eq!(explicit().for_create(&rules).unwrap().max_ack_pending, 300);
    let many = ConsumerConfig { max_ack_pending: 301, ..explicit() };
    assert_eq!(
        refused(many, &rules),
        Some((10121, "consumer max ack pending exceeds system limit of 300".to_owned()))
    );
    let rules = ConsumerRules { max_batch: 50, ..free };
    assert_eq!(explicit().for_create(&rules).unwrap().max_batch, 50);
    let many = ConsumerConfig { max_batch: 51, ..explicit() };
    assert_eq!(
        refused(many, &rules),
        Some((10125, "consumer max request batch exceeds server limit of 50".to_owned()))
    );
}

#[test]
fn replicas_fit_the_stream() {
    use crate::stream::Retention;
    let code = |replicas, retention, clustered| {
        let stream = StreamConfig { num_replicas: 3, retention, ..StreamConfig::default() };
        let rules = ConsumerRules { clustered, ..ConsumerRules::of(&stream) };
        let config = ConsumerConfig {
            num_replicas: replicas,
            ack_policy: AckPolicy::Explicit,
            ..ConsumerConfig::default()
        };
        refused(config, &rules).map(|(code, _)| code)
    };
    assert_eq!(code(1, Retention::Limits, true), None);
    assert_eq!(code(1, Retention::Interest, true), Some(10134));
    assert_eq!(code(3, Retention::WorkQueue, true), None);
    assert_eq!(code(5, Retention::Limits, true), Some(10126));
    assert_eq!(code(3, Retention::Limits, false), Some(10074));
}

#[test]
fn long_texts_are_refused() {
    let stream = StreamConfig::default();
    let rules = ConsumerRules::of(&stream);
    let config = |change: &dyn Fn(&mut ConsumerConfig)| {
        let mut config = ConsumerConfig::default();
        change(&mut config);
        refused(config, &rules).map(|(code, _)| code)
    };
    assert_eq!(config(&|config| config.name = "x".repeat(256)), Some(10102));
    assert_eq!(config(&|config| config.name = "x".repeat(255)), None);
    assert_eq!(config(&|config| config.description = "x".repeat(4097)), Some(10107));
    let long = |config: &mut ConsumerConfig| {
        config.metadata.insert("a".to_owned(), "x".repeat(128 * 1024));
    };
    assert_eq!(config(&long), Some(10135));
}
