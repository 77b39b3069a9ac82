//! Tests of the books: one by one, and against plain maps with restarts in between.

mod model;

use super::*;

const SECOND: i64 = 1_000_000_000;

fn terms(ack: AckMode) -> Terms {
    Terms { ack, ack_wait_ns: 30 * SECOND, ..Terms::default() }
}

fn delivered(ack: AckMode, count: u64) -> State {
    let mut state = State::new(terms(ack), 1);
    (1..=count).for_each(|seq| {
        state.deliver(seq, 0);
    });
    state
}

fn settled(state: &mut State, ack: u64) -> Vec<u64> {
    let mut seqs = Vec::new();
    state.on_ack(ack, 1, &mut |slot| seqs.push(slot.seq));
    seqs
}

fn mark(consumer: u64, stream: u64) -> Mark {
    Mark { consumer, stream }
}

#[test]
fn a_new_consumer_stands_before_its_start() {
    let state = State::new(terms(AckMode::Explicit), 5);
    assert_eq!((state.delivered(), state.floor()), (mark(0, 4), mark(0, 4)));
    assert_eq!(state.next_seq(), 5);
}

#[test]
fn without_acks_delivered_is_done() {
    let mut state = delivered(AckMode::None, 3);
    assert_eq!(state.floor(), mark(3, 3));
    assert_eq!(state.pending().len(), 0);
    assert_eq!(settled(&mut state, 2), [0u64; 0]);
}

#[test]
fn the_floor_follows_the_first_gap() {
    let mut state = delivered(AckMode::Explicit, 5);
    assert_eq!(settled(&mut state, 2), [2]);
    assert_eq!(state.floor(), mark(0, 0));
    assert_eq!(settled(&mut state, 1), [1]);
    assert_eq!(state.floor(), mark(2, 2));
    assert_eq!(settled(&mut state, 1), [0u64; 0]);
    for seq in [5, 4, 3] {
        settled(&mut state, seq);
    }
    assert_eq!(state.floor(), mark(5, 5));
}

#[test]
fn ack_all_takes_everything_before() {
    let mut state = delivered(AckMode::All, 8);
    assert_eq!(settled(&mut state, 5), [1, 2, 3, 4, 5]);
    assert_eq!(state.floor(), mark(5, 5));
    assert_eq!(settled(&mut state, 99), [0u64; 0]);
    assert_eq!(state.pending().len(), 3);
}

#[test]
fn unacknowledged_messages_come_again_and_count() {
    let mut state = delivered(AckMode::Explicit, 2);
    assert_eq!(state.next_due(), Some(30 * SECOND));
    assert!(state.on_time(30 * SECOND - 1, 10).is_empty());
    assert!(state.peek_again().is_none());
    assert!(state.on_time(30 * SECOND, 10).is_empty());
    assert_eq!(state.peek_again().map(|slot| slot.seq), Some(1));
    let again = state.deliver_again(1, 31 * SECOND);
    assert_eq!(again, Some(Delivery { dseq: 3, deliveries: 2 }));
    assert_eq!(state.peek_again().map(|slot| slot.seq), Some(2));
    assert_eq!((state.delivered(), state.redelivered()), (mark(3, 2), 1));
}

#[test]
fn the_last_delivery_is_followed_by_none() {
    let mut state = State::new(Terms { deliver_max: Some(1), ..terms(AckMode::Explicit) }, 1);
    (1..=2).for_each(|seq| {
        state.deliver(seq, 0);
    });
    assert_eq!(state.on_nak(2, 0, 1), Some(Exhausted { seq: 2, deliveries: 1 }));
    assert_eq!(state.on_time(30 * SECOND, 10), [Exhausted { seq: 1, deliveries: 1 }]);
    assert!(state.peek_again().is_none());
    assert_eq!((state.pending().len(), state.redelivered()), (0, 2));
    assert_eq!(settled(&mut state, 1), [1]);
    state.forget_below(3);
    assert_eq!(state.redelivered(), 0);
}

#[test]
fn a_nak_with_a_delay_waits() {
    let mut state = delivered(AckMode::Explicit, 1);
    assert_eq!(state.on_nak(1, 5 * SECOND, SECOND), None);
    assert_eq!(state.next_due(), Some(6 * SECOND));
    state.on_time(6 * SECOND, 10);
    assert_eq!(state.peek_again().map(|slot| slot.seq), Some(1));
}

#[test]
fn backoff_grows_with_deliveries() {
    let backoff_ns = [SECOND, 3 * SECOND].into();
    let mut state = State::new(Terms { backoff_ns, ..terms(AckMode::Explicit) }, 1);
    state.deliver(1, 0);
    assert_eq!(state.next_due(), Some(SECOND));
    state.on_time(SECOND, 10);
    state.deliver_again(1, SECOND);
    assert_eq!(state.next_due(), Some(4 * SECOND));
}

#[test]
fn room_is_what_may_still_be_pending() {
    let pending_max = Some(2);
    let mut state = State::new(Terms { pending_max, ..terms(AckMode::Explicit) }, 1);
    assert_eq!(state.room(), 2);
    (1..=2).for_each(|seq| {
        state.deliver(seq, 0);
    });
    assert_eq!(state.room(), 0);
    settled(&mut state, 2);
    assert_eq!(state.room(), 1);
}

#[test]
fn a_shorter_wait_holds_for_what_is_pending() {
    let mut state = delivered(AckMode::Explicit, 3);
    state.set_terms(Terms { ack_wait_ns: SECOND, ..terms(AckMode::Explicit) });
    assert_eq!(state.next_due(), Some(SECOND));
    state.on_time(SECOND, 10);
    assert_eq!(state.peek_again().map(|slot| slot.seq), Some(1));
}

#[test]
fn reset_starts_over() {
    let mut state = delivered(AckMode::Explicit, 5);
    state.reset(3, 1);
    assert_eq!((state.delivered(), state.floor()), (mark(0, 2), mark(0, 2)));
    assert_eq!((state.pending().len(), state.next_due()), (0, None));
}

#[test]
fn what_is_not_written_yet_is_told() {
    let mut state = delivered(AckMode::Explicit, 1);
    assert!(state.has_news());
    assert!(state.take_delta().is_some());
    assert!(!state.has_news());
}

#[test]
fn the_stream_is_told_what_is_done() {
    let mut state = State::new(Terms { deliver_max: Some(1), ..terms(AckMode::Explicit) }, 1);
    for seq in [2, 3, 5, 6, 7, 9] {
        state.deliver(seq, 0);
    }
    for seq in [3, 5, 7] {
        settled(&mut state, seq);
    }
    assert_eq!(state.settled(), (0, vec![(1, 1), (3, 5), (7, 8)]));
    state.on_nak(2, 0, 1);
    settled(&mut state, 6);
    assert_eq!(state.floor().stream, 8);
    assert_eq!(state.settled(), (1, vec![(3, 8)]), "2 was given up, not done");
}

#[test]
fn an_idle_consumer_keeps_nothing() {
    let mut state = delivered(AckMode::All, 1000);
    settled(&mut state, 1000);
    state.shrink();
    assert!(state.work.0.is_none());
    assert_eq!((state.next_due(), state.peek_again()), (None, None));
    assert_eq!(settled(&mut state, 5), [0u64; 0]);
    state.on_progress(3, 1);
    state.forget_below(9);
    assert!(state.work.0.is_none());
}
