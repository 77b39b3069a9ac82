//! Random clusters of hubs and of leaf nodes, random subscriptions and messages, and a model that
//! is too simple to be wrong: whatever ways lead from one to the other, each plain subscription
//! gets a message once, and one member of each queue group.

use std::collections::BTreeMap;

use fastrand::Rng;

use crate::harness::{Client, Server};
use crate::kit::{Make, cluster_of, leafnodes, links, remote};
use crate::net::{Net, drain};

struct Sub {
    /// The server that its client is at.
    at: usize,
    sid: String,
    filter: String,
    group: Option<&'static str>,
}

struct Run {
    servers: Vec<Server>,
    net: Net,
    /// One at each server.
    clients: Vec<Client>,
    subs: Vec<Sub>,
    made: usize,
    sent: usize,
    rng: Rng,
}

const ROUNDS: usize = 3;
const CHANGES: usize = 25;
const MESSAGES: usize = 80;

// === the model ===

impl Sub {
    fn matches(&self, subject: &str) -> bool {
        let mut words = subject.split('.');
        for word in self.filter.split('.') {
            match (word, words.next()) {
                (">", Some(_)) => return true,
                ("*", Some(_)) => {}
                (word, Some(other)) if word == other => {}
                _ => return false,
            }
        }
        words.next().is_none()
    }
}

/// What became of one message: how often each subscription got it, by its number.
fn check(subs: &[Sub], subject: &str, got: &BTreeMap<usize, usize>) -> Result<(), String> {
    let mut groups: BTreeMap<&str, usize> = BTreeMap::new();
    for (n, sub) in subs.iter().enumerate() {
        let times = got.get(&n).copied().unwrap_or(0);
        let matches = sub.matches(subject);
        match sub.group {
            Some(group) if matches => *groups.entry(group).or_default() += times,
            _ if times == usize::from(matches) => {}
            _ => {
                let Sub { at, filter, .. } = sub;
                return Err(format!("{filter} at server {at} got it {times} times"));
            }
        }
    }
    match groups.into_iter().find(|(_, times)| *times != 1) {
        Some((group, times)) => Err(format!("group {group} got it {times} times")),
        None => Ok(()),
    }
}

// === the servers ===

/// Two or three hubs, and two clusters of leaf nodes, each of which has a link to one of them.
fn topology(rng: &mut Rng) -> Vec<Server> {
    let mut servers: Vec<Server> = match rng.bool() {
        true => cluster_of(Make::Ours, "hubs", ["h0", "h1"], |_| leafnodes("")).into(),
        false => cluster_of(Make::Ours, "hubs", ["h0", "h1", "h2"], |_| leafnodes("")).into(),
    };
    let hubs = servers.len();
    let mut linked = vec![0; hubs];
    for (cluster, names) in [("east", ["e0", "e1"]), ("west", ["w0", "w1"])] {
        let ways = [rng.usize(..hubs), rng.usize(..hubs)];
        ways.iter().for_each(|hub| linked[*hub] += 1);
        let leafs = cluster_of(Make::Ours, cluster, names, |n| {
            format!("leafnodes {{ remotes: [ {} ] }}", remote(&servers[ways[n]], ""))
        });
        servers.extend(leafs);
    }
    servers[..hubs].iter().zip(linked).for_each(|(hub, count)| links(hub, count));
    servers[hubs..].iter().for_each(|leaf| links(leaf, 1));
    servers
}

fn subject(rng: &mut Rng) -> String {
    format!("m.{}.{}", rng.u8(..3), rng.u8(..3))
}

fn filter(rng: &mut Rng) -> String {
    match rng.u8(..6) {
        0 => "m.>".to_owned(),
        1 => format!("m.{}.>", rng.u8(..3)),
        2 => format!("m.*.{}", rng.u8(..3)),
        3 => format!("m.{}.*", rng.u8(..3)),
        _ => subject(rng),
    }
}

impl Run {
    fn start(seed: u64) -> Run {
        let mut rng = Rng::with_seed(seed);
        let servers = topology(&mut rng);
        let net = Net::of(&servers);
        let clients = servers.iter().map(Server::client).collect();
        Run { servers, net, clients, subs: Vec::new(), made: 0, sent: 0, rng }
    }

    /// Somebody subscribes, or has enough.
    fn change(&mut self) {
        if !self.subs.is_empty() && self.rng.u8(..3) == 0 {
            let Sub { at, sid, .. } = self.subs.swap_remove(self.rng.usize(..self.subs.len()));
            self.clients[at].send(format!("UNSUB {sid}\r\n"));
            return self.clients[at].ping_pong();
        }
        self.made += 1;
        let (at, sid) = (self.rng.usize(..self.servers.len()), self.made.to_string());
        let group = [None, None, Some("one"), Some("two")][self.rng.usize(..4)];
        let filter = filter(&mut self.rng);
        self.clients[at].subscribe(&format!("{filter} {}", group.unwrap_or_default()), &sid);
        self.subs.push(Sub { at, sid, filter, group });
    }

    fn round(&mut self) -> Result<(), String> {
        (0..CHANGES).for_each(|_| self.change());
        self.net.settle();
        let mut sent: BTreeMap<String, (usize, String)> = BTreeMap::new();
        for _ in 0..MESSAGES {
            self.sent += 1;
            let (from, payload) = (self.rng.usize(..self.servers.len()), self.sent.to_string());
            let subject = subject(&mut self.rng);
            self.net.publish(from, &subject, &payload);
            sent.insert(payload, (from, subject));
        }
        self.net.settle();
        self.net.settle();
        let mut got: BTreeMap<String, BTreeMap<usize, usize>> = BTreeMap::new();
        for client in &mut self.clients {
            for (sid, payload) in drain(client) {
                let known = self.subs.iter().position(|sub| sub.sid == sid);
                let known = known.ok_or_else(|| format!("{payload} came to {sid}, which ended"))?;
                *got.entry(payload).or_default().entry(known).or_default() += 1;
            }
        }
        for (payload, (from, subject)) in &sent {
            let got = got.remove(payload).unwrap_or_default();
            let wrong = |problem| format!("{subject} of server {from}: {problem}");
            check(&self.subs, subject, &got).map_err(wrong)?;
        }
        match got.keys().next() {
            Some(payload) => Err(format!("{payload} came, which was of a round before")),
            None => Ok(()),
        }
    }
}

/// How many seeds: few, unless somebody wants to look further.
fn seeds() -> u64 {
    std::env::var("VAGUS_TEST_SEEDS").map_or(2, |count| count.parse().expect("a number"))
}

#[test]
fn messages_in_clusters_of_hubs_and_leaf_nodes_go_where_the_model_says() {
    for seed in 0..seeds() {
        let mut run = Run::start(seed);
        for round in 0..ROUNDS {
            assert_eq!(run.round(), Ok(()), "seed {seed}, round {round}");
        }
    }
}

#[test]
fn the_model_tells_right_from_wrong() {
    let sub =
        |filter: &str, group| Sub { at: 0, sid: String::new(), filter: filter.to_owned(), group };
    let subs = [sub("m.*", None), sub("m.a", Some("g")), sub("m.>", Some("g")), sub("x", None)];
    let tells = |got: &[(usize, usize)]| check(&subs, "m.a", &got.iter().copied().collect());
    assert_eq!(tells(&[(0, 1), (2, 1)]), Ok(()));
    assert!(tells(&[(0, 1)]).is_err() && tells(&[(2, 1)]).is_err());
    assert!(tells(&[(0, 2), (2, 1)]).is_err() && tells(&[(0, 1), (1, 1), (2, 1)]).is_err());
    assert!(tells(&[(0, 1), (1, 1), (3, 1)]).is_err());
}
