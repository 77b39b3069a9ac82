//! What nats-server 2.14.5 answered to a few hundred configurations, and what this crate says.

use serde::Deserialize;
use serde_json::Value;

use super::*;
use crate::api::{AccountLimits, StreamCreate};
use crate::error::{ApiError, codes};

const CREATE: &str = include_str!("observed/create.jsonl");
const UPDATE: &str = include_str!("observed/update.jsonl");

/// One line: a request, and either the error or the configuration that came back.
#[derive(Deserialize)]
struct Observed {
    base: Option<Value>,
    create: Option<Value>,
    update: Option<Value>,
    error: Option<ApiError>,
    config: Option<Value>,
}

fn observed(lines: &str) -> Vec<Observed> {
    let lines: Vec<Observed> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(lines.len() > 50);
    lines
}

fn request(value: &Value) -> Result<StreamCreate, ApiError> {
    StreamCreate::parse(value.to_string().as_bytes(), true)
}

fn rules<'a>(pedantic: bool) -> StreamRules<'a> {
    StreamRules { pedantic, ..StreamRules::alone() }
}

fn created(value: &Value) -> Result<StreamConfig, ApiError> {
    let StreamCreate { config, pedantic } = request(value)?;
    config.clone().for_create(&config.name, &rules(pedantic))
}

/// What is said, as text that can be compared: an error, or the configuration byte by byte.
fn said(result: Result<StreamConfig, ApiError>) -> String {
    match result {
        Ok(config) => serde_json::to_string(&config.shown()).unwrap(),
        Err(error) => serde_json::to_string(&error).unwrap(),
    }
}

fn expected(line: &Observed) -> String {
    match &line.error {
        Some(error) => serde_json::to_string(error).unwrap(),
        None => line.config.as_ref().unwrap().to_string(),
    }
}

#[test]
fn streams_are_created_as_observed() {
    let mut wrong = Vec::new();
    for line in observed(CREATE) {
        let request = line.create.as_ref().unwrap();
        let (said, expected) = (said(created(request)), expected(&line));
        if said != expected {
            wrong.push(format!("{request}\n  said     {said}\n  expected {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn streams_are_updated_as_observed() {
    let other = StreamConfig { subjects: vec!["other.>".to_owned()], ..StreamConfig::default() };
    let mut wrong = Vec::new();
    for line in observed(UPDATE) {
        let (base, update) = (line.base.as_ref().unwrap(), line.update.as_ref().unwrap());
        let old = created(base).unwrap();
        let result = request(update).and_then(|StreamCreate { config, pedantic }| {
            let new = config.for_update(&old, &rules(pedantic))?;
            let clear = !overlap(&new.subjects, &other.subjects);
            clear.then_some(new).ok_or_else(|| codes::STREAM_SUBJECT_OVERLAP.error())
        });
        let (said, expected) = (said(result), expected(&line));
        if said != expected {
            wrong.push(format!("{base} {update}\n  said     {said}\n  expected {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn named(name: &str, change: impl FnOnce(&mut StreamConfig)) -> StreamConfig {
    let mut config = StreamConfig { name: name.to_owned(), ..StreamConfig::default() };
    change(&mut config);
    config
}

fn source(name: &str) -> StreamSource {
    StreamSource { name: name.to_owned(), ..StreamSource::default() }
}

fn refused(config: StreamConfig, known: &[StreamConfig]) -> Option<(u16, String)> {
    let find = |name: &str| known.iter().find(|config| config.name == name);
    let rules = StreamRules { find: &find, ..StreamRules::alone() };
    let name = config.name.clone();
    let error = config.for_create(&name, &rules).err()?;
    Some((error.err_code, error.description.into_owned()))
}

fn code(config: StreamConfig, known: &[StreamConfig]) -> Option<u16> {
    refused(config, known).map(|(code, _)| code)
}

#[test]
fn long_texts_are_refused() {
    let long = |n: usize| "x".repeat(n);
    let words = |change: &dyn Fn(&mut StreamConfig)| refused(named("T", change), &[]);
    let invalid = |text: &str| Some((10052, text.to_owned()));
    assert_eq!(words(&|config| config.description = long(4096)), None);
    assert_eq!(
        words(&|config| config.description = long(4097)),
        invalid("stream description is too long, maximum allowed is 4096")
    );
    let metadata = |n: usize| {
        move |config: &mut StreamConfig| {
            config.metadata.insert("a".to_owned(), "x".repeat(n));
        }
    };
    assert_eq!(words(&metadata(128 * 1024 - 1)), None);
    assert_eq!(
        words(&metadata(128 * 1024)),
        invalid("stream metadata exceeds maximum size of 131072 bytes")
    );
    assert_eq!(
        refused(named(&long(256), |_| {}), &[]),
        invalid("stream name is too long, maximum allowed is 255")
    );
}

#[test]
fn messages_never_come_back() {
    let sourcing = |name: &str, from: &str| named(name, |config| config.sources.push(source(from)));
    let known = [sourcing("A", "B"), sourcing("C", "A")];
    assert_eq!(code(sourcing("B", "A"), &known), Some(10052));
    assert_eq!(code(sourcing("B", "C"), &known), Some(10052));
    assert_eq!(code(sourcing("D", "C"), &known), None);
}

#[test]
fn what_is_known_of_an_origin_counts() {
    let known = [named("O", |config| {
        config.max_msg_size = 100;
        config.allow_direct = true;
        config.subjects = vec!["o.>".to_owned()];
    })];
    let mirror = |change: fn(&mut StreamConfig)| {
        named("T", |config| {
            config.mirror = Some(source("O"));
            change(config);
        })
    };
    assert_eq!(code(mirror(|config| config.max_msg_size = 50), &known), Some(10030));
    assert_eq!(code(mirror(|config| config.max_msg_size = 100), &known), None);
    let small = named("T", |config| {
        config.sources.push(source("O"));
        config.max_msg_size = 50;
    });
    assert_eq!(code(small, &known), Some(10046));
    let find = |name: &str| known.iter().find(|config| config.name == name);
    let rules = StreamRules { find: &find, ..StreamRules::alone() };
    assert!(mirror(|_| {}).for_create("T", &rules).unwrap().mirror_direct);
}

#[test]
fn accounts_have_limits() {
    let config = |change: fn(&mut StreamConfig)| {
        named("T", |config| {
            config.num_replicas = 1;
            change(config);
        })
    };
    let check = |config: &StreamConfig, limits: AccountLimits, others: Reserved| {
        check_account(config, &limits, others).map_err(|error| error.err_code)
    };
    let free = AccountLimits::UNLIMITED;
    let none = Reserved::default();
    assert_eq!(check(&config(|_| {}), free, none), Ok(()));
    let limits = AccountLimits { max_streams: 2, ..free };
    assert_eq!(check(&config(|_| {}), limits, Reserved { streams: 2, ..none }), Err(10027));
    let limits = AccountLimits { max_bytes_required: true, ..free };
    assert_eq!(check(&config(|_| {}), limits, none), Err(10113));
    assert_eq!(check(&config(|config| config.max_bytes = 9), limits, none), Ok(()));
    let limits = AccountLimits { store_max_stream_bytes: 8, ..free };
    assert_eq!(check(&config(|config| config.max_bytes = 9), limits, none), Err(10122));
    let limits = AccountLimits { max_store: 10, max_memory: 10, ..free };
    let others = Reserved { store: 2, ..none };
    assert_eq!(check(&config(|config| config.max_bytes = 9), limits, others), Err(10047));
    let memory = config(|config| {
        config.max_bytes = 11;
        config.storage = Storage::Memory;
    });
    assert_eq!(check(&memory, limits, others), Err(10028));
    let limits = AccountLimits { max_consumers: 1, ..free };
    assert_eq!(check(&config(|config| config.max_consumers = 2), limits, none), Err(10026));
}

#[test]
fn only_what_the_server_writes_makes_no_difference() {
    let mut a = named("T", |config| config.subjects.push("T".to_owned()));
    a.set_required_level();
    let mut b = a.shown();
    assert!(a.is_same(&b) && b != a);
    b.metadata.insert("_nats.foo".to_owned(), String::new());
    assert!(!a.is_same(&b));
}
