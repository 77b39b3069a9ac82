//! Clients of several servers that come to want this and that, and a model of what each server has
//! to know of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::Value;

use crate::harness::{Client, Server};

/// Within this time everybody knows.
pub(crate) const CONVERGED_WITHIN: Duration = Duration::from_secs(5);

/// What clients of the crowd want, and nobody else.
const SUBJECTS: [&str; 8] = ["a", "a.b", "a.*", "a.>", ">", "*.b", "b.c.d", "q"];

/// A subject and a queue group.
type Want = (String, Option<String>);

/// What a client holds, by sid.
type Held = BTreeMap<usize, Want>;

/// Clients of each server, and what they hold.
pub(crate) struct Crowd {
    /// By server.
    clients: Vec<Vec<Client>>,
    held: Vec<Vec<Held>>,
    /// The cluster of each server.
    clusters: Vec<usize>,
    rng: Rng,
    sid: usize,
}

impl Crowd {
    /// So many clients of each server of one cluster.
    #[track_caller]
    pub(crate) fn new(servers: &[&Server], count: usize) -> Self {
        Self::across(&vec![0; servers.len()], servers, count)
    }

    /// The same of servers of several clusters; `clusters` says of which each is.
    #[track_caller]
    pub(crate) fn across(clusters: &[usize], servers: &[&Server], count: usize) -> Self {
        let clients = |server: &&Server| (0..count).map(|_| server.client()).collect();
        Self {
            clients: servers.iter().map(clients).collect(),
            held: vec![vec![Held::new(); count]; servers.len()],
            clusters: clusters.to_vec(),
            rng: Rng::with_seed(0x2545_F491_4F6C_DD1D),
            sid: 0,
        }
    }

    /// So many times some client wants something more, or no longer wants something.
    #[track_caller]
    pub(crate) fn churn(&mut self, steps: usize) {
        for _ in 0..steps {
            let (n, m) =
                (self.rng.usize(..self.clients.len()), self.rng.usize(..self.held[0].len()));
            let oldest = self.held[n][m].keys().next().copied();
            match oldest {
                Some(old) if self.rng.bool() => {
                    self.held[n][m].remove(&old);
                    self.clients[n][m].send(format!("UNSUB {old}\r\n"));
                }
                _ => {
                    self.sid += 1;
                    let (subject, queue) = random_want(&mut self.rng);
                    let group = queue.as_deref().unwrap_or_default();
                    self.clients[n][m].send(format!("SUB {subject} {group} {}\r\n", self.sid));
                    self.held[n][m].insert(self.sid, (subject, queue));
                }
            }
        }
        for client in self.clients.iter_mut().flatten() {
            // Whatever it is sent meanwhile is not looked at.
            client.send("PING\r\n");
            while client.frame() != "PONG\r\n" {}
        }
    }

    /// A client goes without a word, and another comes in its place.
    #[track_caller]
    pub(crate) fn replace(&mut self, n: usize, m: usize, server: &Server) {
        self.clients[n][m] = server.client();
        self.held[n][m].clear();
    }

    /// Everybody comes to know.
    #[track_caller]
    pub(crate) fn agree(&self, servers: &[&Server]) {
        for (n, server) in servers.iter().enumerate() {
            let wanted = self.expected(n);
            server.wait_json("/subsz?subs=1&acc=$G&limit=100000", |page| {
                (shown(page) == wanted).then_some(())
            });
        }
    }

    /// Everybody comes to know, and that in time from now.
    #[track_caller]
    pub(crate) fn agree_in_time(&self, servers: &[&Server]) {
        let since = Instant::now();
        self.agree(servers);
        assert!(since.elapsed() < CONVERGED_WITHIN, "{:?}", since.elapsed());
    }

    /// What server `n` has to show: its own clients' subscriptions, and once what is wanted at each
    /// other server of its cluster, and in each other cluster.
    fn expected(&self, n: usize) -> Vec<Want> {
        let mut all: Vec<Want> = Vec::new();
        let mut beyond: BTreeMap<usize, BTreeSet<Want>> = BTreeMap::new();
        for (other, clients) in self.held.iter().enumerate() {
            let wants = clients.iter().flat_map(BTreeMap::values).cloned();
            match self.clusters[other] {
                _ if other == n => all.extend(wants),
                cluster if cluster == self.clusters[n] => {
                    all.extend(wants.collect::<BTreeSet<_>>());
                }
                cluster => beyond.entry(cluster).or_default().extend(wants),
            }
        }
        all.extend(beyond.into_values().flatten());
        all.sort();
        all
    }
}

/// What `/subsz` shows of the global account, as far as it is the crowd's.
fn shown(page: &Value) -> Vec<Want> {
    let list = page["subscriptions_list"].as_array().cloned().unwrap_or_default();
    let mut all: Vec<Want> = list
        .iter()
        .map(|sub| {
            let text = |field: &str| sub[field].as_str().map(str::to_owned);
            (text("subject").unwrap(), text("qgroup"))
        })
        .filter(|(subject, _)| SUBJECTS.contains(&&**subject))
        .collect();
    all.sort();
    all
}

fn random_want(rng: &mut Rng) -> Want {
    let queue = match rng.u8(..3) {
        0 => None,
        n => Some(format!("g{n}")),
    };
    (SUBJECTS[rng.usize(..SUBJECTS.len())].to_owned(), queue)
}
