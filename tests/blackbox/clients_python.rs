//! The official Python client: `tests/clients/python/suite.py`, run by python3.

use std::process::Command;

use crate::harness::{Server, clients_dir, python, run};

#[test]
fn the_python_client_works() {
    let Some(python) = python() else { return };
    let server = Server::start("");
    let suite = clients_dir().join("python/suite.py");
    let url = format!("nats://127.0.0.1:{}", server.port);
    let ran = run(Command::new(python).arg(suite).arg(url));
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.lines().filter(|line| line.starts_with("ok ")).count() > 10, "{ran:?}");
}
