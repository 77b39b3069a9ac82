//! Power cuts at random points, against a model: nothing acknowledged is lost, and nothing that was
//! not comes back out of order.

use std::collections::BTreeMap;

use super::*;

const GROUPS: u64 = 4;

/// What a group may hold after a cut.
#[derive(Default)]
struct Model {
    /// In the order of the indexes; whether it must be there.
    batches: BTreeMap<u64, (Bytes, bool)>,
}

fn check(seed: u64, models: &BTreeMap<u64, Model>, found: &[(u64, u64, Option<Bytes>)]) {
    for (group, model) in models {
        let here: Vec<_> = found.iter().filter(|found| found.0 == *group).collect();
        for (_, index, body) in &here {
            let known = model.batches.get(index);
            assert_eq!(
                known.map(|(body, _)| Some(body.clone())),
                Some(body.clone()),
                "seed {seed}: group {group} has {index}, which it never was"
            );
        }
        let last = here.last().map_or(0, |found| found.1);
        for (index, (_, acked)) in &model.batches {
            let is_there = here.iter().any(|found| found.1 == *index);
            assert!(is_there || !acked, "seed {seed}: group {group} lost {index}");
            assert!(is_there || *index > last, "seed {seed}: group {group} has a hole at {index}");
        }
    }
}

/// One life: some batches, then the power goes. Returns what may be there after it.
fn live(rig: &Rig, random: &mut fastrand::Rng, models: &mut BTreeMap<u64, Model>) {
    let off_after = random.u64(..60);
    let faults = Faults { power_off_after: Some(off_after), ..Faults::default() };
    rig.disk.set_faults(faults);
    let mut told = Vec::new();
    for n in 0..random.u32(1..80) {
        let group = random.u64(1..=GROUPS);
        let len = random.usize(1..600);
        let body: Vec<u8> = (0..len).map(|k| (k as u32 ^ n) as u8 | 1).collect();
        let mode = if random.u8(..4) == 0 { Mode::Lazy } else { Mode::Durable };
        told.push(rig.submit(group, &body, mode));
        if random.u8(..3) == 0 {
            // Sometimes alone, sometimes many at once.
            let _ = told.pop().map(|told| told.recv_timeout(Duration::from_secs(5)));
        }
    }
    rig.wal.close();
    for outcome in rig.outcomes() {
        if outcome.index == 0 {
            continue;
        }
        let model = models.entry(outcome.group).or_default();
        let acked = outcome.result.is_ok();
        let before = model.batches.insert(outcome.index, (outcome.body, acked));
        assert!(before.is_none(), "an index was used twice");
    }
}

#[test]
fn nothing_acknowledged_is_lost_at_a_power_cut() {
    let mut torn = 0;
    for seed in 0..80 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut disk = FaultyDisk::new(seed);
        let mut models = BTreeMap::new();
        let mut rig = Rig::new(disk.clone(), options(), Sync::Always);
        for _ in 0..4 {
            live(&rig, &mut random, &mut models);
            disk = disk.power_cut();
            let (found, recovered) = contents(open(&disk, &options()));
            assert_eq!(recovered.damaged, 0, "seed {seed}: a cut is no damage");
            torn += recovered.torn;
            check(seed, &models, &found);
            // What is there now stays there; the rest is gone for good.
            for (group, model) in &mut models {
                model.batches.retain(|index, (_, acked)| {
                    *acked = found.iter().any(|found| (found.0, found.1) == (*group, *index));
                    *acked
                });
            }
            rig = Rig::over(disk.clone(), recovered, options(), Sync::Always).after(&found);
        }
    }
    assert!(torn > 8, "only {torn} batches were torn: the cuts come at the wrong time");
}

#[test]
fn failures_and_cuts_together() {
    for seed in 0..60 {
        let mut random = fastrand::Rng::with_seed(seed);
        let disk = FaultyDisk::new(seed);
        let rig = Rig::new(disk.clone(), options(), Sync::Always);
        disk.set_faults(Faults {
            write_failure_one_in: Some(12),
            sync_failure_one_in: Some(12),
            only_in: Some("wal-".to_owned()),
            ..Faults::default()
        });
        for n in 0..60_u8 {
            let _ = rig.write(u64::from(n) % GROUPS + 1, &vec![n | 1; random.usize(1..900)]);
        }
        rig.wal.close();
        let (found, _) = contents(open(&disk.power_cut(), &options()));
        // Refused batches leave gaps, but must not come back behind one that was acknowledged.
        for outcome in rig.outcomes().iter().filter(|outcome| outcome.index > 0) {
            let key = (outcome.group, outcome.index, Some(outcome.body.clone()));
            let later = |other: &Outcome| {
                other.group == outcome.group && other.index > outcome.index && other.result.is_ok()
            };
            if outcome.result.is_ok() {
                assert!(found.contains(&key), "seed {seed}: lost {key:?}");
            } else if rig.outcomes().iter().any(later) {
                assert!(!found.contains(&key), "seed {seed}: came back: {key:?}");
            }
        }
    }
}
