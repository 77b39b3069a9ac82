//! A batch against a list of bytes for each target.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use super::kit::{Recorder, Wire, actor, wire};
use crate::delivery::batch::{Run, Span};
use crate::delivery::feed::Intake;
use crate::delivery::{Batch, Deliveries, Feed, Slots, Target};

/// Blocks are handed over before they outgrow this.
const BLOCK_MAX: usize = 256 << 10;
const NEVER: usize = usize::MAX;

fn batch() -> Batch {
    let mut batch = Batch::default();
    batch.begin(NEVER, NEVER);
    batch
}

/// What a target was to get.
#[derive(Default)]
struct Expected {
    bytes: Vec<u8>,
    msgs: u64,
}

/// Input of a connection: publishes of one subject, one behind the other.
fn publishes(rng: &mut fastrand::Rng, count: usize, payload_max: usize) -> (Vec<u8>, Vec<Span>) {
    let (mut input, mut spans) = (Vec::new(), Vec::new());
    for _ in 0..count {
        input.extend_from_slice(b"PUB s ");
        let (start, size) = (input.len(), rng.usize(..=payload_max));
        input.extend_from_slice(format!("{size}\r\n").as_bytes());
        input.resize(input.len() + size, rng.u8(b'a'..=b'z'));
        input.extend_from_slice(b"\r\n");
        spans.push(Span { start: start as u32, end: input.len() as u32, size: size as u32 });
    }
    (input, spans)
}

fn run(batch: &mut Batch, target: &Target, head: &[u8], (input, spans): &(Vec<u8>, Vec<Span>)) {
    let payload = spans.iter().map(|span| u64::from(span.size)).sum();
    batch.run(target, head, input, Run { spans, payload });
}

fn step(batch: &mut Batch, target: &Target, expected: &mut Expected, rng: &mut fastrand::Rng) {
    let head = format!("MSG s {} ", rng.u32(..));
    match rng.u8(..20) {
        0..=8 => {
            let tail = format!("{}\r\n", "m".repeat(rng.usize(..200)));
            batch.message(target, head.as_bytes(), tail.as_bytes(), tail.len());
            expected.bytes.extend([head.as_bytes(), tail.as_bytes()].concat());
            expected.msgs += 1;
        }
        9..=10 => {
            let tail = vec![b'l'; rng.usize(16 << 10..100 << 10)];
            batch.large(target, head.as_bytes(), &tail, tail.len());
            expected.bytes.extend([head.as_bytes(), &tail].concat());
            expected.msgs += 1;
        }
        11 if matches!(target, Target::Connection(_)) => {
            batch.text(target, b"PONG\r\n");
            expected.bytes.extend(b"PONG\r\n");
        }
        kind => {
            let (count, max) = match kind {
                12 => (1, 200 << 10),
                13 => (1 + rng.usize(..20), 12_000),
                14 => (1 + rng.usize(..2_000), 60),
                _ => (1 + rng.usize(..20), 300),
            };
            let publishes = publishes(rng, count, max);
            run(batch, target, head.as_bytes(), &publishes);
            for span in &publishes.1 {
                expected.bytes.extend(head.as_bytes());
                expected.bytes.extend(&publishes.0[span.start as usize..span.end as usize]);
            }
            expected.msgs += count as u64;
        }
    }
}

/// Everything in any order, to connections and actors, with flushes in between.
#[test]
fn every_target_gets_its_bytes_in_order() {
    let (slots, mut rng) = (Slots::default(), fastrand::Rng::with_seed(7));
    let wires: Vec<Wire> = (0..3).map(|_| wire(&slots, 1 << 30)).collect();
    let actors: Vec<_> = (0..3).map(|_| actor(&slots)).collect();
    let targets: Vec<Target> =
        wires.iter().map(Wire::target).chain(actors.iter().map(|one| one.0.clone())).collect();
    let mut expected: Vec<Expected> = targets.iter().map(|_| Expected::default()).collect();
    let mut batch = batch();
    for _ in 0..1_500 {
        let n = rng.usize(..targets.len());
        step(&mut batch, &targets[n], &mut expected[n], &mut rng);
        match rng.u8(..40) {
            0 => batch.flush(),
            1 => batch.flush_with_last(targets[0].slot()),
            _ => {}
        }
    }
    batch.flush();
    assert_eq!(batch.out_msgs, expected.iter().map(|one| one.msgs).sum::<u64>());
    let (to_wires, to_actors) = expected.split_at(3);
    for (wire, expected) in wires.into_iter().zip(to_wires) {
        assert_eq!(wire.out.stats.out_msgs.load(SeqCst), expected.msgs);
        assert!(wire.finish() == expected.bytes, "other bytes than expected");
    }
    for ((_, recorder), expected) in actors.iter().zip(to_actors) {
        assert_eq!(recorder.count(), expected.msgs);
        assert!(recorder.bytes() == expected.bytes, "other bytes than expected");
    }
}

#[test]
fn the_publisher_itself_comes_last() {
    let slots = Slots::default();
    let publisher = wire(&slots, 1 << 20);
    let (target, recorder) = actor(&slots);
    let mut batch = batch();
    batch.text(&publisher.target(), b"PONG\r\n");
    batch.message(&target, b"MSG s 1 ", b"1\r\nx\r\n", 1);
    batch.flush_with_last(publisher.out.slot());
    assert_eq!(recorder.count(), 1);
    assert_eq!(publisher.finish(), b"PONG\r\n");
    // The numbers of targets are right again after the exchange.
    batch.message(&target, b"MSG s 1 ", b"1\r\ny\r\n", 1);
    batch.flush();
    assert_eq!(recorder.bytes(), b"MSG s 1 1\r\nx\r\nMSG s 1 1\r\ny\r\n");
}

#[test]
fn blocks_end_at_their_bound() {
    for (sizes, blocks) in [
        (&[BLOCK_MAX][..], &[1][..]),
        (&[BLOCK_MAX - 1, 1], &[2]),
        (&[BLOCK_MAX - 1, 2], &[1, 1]),
        (&[BLOCK_MAX, 1], &[1, 1]),
        (&[BLOCK_MAX + 1, BLOCK_MAX + 1, 3, 4], &[1, 1, 2]),
        (&[1, BLOCK_MAX + 1], &[1, 1]),
    ] {
        let (target, recorder) = actor(&Slots::default());
        let mut batch = batch();
        for size in sizes {
            batch.message(&target, b"h", &vec![b't'; size - 1], size - 1);
        }
        batch.flush();
        let counts: Vec<u64> = recorder.0.lock().unwrap().iter().map(|block| block.count).collect();
        assert_eq!(counts, blocks, "{sizes:?}");
        assert_eq!(recorder.bytes().len(), sizes.iter().sum::<usize>());
    }
}

#[test]
fn a_wide_fan_out_goes_out_in_parts() {
    const TARGETS: usize = 2_500;
    let slots = Slots::default();
    let all: Vec<_> = (0..TARGETS).map(|_| actor(&slots)).collect();
    let mut batch = batch();
    for round in 0..3 {
        for (n, (target, _)) in all.iter().enumerate() {
            let tail = format!("{n}.{round}\r\n");
            batch.message(target, b"MSG s 1 ", tail.as_bytes(), tail.len());
        }
    }
    let early = all.iter().filter(|one| one.1.count() > 0).count();
    assert!(early >= 2 * 1_024, "{early} have something before the end");
    batch.flush();
    for (n, (_, recorder)) in all.iter().enumerate() {
        let expected: String = (0..3).map(|round| format!("MSG s 1 {n}.{round}\r\n")).collect();
        assert_eq!(recorder.bytes(), expected.as_bytes());
    }
    assert_eq!(batch.out_msgs, 3 * TARGETS as u64);
}

/// One large publish that repeats the last subject is a run of one: it counts as much as any.
#[test]
fn a_batch_is_bounded_in_bytes() {
    let slots = Slots::default();
    let all: Vec<_> = (0..100).map(|_| actor(&slots)).collect();
    let (input, span) = (vec![b'x'; 200 << 10], Span { start: 0, end: 200 << 10, size: 200 << 10 });
    let mut batch = batch();
    for (target, _) in &all {
        run(&mut batch, target, b"MSG s 1 ", &(input.clone(), vec![span]));
    }
    let held: usize = all.iter().filter(|one| one.1.count() == 0).count() * input.len();
    assert!(held <= 5 << 20, "{held} bytes held back");
    batch.flush();
    assert!(all.iter().all(|one| one.1.count() == 1));
}

#[test]
fn who_is_too_far_behind_gets_no_messages_but_text() {
    let slots = Slots::default();
    let (slow, quick) = (wire(&slots, 64 << 20), wire(&slots, 64 << 20));
    let mut bytes = slow.fill(1 << 20);
    let publishes = publishes(&mut fastrand::Rng::with_seed(1), 5, 10);
    let mut batch = Batch::default();
    batch.begin(1 << 19, 1 << 20);
    for target in [slow.target(), quick.target()] {
        batch.message(&target, b"MSG s 1 ", b"1\r\nx\r\n", 1);
        batch.large(&target, b"MSG s 1 ", b"1\r\nx\r\n", 1);
        run(&mut batch, &target, b"MSG s 1 ", &publishes);
        batch.text(&target, b"PONG\r\n");
    }
    batch.flush();
    assert_eq!(batch.out_msgs, 7);
    let behind = batch.take_behind();
    assert_eq!(behind.len(), 1);
    assert!(Arc::ptr_eq(&behind[0], &slow.out));
    assert!(batch.take_behind().is_empty());
    bytes += b"PONG\r\n".len();
    assert_eq!(slow.out.stats.out_msgs.load(SeqCst), 0);
    let got = slow.finish();
    assert_eq!(got.len(), bytes);
    assert!(got.ends_with(b"fPONG\r\n"));
    assert_eq!(quick.out.stats.out_msgs.load(SeqCst), 7);
    assert!(quick.finish().ends_with(b"PONG\r\n"));
}

/// Panics when it is first given something.
#[derive(Default)]
struct Trap {
    sprung: AtomicBool,
    then: Recorder,
}

impl Intake for Trap {
    fn offer(&self, batch: Deliveries) -> bool {
        assert!(self.sprung.swap(true, SeqCst), "on purpose");
        self.then.offer(batch)
    }
}

#[test]
fn a_panic_while_it_is_handed_over_leaves_a_clean_batch() {
    let slots = Slots::default();
    let trap = Arc::<Trap>::default();
    let trapped = Target::Actor(Arc::new(Feed::new(slots.take(), trap.clone())));
    let others: Vec<_> = (0..5).map(|_| actor(&slots)).collect();
    let mut batch = batch();
    let fill = |batch: &mut Batch, text: &[u8]| {
        batch.message(&trapped, b"MSG s 1 ", text, 1);
        for (target, _) in others.iter().rev() {
            batch.message(target, b"MSG s 1 ", text, 1);
        }
    };
    fill(&mut batch, b"first\r\n");
    assert!(catch_unwind(AssertUnwindSafe(|| batch.flush())).is_err());
    batch.reset();
    batch.begin(NEVER, NEVER);
    fill(&mut batch, b"second\r\n");
    batch.flush();
    assert_eq!(trap.then.bytes(), b"MSG s 1 second\r\n");
    for (_, recorder) in &others {
        assert_eq!(recorder.bytes(), b"MSG s 1 second\r\n");
    }
}
