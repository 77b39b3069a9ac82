//! A server on a store that outlives it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::harness::{Server, server_path};
use crate::kit::Nats;
use crate::volume::Volume;

/// The configuration of a server with its store in `store`.
pub(crate) fn conf(store: &Path) -> String {
    conf_with(store, "")
}

/// The same with more in the `jetstream` block.
pub(crate) fn conf_with(store: &Path, block: &str) -> String {
    let folder = store.display();
    format!(
        "listen: \"127.0.0.1:-1\"\nhttp: \"127.0.0.1:-1\"\n\
         jetstream {{\n store_dir: \"{folder}\"\n {block}\n}}\n"
    )
}

/// Starts a server with its store in `store`.
#[track_caller]
pub(crate) fn start(store: &Path) -> Server {
    run(&conf(store), Command::new(server_path()))
}

/// Starts a server on a volume.
#[track_caller]
pub(crate) fn start_on(volume: &Volume) -> Server {
    run(&conf(&volume.path()), volume.command(server_path()))
}

#[track_caller]
pub(crate) fn run(conf: &str, mut command: Command) -> Server {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("server.conf");
    let folder = dir.path().display();
    fs::write(&file, format!("{conf}ports_file_dir: \"{folder}\"\n")).unwrap();
    command.arg("-c").arg(&file);
    Server::spawn(dir, &mut command)
}

#[track_caller]
pub(crate) fn nats(server: &Server) -> Nats {
    Nats::connect(server.port, "{}")
}

/// Makes the streams `S0`, `S1`, ... on `s0.>`, `s1.>`, ..., and the consumer `C` of each.
#[track_caller]
pub(crate) fn streams(nats: &mut Nats, count: usize) {
    for n in 0..count {
        let name = format!("S{n}");
        nats.create(json!({
            "name": name, "subjects": [format!("s{n}.>")], "allow_direct": true,
            "duplicate_window": 600_000_000_000u64,
        }));
        nats.consumer(
            &name,
            "C",
            json!({
                "durable_name": "C", "ack_policy": "explicit", "ack_wait": 2_000_000_000u64,
                "max_ack_pending": 100_000,
            }),
        );
    }
}

/// Lets clients work for so many milliseconds: not a wait for anything.
pub(crate) fn pause(millis: u64) {
    thread::park_timeout(Duration::from_millis(millis));
}
