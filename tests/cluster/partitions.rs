//! Networks that lose what servers say: each part goes on, and when it is whole again everybody
//! knows what the clients of all hold.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::harness::{Client, Server, eventually};
use crate::kit::{meshed, peers, wants};
use crate::model::Crowd;
use crate::network::{Network, Way};

const NAMES: [&str; 3] = ["a", "b", "c"];

/// Three servers, with clients of each that come to want this and that.
struct Cluster {
    network: Network,
    servers: Vec<Server>,
    crowd: Crowd,
}

impl Cluster {
    fn new() -> Self {
        let network = Network::default();
        let (a, place) = network.server(NAMES[0], &[]);
        let servers = vec![a, network.server("b", &[place]).0, network.server("c", &[place]).0];
        let all: Vec<_> = servers.iter().collect();
        meshed(&all);
        let crowd = Crowd::new(&all, 2);
        Self { network, crowd, servers }
    }

    /// Everybody knows, and that in time from now.
    #[track_caller]
    fn agrees(&self) {
        self.crowd.agree_in_time(&self.servers.iter().collect::<Vec<_>>());
    }

    #[track_caller]
    fn sees(&self, n: usize, others: &[&str]) {
        self.servers[n].wait_json("/routez", |page| {
            (peers(page).iter().map(String::as_str).collect::<Vec<_>>() == others).then_some(())
        });
    }
}

#[test]
fn a_cluster_that_was_cut_in_two_agrees_once_it_is_whole() {
    let mut cluster = Cluster::new();
    cluster.crowd.churn(60);
    cluster.agrees();
    cluster.network.set_all("c", &["a", "b"], Some(Way::Cut));
    cluster.sees(2, &[]);
    cluster.sees(0, &["b"]);
    cluster.sees(1, &["a"]);
    cluster.crowd.churn(60);
    // The greater part goes on as one.
    let (mut from, mut to) = (cluster.servers[0].client(), cluster.servers[1].client());
    to.subscribe("only.here", "1");
    cluster.servers[0].wait_json("/subsz?subs=1&acc=$G&test=only.here", |page| {
        let list = page["subscriptions_list"].as_array()?;
        list.iter().any(|sub| sub["subject"] == "only.here").then_some(())
    });
    from.publish("only.here", "x");
    to.expect("MSG only.here 1 1\r\nx\r\n");
    drop(to);
    cluster.network.set_all("c", &["a", "b"], None);
    cluster.agrees();
}

#[test]
fn a_server_that_is_heard_but_does_not_hear_is_given_up_and_taken_in_again() {
    let mut cluster = Cluster::new();
    cluster.crowd.churn(60);
    for (from, to) in [("a", "c"), ("b", "c"), ("c", "b")] {
        cluster.network.set(from, to, Some(Way::Cut));
    }
    // It is silent towards nobody, and knows of nobody.
    cluster.sees(2, &[]);
    cluster.sees(0, &["b"]);
    cluster.crowd.churn(60);
    for (from, to) in [("a", "c"), ("b", "c"), ("c", "b")] {
        cluster.network.set(from, to, None);
    }
    cluster.agrees();
}

#[test]
fn links_that_come_and_go_leave_nothing_behind_and_duplicate_nothing() {
    let mut cluster = Cluster::new();
    let mut members: Vec<Client> = cluster.servers.iter().map(Server::client).collect();
    for member in &mut members {
        member.send("SUB job workers 1\r\nSUB job.end 2\r\n");
        member.ping_pong();
    }
    cluster.servers.iter().for_each(|server| wants(server, "job", 3));
    let mut from = cluster.servers[0].client();
    let mut sent = 0;
    for round in 0..6 {
        let (one, other) = [("a", "b"), ("c", "a"), ("b", "c")][round % 3];
        cluster.network.set_all(one, &[other], Some(Way::Cut));
        // Some are cut for so short that nobody notices.
        let until = Instant::now() + Duration::from_millis([300, 4000, 100][round % 3]);
        while Instant::now() < until {
            sent += 1;
            from.publish("job", format!("{sent}"));
            from.ping_pong();
            cluster.crowd.churn(1);
        }
        cluster.network.set_all(one, &[other], None);
    }
    cluster.network.set_all("a", &["b", "c"], Some(Way::Slow(Duration::from_millis(20))));
    meshed(&cluster.servers.iter().collect::<Vec<_>>());
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    let mut reached = [false; 3];
    eventually("the end to reach all", || {
        from.publish("job.end", "");
        for (member, reached) in members.iter_mut().zip(&mut reached) {
            member.send("PING\r\n");
            loop {
                let frame = member.frame();
                let mut lines = frame.split("\r\n");
                match lines.next().unwrap_or_default() {
                    "PONG" => break,
                    line if line.starts_with("MSG job.end ") => *reached = true,
                    line if line.starts_with("MSG job ") => {
                        *counts.entry(lines.next().unwrap().to_owned()).or_default() += 1;
                    }
                    _ => {}
                }
            }
        }
        (reached == [true; 3]).then_some(())
    });
    let twice: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    // What was sent while all was well has arrived.
    assert!(counts.len() > 20, "{} of {sent}", counts.len());
    drop(members);
    cluster.agrees();
}
