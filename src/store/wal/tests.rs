//! The write-ahead log against a disk that fails, and against a model.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;

use super::recover::{Recovered, read_batch, recover};
use super::{Batch, Wal, writer};
use crate::disk::{Disk, Faults, FaultyDisk};
use crate::error::CommitError;
use crate::group::Mode;
use crate::options::{Sync, WalOptions};
use crate::stats::Counters;

mod faults;
mod power;
mod scans;
mod speed;

const DIR: &str = "/wal";

/// A log on a simulated disk, and everything that was asked of it.
struct Rig {
    disk: FaultyDisk,
    wal: Wal,
    counters: Arc<Counters>,
    indexes: Arc<Vec<AtomicU64>>,
    outcomes: Arc<Mutex<Vec<Outcome>>>,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Outcome {
    group: u64,
    index: u64,
    body: Bytes,
    result: Result<(), CommitError>,
}

fn options() -> WalOptions {
    WalOptions { segment_bytes: 16 << 10, write_bytes_max: 4 << 10, ..WalOptions::default() }
}

fn open(disk: &FaultyDisk, options: &WalOptions) -> Recovered {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    recover(&disk, Path::new(DIR), options.segment_bytes).unwrap()
}

/// What is read back, in order: group, index, body.
fn contents(mut recovered: Recovered) -> (Vec<(u64, u64, Option<Bytes>)>, Recovered) {
    let files = recovered.backlog.files();
    let mut groups: Vec<u64> = recovered.backlog.groups().collect();
    groups.sort_unstable();
    let mut found = Vec::new();
    for group in groups {
        for position in recovered.backlog.take(group) {
            let logged = read_batch(&files, position).unwrap();
            found.push((group, logged.index, logged.body.map(|(_, records)| records)));
        }
    }
    (found, recovered)
}

impl Rig {
    fn new(disk: FaultyDisk, options: WalOptions, sync: Sync) -> Rig {
        let recovered = open(&disk, &options);
        Rig::over(disk, recovered, options, sync)
    }

    fn over(disk: FaultyDisk, recovered: Recovered, options: WalOptions, sync: Sync) -> Rig {
        let counters = Arc::new(Counters::default());
        let wal = writer::start(recovered, options, sync, Arc::clone(&counters)).unwrap();
        let indexes = Arc::new((0..8).map(|_| AtomicU64::new(0)).collect());
        Rig { disk, wal, counters, indexes, outcomes: Arc::default() }
    }

    /// Continues the indexes of what is there already.
    fn after(self, found: &[(u64, u64, Option<Bytes>)]) -> Rig {
        for (group, index, _) in found {
            self.indexes[*group as usize].fetch_max(*index, Relaxed);
        }
        self
    }

    fn submit(&self, group: u64, body: &[u8], mode: Mode) -> Receiver<Result<(), CommitError>> {
        self.submit_on(group, body, mode, None)
    }

    /// On top of those that counted on the same number.
    fn submit_on(
        &self,
        group: u64,
        body: &[u8],
        mode: Mode,
        chain: Option<(Arc<AtomicU64>, u64)>,
    ) -> Receiver<Result<(), CommitError>> {
        let (tell, told) = channel();
        let outcomes = Arc::clone(&self.outcomes);
        let body = Bytes::copy_from_slice(body);
        let (kept, broken) = (body.clone(), chain.clone());
        let batch = Batch {
            group,
            mark: 0,
            table_len: 0,
            flags: 0,
            body: [body].into_iter().collect(),
            mode,
            grows: group != 0,
            chain,
            settle: Box::new(move |index, result| {
                if let (Err(_), Some((now, at))) = (result, broken) {
                    now.store(at + 1, Relaxed);
                }
                outcomes.lock().push(Outcome { group, index, body: kept, result });
                let _ = tell.send(result);
            }),
        };
        self.wal.submit(&self.indexes[group as usize], batch);
        told
    }

    fn write(&self, group: u64, body: &[u8]) -> Result<(), CommitError> {
        wait(self.submit(group, body, Mode::Durable))
    }

    /// Nothing in it is needed any more.
    fn release(&self) -> usize {
        self.wal.ledger().release(|_, _| true)
    }

    fn outcomes(&self) -> Vec<Outcome> {
        self.outcomes.lock().clone()
    }
}

fn wait(told: Receiver<Result<(), CommitError>>) -> Result<(), CommitError> {
    told.recv_timeout(Duration::from_secs(10)).expect("every batch is settled")
}

#[test]
fn what_is_written_is_read_back_in_order() {
    let disk = FaultyDisk::new(1);
    let rig = Rig::new(disk.clone(), options(), Sync::Always);
    for n in 0..50_u8 {
        rig.write(u64::from(n % 3), &[n; 700]).unwrap();
    }
    // Larger than a segment.
    rig.write(1, &vec![9; 50_000]).unwrap();
    rig.write(1, b"last").unwrap();
    rig.wal.close();
    assert_eq!(rig.write(1, b"late"), Err(CommitError::Stopped));

    let (found, recovered) = contents(open(&disk, &options()));
    assert_eq!((recovered.damaged, recovered.torn), (0, 0));
    assert_eq!(found.len(), 52);
    let bodies: Vec<_> = found.iter().filter(|f| f.0 == 1).map(|f| f.2.clone().unwrap()).collect();
    assert_eq!(bodies[16], vec![49; 700]);
    assert_eq!(bodies[17].len(), 50_000);
    assert_eq!(&bodies[18][..], b"last");
    for group in 0..3 {
        let of = found.iter().filter(|found| found.0 == group);
        assert!(of.enumerate().all(|(n, found)| found.1 == n as u64 + 1));
    }

    // And goes on where it ended.
    let rig = Rig::over(disk.clone(), recovered, options(), Sync::Always).after(&found);
    rig.write(1, b"more").unwrap();
    rig.wal.close();
    let (again, _) = contents(open(&disk, &options()));
    assert_eq!(again.len(), 53);
}

#[test]
fn files_are_used_again() {
    let disk = FaultyDisk::new(2);
    let rig = Rig::new(disk.clone(), options(), Sync::Always);
    let mut freed = 0;
    for n in 0..400_u32 {
        rig.write(1, &[n as u8; 1000]).unwrap();
        freed += rig.release();
        assert!(disk.paths().len() < 8, "{:?}", disk.paths());
    }
    assert!(freed > 20, "{freed}");
    assert!(disk.used() < 8 * options().segment_bytes);
    rig.wal.close();
    // What former uses left in the files is not taken for anything.
    let (found, recovered) = contents(open(&disk, &options()));
    assert_eq!((recovered.damaged, recovered.torn), (0, 0));
    let last = found.last().unwrap();
    assert_eq!((last.1, last.2.as_ref().unwrap()[0]), (400, 399_u32 as u8));
    assert!(found.windows(2).all(|pair| pair[0].1 + 1 == pair[1].1));
}

#[test]
fn many_batches_share_a_sync() {
    let rig = Rig::new(FaultyDisk::new(3), WalOptions::default(), Sync::Always);
    let told: Vec<_> = (0..2000).map(|n| rig.submit(n % 8, b"x", Mode::Durable)).collect();
    told.into_iter().for_each(|told| wait(told).unwrap());
    let stats = rig.counters.stats();
    assert_eq!(stats.commits, 2000);
    assert!(stats.syncs < 1000, "{} syncs", stats.syncs);
    assert_eq!(stats.queued_bytes, 0);
    let settled = rig.outcomes();
    for group in 0..8 {
        let of = settled.iter().filter(|outcome| outcome.group == group);
        assert!(of.enumerate().all(|(n, outcome)| outcome.index == n as u64 + 1));
    }
}

#[test]
fn a_lazy_batch_waits_for_another_but_not_for_long() {
    let options = WalOptions { lazy_wait: Duration::from_secs(5), ..options() };
    let rig = Rig::new(FaultyDisk::new(4), options, Sync::Always);
    let lazy = rig.submit(1, b"lazy", Mode::Lazy);
    assert!(lazy.recv_timeout(Duration::from_millis(50)).is_err());
    rig.write(2, b"durable").unwrap();
    wait(lazy).unwrap();
    assert_eq!(rig.counters.stats().syncs, 1);

    let options = WalOptions { lazy_wait: Duration::from_millis(10), ..super::tests::options() };
    let rig = Rig::new(FaultyDisk::new(4), options, Sync::Always);
    wait(rig.submit(1, b"lazy", Mode::Lazy)).unwrap();
    assert_eq!(rig.counters.stats().syncs, 1);
}

#[test]
fn at_an_interval_nobody_waits_for_a_sync() {
    let every = Duration::from_millis(30);
    let rig = Rig::new(FaultyDisk::new(5), options(), Sync::Every(every));
    for _ in 0..10 {
        rig.write(1, b"x").unwrap();
    }
    assert_eq!(rig.counters.stats().syncs, 0);
    let (_told, never) = channel::<()>();
    let _ = never.recv_timeout(every * 4);
    assert!((1..4).contains(&rig.counters.stats().syncs));
    drop(rig);
}
