//! Child processes: which program is the server, how to run one to its end, how to signal one.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

use super::wait::{DEADLINE, eventually_within};

/// The server under test.
pub(crate) fn server_path() -> PathBuf {
    match std::env::var_os("VAGUS_TEST_SERVER") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(env!("CARGO_BIN_EXE_vagus")),
    }
}

/// True when the suite is pointed at another server, which knows none of our own extensions.
pub(crate) fn is_reference() -> bool {
    std::env::var_os("VAGUS_TEST_SERVER").is_some()
}

/// Where the scripts for clients in other languages are.
pub(crate) fn clients_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// Whether a test that needs `what` can run. In continuous integration, where nothing may be
/// skipped, what is missing is a failure; elsewhere a line says that the test was skipped.
#[track_caller]
pub(crate) fn available(what: &str, installed: bool) -> bool {
    let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true" || value == "1");
    assert!(installed || !in_ci, "{what} must be installed in continuous integration");
    if !installed {
        // Written past the test harness, which hides what passing tests print.
        let _ = writeln!(std::io::stderr(), "skipped: {what} is not installed (see .ci/run)");
    }
    installed
}

/// The interpreter that knows the official Python client, if there is one: `VAGUS_TEST_PYTHON`, or
/// the `python3` on the path (`pip install -r tests/clients/python/requirements.txt`).
#[track_caller]
pub(crate) fn python() -> Option<String> {
    let python = std::env::var("VAGUS_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let probe = Command::new(&python).args(["-c", "import nats"]).output();
    available("the Python client", probe.is_ok_and(|probe| probe.status.success()))
        .then_some(python)
}

/// What a program that ran to its end left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Both outputs, for tests that do not care which one a text went to.
    pub(crate) fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Asserts that the run failed and said `text`.
    #[track_caller]
    pub(crate) fn refused_with(&self, text: &str) {
        assert_eq!(self.code, Some(1), "expected exit code 1: {self:?}");
        assert!(self.text().contains(text), "no {text:?} in {self:?}");
    }
}

/// Runs `command` to its end; kills it and panics if that takes longer than the deadline.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> Run {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    finish(child, &format!("{command:?}"))
}

#[track_caller]
fn finish(mut child: Child, name: &str) -> Run {
    let stdout = drain(child.stdout.take().unwrap());
    let stderr = drain(child.stderr.take().unwrap());
    let status = eventually_within(DEADLINE * 4, || child.try_wait().unwrap());
    if status.is_none() {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let run = Run {
        code: status.and_then(|status| status.code()),
        stdout: stdout.join().unwrap(),
        stderr: stderr.join().unwrap(),
    };
    assert!(status.is_some(), "{name} did not end: {run:?}");
    run
}

fn drain(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Sends the signal called `name` (`HUP`, `USR2`, ...) to `pid`.
#[track_caller]
pub(crate) fn signal(pid: u32, name: &str) {
    let sent = run(Command::new("sh").args(["-c", &format!("kill -s {name} {pid}")]));
    assert_eq!(sent.code, Some(0), "cannot signal {pid}: {sent:?}");
}
