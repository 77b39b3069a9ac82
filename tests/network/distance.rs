//! Clusters near and far: a queue group is served by the nearest that has members.

use std::time::Duration;

use crate::harness::{Client, Server};
use crate::kit::wants;
use crate::net::Net;
use crate::regions::outbound;
use crate::wire::Way;

const NAMES: [&str; 3] = ["east", "west", "north"];

/// A way there and back that takes so long in all.
fn far(ms: u64) -> Option<Way> {
    Some(Way::Far(Duration::from_millis(ms) / 2))
}

/// Waits until a server has measured that the way to one cluster is clearly longer than to another.
#[track_caller]
fn measures(server: &Server, near: &str, far: &str) {
    server.wait_json("/gatewayz", |page| {
        let rtt = |name: &str| {
            let text = page["outbound_gateways"][name]["connection"]["rtt"].as_str()?;
            Some(micros(text))
        };
        (rtt(near)? * 1.5 < rtt(far)?).then_some(())
    });
}

/// As Go writes times: `5.123ms`, `810µs`, `1.2s`.
fn micros(text: &str) -> f64 {
    let digits = text.trim_end_matches(|it: char| !it.is_ascii_digit());
    let unit = match &text[digits.len()..] {
        "s" => 1e6,
        "ms" => 1e3,
        "µs" => 1.0,
        "ns" => 1e-3,
        other => panic!("{other:?} of {text:?}"),
    };
    digits.parse::<f64>().unwrap() * unit
}

/// A responder of the queue group, which says where it is.
#[track_caller]
fn responder(server: &Server) -> Client {
    let mut client = server.client();
    client.send("SUB svc workers 1\r\n");
    client.ping_pong();
    client
}

/// Sends requests to the group. All of them must get to `near`, and the answers back.
#[track_caller]
fn served_by(from: &mut Client, near: &mut Client, other: &mut Client) {
    for n in 0..20 {
        from.send(format!("PUB svc in.{n} 1\r\n?\r\n"));
        let (words, _) = near.message();
        near.publish(&words[2], n.to_string());
        assert_eq!(from.payload(), n.to_string());
    }
    other.ping_pong();
}

// Rows 156 and 157.
#[test]
fn requests_go_to_the_nearer_cluster_and_to_the_other_when_that_becomes_nearer() {
    let Some(net) = Net::new(3) else { return };
    let seeds: Vec<_> = NAMES.iter().enumerate().map(|(n, name)| (*name, n)).collect();
    net.set_all(&[2], &[0], far(5));
    net.set_all(&[2], &[1], far(50));
    let [east, west, north] = [0, 1, 2].map(|n| {
        net.server(n, &format!("server_name: s{n}\n{}", net.gateway(n, NAMES[n], &seeds)))
    });
    for server in [&east, &west, &north] {
        server.wait_json("/gatewayz", |page| (outbound(page).len() == 2).then_some(()));
    }
    let (mut at_east, mut at_west) = (responder(&east), responder(&west));
    let mut from = north.client();
    from.subscribe("in.*", "1");
    wants(&north, "svc", 2);
    for server in [&east, &west] {
        wants(server, "in.0", 1);
    }
    measures(&north, "east", "west");
    served_by(&mut from, &mut at_east, &mut at_west);

    net.set_all(&[2], &[0], far(150));
    measures(&north, "west", "east");
    served_by(&mut from, &mut at_west, &mut at_east);

    // Of the nearer one the last member goes.
    at_west.send("UNSUB 1\r\n");
    at_west.ping_pong();
    wants(&north, "svc", 1);
    served_by(&mut from, &mut at_east, &mut at_west);
}
