//! The end of patience: an actor that the server can't do without fails too often, and the server
//! says why it can't go on.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use vagus::Server;
use vagus::plugin::{Batch, Cx, Plugin, Subscription};
use vagus_runtime::ActorState;

use crate::kit::{DEADLINE, client, eventually, port, start_with};

/// Restarts that an actor has within a minute.
const BUDGET: u32 = 10;

/// Makes sure that there is a parent of plugins.
struct Idle;

impl Plugin for Idle {
    const NAME: &'static str = "idle";
    type Config = ();

    fn subscriptions(&self) -> Vec<Subscription> {
        Vec::new()
    }

    fn on_messages(&mut self, _: &mut Batch, _: &mut Cx<'_, Self>) {}
}

fn start() -> Server {
    start_with(Server::builder().plugin(|()| Ok(Idle)))
}

fn cause(server: &Server) -> Arc<str> {
    let failed = server.failed();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime
        .block_on(async { tokio::time::timeout(DEADLINE, failed).await })
        .expect("the server says that it can't go on")
}

/// Drills an actor as often as it comes back.
fn wear_out(server: &Server, path: &str) {
    let actors = server.actors();
    for restarts in 0..=BUDGET {
        eventually("an incarnation", || {
            let cell = actors.get(path)?;
            (cell.restarts() == restarts && cell.state() == ActorState::Running).then_some(())
        });
        assert!(actors.drill(path, format!("drill {restarts}")));
    }
}

#[test]
fn whoever_fails_beyond_the_budget_takes_the_server_along() {
    let paths = ["shard-3", "shard-8", "census", "clients", "listener", "plugins"].map(|name| {
        thread::spawn(move || {
            let (server, path) = (start(), format!("/server/{name}"));
            let mut one = client(port(&server));
            wear_out(&server, &path);
            let expected = format!("/server failed: child {path} failed: panicked: drill {BUDGET}");
            let cause = cause(&server);
            assert!(cause.starts_with(&expected), "{cause}");
            // Nobody is left that would pretend to serve.
            one.expect_closed();
            eventually("the whole tree to end", || server.actors().is_empty().then_some(()));
            server.shutdown(Duration::from_secs(5)).expect("there is nothing left to stop");
        })
    });
    for one in paths {
        one.join().expect("it escalates");
    }
}

#[test]
fn the_root_has_no_second_life() {
    let server = start();
    let mut one = client(port(&server));
    one.subscribe("a", "1");
    assert!(server.actors().drill("/server", "fire drill"));
    let cause = cause(&server);
    assert!(cause.starts_with("/server failed: panicked: fire drill"), "{cause}");
    one.expect_closed();
    eventually("the whole tree to end", || server.actors().is_empty().then_some(()));
    server.shutdown(Duration::from_secs(5)).expect("there is nothing left to stop");
}
