//! How a server and its links are, in figures and words.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use vagus_runtime::cluster::sharing::Share;
use vagus_runtime::cluster::speech::{decode, encode};

use crate::broker::Broker;
use crate::route::RouteFacts;

/// A server, as it tells of itself. Fields are added at the end only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub id: String,
    pub name: String,
    pub cluster: String,
    /// Of this program.
    pub version: String,
    pub uptime_ms: u64,
    /// It is about to end, and takes no more clients.
    pub leaving: bool,
    pub clients: u64,
    pub subscriptions: u64,
    pub in_msgs: u64,
    pub in_bytes: u64,
    pub out_msgs: u64,
    pub out_bytes: u64,
    pub links: Vec<LinkStanding>,
    /// Servers that it has no link with.
    pub sought: Vec<Sought>,
}

/// A link, seen from one of its ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkStanding {
    /// `route`, or `gateway` with its direction.
    pub kind: String,
    pub peer_id: String,
    pub peer: String,
    pub address: String,
    /// Nanoseconds; 0 until measured.
    pub rtt_ns: u64,
    /// Bytes that wait to be sent.
    pub queue_bytes: u64,
    pub in_msgs: u64,
    pub in_bytes: u64,
    pub out_msgs: u64,
    pub out_bytes: u64,
    pub uptime_ms: u64,
    /// Subscriptions of the other server.
    pub interest: u64,
    /// Which accounts go by it.
    pub accounts: String,
    /// Its number, where it is seen from.
    pub cid: u64,
    /// In words: whether it gets on, and why not.
    pub state: String,
}

/// A server that is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sought {
    /// `host:port`.
    pub address: String,
    pub attempts: u64,
    /// What came of the last one.
    pub problem: String,
}

/// Links of one server that are told of: their names and figures fit into one answer.
const LINKS_MAX: usize = 256;
const SOUGHT_MAX: usize = 64;
/// Of a problem, in characters.
const PROBLEM_MAX: usize = 200;

// === impl Standing ===

impl Standing {
    #[must_use]
    pub fn of(broker: &Broker) -> Self {
        let settings = broker.settings();
        let totals = broker.totals();
        let cluster = broker.cluster.seen().map(|(name, _)| name);
        let (routes, gateways) = (broker.realms.mates.all(), broker.realms.gateways.all());
        let links = routes.iter().chain(&gateways);
        Self {
            id: settings.profile.id.clone(),
            name: settings.profile.name.clone(),
            cluster: cluster.unwrap_or_default(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_ms: millis(broker.started.elapsed()),
            leaving: broker.leaving.load(Relaxed),
            clients: broker.tally.clients.load(Relaxed),
            subscriptions: broker.realms.subscriptions() as u64,
            in_msgs: totals.in_msgs,
            in_bytes: totals.in_bytes,
            out_msgs: totals.out_msgs,
            out_bytes: totals.out_bytes,
            links: links.take(LINKS_MAX).map(|link| LinkStanding::of(link)).collect(),
            sought: broker.cluster.sought(),
        }
    }

    /// `None` where that is too long.
    #[must_use]
    pub fn encode(&self) -> Option<Vec<u8>> {
        let mut told = self.clone();
        told.sought.truncate(SOUGHT_MAX);
        for sought in &mut told.sought {
            sought.problem = sought.problem.chars().take(PROBLEM_MAX).collect();
        }
        encode(&told)
    }

    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        decode(bytes)
    }
}

// === impl LinkStanding ===

impl LinkStanding {
    fn of(link: &RouteFacts) -> Self {
        let (about, out, stats) = (&link.about, &link.out, &link.out.stats);
        let since = SystemTime::now().duration_since(about.since).unwrap_or_default();
        let waits = out.pending();
        Self {
            kind: about.kind().to_owned(),
            peer_id: about.id.clone(),
            peer: about.name.clone(),
            address: about.address.to_string(),
            rtt_ns: stats.rtt_ns.load(Relaxed),
            queue_bytes: waits as u64,
            in_msgs: stats.in_msgs.load(Relaxed),
            in_bytes: stats.in_bytes.load(Relaxed),
            out_msgs: stats.out_msgs.load(Relaxed),
            out_bytes: stats.out_bytes.load(Relaxed),
            uptime_ms: millis(since),
            interest: stats.subscriptions.load(Relaxed),
            cid: out.cid,
            accounts: match &about.share {
                Share::Pool(_) if about.cluster.is_some() => "all".to_owned(),
                Share::Pool(number) => format!("pool {number}"),
                Share::Account(name) => name.clone(),
            },
            state: match (out.closed(), waits) {
                (Some(reason), _) => format!("ending: {}", reason.text()),
                (None, 0) => "in order".to_owned(),
                (None, _) => "the other server reads slower than it is sent to".to_owned(),
            },
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
