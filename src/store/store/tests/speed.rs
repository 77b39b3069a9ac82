//! How fast a whole store is on the disk at hand. Not a test: `cargo test --release -p vagus-store
//! speed -- --ignored --nocapture --test-threads 1`, with the directory in `VAGUS_SPEED_DIR`.
#![allow(clippy::print_stdout)]

use std::sync::mpsc::sync_channel;

use super::*;
use crate::disk::RealDisk;

/// Every stream has one batch of `batch` messages on its way, until there were `total` messages.
fn load(streams: usize, batch: usize, bytes: usize, total: usize) {
    let parent = std::env::var("VAGUS_SPEED_DIR").unwrap_or_else(|_| ".".to_owned());
    let dir = tempfile::tempdir_in(parent).unwrap();
    let store = Store::open(Options::new(dir.path()), Arc::new(RealDisk)).unwrap();
    let ids: Vec<GroupId> = (0..streams).map(|n| create(&store, &format!("s{n}"))).collect();
    let mut logs: Vec<_> = ids.iter().map(|id| store.log(*id).unwrap()).collect();
    let payload = vec![7; bytes];
    let (tell, told) = sync_channel(streams);
    let begin = Instant::now();
    let before = store.stats();
    let mut sent = 0;
    let mut debt = 0;
    let mut send = |n: usize| {
        for _ in 0..batch {
            let entry =
                Entry { subject: b"orders", payload: &payload, time_ns: 1, ..Entry::default() };
            logs[n].append(entry).unwrap();
        }
        let tell = tell.clone();
        logs[n].commit(Box::new(move |result| tell.send(result.map(|()| n)).unwrap()));
        batch
    };
    for n in 0..streams {
        sent += send(n);
    }
    let mut back = 0;
    while back < sent {
        let n = told.recv().unwrap().unwrap();
        back += batch;
        if sent < total {
            sent += send(n);
        }
        debt = debt.max(store.stats().debt_bytes);
    }
    let seconds = begin.elapsed().as_secs_f64();
    let stats = store.stats();
    let syncs = stats.syncs - before.syncs;
    println!(
        "{streams} streams, batches of {batch} x {bytes} B: {:.0} messages/s, {:.0} commits/s, \
         {:.0} MB/s, {:.0} syncs/s of {:.3} ms; debt up to {} MB, {} checkpoints",
        sent as f64 / seconds,
        (stats.commits - before.commits) as f64 / seconds,
        (sent * bytes) as f64 / seconds / 1e6,
        syncs as f64 / seconds,
        (stats.sync_ns - before.sync_ns) as f64 / syncs as f64 / 1e6,
        debt >> 20,
        stats.checkpoints,
    );
    drop(logs);
    let begin = Instant::now();
    drop(store);
    let closed = begin.elapsed();
    let begin = Instant::now();
    let store = Store::open(Options::new(dir.path()), Arc::new(RealDisk)).unwrap();
    let opened = begin.elapsed();
    until(|| store.stats().groups_ready == streams as u64);
    let loaded = begin.elapsed();
    let begin = Instant::now();
    store.shutdown();
    println!(
        "  closed in {closed:.1?}; opened again in {opened:.1?}, all read after {loaded:.1?}; \
         shut down in {:.1?}; damaged {}",
        begin.elapsed(),
        store.stats().damaged
    );
}

#[test]
#[ignore = "measures"]
fn store_speed() {
    load(1, 1, 128, 20_000);
    load(1, 256, 128, 2_000_000);
    load(256, 1, 128, 1_000_000);
    load(256, 16, 1024, 1_000_000);
    load(1, 16, 65_536, 30_000);
}
