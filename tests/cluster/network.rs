//! A network between servers that loses and delays what they send, as a test wants it.
//!
//! Each server is found by others at a place of this network, which passes on what comes. It reads
//! who connects from the first bytes that servers exchange. What is cut is not closed: bytes and
//! new connections vanish, as they do where a cable is pulled.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::harness::Server;
use crate::kit::cluster_port;

/// What becomes of the bytes from one server to another: as they are, where nothing is said.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Cut,
    Slow(Duration),
}

#[derive(Clone, Default)]
pub(crate) struct Network(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    ways: BTreeMap<(String, String), Way>,
}

/// Bytes in which a server has said its name.
const HELLO_MAX: usize = 4 << 10;

impl Network {
    /// A server that others find by way of the network.
    #[track_caller]
    pub(crate) fn server(&self, name: &str, others: &[u16]) -> (Server, u16) {
        let (listener, place) = Self::place();
        (self.server_at((listener, place), name, others), place)
    }

    /// Where a server will be found.
    pub(crate) fn place() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = listener.local_addr().unwrap().port();
        (listener, place)
    }

    /// A server that others find there.
    #[track_caller]
    pub(crate) fn server_at(
        &self,
        (listener, place): (TcpListener, u16),
        name: &str,
        others: &[u16],
    ) -> Server {
        let routes: Vec<_> =
            others.iter().map(|port| format!("\"nats-route://127.0.0.1:{port}\"")).collect();
        let server = Server::start(&format!(
            "server_name: {name}\ncluster {{ name: c, listen: \"127.0.0.1:-1\", \
             advertise: \"127.0.0.1:{place}\", connect_retries: 1000, routes: [{}] }}",
            routes.join(", ")
        ));
        let (network, to, port) = (self.clone(), name.to_owned(), cluster_port(&server));
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let (network, to) = (network.clone(), to.clone());
                std::thread::spawn(move || network.carry(near, &to, port));
            }
        });
        server
    }

    pub(crate) fn set(&self, from: &str, to: &str, way: Option<Way>) {
        let mut state = self.0.0.lock().unwrap();
        let key = (from.to_owned(), to.to_owned());
        match way {
            Some(way) => drop(state.ways.insert(key, way)),
            None => drop(state.ways.remove(&key)),
        }
        self.0.1.notify_all();
    }

    /// All between one server and these others, in both directions.
    pub(crate) fn set_all(&self, one: &str, others: &[&str], way: Option<Way>) {
        for other in others {
            self.set(one, other, way);
            self.set(other, one, way);
        }
    }

    /// Waits for the way to be open; how long bytes take.
    fn pass(&self, from: &str, to: &str) -> Duration {
        let key = (from.to_owned(), to.to_owned());
        let mut state = self.0.0.lock().unwrap();
        loop {
            match state.ways.get(&key) {
                None => return Duration::ZERO,
                Some(Way::Slow(time)) => return *time,
                Some(Way::Cut) => state = self.0.1.wait(state).unwrap(),
            }
        }
    }

    fn carry(&self, mut near: TcpStream, to: &str, port: u16) {
        let mut hello = Vec::new();
        let from = loop {
            let mut piece = [0; 1024];
            match near.read(&mut piece) {
                Ok(read @ 1..) => hello.extend_from_slice(&piece[..read]),
                _ => return,
            }
            let text = String::from_utf8_lossy(&hello);
            let said = text.split_once("\"name\":\"").and_then(|(_, rest)| rest.split_once('"'));
            match said {
                Some((name, _)) => break name.to_owned(),
                None if hello.len() > HELLO_MAX => return,
                None => {}
            }
        };
        self.pass(&from, to);
        let Ok(mut far) = TcpStream::connect(("127.0.0.1", port)) else { return };
        if far.write_all(&hello).is_err() {
            return;
        }
        let back = (self.clone(), far.try_clone().unwrap(), near.try_clone().unwrap());
        let ends = (to.to_owned(), from.clone());
        std::thread::spawn(move || back.0.pump(back.1, back.2, &ends.0, &ends.1));
        self.pump(near, far, &from, to);
    }

    fn pump(&self, mut input: TcpStream, mut output: TcpStream, from: &str, to: &str) {
        let mut piece = vec![0; 64 << 10];
        while let Ok(read @ 1..) = input.read(&mut piece) {
            let time = self.pass(from, to);
            if !time.is_zero() {
                std::thread::park_timeout(time);
            }
            if output.write_all(&piece[..read]).is_err() {
                break;
            }
        }
        // The end is news as well, which gets through when the way is open.
        self.pass(from, to);
        let _ = output.shutdown(std::net::Shutdown::Both);
    }
}
