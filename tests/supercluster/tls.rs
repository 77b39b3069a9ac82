//! Links between clusters with TLS: both ends prove who they are, or there is no link.

use crate::harness::Server;
use crate::kit::{gateway_url, outbound, wants};
use crate::tls_kit::Authority;

fn conf(name: &str, tls: &str, others: &[(&str, &Server)]) -> String {
    let others: Vec<_> = others
        .iter()
        .map(|(name, other)| format!("{{ name: {name}, url: \"{}\" }}", gateway_url(other)))
        .collect();
    format!(
        "server_name: {name}\ngateway {{ name: {name}, listen: \"127.0.0.1:-1\", \
         connect_retries: 1000, gateways: [{}], {tls} }}",
        others.join(", ")
    )
}

fn start(name: &str, tls: &str, others: &[(&str, &Server)]) -> Server {
    Server::start(&conf(name, tls, others))
}

/// A `tls` block with a certificate of this authority, with more in it.
fn block(authority: &Authority, name: &str, more: &str) -> String {
    let keys = authority.keys(&authority.peer(name, "127.0.0.1"));
    format!("tls {{ {keys}, {more} }}")
}

/// Waits until two clusters are linked in both directions.
#[track_caller]
fn linked(one: (&str, &Server), other: (&str, &Server)) {
    for ((_, server), (name, _)) in [(one, other), (other, one)] {
        server.wait_json("/gatewayz", |page| outbound(page).contains(name).then_some(()));
    }
}

fn lonely(server: &Server) {
    let page = server.json("/gatewayz");
    assert!(outbound(&page).is_empty());
    assert!(page["inbound_gateways"].as_object().unwrap().is_empty());
}

#[test]
fn clusters_find_each_other_and_messages_cross_encrypted() {
    let authority = Authority::new();
    let east = start("east", &block(&authority, "east", ""), &[]);
    let west = start("west", &block(&authority, "west", ""), &[("east", &east)]);
    linked(("east", &east), ("west", &west));
    let (mut from, mut to) = (east.client(), west.client());
    to.subscribe("n", "1");
    wants(&east, "n", 1);
    for size in [0, 1, 16, 5_000, 40_000, 200_000] {
        from.publish("n", vec![b'x'; size]);
        assert_eq!(to.message().1, vec![b'x'; size]);
    }
    to.send("PUB back 0\r\n\r\n");
    from.subscribe("back", "1");
    wants(&west, "back", 1);
    to.publish("back", "here");
    from.expect("MSG back 1 4\r\nhere\r\n");
}

#[test]
fn a_cluster_that_proves_nothing_stays_out() {
    let (authority, other) = (Authority::new(), Authority::new());
    let east = start("east", &block(&authority, "east", ""), &[]);
    let plain = start("plain", "", &[("east", &east)]);
    east.log.wait_for("no gateway: TLS handshake error");
    let foreign = start("foreign", &block(&other, "foreign", ""), &[("east", &east)]);
    foreign.log.wait_for("invalid peer certificate");
    // One that takes anybody for its like still has to show who it is.
    let trusting = start("trusting", &block(&other, "t", "insecure: true"), &[("east", &east)]);
    east.log.wait_for("no gateway: TLS handshake error: tls: invalid peer certificate");
    trusting.log.wait_for("tls: received fatal alert");
    for server in [&east, &plain, &foreign, &trusting] {
        lonely(server);
    }
}

#[test]
fn certificates_that_were_renewed_in_their_files_are_taken_up_by_a_reload() {
    let (old, new) = (Authority::new(), Authority::new());
    let pair = old.peer("east", "127.0.0.1");
    let east = start("east", &format!("tls {{ {} }}", old.keys(&pair)), &[]);
    let west = start("west", &block(&new, "west", ""), &[("east", &east)]);
    west.log.wait_for("invalid peer certificate");
    lonely(&east);
    let renewed = new.peer("east", "127.0.0.1");
    for (from, to) in [(renewed.cert, pair.cert), (renewed.key, pair.key), (new.file(), old.file())]
    {
        std::fs::copy(from, to).unwrap();
    }
    east.signal("HUP");
    linked(("east", &east), ("west", &west));
}
