//! The parsers of the client protocol and of leaf links: whatever the bytes, it must not matter how
//! the network cut them into reads, and the fast path for repeated publishes must agree with the
//! general one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vagus_wire::repeat::{self, Repeat};
use vagus_wire::leaf::{self, Heard, Said};
use vagus_wire::{Limits, Op, ParseError, Publish, Step, parse};

/// Small, so that inputs of a few dozen bytes reach both limits.
const LIMITS: Limits = Limits { control_line_max: 40, payload_max: 60 };
/// Size digits that the fast path reads.
const REPEAT_DIGITS_MAX: usize = 8;

/// How a session ended, where the input did not just run out.
type End = Option<ParseError>;

fuzz_target!(|data: &[u8]| {
    cut(data, client);
    cut(data, of_leaf);
    compare_repeats(data);
});

/// An operation with the bytes that it took, or how many bytes it needs.
type Read<T> = Result<Result<(T, usize), usize>, ParseError>;

fn client(buf: &[u8]) -> Read<Op<'_>> {
    Ok(match parse(buf, LIMITS)? {
        Step::Op { op, used } => Ok((op, used)),
        Step::Partial { total } => Err(total),
    })
}

fn of_leaf(buf: &[u8]) -> Read<Said<'_>> {
    Ok(match leaf::parse(buf, LIMITS)? {
        Heard::Whole { said, used } => Ok((said, used)),
        Heard::Partial { total } => Err(total),
    })
}

/// Reads in pieces find what one read finds.
fn cut<'a, T: PartialEq + std::fmt::Debug>(data: &'a [u8], parse: fn(&'a [u8]) -> Read<T>) {
    let whole = read(data, parse, |_| data.len(), false);
    let mut rng = fastrand::Rng::with_seed(sum(data));
    for patient in [false, true] {
        let split = read(data, parse, |seen| seen + rng.usize(1..8), patient);
        assert_eq!(split, whole, "split reads, patient: {patient}");
    }
}

/// Cuts that depend on the input alone: a finding can be run again.
fn sum(data: &[u8]) -> u64 {
    data.iter().fold(0xCBF2_9CE4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3)
    })
}

/// Reads a session of which `next(seen)` bytes are there after the next read. A patient reader
/// does not parse again before as many bytes are there as the parser asked for.
fn read<'a, T>(
    data: &'a [u8],
    parse: fn(&'a [u8]) -> Read<T>,
    mut next: impl FnMut(usize) -> usize,
    patient: bool,
) -> (Vec<(usize, T)>, End) {
    let (mut found, mut start, mut seen) = (Vec::new(), 0, 0);
    let mut asked = 0;
    loop {
        match parse(&data[start..seen]) {
            Ok(Ok((op, used))) => {
                assert!(used > 0 && start + used <= seen, "{used} bytes used of {}", seen - start);
                assert!(used >= asked, "{asked} bytes asked for, {used} used");
                found.push((used, op));
                start += used;
                asked = 0;
            }
            Ok(Err(total)) => {
                assert!(total > seen - start, "{total} bytes are there already");
                if seen == data.len() {
                    return (found, None);
                }
                asked = total;
                seen = next(seen);
                if patient {
                    seen = seen.max(start + total);
                }
                seen = seen.min(data.len());
            }
            Err(error) => return (found, Some(error)),
        }
    }
}

/// Walks the session with both paths side by side.
fn compare_repeats(data: &[u8]) {
    let (mut at, mut head) = (0, None::<&[u8]>);
    loop {
        let step = parse(&data[at..], LIMITS);
        if let Some(head) = head {
            compare(data, at, head, step);
        }
        let Ok(Step::Op { op, used }) = step else { return };
        if let Some(tail) = plain(&op) {
            // `tail` ends where the operation does.
            head = Some(&data[at..at + used - tail.len()]);
        }
        at += used;
    }
}

/// The tail of a publish that may begin a run: spelled as a delivery, no reply, no headers.
fn plain<'a>(op: &Op<'a>) -> Option<&'a [u8]> {
    match op {
        Op::Publish(Publish { reply: None, header_len: 0, tail, .. }) => *tail,
        _ => None,
    }
}

fn compare(data: &[u8], at: usize, head: &[u8], step: Result<Step<'_>, ParseError>) {
    match repeat::next(data, at, head, LIMITS.payload_max) {
        Some(Repeat { tail, end, size }) => {
            // Leading zeros may make a line too long that the fast path has no need to measure.
            let zeros = head.len() + REPEAT_DIGITS_MAX > LIMITS.control_line_max;
            if zeros && step == Err(ParseError::ControlLine) {
                return;
            }
            let Ok(Step::Op { op: Op::Publish(publish), used }) = step else {
                panic!("the fast path sees a publish, the parser {step:?}");
            };
            assert_eq!(at + used, end);
            assert_eq!(publish.payload.len(), size);
            assert_eq!(publish.tail, Some(&data[tail..end]));
            assert_eq!((publish.reply, publish.has_headers), (None, false));
        }
        None => {
            let Ok(Step::Op { op, used }) = step else { return };
            let Some(tail) = plain(&op) else { return };
            let digits = tail.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let same = &data[at..at + used - tail.len()] == head;
            assert!(!same || digits > REPEAT_DIGITS_MAX, "the fast path misses a repeat");
        }
    }
}
