//! A store as its users see it, on a simulated disk.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::disk::{Access, Disk, Faults, FaultyDisk};
use crate::log::tests::kit::wait as block_on;
use crate::{
    CommitError, Done, Encryption, Entry, Got, GroupId, Health, Kind, LogOptions, Mode, OpenError,
    Options, Store, StoreError, TableOp, WalOptions,
};

mod keys;
mod life;
mod loss;
mod speed;

const FILE: Kind = Kind::File { compress: false, lazy: false };

fn options() -> Options {
    Options {
        wal: WalOptions { segment_bytes: 32 << 10, ..WalOptions::default() },
        log: LogOptions {
            segment_bytes: 16 << 10,
            flush_every: Duration::from_millis(20),
            ..LogOptions::default()
        },
        ..Options::new("/data")
    }
}

fn open(disk: &FaultyDisk) -> Store {
    Store::open(options(), Arc::new(disk.clone())).unwrap()
}

/// A completion and where its result arrives.
fn done() -> (Done, Receiver<Result<(), CommitError>>) {
    let (tell, told) = channel();
    (Box::new(move |result| tell.send(result).unwrap_or_default()), told)
}

fn wait(told: Receiver<Result<(), CommitError>>) -> Result<(), CommitError> {
    told.recv_timeout(Duration::from_secs(10)).expect("every batch is settled")
}

fn create(store: &Store, name: &str) -> GroupId {
    let (done, told) = done();
    let config = (Bytes::from("config"), Bytes::from(format!("of {name}")));
    let id = store.create("$G", name, FILE, 1, vec![config], done).unwrap();
    wait(told).unwrap();
    id
}

fn delete(store: &Store, id: GroupId) -> Result<(), CommitError> {
    let (done, told) = done();
    store.delete(id, done);
    wait(told)
}

fn put(store: &Store, id: GroupId, key: &str, value: &[u8]) -> Result<(), CommitError> {
    let (done, told) = done();
    let op = TableOp::Put(key.to_owned().into(), Bytes::copy_from_slice(value));
    // What can't be read can't be written either.
    let Ok(table) = store.table(id) else { return Err(CommitError::Broken) };
    table.write(vec![op], Mode::Durable, done);
    wait(told)
}

fn get(store: &Store, id: GroupId, key: &str) -> Option<Bytes> {
    store.table(id).unwrap().get(key.as_bytes()).map(|value| value.base)
}

/// Appends messages, one commit each.
fn publish(store: &Store, id: GroupId, payloads: &[&[u8]]) -> Result<(), CommitError> {
    let Ok(mut log) = store.log(id) else { return Err(CommitError::Broken) };
    for payload in payloads {
        let (done, told) = done();
        log.append(Entry { subject: b"s", payload, time_ns: 1, ..Entry::default() }).unwrap();
        log.commit(done);
        if let Err(error) = wait(told) {
            log.abort();
            return Err(error);
        }
    }
    Ok(())
}

/// What can be read, with its sequences.
fn messages(store: &Store, id: GroupId) -> Vec<(u64, Vec<u8>)> {
    let reader = store.log(id).unwrap().reader();
    let mut found = Vec::new();
    let last = reader.state().last_seq;
    for seq in 1..=last {
        let mut payload = None;
        while let Got::Cold(load) =
            reader.get(seq, |stored| payload = Some(stored.payload.to_vec()))
        {
            block_on(reader.load(load));
        }
        found.extend(payload.map(|payload| (seq, payload)));
    }
    found
}

fn id_of(store: &Store, name: &str) -> GroupId {
    store.groups().iter().find(|info| info.name == name).unwrap().id
}

/// Until it is so; it had better be soon.
fn until(mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(10), "it never is");
        std::thread::yield_now();
    }
}

fn paths(disk: &FaultyDisk, part: &str) -> Vec<PathBuf> {
    disk.paths().into_iter().filter(|path| path.to_string_lossy().contains(part)).collect()
}
