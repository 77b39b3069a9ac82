//! Servers of one cluster, and waiting until they agree.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use serde_json::Value;

use crate::harness::{Client, Server, eventually};

/// A server of cluster `c` that looks for `others`; `more` goes into its cluster block.
#[track_caller]
pub(crate) fn server(name: &str, others: &[&Server], more: &str) -> Server {
    server_with(name, others, more, "")
}

/// The same with more around the cluster block.
#[track_caller]
pub(crate) fn server_with(name: &str, others: &[&Server], more: &str, around: &str) -> Server {
    let routes: Vec<_> = others.iter().map(|one| format!("\"{}\"", route_url(one))).collect();
    let routes = routes.join(", ");
    Server::start(&format!(
        "server_name: {name}\n\
         cluster {{ name: c, listen: \"127.0.0.1:-1\", routes: [{routes}], {more} }}\n\
         {around}"
    ))
}

/// Where other servers connect to it.
#[track_caller]
pub(crate) fn route_url(server: &Server) -> String {
    let url = server.ports["cluster"][0].as_str().expect("it has no cluster port");
    url.replace("nats://", "nats-route://")
}

pub(crate) fn cluster_port(server: &Server) -> u16 {
    route_url(server).rsplit(':').next().unwrap().parse().unwrap()
}

/// `N` servers of one cluster, which all know each other.
#[track_caller]
pub(crate) fn cluster<const N: usize>() -> [Server; N] {
    let mut all: Vec<Server> = Vec::new();
    for n in 0..N {
        let first: Vec<&Server> = all.first().into_iter().collect();
        let next = server(&format!("s{n}"), &first, "");
        all.push(next);
    }
    meshed(&all.iter().collect::<Vec<_>>());
    all.try_into().unwrap_or_else(|_| unreachable!())
}

/// Waits until each of them has a route to each other.
#[track_caller]
pub(crate) fn meshed(all: &[&Server]) {
    let names: BTreeSet<String> = all.iter().map(|server| name(server)).collect();
    for server in all {
        let mut others = names.clone();
        others.remove(&name(server));
        server.wait_json("/routez", |page| (peers(page) == others).then_some(()));
    }
}

fn name(server: &Server) -> String {
    server.json("/varz")["server_name"].as_str().unwrap().to_owned()
}

/// Names of the servers that a `/routez` page lists.
pub(crate) fn peers(page: &Value) -> BTreeSet<String> {
    let routes = page["routes"].as_array().unwrap();
    routes.iter().map(|route| route["remote_name"].as_str().unwrap().to_owned()).collect()
}

/// Waits until the server knows that one that it has a link to wants `subject`.
#[track_caller]
pub(crate) fn knows(server: &Server, subject: &str) {
    server.wait_json("/routez?subs=1", |page| {
        let routes = page["routes"].as_array().into_iter().flatten();
        let lists = routes.filter_map(|route| route["subscriptions_list"].as_array());
        lists.flatten().any(|known| known == subject).then_some(())
    });
}

/// How many messages a server has sent to others.
#[track_caller]
pub(crate) fn sent(server: &Server) -> u64 {
    let page = server.json("/routez");
    let routes = page["routes"].as_array().unwrap();
    routes.iter().map(|route| route["out_msgs"].as_u64().unwrap()).sum()
}

/// Waits until a message to `subject` of the global account would find `count` entries there: the
/// server's own subscriptions, and one of each server and group.
#[track_caller]
pub(crate) fn wants(server: &Server, subject: &str, count: u64) {
    server.wait_interest("$G", subject, count);
}

/// Publishes `count` messages of 64 KiB to `flood` and one to `end`, never far ahead of `well`, who
/// has to get all of them; looks at something with `check` meanwhile.
#[track_caller]
pub(crate) fn flood(from: &mut Client, mut well: Client, count: usize, check: impl Fn()) {
    const AHEAD_MAX: usize = 100;
    let seen = Arc::new(AtomicUsize::new(0));
    let reader = thread::spawn({
        let seen = Arc::clone(&seen);
        move || {
            while well.message().0[0] != "end" {
                seen.fetch_add(1, Relaxed);
            }
        }
    });
    let payload = vec![b'x'; 64 << 10];
    for n in 0..count {
        from.publish("flood", &payload);
        if n % AHEAD_MAX == 0 {
            eventually("the reader", || (seen.load(Relaxed) + AHEAD_MAX > n).then_some(()));
            check();
        }
    }
    from.publish("end", "");
    from.ping_pong();
    reader.join().unwrap();
    assert_eq!(seen.load(Relaxed), count);
}
