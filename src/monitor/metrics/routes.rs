//! Links to the other servers of the cluster, in numbers: by the name of the server, of which there
//! are as many as the operator has made.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use vagus_actors::route::RouteFacts;

use super::Metrics;
use crate::monitor::context::Context;

type Labels = Vec<(&'static str, String)>;
type Counters = Family<Labels, Counter>;
type Gauges = Family<Labels, Gauge<f64, AtomicU64>>;

/// All links to one server.
#[derive(Default)]
struct Server {
    links: u64,
    in_msgs: u64,
    in_bytes: u64,
    out_msgs: u64,
    out_bytes: u64,
    queued: usize,
    interest: u64,
    /// The longest.
    rtt_ns: u64,
}

pub(super) fn routes(context: &Context, metrics: &mut Metrics) {
    let links = context.broker.realms.mates.all();
    let mut servers: BTreeMap<&str, Server> = BTreeMap::new();
    for link in &links {
        servers.entry(&link.about.name).or_default().add(link);
    }
    let count = |name: &str, help: &str, of: fn(&Server) -> u64, metrics: &mut Metrics| {
        let family = Counters::default();
        for (name, server) in &servers {
            family.get_or_create(&labels(name)).inc_by(of(server));
        }
        metrics.put(name, help, family);
    };
    count("route_in_messages", "Messages received from a server", |of| of.in_msgs, metrics);
    count("route_in_bytes", "Bytes of messages received from a server", |of| of.in_bytes, metrics);
    count("route_out_messages", "Messages sent to a server", |of| of.out_msgs, metrics);
    count("route_out_bytes", "Bytes of messages sent to a server", |of| of.out_bytes, metrics);
    let gauge = |name: &str, help: &str, of: fn(&Server) -> f64, metrics: &mut Metrics| {
        let family = Gauges::default();
        for (name, server) in &servers {
            family.get_or_create(&labels(name)).set(of(server));
        }
        metrics.put(name, help, family);
    };
    gauge("route_links", "Links to a server", |of| of.links as f64, metrics);
    gauge("route_queued_bytes", "Bytes waiting for a server", |of| of.queued as f64, metrics);
    let interest = "Subjects and queue groups that a server wants";
    gauge("route_interest", interest, |of| of.interest as f64, metrics);
    let rtt = "Last round-trip time to a server";
    gauge("route_rtt_seconds", rtt, |of| of.rtt_ns as f64 / 1e9, metrics);
}

fn labels(name: &str) -> Labels {
    vec![("server", name.to_owned())]
}

impl Server {
    fn add(&mut self, link: &RouteFacts) {
        let stats = &link.out.stats;
        self.links += 1;
        self.in_msgs += stats.in_msgs.load(Relaxed);
        self.in_bytes += stats.in_bytes.load(Relaxed);
        self.out_msgs += stats.out_msgs.load(Relaxed);
        self.out_bytes += stats.out_bytes.load(Relaxed);
        self.queued += link.out.pending();
        self.interest += stats.subscriptions.load(Relaxed);
        self.rtt_ns = self.rtt_ns.max(stats.rtt_ns.load(Relaxed));
    }
}
