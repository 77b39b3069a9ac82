//! Several links between two servers, so that accounts do not hold each other up.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::harness::{Client, Server, eventually};
use crate::kit::{cluster_port, meshed, route_url, server, server_with};

const ACCOUNTS: &str = "accounts {
    A { users: [{user: a, password: p}] }, B { users: [{user: b, password: p}] }
    C { users: [{user: c, password: p}] }, D { users: [{user: d, password: p}] }
    E { users: [{user: e, password: p}] } }\n";

fn login(server: &Server, user: &str) -> Client {
    server.client_with(&format!(r#"{{"user":"{user}","pass":"p"}}"#))
}

/// How many links there are to each server, and which accounts have one of their own there.
fn links(page: &Value) -> BTreeMap<String, (usize, Vec<String>)> {
    let mut all: BTreeMap<String, (usize, Vec<String>)> = BTreeMap::new();
    for route in page["routes"].as_array().unwrap() {
        let (count, own) =
            all.entry(route["remote_name"].as_str().unwrap().to_owned()).or_default();
        *count += 1;
        own.extend(route["account"].as_str().map(str::to_owned));
        own.sort();
    }
    all
}

#[track_caller]
fn shows(server: &Server, other: &str, count: usize, own: &[&str]) {
    server.wait_json("/routez", |page| {
        let links = links(page);
        let (there, accounts) = links.get(other)?;
        (*there == count && accounts == own).then_some(())
    });
}

/// Every account's messages cross in both directions.
fn all_cross(one: &Server, other: &Server) {
    for (user, account) in [("a", "A"), ("b", "B"), ("c", "C"), ("d", "D"), ("e", "E")] {
        for (from, to) in [(one, other), (other, one)] {
            let (mut near, mut far) = (login(from, user), login(to, user));
            let subject = format!("cross.{user}");
            far.subscribe(&subject, "1");
            from.wait_interest(account, &subject, 1);
            near.publish(&subject, "x");
            far.expect(format!("MSG {subject} 1 1\r\nx\r\n"));
            drop(far);
            from.wait_interest(account, &subject, 0);
        }
    }
}

// Rows 149 and 150.
#[test]
fn accounts_are_shared_out_among_links() {
    let a = server_with("a", &[], "pool_size: 2, accounts: [A, B]", ACCOUNTS);
    let b = server_with("b", &[&a], "pool_size: 4, accounts: [B, C]", ACCOUNTS);
    // The greater pool, what both give links to, and the system.
    shows(&a, "b", 6, &["$SYS", "B"]);
    shows(&b, "a", 6, &["$SYS", "B"]);
    assert_eq!(a.json("/varz")["routes"], 6);
    assert_eq!(a.json("/varz")["remotes"], 1);
    all_cross(&a, &b);
    // One that does without is linked by one link, for everything.
    let c = server_with("c", &[&a], "pool_size: -1", ACCOUNTS);
    for server in [&a, &b] {
        shows(server, "c", 1, &[]);
    }
    all_cross(&c, &b);
    all_cross(&a, &c);
    // Each link carries just the interest of its accounts; those without one of their own are
    // spread over the pool, by the hashes of their names.
    let pool = [("a", "A"), ("c", "C"), ("d", "D"), ("e", "E")];
    let mut clients: Vec<_> = pool.iter().map(|(user, _)| login(&b, user)).collect();
    clients.push(login(&b, "b"));
    clients.iter_mut().for_each(|client| client.subscribe("mine", "1"));
    pool.iter().for_each(|(_, account)| a.wait_interest(account, "mine", 1));
    a.wait_interest("B", "mine", 1);
    let page = a.json("/routez?subs=detail");
    let mut carried = Vec::new();
    for route in page["routes"].as_array().unwrap() {
        let list = route["subscriptions_list_detail"].as_array().cloned().unwrap_or_default();
        let mine = list.iter().filter(|sub| sub["subject"] == "mine");
        let mut accounts: Vec<_> = mine.map(|sub| sub["account"].as_str().unwrap()).collect();
        accounts.sort_unstable();
        assert_eq!(accounts == ["B"], route["account"] == "B", "{route}");
        carried.push(accounts.concat());
    }
    carried.retain(|accounts| !accounts.is_empty());
    carried.sort();
    assert_eq!(carried, ["AE", "B", "C", "D"]);
}

// Row 149.
#[test]
fn three_links_and_the_systems_are_the_default() {
    let a = server("a", &[], "");
    let b = server("b", &[&a], "");
    let c = server("c", &[&a], "");
    for server in [&a, &b, &c] {
        let others = [(&a, "a"), (&b, "b"), (&c, "c")];
        for (_, name) in others.iter().filter(|(other, _)| other.port != server.port) {
            shows(server, name, 4, &["$SYS"]);
        }
    }
}

#[test]
fn a_flood_in_one_account_does_not_hold_up_another() {
    let a = server_with("a", &[], "accounts: [A]", ACCOUNTS);
    let b = server_with("b", &[&a], "accounts: [A]", ACCOUNTS);
    shows(&a, "b", 5, &["$SYS", "A"]);
    let (mut stuck, mut well) = (login(&b, "a"), login(&b, "b"));
    stuck.subscribe("flood", "1");
    well.subscribe("x", "1");
    a.wait_interest("A", "flood", 1);
    a.wait_interest("B", "x", 1);
    // Nobody reads what comes to the one; the other's messages cross all the while.
    let payload = vec![b'x'; 256 << 10];
    let (mut flood, mut from) = (login(&a, "a"), login(&a, "b"));
    for n in 0..200 {
        flood.publish("flood", &payload);
        from.publish("x", format!("{n}"));
        assert_eq!(well.payload(), format!("{n}"));
    }
    let queued = |page: &Value| {
        let routes = page["routes"].as_array().unwrap();
        routes.iter().filter(|route| route["account"] != "A").all(|one| one["pending_size"] == 0)
    };
    a.wait_json("/routez", |page| queued(page).then_some(()));
}

#[test]
fn links_beside_the_main_one_come_back_with_the_server() {
    let a = server_with("a", &[], "accounts: [A]", ACCOUNTS);
    let mut b = server_with("b", &[&a], "accounts: [A]", ACCOUNTS);
    shows(&a, "b", 5, &["$SYS", "A"]);
    let port = cluster_port(&b);
    b.signal("KILL");
    b.wait_exit();
    a.wait_json("/routez", |page| links(page).is_empty().then_some(()));
    let conf = format!(
        "server_name: b\ncluster {{ name: c, listen: \"127.0.0.1:{port}\", accounts: [A], \
         routes: [\"{}\"] }}\n{ACCOUNTS}",
        route_url(&a)
    );
    let b = Server::start(&conf);
    meshed(&[&a, &b]);
    shows(&a, "b", 5, &["$SYS", "A"]);
    all_cross(&a, &b);
    // It may be away for a while without having ended.
    b.signal("STOP");
    a.wait_json("/routez", |page| links(page).is_empty().then_some(()));
    b.signal("CONT");
    eventually("all links", || {
        let all = |server: &Server| links(&server.json("/routez")).values().next()?.0.into();
        let counts: [Option<usize>; 2] = [all(&a), all(&b)];
        (counts == [Some(5); 2]).then_some(())
    });
    all_cross(&b, &a);
}
