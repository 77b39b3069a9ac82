//! What is sent by several threads to a client that reads slowly arrives whole, once, in order.

use std::io::{IoSlice, Read};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use super::kit::{eventually, wire};
use crate::delivery::{Outbound, Reason, Slots};

const SENDERS: usize = 4;
const FRAMES: u32 = 1_500;
const HEAD: usize = 13;

/// Length, sender, its own number, and the number among all senders' ordered frames if it is one.
fn frame(sender: usize, number: u32, ordered: u32, body: usize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEAD + body);
    frame.extend((body as u32).to_le_bytes());
    frame.push(sender as u8);
    frame.extend(number.to_le_bytes());
    frame.extend(ordered.to_le_bytes());
    frame.resize(HEAD + body, number as u8 ^ sender as u8);
    frame
}

fn send(out: &Outbound, frame: &[u8], rng: &mut fastrand::Rng) {
    if rng.bool() {
        return out.send(frame);
    }
    let (first, rest) = frame.split_at(rng.usize(..frame.len()));
    let (second, third) = rest.split_at(rng.usize(..=rest.len()));
    out.send_slices(&mut [
        IoSlice::new(first),
        IoSlice::new(second),
        IoSlice::new(&[]),
        IoSlice::new(third),
    ]);
}

fn sender(out: &Outbound, sender: usize, order: &Mutex<u32>) {
    let mut rng = fastrand::Rng::with_seed(sender as u64);
    for number in 0..FRAMES {
        let body = match rng.u8(..50) {
            0 => rng.usize(..200_000),
            1..=9 => rng.usize(..5_000),
            _ => rng.usize(..200),
        };
        if rng.u8(..4) == 0 {
            // One thread after the other, so that the order of all of these is known.
            let mut next = order.lock().unwrap();
            *next += 1;
            send(out, &frame(sender, number, *next, body), &mut rng);
        } else {
            send(out, &frame(sender, number, 0, body), &mut rng);
        }
    }
}

/// Reads in small and large pieces, with pauses.
fn read_slowly(mut client: &std::net::TcpStream) -> Vec<u8> {
    let (mut all, mut rng) = (Vec::new(), fastrand::Rng::with_seed(99));
    let mut buffer = vec![0; 64 << 10];
    loop {
        if rng.u8(..20) == 0 {
            thread::park_timeout(Duration::from_micros(rng.u64(..1_500)));
        }
        let size = 1 + rng.usize(..buffer.len());
        match client.read(&mut buffer[..size]).expect("bytes or the end") {
            0 => return all,
            n => all.extend_from_slice(&buffer[..n]),
        }
    }
}

#[test]
fn several_senders_and_a_slow_reader_keep_order() {
    let wire = wire(&Slots::default(), 1 << 30);
    let order = Mutex::new(0);
    let bytes = thread::scope(|scope| {
        let reader = scope.spawn(|| read_slowly(&wire.client));
        let (out, order) = (&*wire.out, &order);
        let senders: Vec<_> =
            (0..SENDERS).map(|id| scope.spawn(move || sender(out, id, order))).collect();
        senders.into_iter().for_each(|one| one.join().unwrap());
        // What waits is still sent, and nothing that comes later.
        wire.out.close(Reason::ServerShutdown);
        wire.out.send(b"too late");
        reader.join().unwrap()
    });
    let (mut next, mut last_ordered, mut rest) = ([0; SENDERS], 0, &bytes[..]);
    while !rest.is_empty() {
        let number = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
        let (body, sender, own, ordered) = (number(0), usize::from(rest[4]), number(5), number(9));
        assert_eq!(own, next[sender], "sender {sender}");
        next[sender] += 1;
        if ordered > 0 {
            assert_eq!(ordered, last_ordered + 1);
            last_ordered = ordered;
        }
        let end = HEAD + body as usize;
        assert!(rest[HEAD..end].iter().all(|byte| *byte == own as u8 ^ sender as u8), "torn");
        rest = &rest[end..];
    }
    assert_eq!(next, [FRAMES; SENDERS]);
    assert_eq!(wire.out.pending(), 0);
    assert_eq!(wire.ended(), Reason::ServerShutdown);
}

#[test]
fn a_client_that_takes_nothing_is_cut_off_at_its_bound() {
    const MAX: usize = 1 << 20;
    let wire = wire(&Slots::default(), MAX);
    let mut most = 0;
    for number in 0.. {
        wire.out.send(&frame(0, number, 0, 1_000));
        if wire.out.closed().is_some() {
            break;
        }
        most = most.max(wire.out.pending());
    }
    assert!(most <= MAX && most > MAX - 2 * (1_000 + HEAD), "{most}");
    assert_eq!(wire.out.closed(), Some(Reason::SlowConsumerPending));
    assert_eq!((wire.out.pending(), wire.out.waiting()), (0, (0, 0)));
    wire.out.send(b"too late");
    // What the socket had taken comes, and nothing after it.
    let mut bytes = Vec::new();
    let _ = (&wire.client).read_to_end(&mut bytes);
    for (number, piece) in (0..).zip(bytes.chunks(1_000 + HEAD)) {
        assert!(frame(0, number, 0, 1_000).starts_with(piece));
    }
    assert_eq!(wire.ended(), Reason::SlowConsumerPending);
}

#[test]
fn one_message_above_the_bound_is_too_much_as_well() {
    let wire = wire(&Slots::default(), 100_000);
    wire.out.send(&vec![0; 32 << 20]);
    assert_eq!(wire.out.closed(), Some(Reason::SlowConsumerPending));
    assert_eq!(wire.out.pending(), 0);
}

#[test]
fn a_close_in_good_order_sends_what_waits() {
    // A client that has closed its way to us may still read.
    for reason in [Reason::ServerShutdown, Reason::MaxPayload, Reason::Stale, Reason::ClientClosed]
    {
        let wire = wire(&Slots::default(), 64 << 20);
        let sent = wire.fill(1 << 20);
        wire.out.close(reason);
        wire.out.send(b"too late");
        assert!(wire.out.pending() > 0, "nothing is dropped");
        let mut bytes = Vec::new();
        (&wire.client).read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len(), sent);
        assert!(bytes.iter().all(|byte| *byte == b'f'));
        assert_eq!(wire.ended(), reason);
    }
}

#[test]
fn a_hopeless_close_drops_what_waits() {
    for reason in [Reason::SlowConsumerDeadline, Reason::WriteError, Reason::InternalError] {
        let wire = wire(&Slots::default(), 64 << 20);
        let sent = wire.fill(1 << 20);
        wire.out.close(reason);
        assert_eq!(wire.out.pending(), 0);
        let mut bytes = Vec::new();
        let _ = (&wire.client).read_to_end(&mut bytes);
        assert!(bytes.len() < sent);
        assert_eq!(wire.ended(), reason);
    }
}

#[test]
fn the_first_reason_stays_and_a_broken_socket_is_noticed() {
    let gone = wire(&Slots::default(), 64 << 20);
    gone.out.close(Reason::Stale);
    gone.out.close(Reason::ClientClosed);
    assert_eq!(gone.out.closed(), Some(Reason::Stale));
    assert_eq!(gone.ended(), Reason::Stale);
    let broken = wire(&Slots::default(), 64 << 20);
    broken.fill(1 << 20);
    broken.client.shutdown(std::net::Shutdown::Both).unwrap();
    let out = broken.out.clone();
    drop(broken.client);
    eventually("a write to fail", || {
        out.send(b"anybody?");
        out.closed() == Some(Reason::WriteError)
    });
}
