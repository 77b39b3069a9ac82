//! Many at once: nobody is held up, and memory is bounded.

use crate::harness::is_reference;
use crate::kit::{join, start};

const CLIENTS: usize = 200;

#[test]
fn all_that_come_in_a_storm_are_told_of_in_their_order() {
    let server = start("");
    let mut sys = join(&server, "sys");
    sys.client.subscribe("$SYS.ACCOUNT.APP.*", "e");
    let mut open = 0i64;
    let clients: Vec<_> = (0..CLIENTS).map(|_| join(&server, "app")).collect();
    drop(clients);
    for _ in 0..2 * CLIENTS {
        let message = sys.next();
        open += if message.subject.ends_with(".CONNECT") { 1 } else { -1 };
        assert!((0..=CLIENTS as i64).contains(&open), "{message:?}");
    }
    assert_eq!(open, 0);
}

#[test]
fn a_flood_of_requests_is_answered_or_dropped_and_the_server_goes_on() {
    if is_reference() {
        return;
    }
    let server = start("");
    let mut sys = join(&server, "sys");
    let mut flood = join(&server, "sys");
    flood.client.send("SUB flood 1\r\n");
    for _ in 0..50 {
        flood.client.send("PUB $SYS.REQ.SERVER.PING.VARZ flood 0\r\n\r\n".repeat(100));
    }
    let mut app = join(&server, "app");
    app.client.subscribe("a", "1");
    app.client.publish("a", "x");
    app.client.expect("MSG a 1 1\r\nx\r\n");
    server.wait_json("/actorz?observe=1&path=/server/system", |page| {
        let told = page.to_string();
        told.contains("\"pages_being_made\":0,").then_some(())
    });
    assert_eq!(sys.ask("$SYS.REQ.SERVER.PING.IDZ", "")["name"], "one");
}
