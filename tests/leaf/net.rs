//! Servers that are linked in some way, and waiting until each of them hears of each.

use std::collections::BTreeSet;

use crate::harness::{Client, Server, eventually};

/// See the module's text. It says and hears something at each server.
pub(crate) struct Net {
    writers: Vec<Client>,
    readers: Vec<Client>,
    rounds: usize,
}

/// Nobody else's.
const SUBJECT: &str = "net.of.servers";

impl Net {
    #[track_caller]
    pub(crate) fn of<'a>(servers: impl IntoIterator<Item = &'a Server>) -> Net {
        let servers: Vec<&Server> = servers.into_iter().collect();
        let mut readers: Vec<_> = servers.iter().map(|server| server.client()).collect();
        readers.iter_mut().for_each(|reader| reader.subscribe(SUBJECT, "1"));
        let writers = servers.iter().map(|server| server.client()).collect();
        Net { writers, readers, rounds: 0 }
    }

    /// Waits until each server has heard of each. What was subscribed to at one of them before is
    /// known to all then, and what was published with [`Net::publish`] has arrived: it took the
    /// same way, unless it took one that it should not.
    #[track_caller]
    pub(crate) fn settle(&mut self) {
        self.rounds += 1;
        let all = self.readers.len() * self.writers.len();
        let mut heard = BTreeSet::new();
        eventually("all servers hear of all", || {
            for (n, writer) in self.writers.iter_mut().enumerate() {
                writer.publish(SUBJECT, format!("{} {n}", self.rounds));
            }
            for (n, reader) in self.readers.iter_mut().enumerate() {
                heard.extend(drain(reader).into_iter().map(|(_, said)| (n, said)));
            }
            let round = format!("{} ", self.rounds);
            (heard.iter().filter(|(_, said)| said.starts_with(&round)).count() == all).then_some(())
        });
    }

    /// Publishes at server `n`.
    #[track_caller]
    pub(crate) fn publish(&mut self, n: usize, subject: &str, payload: &str) {
        self.writers[n].publish(subject, payload);
    }
}

/// The messages that a server has sent to a client: their subscription and their payload.
#[track_caller]
pub(crate) fn drain(client: &mut Client) -> Vec<(String, String)> {
    client.send("PING\r\n");
    let mut messages = Vec::new();
    loop {
        let frame = client.frame();
        if frame == "PONG\r\n" {
            return messages;
        }
        let mut lines = frame.split("\r\n");
        let (head, payload) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        assert!(head.starts_with("MSG "), "expected a message, got {frame:?}");
        let sid = head.split(' ').nth(2).expect("a message names its subscription");
        messages.push((sid.to_owned(), payload.to_owned()));
    }
}
