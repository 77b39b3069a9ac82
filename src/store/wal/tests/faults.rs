//! What happens when the disk refuses.

use super::*;

/// In the segment that is written first.
fn failing(syncs: u32, writes: u32) -> Faults {
    let only_in = Some("wal-0000000000000001".to_owned());
    Faults { failing_syncs: syncs, failing_writes: writes, only_in, ..Faults::default() }
}

/// The bodies that a restart finds.
fn survivors(disk: &FaultyDisk) -> Vec<Bytes> {
    let (found, _) = contents(open(&disk.power_cut(), &options()));
    found.into_iter().filter_map(|found| found.2).collect()
}

/// Begins a segment, so that a fault meets the write it is meant for and not the making of a file.
fn settle(rig: &Rig) {
    rig.write(7, b"begin").unwrap();
}

#[test]
fn a_failed_sync_acknowledges_nothing_and_is_not_tried_again() {
    for seed in 0..20 {
        let disk = FaultyDisk::new(seed);
        let rig = Rig::new(disk.clone(), options(), Sync::Always);
        settle(&rig);
        rig.write(1, b"safe").unwrap();
        disk.set_faults(failing(1, 0));
        assert!(matches!(rig.write(1, b"failed"), Err(CommitError::Failed(_))));
        assert!(rig.counters.failing.load(Relaxed));
        // Another segment, which works.
        rig.write(1, b"next").unwrap();
        assert!(!rig.counters.failing.load(Relaxed));
        drop(rig);
        let found = survivors(&disk);
        assert!(found.contains(&Bytes::from("safe")) && found.contains(&Bytes::from("next")));
        // It was refused, and something after it was not.
        assert!(!found.contains(&Bytes::from("failed")), "seed {seed}");
    }
}

#[test]
fn two_failures_in_a_row_are_the_end() {
    let disk = FaultyDisk::new(1);
    let rig = Rig::new(disk.clone(), options(), Sync::Always);
    settle(&rig);
    disk.set_faults(Faults { only_in: Some("wal-".to_owned()), ..failing(2, 0) });
    assert!(matches!(rig.write(1, b"a"), Err(CommitError::Failed(_))));
    assert!(matches!(rig.write(1, b"b"), Err(CommitError::Failed(_))));
    assert_eq!(rig.write(1, b"c"), Err(CommitError::Broken));
    assert!(rig.counters.broken.load(Relaxed));
    drop(rig);
    // A restart begins anew.
    let rig = Rig::new(disk.clone(), options(), Sync::Always);
    rig.write(1, b"d").unwrap();
}

#[test]
fn a_failed_write_takes_only_its_lot_with_it() {
    for seed in 0..20 {
        let disk = FaultyDisk::new(seed);
        let rig = Rig::new(disk.clone(), options(), Sync::Always);
        settle(&rig);
        disk.set_faults(failing(0, 1));
        assert!(matches!(rig.write(1, &[1; 3000]), Err(CommitError::Failed(_))));
        rig.write(1, b"next").unwrap();
        drop(rig);
        let found = survivors(&disk);
        assert_eq!(found, [&b"next"[..], b"begin"], "seed {seed}");
    }
}

#[test]
fn lazy_batches_before_a_failed_write_are_not_lost() {
    let disk = FaultyDisk::new(1);
    let options = WalOptions { lazy_wait: Duration::from_secs(5), ..options() };
    let rig = Rig::new(disk.clone(), options, Sync::Always);
    settle(&rig);
    let lazy = rig.submit(1, b"lazy", Mode::Lazy);
    while rig.counters.stats().wal_writes < 2 {
        std::thread::yield_now();
    }
    disk.set_faults(failing(0, 1));
    assert!(rig.write(1, b"failed").is_err());
    wait(lazy).unwrap();
    drop(rig);
    assert!(survivors(&disk).contains(&Bytes::from("lazy")));
}

#[test]
fn a_full_disk_refuses_until_there_is_room() {
    let disk = FaultyDisk::new(1);
    let rig = Rig::new(disk.clone(), options(), Sync::Always);
    settle(&rig);
    while rig.wal.ledger().oldest().is_empty() {
        rig.write(1, &[7; 1000]).unwrap();
    }
    disk.set_faults(Faults { capacity: Some(disk.used()), ..Faults::default() });
    let mut written = 0;
    let refused = loop {
        match rig.write(1, &[7; 1000]) {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused, CommitError::Full);
    assert!(written > 1 && rig.counters.full.load(Relaxed));
    for _ in 0..5 {
        assert_eq!(rig.write(1, &[7; 1000]), Err(CommitError::Full));
        // What adds nothing still has room.
        rig.write(0, b"remove").unwrap();
    }
    assert!(rig.counters.full.load(Relaxed));
    // A checkpoint frees segments, which are used again.
    assert!(rig.release() > 0);
    while rig.write(1, b"room").is_err() {
        std::thread::yield_now();
    }
    assert!(!rig.counters.full.load(Relaxed));
    // Or somebody tidies up elsewhere.
    while rig.write(1, &[7; 1000]).is_ok() {}
    disk.set_faults(Faults::default());
    while rig.write(1, b"more room").is_err() {
        std::thread::yield_now();
    }
    drop(rig);
    let found = survivors(&disk);
    assert_eq!(found.last().unwrap(), "more room");
}

#[test]
fn at_an_interval_what_was_acknowledged_is_kept_though_the_sync_fails() {
    let disk = FaultyDisk::new(1);
    let rig = Rig::new(disk.clone(), options(), Sync::Every(Duration::from_millis(5)));
    settle(&rig);
    disk.set_faults(failing(1, 0));
    rig.write(1, b"acknowledged").unwrap();
    while rig.counters.stats().syncs == 0 || disk.changes() == 0 {
        std::thread::yield_now();
    }
    while rig.write(1, b"next").is_err() {}
    rig.wal.close();
    // Without a power cut: it is still in the page cache.
    let (found, _) = contents(open(&disk, &options()));
    assert!(found.iter().any(|found| found.2 == Some(Bytes::from("acknowledged"))));
}

#[test]
fn what_stands_on_something_that_failed_fails_too() {
    for seed in 0..30 {
        let mut random = fastrand::Rng::with_seed(seed);
        let disk = FaultyDisk::new(seed);
        let rig = Rig::new(disk.clone(), options(), Sync::Always);
        settle(&rig);
        let chain = Arc::new(AtomicU64::new(0));
        let faults = if random.bool() { failing(1, 0) } else { failing(0, 1) };
        disk.set_faults(faults);
        let submit = |n: u8, len| {
            rig.submit_on(1, &vec![n; len], Mode::Durable, Some((Arc::clone(&chain), 0)))
        };
        // Several lots, over a change of the segment.
        let told: Vec<_> = (0..30).map(|n| submit(n, random.usize(1..1500))).collect();
        let results: Vec<_> = told.into_iter().map(wait).collect();
        let failed = results.iter().position(Result::is_err).unwrap();
        assert!(results[failed..].iter().all(Result::is_err), "seed {seed}: {results:?}");
        assert!(results.contains(&Err(CommitError::Behind)), "seed {seed}: {results:?}");
        rig.write(1, b"anew").unwrap();
    }
}
