//! Requests whose answers cross back from another cluster.

use crate::kit::{regions, regions_with, wants};

// Rows 156 and 158. Every request is the first of its client: its inbox is not known in the other
// cluster when the request arrives there, and the way of its interest is longer.
#[test]
fn the_first_request_of_a_client_is_answered_from_another_cluster() {
    let [east, west] = regions(["east", "west"], 2);
    for service in &west.servers {
        let mut responder = service.client();
        responder.subscribe("svc", "1");
        for server in &east.servers {
            wants(server, "svc", 1);
        }
        for n in 0..40 {
            let mut from = east.servers[n % 2].header_client();
            from.send(format!("SUB _INBOX.{n}.* 7\r\nPUB svc _INBOX.{n}.x 1\r\n?\r\n"));
            let (words, _) = responder.message();
            assert_eq!(words[2], format!("_INBOX.{n}.x"), "the responder sees what was asked for");
            responder.publish(&words[2], n.to_string());
            responder.publish(&words[2], "more");
            assert_eq!(from.payload(), n.to_string());
            assert_eq!(from.payload(), "more");
        }
        responder.send("UNSUB 1\r\n");
        responder.ping_pong();
        for server in &east.servers {
            wants(server, "svc", 0);
        }
    }
}

#[test]
fn answers_come_once_to_whoever_else_listens() {
    let [east, west, north] = regions(["east", "west", "north"], 2);
    let mut taps: Vec<_> = [&east.servers[1], &west.servers[1], &north.servers[0]]
        .into_iter()
        .map(|server| server.client())
        .collect();
    for tap in &mut taps {
        tap.subscribe("_INBOX.>", "1");
    }
    let mut responder = west.servers[0].client();
    responder.subscribe("svc", "1");
    wants(&east.servers[0], "svc", 1);
    for region in [&east, &west, &north] {
        // Of the own cluster and of the two others.
        region.servers.iter().for_each(|server| wants(server, "_INBOX.a", 3));
    }
    for n in 0..20 {
        let mut from = east.servers[0].client();
        let inbox = format!("_INBOX.{n}");
        from.send(format!("SUB {inbox} 7\r\nPUB svc {inbox} 1\r\n?\r\n"));
        responder.message();
        responder.publish(&inbox, n.to_string());
        assert_eq!(from.payload(), n.to_string());
        for tap in &mut taps {
            assert_eq!(tap.payload(), n.to_string(), "another copy would come in between");
        }
        from.ping_pong();
    }
}

#[test]
fn only_where_no_cluster_has_a_responder_a_request_fails_at_once() {
    let [east, west] = regions(["east", "west"], 2);
    let mut from = east.servers[0].header_client();
    from.send("SUB r 1\r\nPUB svc r 0\r\n\r\n");
    from.expect_start("HMSG r 1 ");
    let mut responder = west.servers[1].client();
    responder.subscribe("svc", "1");
    wants(&east.servers[0], "svc", 1);
    from.send("PUB svc r 0\r\n\r\n");
    responder.message();
    responder.publish("r", "yes");
    assert_eq!(from.payload(), "yes");
    responder.send("UNSUB 1\r\n");
    responder.ping_pong();
    wants(&east.servers[0], "svc", 0);
    from.send("PUB svc r 0\r\n\r\n");
    from.expect_start("HMSG r 1 ");
}

#[test]
fn a_service_of_another_account_answers_from_another_cluster() {
    let accounts = "accounts {\n\
        SHOP { users: [{ user: shop, password: p }], exports: [{ service: \"price.*\" }] }\n\
        DESK { users: [{ user: desk, password: p }],\n\
               imports: [{ service: { account: SHOP, subject: \"price.*\" } }] } }";
    let [east, west] = regions_with(["east", "west"], 2, accounts);
    let login = |user: &str| format!("{{\"user\":\"{user}\",\"pass\":\"p\"}}");
    let mut shop = west.servers[1].client_with(&login("shop"));
    shop.subscribe("price.*", "1");
    east.servers[0].wait_interest("SHOP", "price.tea", 1);
    for n in 0..10 {
        let mut desk = east.servers[0].client_with(&login("desk"));
        desk.send(format!("SUB in.{n} 1\r\nPUB price.tea in.{n} 1\r\n?\r\n"));
        let (words, _) = shop.message();
        shop.publish(&words[2], "3");
        assert_eq!(desk.payload(), "3");
    }
}
