//! The official Python client: `tests/clients/python/jetstream.py`, run by python3.

use std::process::Command;

use crate::harness::{clients_dir, python, run};
use crate::kit::Js;

#[test]
fn the_python_client_works() {
    let Some(python) = python() else { return };
    let js = Js::start();
    let suite = clients_dir().join("python/jetstream.py");
    let url = format!("nats://127.0.0.1:{}", js.server().port);
    let ran = run(Command::new(python).arg(suite).arg(url));
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.lines().filter(|line| line.starts_with("ok ")).count() > 14, "{ran:?}");
}
