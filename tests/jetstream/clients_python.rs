//! The official Python client: `tests/clients/python/jetstream.py`, run by python3.
//!
//! The interpreter is `VAGUS_TEST_PYTHON` or the `python3` on the path; it must know `nats`
//! (`pip install -r tests/clients/python/requirements.txt`).

use std::process::Command;

use crate::harness::{available, clients_dir, run};
use crate::kit::Js;

#[test]
fn the_python_client_works() {
    let python = std::env::var("VAGUS_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let probe = Command::new(&python).args(["-c", "import nats"]).output();
    if !available("the Python client", probe.is_ok_and(|probe| probe.status.success())) {
        return;
    }
    let js = Js::start();
    let suite = clients_dir().join("python/jetstream.py");
    let url = format!("nats://127.0.0.1:{}", js.server().port);
    let ran = run(Command::new(python).arg(suite).arg(url));
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.lines().filter(|line| line.starts_with("ok ")).count() > 14, "{ran:?}");
}
