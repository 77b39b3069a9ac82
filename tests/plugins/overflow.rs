//! A plugin that is too slow: publishers don't wait, and what is lost is counted.

use std::sync::Mutex;
use std::sync::mpsc::channel;

use vagus::Server;
use vagus::plugin::Subscription;

use crate::kit::{client, config, eventually, next, observe, tap};

#[test]
fn what_does_not_fit_is_dropped_and_counted() {
    const COUNT: usize = 3000;
    let (go, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    let (make, sight) = tap(&[Subscription::new("flood")], move |_, _| {
        // Holds up its whole thread, as no plugin should; ends when the test drops `go`.
        let _ = gate.lock().unwrap().recv();
    });
    let mut config = config();
    // The plugin is on the first, the client on the second: the one with less to do.
    config.vagus.arbiters = Some(2);
    let server = Server::builder().plugin(make).config(config).start().unwrap();
    let mut publisher = client(&server);
    let payload = [b'x'; 1000];
    for _ in 0..COUNT {
        publisher.publish("flood", payload);
    }
    // The publisher was not held up: its PONG comes while the plugin is stuck.
    publisher.ping_pong();
    drop(go);
    let state = eventually("the plugin to catch up", || {
        let state = observe(&server, "/server/plugins/tap");
        (state["handled"] == state["delivered"]).then_some(state)
    });
    let (delivered, dropped) =
        (state["delivered"].as_u64().unwrap(), state["dropped"].as_u64().unwrap());
    assert_eq!(delivered + dropped, COUNT as u64);
    // Its bound is a megabyte.
    assert!(delivered >= 500 && dropped >= 1500, "{delivered} delivered, {dropped} dropped");
    for _ in 0..delivered {
        next(&sight);
    }
    assert!(sight.try_recv().is_err());
    publisher.publish("flood", "after");
    assert_eq!(next(&sight).payload(), b"after", "it is in step again");
}
