//! Streams and consumers panic under load, and the actor above them, and are made anew from the
//! store: nothing acknowledged is lost, and nobody waits for ever.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use vagus::{Config, Server};
use vagus_runtime::ActorState;

use crate::harness::{eventually, eventually_within, http};
use crate::kill::{Rounds, STREAMS};
use crate::kit::Nats;
use crate::random::count;
use crate::rig::{conf, pause, streams};

fn start(store: &Path) -> Server {
    let text = format!("{}vagus {{ arbiters: 2 }}\n", conf(store));
    let config = Config::parse(&text, "test").expect("a good configuration").config;
    Server::builder().config(config).start().expect("the server starts")
}

/// Makes the actor panic, and waits for the next one in its place.
fn drill(server: &Server, path: &str) {
    let before = server.actors().get(path).map_or(0, |actor| actor.restarts());
    if !server.actors().drill(path, "fire drill") {
        // The one above it was made anew at this moment.
        return;
    }
    eventually("the successor", || {
        let actor = server.actors().get(path)?;
        (actor.restarts() != before && actor.state() == ActorState::Running).then_some(())
    });
}

/// How long an answer is waited for: what an actor was asked when it panicked is not answered.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether stream `S<n>` says that it has its consumer.
fn has_consumer(nats: &mut Nats, n: usize) -> bool {
    let inbox = nats.inbox();
    let sid = nats.subscribe(&inbox);
    nats.send_reply(&format!("$JS.API.CONSUMER.INFO.S{n}.C"), &inbox, &[], "");
    let answer = eventually_within(PATIENCE, || nats.come(&sid).pop());
    nats.unsubscribe(&sid);
    answer.is_some_and(|answer| answer.json()["name"] == "C")
}

#[test]
fn streams_and_consumers_may_panic() {
    let store = tempfile::tempdir().unwrap();
    let server = start(store.path());
    let port = server.address().expect("a port").port();
    streams(&mut Nats::connect(port, "{}"), STREAMS);
    let mut rounds = Rounds::new(400);
    for ledger in &mut rounds.ledgers {
        ledger.patience(Duration::from_millis(500));
    }
    for round in 0..count("VAGUS_TEST_ROUNDS", 12) {
        let kind = ["stream", "consumer", "meta"][round as usize % 3];
        let all = server.actors().snapshot().into_iter().filter(|actor| actor.kind == kind);
        let paths: Vec<String> = all.map(|actor| actor.path).collect();
        assert!(!paths.is_empty(), "no {kind}");
        rounds.work_at(port, || {
            for path in &paths {
                drill(&server, path);
                pause(50);
            }
        });
        let mut nats = Nats::connect(port, "{}");
        eventually("the streams to be back", || {
            (0..STREAMS).all(|n| has_consumer(&mut nats, n)).then_some(())
        });
        rounds.check(&mut nats);
    }
    rounds.check_all(port);
    server.shutdown(Duration::from_secs(5)).expect("an end in good order");
}

/// A page of the monitoring port.
fn page(server: &Server, path: &str) -> Value {
    http::get(server.monitor_address().expect("a monitoring port"), path).json()
}

/// What the actor waits for, by its own account.
fn waits_for(server: &Server, path: &str) -> String {
    let page = page(server, &format!("/actorz?path={path}&observe=1"));
    let actor = page["actors"].as_array().into_iter().flatten().find(|one| one["path"] == path);
    actor.map(|actor| actor["observed"]["waiting"].to_string()).unwrap_or_default()
}

#[test]
fn while_a_stream_is_read_again_publishers_wait_and_readers_do_not() {
    const COUNT: u64 = 30_000;
    let store = tempfile::tempdir().unwrap();
    let server = start(store.path());
    let mut nats = Nats::connect(server.address().expect("a port").port(), "{}");
    streams(&mut nats, 1);
    for n in 0..COUNT {
        nats.send("s0.a", &[("Nats-Msg-Id", &n.to_string())], "x");
    }
    eventually("all to be stored", || (nats.state("S0")["messages"] == COUNT).then_some(()));
    let all = server.actors().snapshot().into_iter();
    let path = all.map(|actor| actor.path).find(|path| path.ends_with("S0")).expect("the stream");
    // A look may come when all is read.
    eventually("a stream that is read", || {
        drill(&server, &path);
        waits_for(&server, &path).contains("read from its log").then_some(())
    });
    assert_eq!(nats.direct("S0", json!({ "seq": COUNT })).text(), "x");
    eventually("its subjects", || {
        (page(&server, "/subsz?subs=1&acc=$G&test=s0.a")["total"] == 1).then_some(())
    });
    let again = nats.publish_with("s0.a", &[("Nats-Msg-Id", "7")], "x");
    assert_eq!((&again["seq"], &again["duplicate"]), (&8.into(), &true.into()), "{again}");
    server.shutdown(Duration::from_secs(5)).expect("an end in good order");
}
