//! Tests of the pending messages, by themselves and against a plain map.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn slot(seq: u64, due_ns: i64) -> Slot {
    Slot::new(seq, seq, 0, due_ns, 1)
}

fn due(pending: &mut Pending, now_ns: i64) -> Vec<u64> {
    std::iter::from_fn(|| pending.pop_due(now_ns)).collect()
}

#[test]
fn messages_fall_due_in_order() {
    let mut pending = Pending::default();
    (1..=5).for_each(|n| pending.insert(slot(n, 10 * n as i64)));
    assert_eq!(pending.next_due(), Some(10));
    assert_eq!(due(&mut pending, 25), [1, 2]);
    assert_eq!(due(&mut pending, 25), [0u64; 0]);
    assert_eq!(pending.next_due(), Some(30));
    pending.remove(3);
    assert_eq!(pending.next_due(), Some(40));
    assert_eq!(pending.len(), 4);
}

#[test]
fn work_in_progress_and_delays_move_what_is_due() {
    let mut pending = Pending::default();
    (1..=3).for_each(|n| pending.insert(slot(n, 100)));
    assert!(pending.touch(1, 50, 150));
    assert!(pending.set_due(3, 60));
    assert!(!pending.set_due(9, 60));
    assert_eq!(pending.next_due(), Some(60));
    assert_eq!(due(&mut pending, 100), [2, 3]);
    assert_eq!(due(&mut pending, 149), [0u64; 0]);
    assert_eq!(pending.next_due(), Some(150));
    assert_eq!(due(&mut pending, 150), [1]);
}

#[test]
fn queued_messages_are_queued_once_and_not_due() {
    let mut pending = Pending::default();
    pending.insert(slot(7, 100));
    assert!(pending.queue(7));
    assert!(!pending.queue(7));
    assert_eq!(due(&mut pending, 1000), [0u64; 0]);
    assert_eq!(pending.deliver_again(7, 1000, 1100), Some(2));
    assert_eq!(pending.redelivered(), 1);
    assert_eq!(due(&mut pending, 1100), [7]);
    assert!(pending.remove(7).is_some());
    assert_eq!((pending.len(), pending.redelivered()), (0, 0));
}

#[derive(Debug, Clone)]
enum Step {
    Insert(u64, i64),
    Remove(u64),
    Through(u64),
    Due(u64, i64),
    Pass(i64),
    Again(u64, i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u64..4, 1i64..50).prop_map(|(gap, wait)| Step::Insert(gap, wait)),
        3 => (0u64..80).prop_map(Step::Remove),
        1 => (0u64..40).prop_map(Step::Through),
        2 => (0u64..80, 0i64..60).prop_map(|(seq, wait)| Step::Due(seq, wait)),
        3 => (1i64..20).prop_map(Step::Pass),
        2 => (0u64..80, 1i64..50).prop_map(|(seq, wait)| Step::Again(seq, wait)),
    ]
}

proptest! {
    /// A map from sequence to what is due when (none: it has come up) says the same.
    #[test]
    fn behaves_like_a_map(steps in proptest::collection::vec(step(), 1..400)) {
        let mut pending = Pending::default();
        let mut model: BTreeMap<u64, Option<i64>> = BTreeMap::new();
        let (mut now, mut last) = (0i64, 0u64);
        for step in steps {
            match step {
                Step::Insert(gap, wait) => {
                    last += gap;
                    pending.insert(slot(last, now + wait));
                    model.insert(last, Some(now + wait));
                }
                Step::Remove(seq) => {
                    let known = model.remove(&seq).is_some();
                    prop_assert_eq!(pending.remove(seq).is_some(), known);
                }
                Step::Through(seq) => {
                    while pending.pop_through(seq).is_some() {}
                    model.retain(|key, _| *key > seq);
                }
                Step::Due(seq, wait) => {
                    let known = model.get_mut(&seq).map(|due| *due = Some(now + wait)).is_some();
                    prop_assert_eq!(pending.set_due(seq, now + wait), known);
                }
                Step::Again(seq, wait) => {
                    let known = model.get_mut(&seq).map(|due| *due = Some(now + wait)).is_some();
                    prop_assert_eq!(pending.deliver_again(seq, now, now + wait).is_some(), known);
                }
                Step::Pass(time) => {
                    now += time;
                    let mut found = due(&mut pending, now);
                    found.sort_unstable();
                    let mut wanted = Vec::new();
                    for (seq, at) in &mut model {
                        if at.is_some_and(|at| at <= now) {
                            wanted.push(*seq);
                            *at = None;
                        }
                    }
                    prop_assert_eq!(found, wanted);
                }
            }
            prop_assert_eq!(pending.len(), model.len());
            prop_assert_eq!(pending.first().map(|s| s.seq), model.keys().next().copied());
            let seqs: Vec<u64> = pending.iter().map(|slot| slot.seq).collect();
            prop_assert!(seqs.iter().eq(model.keys()));
            let next = model.values().flatten().min().copied();
            match (pending.next_due(), next) {
                (Some(timer), Some(due)) => prop_assert!(timer <= due),
                (None, Some(_)) => prop_assert!(false, "a due message without a timer"),
                _ => {}
            }
        }
    }
}
