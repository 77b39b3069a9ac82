//! Asking the origin for a consumer that sends here.

use std::collections::BTreeMap;

use serde::Deserialize;
use vagus_jetstream::api::{ConsumerCreate, ConsumerCreateResponse, ReplyError, read_reply};
use vagus_jetstream::consumer::{AckPolicy, ConsumerConfig, ConsumerInfo, DeliverPolicy};
use vagus_jetstream::names::hash;
use vagus_jetstream::{ApiError, codes, json};

use super::Seed;
use crate::delivery::{Outlet, Post};
use crate::stream::messages::Origin;

/// How the origin is asked, and how its answers are read.
pub(super) struct Asking {
    /// `$JS.API`, or what stands in its place.
    api: String,
    /// Where messages are to come to.
    deliver: Vec<u8>,
    inbox: Vec<u8>,
    kind: ConsumerKind,
    mirror: bool,
}

/// What kind of consumer the origin is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConsumerKind {
    /// One of its own making: hidden, unless the origin removes what is acknowledged.
    Own,
    /// One that somebody made for this; it is only told where to go on.
    Given,
}

const SECOND: i64 = 1_000_000_000;
const LEVEL: &[u8] = b"NATS/1.0\r\nNats-Required-Api-Level: 4\r\n\r\n";

#[derive(Deserialize)]
struct Reset {
    #[serde(flatten)]
    info: ConsumerInfo,
}

impl Asking {
    pub(super) fn new(seed: &Seed) -> Self {
        let (config, js) = (&seed.config, &seed.js);
        let mirror = matches!(seed.origin, Origin::Mirror);
        let letter = if mirror { "M" } else { "S" };
        let api = config.external.as_ref().map_or("$JS.API", |external| &external.api);
        let prefix = config.external.as_ref().map(|external| external.deliver.as_str());
        let prefix = prefix.filter(|prefix| !prefix.is_empty()).unwrap_or("$JS");
        let given = config.consumer.as_ref().map(|consumer| consumer.deliver_subject.clone());
        let id = hash(&js.new_id());
        let deliver = given.unwrap_or_else(|| format!("{prefix}.{letter}.{id}"));
        Self {
            api: api.to_owned(),
            deliver: deliver.into_bytes(),
            inbox: format!("_INBOX.{}", js.new_id()).into_bytes(),
            kind: match config.consumer {
                Some(_) => ConsumerKind::Given,
                None => ConsumerKind::Own,
            },
            mirror,
        }
    }

    pub(super) fn deliver(&self) -> &[u8] {
        &self.deliver
    }

    pub(super) fn inbox(&self) -> &[u8] {
        &self.inbox
    }

    /// Asks for messages from `from` on; 0: from where the configuration says.
    #[must_use]
    pub(super) fn send(&self, seed: &Seed, from: u64, out: &mut Outlet<'_>) -> bool {
        let (subject, body) = match self.kind {
            ConsumerKind::Given => self.reset(seed, from),
            ConsumerKind::Own => self.create(seed, from),
        };
        let delivered = out.publish(Post {
            subject: subject.as_bytes(),
            reply: Some(&self.inbox),
            headers: Some(LEVEL),
            payload: &body,
        });
        delivered > 0
    }

    fn reset(&self, seed: &Seed, from: u64) -> (String, Vec<u8>) {
        let consumer = seed.config.consumer.as_ref().map_or("", |consumer| &consumer.name);
        let body = if from > 0 { format!("{{\"seq\":{from}}}").into_bytes() } else { Vec::new() };
        (format!("{}.CONSUMER.RESET.{}.{consumer}", self.api, seed.config.name), body)
    }

    fn create(&self, seed: &Seed, from: u64) -> (String, Vec<u8>) {
        let origin = &seed.config.name;
        let config = self.consumer(seed, from);
        let mut subject = format!("{}.CONSUMER.CREATE.{origin}.{}", self.api, config.name);
        if !config.filter_subject.is_empty() {
            subject.push('.');
            subject.push_str(&config.filter_subject);
        }
        let create = ConsumerCreate { stream: origin.clone(), config, ..ConsumerCreate::default() };
        (subject, json::to_vec(&create))
    }

    fn consumer(&self, seed: &Seed, from: u64) -> ConsumerConfig {
        let wanted = &seed.config;
        let first = if from > 0 { from } else { wanted.opt_start_seq };
        let (deliver_policy, opt_start_time) = match (first, wanted.opt_start_time) {
            (1.., _) => (DeliverPolicy::ByStartSequence, None),
            (0, Some(time)) => (DeliverPolicy::ByStartTime, Some(time)),
            (0, None) => (DeliverPolicy::All, None),
        };
        let kind = if self.mirror { "MIRROR" } else { "SRC" };
        let mut unique = match &seed.origin {
            Origin::Mirror => seed.target.clone(),
            Origin::Source { key } => format!("{} {key}", seed.target),
        };
        if wanted.external.is_some() {
            // Other accounts and domains may have a stream of the same name that does the same.
            let domain = seed.js.domain().unwrap_or_default();
            unique = format!("{unique} {} {domain}", seed.js.account());
        }
        let sources = wanted.subject_transforms.iter().map(|one| one.src.clone());
        ConsumerConfig {
            name: format!("JS_{kind}_{}", hash(&unique)),
            deliver_policy,
            opt_start_seq: if deliver_policy == DeliverPolicy::ByStartSequence { first } else { 0 },
            opt_start_time,
            ack_policy: AckPolicy::None,
            ack_wait: 22 * 3600 * SECOND,
            max_deliver: 1,
            filter_subject: wanted.filter_subject.clone(),
            filter_subjects: sources.collect(),
            deliver_subject: String::from_utf8_lossy(&self.deliver).into_owned(),
            idle_heartbeat: SECOND,
            flow_control: true,
            inactive_threshold: 10 * SECOND,
            num_replicas: 1,
            memory_storage: true,
            direct: true,
            sourcing: true,
            metadata: self.metadata(seed),
            ..ConsumerConfig::default()
        }
    }

    /// Says at the origin whom the consumer is for.
    fn metadata(&self, seed: &Seed) -> BTreeMap<String, String> {
        let kind = if self.mirror { "mirror" } else { "src" };
        let mut metadata = BTreeMap::new();
        let mut say = |what: &str, value: &str| {
            metadata.insert(format!("_nats.{kind}.{what}"), value.to_owned());
        };
        say("stream", &seed.target);
        say("acc", seed.js.account());
        if let Some(domain) = seed.js.domain() {
            say("domain", domain);
        }
        metadata
    }

    /// Reads an answer: the consumer's name.
    pub(super) fn read(&self, payload: &[u8]) -> Result<String, ApiError> {
        let setup = match self.mirror {
            true => codes::MIRROR_CONSUMER_SETUP_FAILED,
            false => codes::SOURCE_CONSUMER_SETUP_FAILED,
        };
        let info = match self.kind {
            ConsumerKind::Given => read_reply::<Reset>(payload).map(|reset| reset.info),
            _ => read_reply::<ConsumerCreateResponse>(payload).map(|created| created.info),
        };
        let info = match info {
            Ok(info) => info,
            Err(ReplyError::Api(error)) => return Err(error),
            Err(ReplyError::Json(error)) => return Err(setup.with(error)),
        };
        let policy = info.config.as_ref().map(|config| config.ack_policy);
        if self.kind == ConsumerKind::Given && policy != Some(AckPolicy::FlowControl) {
            return Err(match self.mirror {
                true => codes::MIRROR_CONSUMER_REQUIRES_ACK_FC.error(),
                false => codes::SOURCE_CONSUMER_REQUIRES_ACK_FC.error(),
            });
        }
        Ok(info.name)
    }

    /// Lets the origin forget the consumer. One that somebody made stays.
    pub(super) fn give_up(&self, seed: &Seed, consumer: &str, out: &mut Outlet<'_>) {
        if self.kind == ConsumerKind::Given {
            return;
        }
        let subject = format!("{}.CONSUMER.DELETE.{}.{consumer}", self.api, seed.config.name);
        let post = Post { subject: subject.as_bytes(), reply: None, headers: None, payload: b"" };
        out.publish(post);
    }
}
