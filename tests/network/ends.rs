//! Hosts that end, or stop, without a word to anybody.

use crate::harness::Server;
use crate::kit::{meshed, peers};
use crate::load::Load;
use crate::model::Crowd;
use crate::net::Net;
use crate::wire::Way;

/// Waits until a server knows, or no longer knows, of a subscription to `subject` elsewhere.
#[track_caller]
fn knows(server: &Server, subject: &str, whether: bool) {
    server.wait_json("/subsz?subs=1&acc=$G&limit=100000", |page| {
        let mut list = page["subscriptions_list"].as_array()?.iter();
        (list.any(|sub| sub["subject"] == *subject) == whether).then_some(())
    });
}

/// As when its power goes: nothing of it reaches anybody any more, no reset and no goodbye.
#[test]
fn a_host_whose_power_goes_is_forgotten_and_taken_in_when_it_is_back() {
    let Some(net) = Net::new(3) else { return };
    let [a, b, mut c] = [0, 1, 2].map(|n| net.member(n, "c", &[0, 1, 2], ""));
    meshed(&[&a, &b, &c]);
    let mut lost = c.client();
    lost.subscribe("x", "1");
    knows(&a, "x", true);
    knows(&b, "x", true);
    let load = Load::begin(&[&a, &b], 2);
    let mut crowd = Crowd::new(&[&a, &b], 2);
    crowd.churn(30);
    net.set_all(&[2], &[0, 1], Some(Way::Cut));
    c.signal("KILL");
    c.wait_exit();
    for server in [&a, &b] {
        knows(server, "x", false);
        server.wait_json("/routez", |page| (peers(page).len() == 1).then_some(()));
    }
    crowd.churn(30);
    crowd.agree_in_time(&[&a, &b]);
    net.set_all(&[2], &[0, 1], None);
    // The others know its address, and it knows theirs.
    let c = net.member(2, "c", &[0, 1, 2], "");
    let mut found = c.client();
    found.subscribe("x", "1");
    meshed(&[&a, &b, &c]);
    for server in [&a, &b] {
        knows(server, "x", true);
    }
    b.client().publish("x", "hello");
    found.expect("MSG x 1 5\r\nhello\r\n");
    assert!(load.end() == 1.0, "something was lost that had nothing to do with it");
}

#[test]
fn a_server_that_stands_still_under_load_is_given_up_and_taken_in_again() {
    let Some(net) = Net::new(3) else { return };
    let [a, b, c] = [0, 1, 2].map(|n| net.member(n, "c", &[0, 1, 2], ""));
    let all = [&a, &b, &c];
    meshed(&all);
    let load = Load::begin(&all, 3);
    let mut crowd = Crowd::new(&all, 2);
    crowd.churn(60);
    crowd.agree(&all);
    c.signal("STOP");
    for server in [&a, &b] {
        server.wait_json("/routez", |page| (peers(page).len() == 1).then_some(()));
    }
    c.signal("CONT");
    crowd.churn(30);
    crowd.agree_in_time(&all);
    load.end();
}
