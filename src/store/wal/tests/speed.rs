//! How fast it is on the disk at hand. Not a test: `cargo test --release -p vagus-store speed --
//! --ignored --nocapture --test-threads 1`, with the directory in `VAGUS_SPEED_DIR`.
#![allow(clippy::print_stdout)]

use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::time::Instant;

use super::*;
use crate::disk::{Access, RealDisk};

fn real() -> (tempfile::TempDir, Arc<dyn Disk>, PathBuf) {
    let parent = std::env::var("VAGUS_SPEED_DIR").unwrap_or_else(|_| ".".to_owned());
    let dir = tempfile::tempdir_in(parent).unwrap();
    let path = dir.path().join("wal");
    (dir, Arc::new(RealDisk), path)
}

struct Real {
    wal: Wal,
    counters: Arc<Counters>,
    indexes: Vec<AtomicU64>,
    _dir: tempfile::TempDir,
}

fn start(streams: usize) -> Real {
    let (dir, disk, path) = real();
    let options = WalOptions::default();
    let recovered = recover(&disk, &path, options.segment_bytes).unwrap();
    let counters = Arc::new(Counters::default());
    let wal = writer::start(recovered, options, Sync::Always, Arc::clone(&counters)).unwrap();
    let indexes = (0..streams).map(|_| AtomicU64::new(0)).collect();
    Real { wal, counters, indexes, _dir: dir }
}

impl Real {
    fn submit(&self, group: usize, body: &Bytes, settle: super::super::Settle) {
        let batch = Batch {
            group: group as u64,
            mark: 0,
            table_len: 0,
            flags: 0,
            body: [body.clone()].into_iter().collect(),
            mode: Mode::Durable,
            grows: true,
            chain: None,
            settle,
        };
        self.wal.submit(&self.indexes[group], batch);
    }

    fn report(&self, what: &str, start: Instant) {
        let stats = self.counters.stats();
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{what}: {:.0} commits/s, {:.0} MB/s, {:.0} syncs/s of {:.3} ms",
            stats.commits as f64 / seconds,
            stats.wal_bytes as f64 / seconds / 1e6,
            stats.syncs as f64 / seconds,
            stats.sync_ns as f64 / stats.syncs.max(1) as f64 / 1e6,
        );
    }
}

/// All streams commit once, then all again; segments are freed as they fill up.
fn rounds(streams: usize, bytes: usize, rounds: usize) {
    let real = start(streams);
    let body = Bytes::from(vec![7; bytes]);
    let mut begin = Instant::now();
    for round in 0..rounds + rounds / 2 {
        if round == rounds / 2 {
            // The first rounds make the files.
            begin = Instant::now();
            real.counters.commits.store(0, Relaxed);
            real.counters.wal_bytes.store(0, Relaxed);
            real.counters.syncs.store(0, Relaxed);
            real.counters.sync_ns.store(0, Relaxed);
        }
        let (tell, told) = sync_channel(streams);
        for group in 0..streams {
            let tell = tell.clone();
            real.submit(group, &body, Box::new(move |_, result| tell.send(result).unwrap()));
        }
        for _ in 0..streams {
            told.recv().unwrap().unwrap();
        }
        real.wal.ledger().release(|_, _| true);
    }
    real.report(&format!("{streams} streams x {bytes} B"), begin);
}

#[test]
#[ignore = "measures"]
fn many_streams() {
    for streams in [16, 256, 1000] {
        rounds(streams, 4096, 400_000 / streams);
    }
    rounds(256, 128, 2000);
    rounds(64, 64 << 10, 300);
}

#[test]
#[ignore = "measures"]
fn one_publisher() {
    let (_dir, disk, path) = real();
    disk.create_dir_all(&path).unwrap();
    let file = disk.open(&path.join("plain"), Access::Create).unwrap();
    file.write_at(&vec![0; 16 << 20], 0).unwrap();
    file.sync_data().unwrap();
    let mut plain: Vec<f64> = (0..3000_u64)
        .map(|n| {
            let start = Instant::now();
            file.write_at(&[7; 4096], n * 4096).unwrap();
            file.sync_data().unwrap();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    let real = start(1);
    let body = Bytes::from(vec![7; 200]);
    let mut waited = Vec::new();
    for _ in 0..6000 {
        let start = Instant::now();
        let (tell, told) = sync_channel(1);
        real.submit(0, &body, Box::new(move |_, result| tell.send(result).unwrap()));
        told.recv().unwrap().unwrap();
        waited.push(start.elapsed().as_secs_f64() * 1e6);
    }
    let syncs = real.counters.stats();
    for times in [&mut plain, &mut waited] {
        times.sort_by(f64::total_cmp);
    }
    println!(
        "write+fdatasync p50 {:.0} us p99 {:.0}; commit p50 {:.0} us p99 {:.0}; its sync {:.0} us",
        plain[plain.len() / 2],
        plain[plain.len() * 99 / 100],
        waited[waited.len() / 2],
        waited[waited.len() * 99 / 100],
        syncs.sync_ns as f64 / syncs.syncs as f64 / 1e3,
    );
}
