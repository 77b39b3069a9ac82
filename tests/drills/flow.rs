//! Traffic that must not notice a drill: numbered messages from one client to another, each wanted
//! three times, once through every kind of slice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::kit::{Client, client, eventually};

/// See the module's text.
pub(crate) struct Flow {
    over: Arc<AtomicBool>,
    seen: Arc<AtomicUsize>,
    publisher: Option<JoinHandle<usize>>,
    reader: Option<JoinHandle<usize>>,
}

/// One subject and all that wants it: a literal, a pattern with a literal first token, and one
/// that begins with a wildcard.
pub(crate) const SUBJECT: &str = "flow.on";
pub(crate) const WANTED: [&str; 3] = [SUBJECT, "flow.*", "*.on"];

/// Messages between two looks at whether the server keeps up.
const BATCH: usize = 50;
/// Messages that the reader may be behind. More, and on a machine with much else to do the server
/// would take it for one that does not read.
const BEHIND_MAX: usize = 10_000;

impl Flow {
    pub(crate) fn start(port: u16) -> Self {
        let (over, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut subscriber = client(port);
        for (sid, subject) in WANTED.iter().enumerate() {
            subscriber.subscribe(subject, &sid.to_string());
        }
        let publisher = {
            let (over, seen, publisher) = (Arc::clone(&over), Arc::clone(&seen), client(port));
            thread::spawn(move || publish(publisher, &over, &seen))
        };
        let reader = {
            let seen = Arc::clone(&seen);
            thread::spawn(move || read(subscriber, &seen))
        };
        Self { over, seen, publisher: Some(publisher), reader: Some(reader) }
    }

    /// Waits until `more` messages have come.
    pub(crate) fn advance(&self, more: usize) {
        let until = self.seen.load(Relaxed) + more;
        eventually("the flow to go on", || {
            self.alive();
            (self.seen.load(Relaxed) >= until).then_some(())
        });
    }

    /// A thread that panicked has something to say, which is more than that nothing came.
    fn alive(&self) {
        let ended = |thread: &Option<JoinHandle<usize>>| {
            thread.as_ref().is_some_and(JoinHandle::is_finished)
        };
        assert!(!ended(&self.publisher) && !ended(&self.reader), "the flow broke off");
    }

    /// All that was published has come, once and in order.
    pub(crate) fn end(mut self) {
        self.over.store(true, Relaxed);
        let published = self.publisher.take().unwrap().join().expect("the publisher went on");
        let read = self.reader.take().unwrap().join().expect("the subscriber missed nothing");
        assert_eq!(read, published);
        assert!(read > 0);
    }
}

fn publish(mut publisher: Client, over: &AtomicBool, seen: &AtomicUsize) -> usize {
    let mut number = 0;
    while !over.load(Relaxed) {
        if number - seen.load(Relaxed) > BEHIND_MAX {
            thread::park_timeout(Duration::from_millis(1));
            continue;
        }
        let mut bytes = String::new();
        for _ in 0..BATCH {
            let payload = number.to_string();
            bytes.push_str(&format!("PUB {SUBJECT} {}\r\n{payload}\r\n", payload.len()));
            number += 1;
        }
        publisher.send(bytes);
        publisher.ping_pong();
    }
    publisher.publish(SUBJECT, "end");
    publisher.ping_pong();
    number
}

/// Every subscription gets every number, in order.
fn read(mut subscriber: Client, seen: &AtomicUsize) -> usize {
    let mut next = [0; WANTED.len()];
    let mut ended = 0;
    while ended < WANTED.len() {
        let (args, payload) = subscriber.message();
        let sid: usize = args[1].parse().unwrap();
        let payload = String::from_utf8(payload).unwrap();
        if payload == "end" {
            ended += 1;
            continue;
        }
        assert_eq!(payload, next[sid].to_string(), "gap in {}", WANTED[sid]);
        next[sid] += 1;
        seen.store(*next.iter().min().unwrap(), Relaxed);
    }
    assert!(next.iter().all(|count| *count == next[0]), "{next:?}");
    next[0]
}
