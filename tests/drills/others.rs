//! The actors of which there is one: census, listener, the parent of the clients, plugins.

use std::sync::mpsc::{Sender, channel};

use serde_json::Value;
use vagus::Server;
use vagus::plugin::{Batch, Cx, Plugin, Subscription};

use crate::flow::Flow;
use crate::kit::{
    DEADLINE, cid, client, drill, drill_alone, eventually, page, port, restarts, start, start_with,
};

fn listed(server: &Server, state: &str) -> Vec<u64> {
    let page = page(server, &format!("/connz?state={state}&limit=1000"));
    let all = page["connections"].as_array().expect("connections").iter();
    all.map(|one| one["cid"].as_u64().expect("a cid")).collect()
}

#[test]
fn the_census_forgets_nobody() {
    let server = start();
    let flow = Flow::start(port(&server));
    let gone = client(port(&server));
    let mut all: Vec<_> = (0..20).map(|_| client(port(&server))).collect();
    let gone_cid = cid(&gone);
    drop(gone);
    eventually("the end to be known", || {
        listed(&server, "closed").contains(&gone_cid).then_some(())
    });
    let open = listed(&server, "open");
    assert_eq!(open.len(), 22);
    for _ in 0..3 {
        drill_alone(&server, "/server/census");
        assert_eq!(listed(&server, "open"), open);
        assert_eq!(listed(&server, "closed"), [gone_cid]);
        flow.advance(100);
    }
    // Births, ends and questions that come while there is no census wait for its successor.
    assert!(server.actors().drill("/server/census", "fire drill"));
    let newcomer = client(port(&server));
    let leaver = all.pop().unwrap();
    let (new, left) = (cid(&newcomer), cid(&leaver));
    drop(leaver);
    eventually("the news", || {
        let (open, closed) = (listed(&server, "open"), listed(&server, "closed"));
        (open.contains(&new) && !open.contains(&left) && closed.contains(&left)).then_some(())
    });
    assert_eq!(listed(&server, "open").len(), 22);
    flow.end();
}

#[test]
fn the_listener_goes_on_with_the_same_port() {
    let server = start();
    let port = port(&server);
    let flow = Flow::start(port);
    let mut old = client(port);
    for _ in 0..4 {
        drill_alone(&server, "/server/listener");
        client(port).ping_pong();
        old.ping_pong();
        flow.advance(100);
    }
    // Who connects while nobody accepts waits in the queue of the operating system.
    assert!(server.actors().drill("/server/listener", "fire drill"));
    for _ in 0..20 {
        client(port).ping_pong();
    }
    eventually("the successor", || {
        (server.actors().get("/server/listener")?.restarts() == 5).then_some(())
    });
    flow.end();
}

/// Connections end with their parent, and are not left half alive: clients see the end, their
/// interest goes, and they can come back.
#[test]
fn connections_end_with_their_parent() {
    let server = start();
    let port = port(&server);
    for _ in 0..3 {
        let mut all: Vec<_> = (0..10).map(|_| client(port)).collect();
        for one in &mut all {
            one.subscribe("a.*", "1");
        }
        assert_eq!(server.broker().realms.global().interest.len(), 10);
        drill_alone(&server, "/server/clients");
        for one in &mut all {
            one.expect_closed();
        }
        eventually("their interest to go", || {
            server.broker().realms.global().interest.is_empty().then_some(())
        });
        eventually("them to be counted out", || (server.clients() == 0).then_some(()));
        let mut back = client(port);
        back.subscribe("a.b", "1");
        back.publish("a.b", "x");
        back.expect("MSG a.b 1 1\r\nx\r\n");
        drop(back);
        eventually("the last to go", || {
            server.broker().realms.global().interest.is_empty().then_some(())
        });
    }
}

/// Tells what it sees.
struct Echo {
    seen: Sender<String>,
}

impl Plugin for Echo {
    const NAME: &'static str = "echo";
    type Config = ();

    fn subscriptions(&self) -> Vec<Subscription> {
        vec![Subscription::new("echo.>"), Subscription::new("echoed")]
    }

    fn on_messages(&mut self, batch: &mut Batch, cx: &mut Cx<'_, Self>) {
        for message in batch {
            let text = message.payload_text().into_owned();
            let _ = cx.publish("echoes", &text);
            let _ = self.seen.send(text);
        }
    }

    fn observe(&self) -> Value {
        Value::Null
    }
}

#[test]
fn plugins_and_their_parent_come_back_without_a_trace() {
    let (seen, sight) = channel();
    let server = start_with(Server::builder().plugin(move |()| Ok(Echo { seen: seen.clone() })));
    let flow = Flow::start(port(&server));
    let held = server.broker().realms.global().interest.len();
    let mut one = client(port(&server));
    one.subscribe("echoes", "1");
    let path = "/server/plugins/echo";
    for round in 0..4 {
        if round % 2 == 0 {
            drill_alone(&server, path);
        } else {
            let before = restarts(&server);
            drill(&server, "/server/plugins");
            eventually("its plugin", || server.actors().get(path).map(drop));
            for ((name, now), (_, then)) in restarts(&server).iter().zip(&before) {
                // The plugin is another one, which begins to count anew.
                let expected = match name.as_str() {
                    "/server/plugins" => then + 1,
                    name if name == path => 0,
                    _ => *then,
                };
                assert_eq!(*now, expected, "{name}");
            }
        }
        eventually("its interest", || {
            (server.broker().realms.global().interest.len() == held + 1).then_some(())
        });
        one.publish("echo.a", format!("{round}"));
        assert_eq!(sight.recv_timeout(DEADLINE).unwrap(), format!("{round}"));
        one.expect(format!("MSG echoes 1 1\r\n{round}\r\n"));
        flow.advance(100);
    }
    flow.end();
}
