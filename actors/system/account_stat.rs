//! [`AccountStat`]: what an account uses, as pages and events show it.

use serde::Serialize;

use crate::realm::Realm;

/// See the module's text. In the order of nats-server.
#[derive(Debug, Serialize)]
pub struct AccountStat {
    pub acc: String,
    name: String,
    pub conns: usize,
    leafnodes: usize,
    pub total_conns: usize,
    num_subscriptions: usize,
    /// To clients.
    sent: Data,
    /// From clients.
    received: Data,
    slow_consumers: u64,
}

/// Messages and bytes: all of them, and those of each kind of link to another server.
#[derive(Debug, Default, Serialize)]
struct Data {
    msgs: u64,
    bytes: u64,
    gateways: Sums,
    routes: Sums,
    leafs: Sums,
}

#[derive(Debug, Default, Serialize)]
struct Sums {
    msgs: u64,
    bytes: u64,
}

// === impl AccountStat ===

impl AccountStat {
    #[must_use]
    pub fn of(realm: &Realm, leafnodes: usize) -> Self {
        let traffic = realm.traffic();
        let data = |msgs, bytes| Data { msgs, bytes, ..Data::default() };
        Self {
            acc: realm.name.to_string(),
            name: realm.rules().stated.label.clone().unwrap_or_else(|| realm.name.to_string()),
            conns: traffic.connections,
            leafnodes,
            total_conns: traffic.connections + leafnodes,
            num_subscriptions: realm.interest.len(),
            sent: data(traffic.out_msgs, traffic.out_bytes),
            received: data(traffic.in_msgs, traffic.in_bytes),
            slow_consumers: traffic.slow_consumers,
        }
    }
}
