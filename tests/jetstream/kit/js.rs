//! A server with JetStream, whose store outlives the process.

use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::nats::Nats;
use crate::harness::{Server, eventually};

/// The server, one connection to it (which this derefs to), and the folder of the store.
pub(crate) struct Js {
    nats: Nats,
    /// None between two runs.
    server: Option<Server>,
    conf: String,
    store: TempDir,
    login: String,
}

impl Js {
    #[track_caller]
    pub(crate) fn start() -> Js {
        Js::start_with("", "")
    }

    /// `block` goes into the `jetstream` block, `conf` behind it.
    #[track_caller]
    pub(crate) fn start_with(block: &str, conf: &str) -> Js {
        Js::start_as(block, conf, "{}")
    }

    /// The same, and its own connection has the fields of the JSON object `login` in CONNECT.
    #[track_caller]
    pub(crate) fn start_as(block: &str, conf: &str, login: &str) -> Js {
        let store = tempfile::tempdir().unwrap();
        let conf = Js::conf(&store, block, conf);
        let server = Server::start(&conf);
        let nats = Nats::connect(server.port, login);
        Js { nats, server: Some(server), conf, store, login: login.to_owned() }
    }

    fn conf(store: &TempDir, block: &str, conf: &str) -> String {
        let folder = store.path().display();
        format!("jetstream {{\n store_dir: \"{folder}\"\n {block}\n}}\n{conf}")
    }

    pub(crate) fn server(&self) -> &Server {
        self.server.as_ref().expect("a running server")
    }

    /// Where the store is.
    pub(crate) fn store(&self) -> &Path {
        self.store.path()
    }

    /// Another connection.
    #[track_caller]
    pub(crate) fn connect(&self) -> Nats {
        Nats::connect(self.server().port, &self.login)
    }

    /// Another connection, of the user `name` with the password `p`.
    #[track_caller]
    pub(crate) fn connect_as(&self, name: &str) -> Nats {
        Nats::connect(self.server().port, &format!(r#"{{"user":"{name}","pass":"p"}}"#))
    }

    // === ends and beginnings ===

    /// Stops the server in good order.
    #[track_caller]
    pub(crate) fn stop(&mut self) {
        let mut server = self.server.take().expect("a running server");
        server.signal("TERM");
        server.wait_exit();
    }

    /// Kills the server without a word.
    pub(crate) fn kill(&mut self) {
        drop(self.server.take());
    }

    /// Starts the server again on the same store, and connects anew.
    #[track_caller]
    pub(crate) fn start_again(&mut self) {
        self.server = None;
        let server = Server::start(&self.conf);
        self.nats = Nats::connect(server.port, &self.login);
        self.server = Some(server);
    }

    /// Starts the server again on the same store with another configuration.
    #[track_caller]
    pub(crate) fn start_again_with(&mut self, block: &str, conf: &str) {
        self.conf = Js::conf(&self.store, block, conf);
        self.start_again();
    }

    /// Has the running server take in another configuration, and connects anew; the log.
    #[track_caller]
    pub(crate) fn reload(&mut self, block: &str, conf: &str) -> String {
        const DONE: &str = "Reloaded server configuration";
        let times = |log: &str| log.matches(DONE).count();
        self.conf = Js::conf(&self.store, block, conf);
        let server = self.server();
        let before = times(&server.log.text());
        server.rewrite(&self.conf);
        server.signal("HUP");
        let log =
            eventually("the reload", || Some(server.log.text()).filter(|log| times(log) > before));
        self.nats = self.connect();
        log
    }

    #[track_caller]
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.start_again();
    }

    /// Kills the server and starts it again.
    #[track_caller]
    pub(crate) fn crash(&mut self) {
        self.kill();
        self.start_again();
    }

    /// All files of the store.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let (mut found, mut folders) = (Vec::new(), vec![self.store.path().to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        found
    }
}

// === impl Deref ===

impl Deref for Js {
    type Target = Nats;

    fn deref(&self) -> &Nats {
        &self.nats
    }
}

impl DerefMut for Js {
    fn deref_mut(&mut self) -> &mut Nats {
        &mut self.nats
    }
}
