//! The official Node clients: `tests/clients/node/jetstream.mjs`, run by node.
//!
//! Needs `npm ci` in `tests/clients/node` once.

use std::process::Command;

use crate::harness::{available, clients_dir, run};
use crate::kit::Js;

#[test]
fn the_node_clients_work() {
    let folder = clients_dir().join("node");
    let node = Command::new("node").arg("--version").output();
    let installed = folder.join("node_modules/@nats-io/jetstream").is_dir() && node.is_ok();
    if !available("the Node clients", installed) {
        return;
    }
    let js = Js::start();
    let url = format!("nats://127.0.0.1:{}", js.server().port);
    let ran = run(Command::new("node").arg("jetstream.mjs").arg(url).current_dir(folder));
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.lines().filter(|line| line.starts_with("ok ")).count() > 15, "{ran:?}");
}
