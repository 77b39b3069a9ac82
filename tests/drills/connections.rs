//! A connection panics: it alone is gone, and nothing of it is left.

use std::sync::atomic::Ordering::Relaxed;

use crate::flow::Flow;
use crate::kit::{actorz, cid, client, eventually, page, port, restarts, start};

#[test]
fn a_connection_that_panics_is_gone_alone() {
    let server = start();
    let flow = Flow::start(port(&server));
    let held = server.broker().realms.global().interest.len();
    let mut bystander = client(port(&server));
    bystander.subscribe("bystander.*", "9");
    let before = restarts(&server);
    for round in 1..=12 {
        let mut victim = client(port(&server));
        victim.send("SUB victim.literal 1\r\nSUB victim.* 2\r\nSUB *.victim q 3\r\n");
        victim.ping_pong();
        assert_eq!(page(&server, "/subsz")["num_subscriptions"], held + 4);
        let path = format!("/server/clients/{}", cid(&victim));
        assert!(server.actors().drill(&path, "fire drill"));
        victim.expect_closed();
        eventually("its subscriptions to go", || {
            (page(&server, "/subsz")["num_subscriptions"] == held + 1).then_some(())
        });
        eventually("the actor to be gone", || server.actors().get(&path).is_none().then_some(()));
        let closed = eventually("its last words", || {
            let query = format!("/connz?state=closed&cid={}&subs=1", cid(&victim));
            page(&server, &query)["connections"].get(0).cloned()
        });
        assert_eq!(closed["reason"], "Internal Error");
        assert_eq!(closed["subscriptions"], 3);
        let clients = eventually("the note of its parent", || {
            actorz(&server, "/server/clients")
                .filter(|clients| clients["observed"]["failures"] == round)
        });
        assert_eq!(clients["restarts"], 0, "a connection has no budget to exhaust");
        flow.advance(100);
        bystander.publish("bystander.me", "still here");
        bystander.expect("MSG bystander.me 9 10\r\nstill here\r\n");
    }
    assert_eq!(restarts(&server), before);
    flow.end();
    drop(bystander);
    eventually("all to be counted out", || {
        (server.clients() == 0 && server.broker().realms.global().interest.is_empty()).then_some(())
    });
}

/// A client in the midst of publishing: what was delivered is whole, and what it left on the desk
/// that it shares with others troubles nobody.
#[test]
fn one_that_panics_while_it_publishes_leaves_whole_messages() {
    let server = start();
    let mut subscriber = client(port(&server));
    subscriber.subscribe("burst", "1");
    for _ in 0..10 {
        let mut victim = client(port(&server));
        let path = format!("/server/clients/{}", cid(&victim));
        let burst: String = (0..20_000).map(|n| format!("PUB burst 6\r\n{n:06}\r\n")).collect();
        let writer = std::thread::spawn(move || {
            victim.try_send(burst);
            victim
        });
        let mut next = 0;
        while next < 500 {
            assert_eq!(subscriber.payload(), format!("{next:06}"));
            next += 1;
        }
        assert!(server.actors().drill(&path, "fire drill") || next > 0);
        eventually("it to be gone", || server.actors().get(&path).is_none().then_some(()));
        drop(writer.join().unwrap());
        let mut marker = client(port(&server));
        marker.publish("burst", "marker");
        loop {
            let payload = subscriber.payload();
            if payload == "marker" {
                break;
            }
            assert_eq!(payload, format!("{next:06}"), "no gap, and nothing torn");
            next += 1;
        }
    }
    assert_eq!(server.broker().tally.slow_consumers.load(Relaxed), 0);
}
