//! Official clients that show a creds file, or prove that they own a key (rows 45 and 66).

use std::fs;
use std::path::Path;
use std::process::Command;

use nkeys::KeyPair;

use crate::harness::{Run, Server, available, clients_dir, python, run};
use crate::operator_kit::World;

/// Runs a client with the kind of what it shows, the file with it, and the server's address.
#[track_caller]
fn each_kind(client: impl Fn(&str, &Path, &str) -> Run) {
    let dir = tempfile::tempdir().unwrap();
    let shown = |kind: &str, server: &Server, secret: &str| {
        let file = dir.path().join(kind);
        fs::write(&file, secret).unwrap();
        client(kind, &file, &format!("nats://127.0.0.1:{}", server.port))
    };
    let world = World::new();
    let operated = Server::start(&world.memory());
    let key = KeyPair::new_user();
    let keyed =
        Server::start(&format!("authorization {{ users: [{{nkey: {}}}] }}", key.public_key()));
    for (kind, server, good, bad) in [
        ("creds", &operated, world.account.plain_user().creds(), {
            World::new().account.plain_user().creds()
        }),
        ("nkey", &keyed, key.seed().unwrap(), KeyPair::new_user().seed().unwrap()),
    ] {
        let ran = shown(kind, server, &good);
        assert_eq!(ran.code, Some(0), "{kind}: {}", ran.text());
        let ran = shown(kind, server, &bad);
        assert_ne!(ran.code, Some(0), "{kind} of somebody else: {}", ran.text());
        assert!(ran.text().contains("uthorization"), "{kind}: {}", ran.text());
    }
}

const PYTHON: &str = r#"
import asyncio, sys, nats
async def main(kind, file, url):
    secret = {"user_credentials": file} if kind == "creds" else {"nkeys_seed": file}
    nc = await nats.connect(url, allow_reconnect=False, **secret)
    sub = await nc.subscribe("a")
    await nc.publish("a", b"hello")
    assert (await sub.next_msg(5)).data == b"hello"
    await nc.drain()
asyncio.run(main(*sys.argv[1:]))
"#;

#[test]
fn the_python_client_shows_who_it_is() {
    let Some(python) = python() else { return };
    each_kind(|kind, file, url| {
        run(Command::new(&python).args(["-c", PYTHON, kind]).arg(file).arg(url))
    });
}

#[test]
fn the_node_clients_show_who_they_are() {
    let folder = clients_dir().join("node");
    let node = Command::new("node").arg("--version").output();
    let installed = folder.join("node_modules/nats").is_dir() && node.is_ok();
    if !available("the Node clients", installed) {
        return;
    }
    each_kind(|kind, file, url| {
        let mut command = Command::new("node");
        run(command.args(["creds.mjs", kind]).arg(file).arg(url).current_dir(&folder))
    });
}
