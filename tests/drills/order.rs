//! Order and completeness under load: several publishers, subjects and subscribers, messages from
//! nothing to 200 KiB, and subscriptions that come and go beside those that are watched.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;

use crate::kit::{Client, client, eventually, port, start};

const PUBLISHERS: usize = 4;
const SUBJECTS: usize = 3;
const SUBSCRIBERS: usize = 4;
/// Messages that each publisher sends: so many that no reader can be 64 MiB behind, at which it
/// would be cut off.
const COUNT: usize = 300;

/// Random enough, and the same in every run: xorshift.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % sides
    }

    /// Of all magnitudes, nothing and the largest among them.
    fn size(&mut self) -> usize {
        match self.roll(20) {
            0 => 0,
            1 => 200 << 10,
            2 => self.roll(200 << 10),
            3..=6 => self.roll(20_000),
            _ => self.roll(300),
        }
    }
}

/// Sends numbered messages; the reply subject tells who and which, since a payload may be empty.
fn publish(mut publisher: Client, id: usize) {
    let mut dice = Dice(0x9E37_79B9 + id as u64);
    let (mut next, mut bytes) = ([0; SUBJECTS], Vec::new());
    // Several messages to one subject in a row are a case of their own.
    let (mut subject, mut row) = (0, 0);
    for _ in 0..COUNT {
        if row == 0 {
            (subject, row) = (dice.roll(SUBJECTS), 1 + dice.roll(12));
        }
        row -= 1;
        let (number, size) = (next[subject], dice.size());
        next[subject] += 1;
        let head = format!("PUB order.{subject} {id}.{number} {size}\r\n");
        bytes.extend_from_slice(head.as_bytes());
        bytes.resize(bytes.len() + size, fill(id, number));
        bytes.extend_from_slice(b"\r\n");
        if dice.roll(4) == 0 {
            publisher.send(&bytes);
            bytes.clear();
        }
    }
    for subject in 0..SUBJECTS {
        bytes.extend(format!("PUB order.{subject} {id}.end 0\r\n\r\n").into_bytes());
    }
    publisher.send(&bytes);
    publisher.ping_pong();
}

fn fill(id: usize, number: usize) -> u8 {
    (id * 31 + number * 7) as u8
}

/// A message as it was sent: publisher, subject, and number unless it was the last.
fn decode(args: &[String], payload: &[u8]) -> (usize, usize, Option<usize>) {
    let subject = args[0].strip_prefix("order.").unwrap().parse().unwrap();
    let (id, number) = args[2].split_once('.').unwrap();
    let id = id.parse().unwrap();
    let number: Option<usize> = number.parse().ok();
    if let Some(number) = number {
        assert!(payload.iter().all(|byte| *byte == fill(id, number)), "torn message");
    }
    (id, subject, number)
}

/// Reads until every publisher has said its end on every subject, for each of two subscriptions.
fn read(mut subscriber: Client) -> usize {
    let mut next: HashMap<(String, usize, usize), usize> = HashMap::new();
    let (mut ends, mut count) = (0, 0);
    while ends < 2 * PUBLISHERS * SUBJECTS {
        let (args, payload) = subscriber.message();
        let (id, subject, number) = decode(&args, &payload);
        let Some(number) = number else {
            ends += 1;
            continue;
        };
        let expected = next.entry((args[1].clone(), id, subject)).or_default();
        assert_eq!(number, *expected, "sid {} publisher {id} subject {subject}", args[1]);
        *expected += 1;
        count += 1;
    }
    count
}

/// Subscribes and unsubscribes all the time. While it lives, a subscription misses nothing, and
/// afterwards it gets nothing.
fn come_and_go(mut client: Client, seed: u64, over: &AtomicBool, lives: &AtomicUsize) {
    let mut dice = Dice(seed);
    for sid in 0.. {
        if over.load(Relaxed) {
            return;
        }
        let pattern = ["order.1", "order.*", "*.0", "other.>", ">"][dice.roll(5)];
        let queue = ["", "", "group "][dice.roll(3)];
        let mut life = Life { sid: sid.to_string(), grouped: !queue.is_empty(), ..Life::default() };
        client.send(format!("SUB {pattern} {queue}{sid}\r\n"));
        for _ in 0..1 + dice.roll(3) {
            life.until_pong(&mut client);
        }
        client.send(format!("UNSUB {sid}\r\n"));
        life.until_pong(&mut client);
        client.ping_pong();
        lives.fetch_add(1, Relaxed);
    }
}

/// What one subscription has seen.
#[derive(Default)]
struct Life {
    sid: String,
    /// In a queue group it gets only a part of the messages.
    grouped: bool,
    next: HashMap<(usize, usize), usize>,
}

impl Life {
    fn until_pong(&mut self, client: &mut Client) {
        client.send("PING\r\n");
        loop {
            let frame = client.next_frame().expect("the server stays");
            if frame == b"PONG\r\n" {
                return;
            }
            let end = frame.windows(2).position(|pair| pair == b"\r\n").expect("a line");
            let line = std::str::from_utf8(&frame[..end]).expect("text");
            let args: Vec<_> = line.split(' ').skip(1).map(str::to_owned).collect();
            assert_eq!(args[1], self.sid);
            let (id, subject, number) = decode(&args, &frame[end + 2..frame.len() - 2]);
            let Some(number) = number else { continue };
            let expected = self.next.entry((id, subject)).or_insert(number);
            let in_order = if self.grouped { number >= *expected } else { number == *expected };
            assert!(in_order, "{number} instead of {expected}");
            *expected = number + 1;
        }
    }
}

#[test]
fn order_is_kept_and_nothing_is_lost() {
    let server = start();
    let port = port(&server);
    let (over, lives) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let churners: Vec<_> = (1..=3)
        .map(|seed| {
            let (over, lives, one) = (Arc::clone(&over), Arc::clone(&lives), client(port));
            thread::spawn(move || come_and_go(one, 0xABCD * seed, &over, &lives))
        })
        .collect();
    let readers: Vec<_> = (0..SUBSCRIBERS)
        .map(|n| {
            let mut one = client(port);
            for subject in 0..SUBJECTS {
                one.send(format!("SUB order.{subject} lit{subject}\r\n"));
            }
            one.subscribe(["order.*", "order.>", "*.*", ">"][n], "pattern");
            thread::spawn(move || read(one))
        })
        .collect();
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|id| {
            let one = client(port);
            thread::spawn(move || publish(one, id))
        })
        .collect();
    for publisher in publishers {
        publisher.join().expect("a publisher is taken all it sends");
    }
    for reader in readers {
        assert_eq!(reader.join().expect("no gap, nothing torn"), 2 * PUBLISHERS * COUNT);
    }
    eventually("some lives", || (lives.load(Relaxed) > 20).then_some(()));
    over.store(true, Relaxed);
    for churner in churners {
        churner.join().expect("no gap while a subscription lives");
    }
    assert_eq!(server.broker().tally.slow_consumers.load(Relaxed), 0);
}
