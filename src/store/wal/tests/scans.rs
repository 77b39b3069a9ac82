//! Every way to damage a small log: what is safe is kept, what is damaged is told.

use super::super::format::{BATCH_BYTES, FIRST, file_number};
use super::super::scan::{Batch, Contents, Verdict, judge, read_segment};
use super::*;
use crate::disk::read_file;

/// Bytes of the segments of a log, each batch of which was safe before the next was written.
fn small_log() -> Vec<(u64, Vec<u8>)> {
    let disk = FaultyDisk::new(1);
    let options = WalOptions { segment_bytes: FIRST + 1200, ..options() };
    let rig = Rig::new(disk.clone(), options, Sync::Always);
    for n in 0..9_u8 {
        rig.write(1, &vec![n; 10 + usize::from(n) * 7]).unwrap();
    }
    drop(rig);
    let mut segments = Vec::new();
    for path in disk.paths() {
        let number = file_number(path.file_name().unwrap().to_str().unwrap()).unwrap();
        let bytes = read_file(&disk, &path).unwrap();
        if read_segment(&bytes, number).header.is_some() {
            segments.push((number, bytes));
        }
    }
    segments
}

fn read(segments: &[(u64, Vec<u8>)]) -> (Vec<(u64, Contents)>, Verdict) {
    let contents: Vec<_> =
        segments.iter().map(|(number, bytes)| (*number, read_segment(bytes, *number))).collect();
    let verdict = judge(&contents);
    (contents, verdict)
}

/// The positions of whole batches that count.
fn counted(contents: &[(u64, Contents)], verdict: &Verdict) -> Vec<u64> {
    let of = contents.iter().zip(&verdict.counts);
    of.flat_map(|((_, contents), count)| &contents.batches[..*count])
        .filter(|batch| batch.whole)
        .map(|batch| batch.lsn)
        .collect()
}

#[test]
fn a_flip_of_any_bit_costs_one_batch_at_most_and_is_noticed() {
    let log = small_log();
    assert_eq!(log.len(), 2);
    let (whole, verdict) = read(&log);
    // Nine, and the note that all are safe.
    assert_eq!((verdict.last_lsn, verdict.damaged, verdict.torn), (10, 0, 0));
    for (segment, (_, before)) in whole.iter().enumerate() {
        let bodies = |at: u64| {
            let is_in = |batch: &Batch| {
                let body = batch.at + BATCH_BYTES as u64;
                (body..body + u64::from(batch.body_len)).contains(&at)
            };
            before.batches.iter().any(is_in)
        };
        for at in 0..log[segment].1.len() {
            let mut log = log.clone();
            log[segment].1[at] ^= 1 << (at % 8);
            let (contents, verdict) = read(&log);
            let counted = counted(&contents, &verdict);
            let missing: Vec<u64> = (1..=10).filter(|lsn| !counted.contains(lsn)).collect();
            // What is not a body is there twice.
            let expected = usize::from(bodies(at as u64));
            assert_eq!(missing.len(), expected, "byte {at} of segment {segment}: {missing:?}");
            assert_eq!(verdict.damaged, expected as u64, "byte {at} of segment {segment}");
            assert_eq!(verdict.last_lsn, 10);
        }
    }
}

#[test]
fn what_is_cut_off_was_never_safe_or_is_missed() {
    let log = small_log();
    let (whole, _) = read(&log);
    let last = log.len() - 1;
    for at in FIRST as usize..log[last].1.len() {
        let mut log = log.clone();
        log[last].1[at..].fill(0);
        let (contents, verdict) = read(&log);
        let counted = counted(&contents, &verdict);
        for batch in &whole[last].1.batches {
            let end = batch.at as usize + BATCH_BYTES + batch.body_len as usize;
            assert!(counted.contains(&batch.lsn) || at < end, "cut at {at}: {batch:?}");
        }
        let numbers: Vec<u64> = (1..=counted.len() as u64).collect();
        assert_eq!(counted, numbers, "cut at {at}: a hole");
        assert_eq!(verdict.damaged, 0, "cut at {at}");
    }
}

#[test]
fn a_segment_that_is_gone_is_missed() {
    let log = small_log();
    let (contents, verdict) = read(&log[1..]);
    assert_eq!(verdict.last_lsn, 10);
    assert!(counted(&contents, &verdict).contains(&9));

    let mut three = log.clone();
    let disk = FaultyDisk::new(1);
    let rig = Rig::new(disk.clone(), options(), Sync::Always);
    rig.write(1, b"x").unwrap();
    drop(rig);
    // Both headers of the first are gone; its batches speak for each other.
    three[0].1[..FIRST as usize].fill(0);
    let (contents, verdict) = read(&three);
    assert_eq!(counted(&contents, &verdict).len(), 10);
}

#[test]
fn anything_can_be_read() {
    let mut random = fastrand::Rng::with_seed(1);
    let log = small_log();
    for _ in 0..2000 {
        let mut log = log.clone();
        for _ in 0..random.usize(1..6) {
            let bytes = &mut log[random.usize(..2)].1;
            let at = random.usize(..bytes.len());
            match random.u8(..4) {
                0 => bytes[at] = random.u8(..),
                1 => bytes[at..].fill(0),
                2 => bytes.truncate(at),
                _ => {
                    let from = random.usize(..at + 1);
                    bytes.copy_within(from..at, 0);
                }
            }
            if bytes.is_empty() {
                bytes.push(0);
            }
        }
        let (contents, verdict) = read(&log);
        let counted = counted(&contents, &verdict);
        assert!(counted.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(counted.iter().all(|lsn| *lsn <= 10));
    }
}

#[test]
fn what_the_fuzzer_does_holds_for_random_bytes() {
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..5000 {
        let data: Vec<u8> = (0..random.usize(..60)).map(|_| random.u8(..)).collect();
        crate::fuzz_wal(&data);
        crate::fuzz_files(&data);
    }
}
