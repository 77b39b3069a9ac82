//! What the security tests share: clients that log in as some user.

use crate::harness::{Client, Server};

/// Logs in with the password `x`, which all users of these tests have, quiet and with headers.
#[track_caller]
pub(crate) fn user(server: &Server, name: &str) -> Client {
    let fields = format!(r#"{{"user":"{name}","pass":"x","headers":true,"no_responders":true}}"#);
    server.client_with(&fields)
}

/// Publishes with a reply subject.
#[track_caller]
pub(crate) fn request(client: &mut Client, subject: &str, reply: &str, payload: &str) {
    client.send(format!("PUB {subject} {reply} {}\r\n{payload}\r\n", payload.len()));
}

/// Lets time pass, where time is what the test is about.
pub(crate) fn pass(milliseconds: u64) {
    std::thread::park_timeout(std::time::Duration::from_millis(milliseconds));
}
