//! What each server knows of what clients of the others want, held against a model.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::harness::{Client, Server};
use crate::kit::cluster;

/// A subject and a queue group.
pub(crate) type Want = (String, Option<String>);

/// What a client holds, by sid.
pub(crate) type Held = BTreeMap<usize, Want>;

/// What `/subsz` shows of the global account.
fn shown(page: &Value) -> Vec<Want> {
    let list = page["subscriptions_list"].as_array().cloned().unwrap_or_default();
    let mut all: Vec<Want> = list
        .iter()
        .map(|sub| {
            let text = |field: &str| sub[field].as_str().map(str::to_owned);
            (text("subject").unwrap(), text("qgroup"))
        })
        .filter(|(subject, _)| !subject.starts_with('$'))
        .collect();
    all.sort();
    all
}

/// What server `n` has to show: its own clients' subscriptions, and of each other server what is
/// wanted there, once.
fn expected(held: &[Vec<Held>], n: usize) -> Vec<Want> {
    let mut all: Vec<Want> = Vec::new();
    for (other, clients) in held.iter().enumerate() {
        let wants = clients.iter().flat_map(BTreeMap::values).cloned();
        match other == n {
            true => all.extend(wants),
            false => all.extend(wants.collect::<BTreeSet<_>>()),
        }
    }
    all.sort();
    all
}

pub(crate) fn agree(servers: &[&Server], held: &[Vec<Held>]) {
    for (n, server) in servers.iter().enumerate() {
        let wanted = expected(held, n);
        server.wait_json("/subsz?subs=1&acc=$G&limit=100000", |page| {
            (shown(page) == wanted).then_some(())
        });
    }
}

pub(crate) fn random_want(rng: &mut impl FnMut(u64) -> u64) -> Want {
    let subjects = ["a", "a.b", "a.*", "a.>", ">", "*.b", "b.c.d", "q"];
    let queue = match rng(3) {
        0 => None,
        n => Some(format!("g{n}")),
    };
    (subjects[rng(subjects.len() as u64) as usize].to_owned(), queue)
}

#[test]
fn every_server_shows_what_the_clients_of_all_hold() {
    let [a, b, c] = cluster();
    let servers = [&a, &b, &c];
    let mut clients: Vec<Vec<Client>> =
        servers.iter().map(|server| (0..3).map(|_| server.client()).collect()).collect();
    let mut held: Vec<Vec<Held>> = vec![vec![Held::new(); 3]; 3];
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut rng = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    for round in 0..6 {
        for step in 0..120 {
            let (n, m) = (rng(3) as usize, rng(3) as usize);
            let (client, held) = (&mut clients[n][m], &mut held[n][m]);
            let sid = round * 1000 + step;
            let oldest = held.keys().next().copied();
            match oldest {
                Some(old) if rng(2) == 0 => {
                    held.remove(&old);
                    client.send(format!("UNSUB {old}\r\n"));
                }
                _ => {
                    let (subject, queue) = random_want(&mut rng);
                    let group = queue.as_deref().unwrap_or_default();
                    client.send(format!("SUB {subject} {group} {sid}\r\n"));
                    held.insert(sid, (subject, queue));
                }
            }
        }
        if round == 3 {
            // A client goes without a word.
            clients[1][1] = b.client();
            held[1][1].clear();
        }
        agree(&servers, &held);
    }
}

#[test]
fn a_server_that_comes_later_is_told_everything() {
    let [a, b] = cluster();
    let mut client = a.client();
    let mut lines = String::new();
    for n in 0..20_000 {
        lines.push_str(&format!("SUB s.{n} {n}\r\nSUB job.{} g {}\r\n", n % 7, n + 100_000));
    }
    client.send(lines);
    client.ping_pong();
    let late = crate::kit::server("late", &[&b], "");
    for server in [&b, &late] {
        server.wait_json("/subsz?subs=1&acc=$G&test=s.19999", |page| {
            (page["total"] == 1).then_some(())
        });
        server.wait_json("/routez", |page| {
            let routes = page["routes"].as_array().unwrap();
            let told = routes.iter().map(|route| route["subscriptions"].as_u64().unwrap());
            (told.max() >= Some(20_007)).then_some(())
        });
    }
}
