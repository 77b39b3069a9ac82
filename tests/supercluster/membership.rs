//! Which clusters find each other, and which don't.

use crate::crowd;
use crate::harness::Server;
use crate::kit::{gateway_port, gateway_url, outbound, regions, server};

// Row 126.
#[test]
fn the_page_shows_the_links_of_both_directions() {
    let [east, west] = regions(["east", "west"], 1);
    let (east, west) = (&east.servers[0], &west.servers[0]);
    let page = west.json("/gatewayz");
    assert_eq!((page["name"].as_str(), page["host"].as_str()), (Some("west"), Some("127.0.0.1")));
    let out = &page["outbound_gateways"]["east"];
    assert_eq!(out["configured"], true);
    assert_eq!(out["connection"]["name"], east.json("/varz")["server_id"]);
    assert_eq!(out["connection"]["kind"], "Gateway");
    assert_eq!(out["connection"]["port"], gateway_port(east));
    west.wait_json("/gatewayz", |page| {
        let inbound = page["inbound_gateways"]["east"].as_array()?;
        (inbound.len() == 1 && inbound[0]["configured"] == false).then_some(())
    });
    assert!(
        west.json("/gatewayz?gw_name=other")["outbound_gateways"].as_object().unwrap().is_empty()
    );
    let varz = west.json("/varz");
    assert_eq!(varz["gateway"]["name"], "west");
    assert_eq!(varz["gateway"]["gateways"][0]["name"], "east");
    assert_eq!(varz["cluster"]["name"], "west");

    // Row 159.
    let mut client = east.client();
    client.send("SUB a 1\r\nSUB b workers 2\r\n");
    client.ping_pong();
    let accounts = west.wait_json("/gatewayz?acc_name=$G&subs=1", |page| {
        let accounts = page["outbound_gateways"]["east"]["accounts"].clone();
        let mut list = accounts[0]["subscriptions_list"].as_array()?.iter();
        let known = accounts[0]["num_queue_subs"] == 1 && list.any(|subject| subject == "a");
        known.then_some(accounts)
    });
    assert_eq!(accounts[0]["interest_mode"], "Interest-Only");
}

// Row 160.
#[test]
fn a_cluster_that_is_not_listed_is_refused() {
    let east = server("east", &[], &[], "reject_unknown: true", "");
    let west = server("west", &[], &[("east", &east)], "", "");
    west.log.wait_for("Connection to gateway \"east\" rejected");
    east.log.wait_for("Rejecting connection from gateway \"west\"");
    assert!(outbound(&west.json("/gatewayz")).is_empty());
}

// Row 160.
#[test]
fn a_cluster_that_is_not_listed_is_not_looked_for_either() {
    let west = server("west", &[], &[], "", "");
    let east = server("east", &[], &[("west", &west)], "reject_unknown: true", "");
    east.wait_json("/gatewayz", |page| outbound(page).contains("west").then_some(()));
    let north = server("north", &[], &[("west", &west)], "connect_retries: 3", "");
    // West tells both of each other at the same time.
    north.log.wait_for("Giving up on gateway \"east\"");
    east.log.wait_for("Rejecting connection from gateway \"north\"");
    assert!(!east.log.text().contains("gateway \"north\" at"), "it was looked for");
    assert_eq!(outbound(&east.json("/gatewayz")), ["west"].into());
}

#[test]
fn whoever_is_found_under_another_name_is_not_linked() {
    let east = server("east", &[], &[], "", "");
    let west = server("west", &[], &[("north", &east)], "", "");
    let why = "Connection from \"west\" rejected, wanted to connect to \"north\", this is \"east\"";
    west.log.wait_for(why);
    assert!(outbound(&west.json("/gatewayz")).is_empty());
}

#[test]
fn ports_for_routes_and_clients_are_no_ports_for_gateways() {
    let east = server("east", &[], &[], "", "");
    let route = east.ports["cluster"][0].as_str().unwrap();
    for url in [route, &format!("nats://127.0.0.1:{}", east.port)] {
        let west = Server::start(&format!(
            "gateway {{ name: west, port: -1, gateways: [{{ name: east, url: \"{url}\" }}] }}"
        ));
        west.log.wait_for("Attempt to connect to gateway \"east\" using wrong port");
    }
    let lost = Server::start(&format!(
        "cluster {{ name: east, port: -1, routes: [\"{}\"] }}",
        gateway_url(&east).replace("nats://", "nats-route://")
    ));
    lost.log.wait_for("the other end is a port for links of another kind");
}

#[test]
fn both_ends_have_to_know_the_password() {
    let secret = "authorization { user: g, password: right }";
    let east = server("east", &[], &[], secret, "");
    let wrong = "authorization { user: g, password: wrong }";
    let west = server("west", &[], &[("east", &east)], wrong, "");
    west.log.wait_for("Authorization Violation");
    assert!(outbound(&west.json("/gatewayz")).is_empty());
    let north = server("north", &[], &[("east", &east)], secret, "");
    north.wait_json("/gatewayz", |page| outbound(page).contains("east").then_some(()));
    east.wait_json("/gatewayz", |page| outbound(page).contains("north").then_some(()));
}

#[test]
fn only_so_many_may_be_strangers_at_one_time() {
    let east = server("east", &[], &[], "authorization { timeout: 60 }", "");
    crowd::all_but(64, 100, gateway_port(&east));
    let west = server("west", &[], &[("east", &east)], "", "");
    west.wait_json("/gatewayz", |page| outbound(page).contains("east").then_some(()));
}
