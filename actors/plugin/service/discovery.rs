//! What a service tells those who look for services: subjects and documents of [ADR-32].
//!
//! [ADR-32]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-32.md

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{Endpoint, ServiceError};
use crate::Subscription;

/// A question of discovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Ping,
    Info,
    Stats,
}

/// In the order of their subscriptions, three for each: all services, those of one name, and one
/// instance.
const VERBS: [(Verb, &str); 3] =
    [(Verb::Ping, "PING"), (Verb::Info, "INFO"), (Verb::Stats, "STATS")];

impl Verb {
    /// The verb of the subscription with this place among [`subscriptions`].
    pub(crate) fn of(place: usize) -> Option<Self> {
        VERBS.get(place / 3).map(|(verb, _)| *verb)
    }
}

pub(crate) fn subscriptions(name: &str, id: &str) -> impl Iterator<Item = Subscription> {
    VERBS.into_iter().flat_map(move |(_, verb)| {
        [
            Subscription::new(format!("$SRV.{verb}")),
            Subscription::new(format!("$SRV.{verb}.{name}")),
            Subscription::new(format!("$SRV.{verb}.{name}.{id}")),
        ]
    })
}

/// What is counted of an endpoint.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    pub(crate) last_error: Option<ServiceError>,
    pub(crate) time: Duration,
}

/// A service as it presents itself.
pub(crate) struct Card<'a> {
    pub(crate) name: &'a str,
    pub(crate) id: &'a str,
    pub(crate) version: &'a str,
    pub(crate) description: &'a str,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) endpoints: &'a [Endpoint],
    pub(crate) counts: &'a [Counts],
    pub(crate) started: Timestamp,
}

/// The document of any verb: fields that it does not have are left out.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
    id: &'a str,
    version: &'a str,
    metadata: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoints: Option<Vec<EndpointDocument<'a>>>,
}

#[derive(Serialize)]
struct EndpointDocument<'a> {
    name: &'a str,
    subject: &'a str,
    /// Empty: none.
    queue_group: &'a str,
    #[serde(flatten)]
    rest: Rest<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Rest<'a> {
    Info {
        metadata: &'a BTreeMap<String, String>,
    },
    Stats {
        num_requests: u64,
        num_errors: u64,
        /// Clients expect it to be there, empty before the first error.
        last_error: String,
        /// Nanoseconds.
        processing_time: u64,
        average_processing_time: u64,
        /// For data of a service's own; there, because some clients insist.
        data: Option<Value>,
    },
}

impl Card<'_> {
    pub(crate) fn document(&self, verb: Verb) -> Value {
        let (kind, endpoints) = match verb {
            Verb::Ping => ("io.nats.micro.v1.ping_response", None),
            Verb::Info => ("io.nats.micro.v1.info_response", Some(self.infos())),
            Verb::Stats => ("io.nats.micro.v1.stats_response", Some(self.stats())),
        };
        let document = Document {
            kind,
            name: self.name,
            id: self.id,
            version: self.version,
            metadata: &self.metadata,
            description: (verb == Verb::Info).then_some(self.description),
            // Six digits of a second: some clients insist on a fraction, and on no more.
            started: (verb == Verb::Stats).then(|| format!("{:.6}", self.started)),
            endpoints,
        };
        // Texts and numbers under names: nothing that JSON can't say.
        serde_json::to_value(document).unwrap_or_default()
    }

    fn infos(&self) -> Vec<EndpointDocument<'_>> {
        self.endpoints
            .iter()
            .map(|endpoint| document_of(endpoint, Rest::Info { metadata: &endpoint.metadata }))
            .collect()
    }

    fn stats(&self) -> Vec<EndpointDocument<'_>> {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let each = self.endpoints.iter().zip(self.counts);
        each.map(|(endpoint, counts)| {
            let time = nanos(counts.time);
            let rest = Rest::Stats {
                num_requests: counts.requests,
                num_errors: counts.errors,
                last_error: counts.last_error.as_ref().map_or(String::new(), ToString::to_string),
                processing_time: time,
                average_processing_time: time.checked_div(counts.requests).unwrap_or(0),
                data: None,
            };
            document_of(endpoint, rest)
        })
        .collect()
    }
}

fn document_of<'a>(endpoint: &'a Endpoint, rest: Rest<'a>) -> EndpointDocument<'a> {
    EndpointDocument {
        name: &endpoint.name,
        subject: &endpoint.subject,
        queue_group: endpoint.queue.as_deref().unwrap_or_default(),
        rest,
    }
}
