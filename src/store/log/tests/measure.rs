//! How fast and how small logs are; run with `--release --ignored --nocapture`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::kit::visit;
use crate::disk::RealDisk;
use crate::env::Env;
use crate::group::{Engine, Group, Saved};
use crate::log::{Core, Memory, open};
use crate::pool::Pool;
use crate::stats::Counters;
use crate::*;

const PAYLOAD: [u8; 128] = [7; 128];

fn env() -> Arc<Env> {
    let options = LogOptions::default();
    Arc::new(Env {
        wal_damaged: false,
        disk: Arc::new(RealDisk),
        memory: Arc::new(Memory::new(options.cache_bytes)),
        options,
        cipher: None,
        reads: Pool::new("read", 2),
        writes: Pool::new("write", 1),
        counters: Arc::new(Counters::default()),
    })
}

fn core(env: &Arc<Env>, kind: Kind, dir: PathBuf, saved: Saved) -> Arc<Core> {
    let info = GroupInfo { id: GroupId(5), account: "A".into(), name: "S".into(), kind };
    let mut group = Group::new(info, 1, None);
    group.dir = dir;
    open(Arc::new(group), env, saved).unwrap()
}

/// What this thread has computed so far: other work on the machine does not count.
fn now() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Appends in batches of 64, to so many subjects in turn.
fn fill(log: &mut Log, count: u64, subjects: u64) -> Duration {
    let names: Vec<String> = (0..subjects).map(|n| format!("device.{n:07}.state")).collect();
    let start = now();
    for n in 0..count {
        let subject = names[(n % subjects) as usize].as_bytes();
        let time_ns = 1_700_000_000_000_000_000 + (n / 64 * 40_000) as i64;
        let entry = Entry { subject, payload: &PAYLOAD, time_ns, ..Entry::default() };
        log.append(entry).unwrap();
        if n % 64 == 63 {
            log.commit(Box::new(Result::unwrap));
        }
    }
    log.commit(Box::new(Result::unwrap));
    now() - start
}

fn per(time: Duration, count: u64) -> f64 {
    time.as_nanos() as f64 / count as f64
}

#[test]
#[ignore = "takes its time"]
fn appends_and_visits() {
    for (kind, name) in [(Kind::Memory, "memory"), (super::kit::FILE, "file")] {
        for subjects in [1, 100, 100_000] {
            let (env, dir) = (env(), tempfile::tempdir().unwrap());
            let core = core(&env, kind, dir.path().join("log"), Saved::default());
            let mut log = core.writer().unwrap();
            let count = 1_000_000;
            println!("{name}, {subjects} subjects:");
            println!("  append {:.0} ns", per(fill(&mut log, count, subjects), count));
            let reader = log.reader();
            let patterns: [&[u8]; 3] = [b">", b"device.*.state", b"device.0000000.state"];
            for pattern in patterns {
                let filter = Filter::new(pattern);
                let (mut next, mut seen, mut sum) = (1, 0, 0);
                let start = now();
                loop {
                    let visited = reader.visit(next, &filter, 256, &mut |stored| {
                        seen += 1;
                        sum += stored.payload.len() + stored.subject.len();
                        true
                    });
                    next = visited.next;
                    match visited.end {
                        End::Caught => break,
                        End::Cold(load) => super::kit::wait(reader.load(load)),
                        _ => {}
                    }
                }
                let text = String::from_utf8_lossy(pattern);
                let each = per(now() - start, seen);
                println!("  visit {text}: {each:.0} ns each of {seen} ({sum} bytes)");
                let mut cache = PendingCache::default();
                let start = now();
                let found = reader.pending(&mut cache, 500_000, &filter);
                let first = now() - start;
                let again = now();
                reader.pending(&mut cache, 500_001, &filter);
                println!("  pending {found}: {first:?}, then {:?}", now() - again);
            }
        }
    }
}

#[test]
#[ignore = "takes its time"]
fn memory_of_a_million_subjects() {
    let env = env();
    let core = core(&env, Kind::Memory, PathBuf::new(), Saved::default());
    let mut log = core.writer().unwrap();
    let count = 1_000_000;
    let time = fill(&mut log, count, count);
    let all = log.reader().memory() as u64;
    let blocks: usize = {
        let index = core.index.read();
        index.segments.iter().map(|segment| segment.blocks.memory()).sum()
    };
    let subjects = core.index.read().subjects.memory() as u64;
    println!("append {:.0} ns", per(time, count));
    println!(
        "index {} B a subject, of that the table {}",
        (all - blocks as u64) / count,
        subjects / count
    );
    println!("records {} B a message", blocks as u64 / count);
    let start = now();
    for n in 0..count {
        log.remove(n + 1).unwrap();
        if n % 64 == 63 {
            log.commit(Box::new(Result::unwrap));
        }
    }
    log.commit(Box::new(Result::unwrap));
    println!("remove {:.0} ns; left {} B", per(now() - start, count), log.reader().memory());
}

#[test]
#[ignore = "takes its time and 2 GB of disk"]
fn ten_million_messages_are_opened() {
    let (env, dir) = (env(), tempfile::tempdir().unwrap());
    let dir = dir.path().join("log");
    let first = core(&env, super::kit::FILE, dir.clone(), Saved::default());
    let mut log = first.writer().unwrap();
    let count = 10_000_000;
    let start = now();
    for _ in 0..20 {
        fill(&mut log, count / 20, 1000);
        first.flush().unwrap();
    }
    let state = first.secure(first.capture()).unwrap();
    println!("written in {:?}, state {} B", (now() - start), state.len());
    drop((log, first));
    let start = now();
    let again = core(&env, super::kit::FILE, dir, Saved { state: Some(state), stale: false });
    println!("opened in {:?}", now() - start);
    let log = again.writer().unwrap();
    let state = log.reader().state();
    assert_eq!((state.messages, state.lost), (count, 0));
    println!("index {} B a message", log.reader().memory() as u64 / count);
    let start = now();
    let captured = again.capture();
    println!("captured in {:?}", now() - start);
    drop(captured);
    let start = now();
    let seen = visit(&log.reader(), count - 100_000, &Filter::all()).len() as u64;
    println!("cold visit {:.0} ns each", per(now() - start, seen));
}
