//! A disk that is full, and one that fails: publishes get errors, nothing is acknowledged that is
//! not safe, reads go on, and service returns with the space.

use serde_json::{Value, json};

use crate::content::Content;
use crate::harness::{Server, eventually, eventually_within};
use crate::kit::Nats;
use crate::load::Ledger;
use crate::rig::{nats, pause, start_on, streams};
use crate::volume::Volume;

fn health(server: &Server) -> u16 {
    server.get("/healthz").status
}

/// Publishes until that fails; the error, and how many were acknowledged.
fn publish_until_refused(nats: &mut Nats, from: u64) -> (Value, u64) {
    let payload = "x".repeat(100_000);
    let mut seq = from;
    loop {
        let answer = nats.publish("s0.p9", format!("full-{seq} {payload}"));
        if !answer["error"].is_null() {
            return (answer, seq - 1);
        }
        assert_eq!(answer["seq"], seq, "{answer}");
        seq += 1;
        assert!(seq < from + 10_000, "it never gets full");
    }
}

#[test]
fn a_full_disk_refuses_and_serves_again_when_there_is_room() {
    let Some(volume) = Volume::new(256) else { return };
    let server = start_on(&volume);
    let mut nats = nats(&server);
    streams(&mut nats, 1);
    nats.stored("s0.p9", "first x", 1);
    let ballast = volume.fill("ballast");
    let (error, last) = publish_until_refused(&mut nats, 2);
    assert!(error["error"]["err_code"].is_u64(), "{error}");
    let full = eventually_within(crate::harness::DEADLINE, || {
        nats.publish("s0.p9", "more x");
        (health(&server) == 503).then_some(())
    });
    assert!(full.is_some(), "health never said so: {:?}", server.get("/healthz"));
    // What is there can be read, and what was refused is not there.
    let content = Content::read(&mut nats, "S0", 1);
    content.check(1);
    assert_eq!(content.0.len() as u64, last, "{error}");
    volume.remove(&ballast);
    let next = eventually("service to return", || {
        let answer = nats.publish("s0.p9", "again x");
        answer["seq"].as_u64().filter(|_| answer["error"].is_null())
    });
    assert_eq!(next, last + 1);
    eventually("health", || (health(&server) == 200).then_some(()));
    nats.create(json!({"name": "T"}));
    drop(server);
    let server = start_on(&volume);
    let mut nats = crate::rig::nats(&server);
    let content = Content::read(&mut nats, "S0", 1);
    content.check(1);
    assert_eq!(content.0.len() as u64, next);
    assert_eq!(content.0[&next], "again");
}

#[test]
fn nothing_is_acknowledged_after_a_disk_failed() {
    let Some(mut volume) = Volume::new(256) else { return };
    let server = start_on(&volume);
    streams(&mut nats(&server), 1);
    let mut ledger = Ledger::new(0, 2, 400);
    let load = ledger.start(server.port, false);
    pause(300);
    // Every write and every sync is an error from now on.
    volume.shut_down();
    let mut nats = nats(&server);
    eventually("an error", || {
        let answer = nats.publish("s0.p9", "late x");
        (!answer["error"].is_null()).then_some(())
    });
    load.stop();
    ledger.finish(load);
    assert!(ledger.refused > 0, "publishers heard of it");
    let (first, id) = ledger.acked.first_key_value().expect("some were acknowledged");
    let message = nats.direct("S0", json!({"seq": first}));
    assert!(message.text().starts_with(id), "reads go on: {message:?}");
    assert_eq!(health(&server), 503);
    drop(nats);
    drop(server);
    volume.come_back();
    let server = start_on(&volume);
    let content = Content::read(&mut crate::rig::nats(&server), "S0", 1);
    content.check(1);
    assert_eq!(content.lost(&ledger.acked), [0; 0], "of {}", ledger.acked.len());
}
