//! Streams and consumers panic under load, and the actor above them, and are made anew from the
//! store: nothing acknowledged is lost, and nobody waits for ever.

use std::path::Path;
use std::time::Duration;

use vagus::{Config, Server};
use vagus_runtime::ActorState;

use crate::harness::{eventually, eventually_within};
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
