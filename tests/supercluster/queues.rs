//! Queue groups with members in several clusters.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::harness::{Client, Server};
use crate::kit::{gateway_port, regions, server, wants};

const COUNT: usize = 500;

/// A member of the queue group, which has told its server.
fn member(server: &Server) -> Client {
    let mut client = server.client();
    client.send("SUB job workers 1\r\nSUB end 2\r\n");
    client.ping_pong();
    client
}

/// What came to a client until the message `end`.
fn drain(client: &mut Client) -> Vec<String> {
    std::iter::from_fn(|| Some(client.payload()).filter(|payload| payload != "end")).collect()
}

fn publish(from: &Server) {
    let mut client = from.client();
    for n in 0..COUNT {
        client.publish("job", n.to_string());
    }
    client.publish("end", "end");
    client.ping_pong();
}

/// Each message came once, to whomever it did.
#[track_caller]
fn each_once(shares: &[Vec<String>]) {
    let mut times: HashMap<&str, usize> = HashMap::new();
    for message in shares.iter().flatten() {
        *times.entry(message).or_default() += 1;
    }
    assert_eq!(times.len(), COUNT);
    assert!(times.values().all(|times| *times == 1), "{times:?}");
}

// Row 157.
#[test]
fn members_of_the_own_cluster_get_all_and_others_only_when_there_are_none() {
    let [east, west] = regions(["east", "west"], 2);
    let mut own = [member(&east.servers[0]), member(&east.servers[1])];
    let mut far = [member(&west.servers[0]), member(&west.servers[1])];
    for server in east.servers.iter().chain(&west.servers) {
        wants(server, "job", 3);
        wants(server, "end", 3);
    }
    publish(&east.servers[0]);
    let shares: Vec<Vec<String>> = own.iter_mut().map(drain).collect();
    each_once(&shares);
    // Both servers of the cluster have their part in it.
    assert!(shares.iter().all(|share| share.len() > COUNT / 4));
    assert!(far.iter_mut().all(|client| drain(client).is_empty()));

    for client in &mut own {
        client.send("UNSUB 1\r\n");
        client.ping_pong();
    }
    wants(&east.servers[0], "job", 1);
    publish(&east.servers[0]);
    let shares: Vec<Vec<String>> = far.iter_mut().map(drain).collect();
    each_once(&shares);
    assert!(shares.iter().all(|share| share.len() > COUNT / 4));
    assert!(own.iter_mut().all(|client| drain(client).is_empty()));
}

#[test]
fn of_several_other_clusters_one_gets_the_message() {
    let [east, west, north] = regions(["east", "west", "north"], 1);
    let mut far = [member(&west.servers[0]), member(&north.servers[0])];
    let from = &east.servers[0];
    wants(from, "job", 2);
    wants(from, "end", 2);
    publish(from);
    let shares: Vec<Vec<String>> = far.iter_mut().map(drain).collect();
    each_once(&shares);
}

/// A longer way to a port of this machine: each piece takes its time, in both directions.
fn detour(port: u16) -> u16 {
    const PIECE_TAKES: Duration = Duration::from_millis(40);
    fn carry(mut from: TcpStream, mut to: TcpStream) {
        let mut piece = vec![0; 64 << 10];
        while let Ok(read @ 1..) = from.read(&mut piece) {
            thread::park_timeout(PIECE_TAKES);
            if to.write_all(&piece[..read]).is_err() {
                return;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Both);
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let far = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let back = (far.try_clone().unwrap(), near.try_clone().unwrap());
            thread::spawn(move || carry(back.0, back.1));
            thread::spawn(move || carry(near, far));
        }
    });
    here
}

// Row 157.
#[test]
fn of_several_other_clusters_the_nearest_gets_the_message() {
    let (west, north) = (server("west", &[], &[], "", ""), server("north", &[], &[], "", ""));
    let east = Server::start(&format!(
        "gateway {{ name: east, listen: \"127.0.0.1:-1\", gateways: [\
         {{ name: west, url: \"nats://127.0.0.1:{}\" }}, \
         {{ name: north, url: \"nats://127.0.0.1:{}\" }}] }}",
        detour(gateway_port(&west)),
        gateway_port(&north)
    ));
    let (mut farther, mut nearer) = (member(&west), member(&north));
    wants(&east, "job", 2);
    wants(&east, "end", 2);
    let rtt = |page: &serde_json::Value, name: &str| {
        let shown = page["outbound_gateways"][name]["connection"]["rtt"].as_str()?.to_owned();
        let micros = shown.strip_suffix("ms").map(|text| text.parse::<f64>().unwrap() * 1000.0);
        micros.or_else(|| Some(shown.strip_suffix("\u{b5}s")?.parse().unwrap()))
    };
    let goes_far = |page: &serde_json::Value| Some(rtt(page, "west")? > rtt(page, "north")?);
    east.wait_json("/gatewayz", |page| goes_far(page).filter(|far| *far).map(drop));
    publish(&east);
    each_once(&[drain(&mut nearer)]);
    assert!(drain(&mut farther).is_empty());
}

#[test]
fn a_cluster_that_is_gone_leaves_the_group_to_the_next() {
    let [east, west, north] = regions(["east", "west", "north"], 1);
    let (mut far, mut farther) = (member(&west.servers[0]), member(&north.servers[0]));
    let from = &east.servers[0];
    wants(from, "job", 2);
    drop(west);
    far.expect_closed();
    wants(from, "job", 1);
    wants(from, "end", 1);
    publish(from);
    each_once(&[drain(&mut farther)]);
}

/// Nobody is asked twice, and nobody is left out, while members of a group come and go.
#[test]
fn a_group_that_moves_from_cluster_to_cluster_gets_no_message_twice() {
    let [east, west] = regions(["east", "west"], 1);
    let (east, west) = (&east.servers[0], &west.servers[0]);
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut from = east.client();
    let mut all = [east.client(), west.client(), east.client(), west.client()];
    for round in 0..12 {
        let client = &mut all[round % 4];
        client.send("SUB job workers 1\r\n");
        client.ping_pong();
        wants(east, "job", 1);
        from.publish("job", round.to_string());
        *seen.entry(client.payload()).or_default() += 1;
        client.send("UNSUB 1\r\n");
        client.ping_pong();
        wants(east, "job", 0);
    }
    assert_eq!(seen.len(), 12);
    assert!(seen.values().all(|times| *times == 1));
    for client in &mut all {
        // Nothing more is on its way.
        client.ping_pong();
    }
}
