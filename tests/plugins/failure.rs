//! Plugins that panic: what is lost, what goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use vagus::Server;
use vagus::plugin::{Batch, Cx, Error, Plugin, Subscription};

use crate::kit::{
    Doubler, block_on, client, config, connect, eventually, next, observe, restarts, start, tap,
};

/// Panics when told to.
struct Fragile {
    seen: Sender<String>,
}

impl Plugin for Fragile {
    const NAME: &'static str = "fragile";
    type Config = ();

    fn subscriptions(&self) -> Vec<Subscription> {
        vec![Subscription::new("fragile.*")]
    }

    fn on_messages(&mut self, batch: &mut Batch, cx: &mut Cx<'_, Self>) {
        for message in batch {
            let text = message.payload_text().into_owned();
            let _ = cx.publish("echo", &text);
            match text.as_str() {
                "panic" => panic!("told to"),
                "fail" => cx.fail("had enough"),
                _ => drop(self.seen.send(text)),
            }
        }
    }
}

/// A factory of fragile plugins, what they see, and how many were made.
#[allow(clippy::type_complexity)]
fn fragile()
-> (impl FnMut(()) -> Result<Fragile, Error> + Send + 'static, Receiver<String>, Arc<AtomicU32>) {
    let (seen, sight) = channel();
    let made = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&made);
    let make = move |()| {
        count.fetch_add(1, Relaxed);
        Ok(Fragile { seen: seen.clone() })
    };
    (make, sight, made)
}

const PATH: &str = "/server/plugins/fragile";

/// Waits until the plugin has come back `times` times and serves.
fn await_restart(server: &Server, path: &str, times: u32) {
    eventually("the restart", || {
        (restarts(server, path) == times && observe(server, path)["state"] == "serving")
            .then_some(())
    });
}

#[test]
fn a_panic_costs_one_message() {
    let (make, sight, made) = fragile();
    let server = start(Server::builder().plugin(make));
    let mut client = client(&server);
    client.subscribe("echo", "1");
    // In one write, hence in one batch.
    let words = ["a", "b", "panic", "c", "d"];
    let bytes: String =
        words.iter().map(|word| format!("PUB fragile.x {}\r\n{word}\r\n", word.len())).collect();
    client.send(bytes);
    for word in words {
        assert_eq!(client.payload(), word, "what it published before the panic is out too");
        if word != "panic" {
            assert_eq!(sight.recv().unwrap(), word);
        }
    }
    await_restart(&server, PATH, 1);
    assert_eq!(made.load(Relaxed), 2);
    let cause = server.actors().get(PATH).unwrap().last_cause().unwrap();
    assert!(cause.starts_with("panicked: told to"), "{cause}");
    client.publish("fragile.x", "fail");
    await_restart(&server, PATH, 2);
    assert_eq!(&*server.actors().get(PATH).unwrap().last_cause().unwrap(), "had enough");
}

#[test]
fn no_interest_is_left_behind() {
    let (make, sight, _) = fragile();
    let server = start(Server::builder().plugin(make).service(Doubler::new));
    let before = server.broker().realms.global().interest.len();
    for times in 1..=5 {
        for path in [PATH, "/server/plugins/doubler"] {
            assert!(server.actors().drill(path, "a drill"));
            await_restart(&server, path, times);
        }
        eventually("the same interest", || {
            (server.broker().realms.global().interest.len() == before).then_some(())
        });
    }
    let mut client = client(&server);
    client.publish("fragile.x", "once");
    client.ping_pong();
    client.publish("fragile.x", "end");
    assert_eq!([sight.recv().unwrap(), sight.recv().unwrap()], ["once", "end"]);
}

#[test]
fn others_lose_nothing() {
    const COUNT: usize = 20_000;
    let (fragile, _sight, _) = fragile();
    let (make, sight) = tap(&[Subscription::new("steady")], |_, _| {});
    let server = start(Server::builder().plugin(fragile).plugin(make));
    let mut publisher = client(&server);
    let writer = thread::spawn(move || {
        for chunk in 0..COUNT / 100 {
            let bytes: String = (chunk * 100..(chunk + 1) * 100)
                .map(|n| format!("PUB steady 6\r\n{n:06}\r\n"))
                .collect();
            publisher.send(bytes);
            if chunk % 20 == 0 {
                publisher.publish("fragile.x", "panic");
            }
        }
        publisher.ping_pong();
    });
    for n in 0..COUNT {
        assert_eq!(next(&sight).payload_text(), format!("{n:06}"));
    }
    writer.join().unwrap();
    eventually("a restart", || (restarts(&server, PATH) > 0).then_some(()));
    assert_eq!(restarts(&server, "/server/plugins/tap"), 0);
}

#[test]
fn a_service_tells_who_made_it_panic_and_goes_on() {
    let server = start(Server::builder().service(Doubler::new));
    block_on(async {
        let client = connect(&server).await;
        let answer = client.request("math.double", "panic".into()).await.unwrap();
        let headers = answer.headers.unwrap();
        assert_eq!(headers.get("Nats-Service-Error-Code").unwrap().as_str(), "500");
        // Between two lives nobody listens, which is told at once.
        let answer = loop {
            match client.request("math.double", "4".into()).await {
                Ok(answer) => break answer,
                Err(error) => {
                    assert_eq!(error.kind(), async_nats::RequestErrorKind::NoResponders);
                }
            }
        };
        assert_eq!(answer.payload, "8");
    });
    assert_eq!(restarts(&server, "/server/plugins/doubler"), 1);
}

#[test]
fn one_that_wears_out_is_left_out() {
    let (make, _sight, made) = fragile();
    let server = start(Server::builder().plugin(make).service(Doubler::new));
    let before = server.broker().realms.global().interest.len();
    let mut client = client(&server);
    while server.actors().get(PATH).is_some() {
        client.publish("fragile.x", "panic");
        client.ping_pong();
    }
    assert_eq!(made.load(Relaxed), 11, "one and ten restarts");
    eventually("its interest to go", || {
        (server.broker().realms.global().interest.len() == before - 1).then_some(())
    });
    eventually("the note of its parent", || {
        let cause = observe(&server, "/server/plugins")["left_out"]["fragile"].clone();
        cause.as_str().is_some_and(|cause| cause.contains("told to")).then_some(())
    });
    client.subscribe("re", "1");
    client.send("PUB math.double re 1\r\n3\r\n");
    client.expect("MSG re 1 1\r\n6\r\n");
    assert_eq!(restarts(&server, "/server/plugins"), 0);
}

#[test]
fn their_parent_brings_them_back_too() {
    let server = start(Server::builder().service(Doubler::new));
    assert!(server.actors().drill("/server/plugins", "a drill"));
    eventually("the restart", || (restarts(&server, "/server/plugins") == 1).then_some(()));
    eventually("the service", || {
        let state = server.actors().get("/server/plugins/doubler")?;
        (state.restarts() == 0 && observe(&server, "/server/plugins/doubler")["state"] == "serving")
            .then_some(())
    });
    let mut client = client(&server);
    client.subscribe("re", "1");
    client.send("PUB math.double re 1\r\n3\r\n");
    client.expect("MSG re 1 1\r\n6\r\n");
}

#[test]
fn one_that_panics_at_birth_keeps_the_server_from_starting() {
    let make = |()| -> Result<Fragile, Error> { panic!("born to panic") };
    let error = Server::builder().plugin(make).config(config()).start().err().unwrap();
    let text = error.to_string();
    assert!(text.starts_with("plugin fragile: panicked in its factory: born to panic"), "{text}");
}
