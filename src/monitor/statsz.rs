//! The server in figures, as operators are told again and again: no page, but what the system
//! publishes and answers.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;
use vagus_actors::route::RouteFacts;

use super::context::{Context, time};
use super::jetstream::stats;

/// In the order of nats-server.
#[derive(Serialize)]
pub(super) struct Statsz {
    start: String,
    mem: u64,
    cores: usize,
    cpu: f64,
    connections: u64,
    total_connections: u64,
    /// With connections.
    active_accounts: usize,
    subscriptions: usize,
    sent: Sums,
    sent_to_clients: Sums,
    received: Sums,
    received_from_clients: Sums,
    slow_consumers: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    slow_consumer_stats: Option<Clients>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stale_connections: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stale_connection_stats: Option<Clients>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stalled_clients: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    routes: Vec<Route>,
    active_servers: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    jetstream: Option<JetStream>,
    gomaxprocs: usize,
}

#[derive(Clone, Copy, Serialize)]
struct Sums {
    msgs: u64,
    bytes: u64,
}

/// Counts by the kind of connection, of which there is one.
#[derive(Serialize)]
struct Clients {
    clients: u64,
    routes: u64,
    gateways: u64,
    leafs: u64,
}

#[derive(Serialize)]
struct JetStream {
    config: stats::Settings,
    stats: stats::Stats,
    limits: stats::Limits,
}

/// A link to another server of the cluster.
#[derive(Serialize)]
struct Route {
    rid: u64,
    name: String,
    sent: Sums,
    received: Sums,
    pending: usize,
}

pub(super) fn of(context: &Context) -> Statsz {
    let (broker, in_force) = (&context.broker, context.in_force());
    let (usage, totals, tally) = (context.process.usage(), broker.totals(), &broker.tally);
    let sent = Sums { msgs: totals.out_msgs, bytes: totals.out_bytes };
    let received = Sums { msgs: totals.in_msgs, bytes: totals.in_bytes };
    let of_clients = broker.totals_of_clients();
    let (slow, stale) = (tally.slow_consumers.load(Relaxed), tally.stale_connections.load(Relaxed));
    let some = |count: u64| Some(count).filter(|count| *count > 0);
    let clients = |clients| Clients { clients, routes: 0, gateways: 0, leafs: 0 };
    let realms = broker.realms.all();
    let links = broker.realms.mates.all();
    let others: BTreeSet<&str> = links.iter().map(|link| link.about.id.as_str()).collect();
    Statsz {
        start: time(broker.started_at),
        mem: usage.rss_bytes,
        cores: context.process.cores(),
        cpu: usage.cpu_percent,
        connections: tally.clients.load(Relaxed),
        total_connections: tally.connections.load(Relaxed),
        active_accounts: realms.iter().filter(|realm| realm.traffic().connections > 0).count(),
        subscriptions: broker.realms.subscriptions(),
        sent,
        sent_to_clients: Sums { msgs: of_clients.out_msgs, bytes: of_clients.out_bytes },
        received,
        received_from_clients: Sums { msgs: of_clients.in_msgs, bytes: of_clients.in_bytes },
        slow_consumers: slow,
        slow_consumer_stats: some(slow).map(clients),
        stale_connections: some(stale),
        stale_connection_stats: some(stale).map(clients),
        stalled_clients: some(tally.stalled_clients.load(Relaxed)),
        routes: links.iter().map(|link| Route::of(link)).collect(),
        active_servers: 1 + others.len(),
        jetstream: context.jetstream.as_ref().map(|jetstream| JetStream {
            config: stats::Settings::of(jetstream, &in_force.config).without_folder(),
            stats: stats::Stats::of_server(jetstream),
            limits: stats::Limits::of(&in_force.config),
        }),
        gomaxprocs: broker.counters.len(),
    }
}

// === impl Route ===

impl Route {
    fn of(link: &RouteFacts) -> Self {
        let stats = &link.out.stats;
        let sums = |msgs: &AtomicU64, bytes: &AtomicU64| {
            let (msgs, bytes) = (msgs.load(Relaxed), bytes.load(Relaxed));
            Sums { msgs, bytes }
        };
        Self {
            rid: link.out.cid,
            name: link.about.name.clone(),
            sent: sums(&stats.out_msgs, &stats.out_bytes),
            received: sums(&stats.in_msgs, &stats.in_bytes),
            pending: link.out.pending(),
        }
    }
}
