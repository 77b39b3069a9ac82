//! A server in this process, its clients, and fire drills for its actors.

use serde_json::Value;
use vagus::{Builder, Config, Server};
use vagus_runtime::{ActorReport, ActorState};

#[allow(dead_code)]
#[path = "../blackbox/harness/client.rs"]
mod client;
#[allow(dead_code)]
#[path = "../blackbox/harness/http.rs"]
mod http;
#[allow(dead_code)]
#[path = "../blackbox/harness/wait.rs"]
mod wait;

pub(crate) use client::Client;
pub(crate) use wait::{DEADLINE, eventually};

/// Slices of the interest, besides the one for leading wildcards.
pub(crate) const SHARDS: usize = 8;

/// Starts what was built, on ports of the system's choice.
pub(crate) fn start_with(builder: Builder) -> Server {
    start_from(builder, "")
}

/// Starts with this configuration besides.
pub(crate) fn start_conf(more: &str) -> Server {
    start_from(Server::builder(), more)
}

fn start_from(builder: Builder, more: &str) -> Server {
    let text = format!(
        "listen: \"127.0.0.1:-1\"\nhttp: \"127.0.0.1:-1\"\nno_system_account: true\n\
         vagus {{ arbiters: 2, shards: {SHARDS} }}\n{more}"
    );
    let config = Config::parse(&text, "test").expect("a good configuration").config;
    builder.config(config).start().expect("the server starts")
}

pub(crate) fn start() -> Server {
    start_with(Server::builder())
}

pub(crate) fn port(server: &Server) -> u16 {
    server.address().expect("a port").port()
}

#[track_caller]
pub(crate) fn client(port: u16) -> Client {
    let mut client = Client::connect(port);
    client.login("{}");
    client
}

/// The number that the server knows a client by.
pub(crate) fn cid(client: &Client) -> u64 {
    client.info["client_id"].as_u64().expect("a client id")
}

/// A page of the monitoring port.
#[track_caller]
pub(crate) fn page(server: &Server, path: &str) -> Value {
    http::get(server.monitor_address().expect("a monitoring port"), path).json()
}

/// What `/actorz` shows of the actor with exactly this path.
#[track_caller]
pub(crate) fn actorz(server: &Server, path: &str) -> Option<Value> {
    let page = page(server, &format!("/actorz?path={path}&observe=1&limit=100000"));
    let actors = page["actors"].as_array().expect("actors");
    actors.iter().find(|actor| actor["path"] == path).cloned()
}

/// The path of the shard that owns the slice of this subject or pattern.
pub(crate) fn shard_of(server: &Server, subject: &str) -> String {
    format!(
        "/server/shard-{}",
        server.broker().realms.global().interest.writer_of(subject.as_bytes())
    )
}

/// All actors, but for connections, with how often each was made anew.
pub(crate) fn restarts(server: &Server) -> Vec<(String, u32)> {
    let permanent = |actor: &ActorReport| actor.kind != "connection";
    let all = server.actors().snapshot();
    all.into_iter().filter(permanent).map(|actor| (actor.path, actor.restarts)).collect()
}

/// Makes the actor panic, and waits until its successor runs.
#[track_caller]
pub(crate) fn drill(server: &Server, path: &str) {
    let actors = server.actors();
    let before = actors.get(path).unwrap_or_else(|| panic!("no actor {path}")).restarts();
    assert!(actors.drill(path, "fire drill"), "no actor {path}");
    eventually("the successor", || {
        let cell = actors.get(path)?;
        (cell.restarts() > before && cell.state() == ActorState::Running).then_some(())
    });
    let cause = actors.get(path).and_then(|cell| cell.last_cause());
    let cause = cause.expect("a cause");
    assert!(cause.starts_with("panicked: fire drill ("), "{path}: {cause}");
}

/// [`drill`], and afterwards nobody else has a restart more than before.
#[track_caller]
pub(crate) fn drill_alone(server: &Server, path: &str) {
    let mut expected = restarts(server);
    for (other, count) in &mut expected {
        *count += u32::from(other == path);
    }
    drill(server, path);
    assert_eq!(restarts(server), expected, "only {path} was to be made anew");
}
