//! Links to other clusters, in numbers: by cluster, and for what crosses them by account, of which
//! there are as many as the operator has made.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::Metrics;
use crate::monitor::context::Context;

type Labels = Vec<(&'static str, String)>;
type Counters = Family<Labels, Counter>;
type Gauges = Family<Labels, Gauge<f64, AtomicU64>>;

pub(super) fn gateways(context: &Context, metrics: &mut Metrics) {
    let crossed: [Counters; 4] = Default::default();
    let (links, queued, rtt) = (Gauges::default(), Gauges::default(), Gauges::default());
    for link in context.broker.realms.gateways.all() {
        let Some(cluster) = link.about.cluster.as_deref() else { continue };
        let of_cluster = vec![("cluster", cluster.to_owned())];
        let direction = if link.about.solicited { "out" } else { "in" };
        let directed = [&of_cluster[..], &[("direction", direction.to_owned())]].concat();
        links.get_or_create(&directed).inc();
        queued.get_or_create(&directed).inc_by(link.out.pending() as f64);
        if link.about.solicited {
            let ns = link.out.stats.rtt_ns.load(Relaxed);
            rtt.get_or_create(&of_cluster).set(ns as f64 / 1e9);
        }
        for lane in link.lanes().iter() {
            let labels = [&of_cluster[..], &[("account", lane.account().to_owned())]].concat();
            let of = &lane.crossed;
            let counts = [&of.in_msgs, &of.in_bytes, &of.out_msgs, &of.out_bytes];
            for (family, count) in crossed.iter().zip(counts) {
                family.get_or_create(&labels).inc_by(count.load(Relaxed));
            }
        }
    }
    let [in_msgs, in_bytes, out_msgs, out_bytes] = crossed;
    metrics.put("gateway_in_messages", "Messages received from a cluster", in_msgs);
    metrics.put("gateway_in_bytes", "Bytes of messages received from a cluster", in_bytes);
    metrics.put("gateway_out_messages", "Messages sent to a cluster", out_msgs);
    metrics.put("gateway_out_bytes", "Bytes of messages sent to a cluster", out_bytes);
    metrics.put("gateway_links", "Links to servers of a cluster", links);
    metrics.put("gateway_queued_bytes", "Bytes waiting for servers of a cluster", queued);
    metrics.put("gateway_rtt_seconds", "Last round-trip time to a cluster", rtt);
}
