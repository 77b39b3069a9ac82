//! One writer, readers that never stop, and everything that goes on behind them at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use super::kit::*;
use crate::group::Engine;
use crate::*;

const SUBJECTS: u64 = 20;

fn payload(seq: u64) -> Vec<u8> {
    (0..seq % 300).map(|n| (n + seq) as u8).collect()
}

/// Reads from the first message to the last, again and again.
fn read(reader: &Reader, filter: &Filter, stop: &AtomicBool) -> u64 {
    let (mut next, mut seen, mut last) = (1, 0, 0);
    loop {
        let visited = reader.visit(next, filter, 50, &mut |stored| {
            assert!(stored.seq > last && filter.matches(stored.subject));
            last = stored.seq;
            assert_eq!(stored.payload, payload(stored.seq), "message {}", stored.seq);
            assert_eq!(stored.subject, format!("s.{}", stored.seq % SUBJECTS).as_bytes());
            seen += 1;
            true
        });
        next = visited.next;
        match visited.end {
            End::Caught if stop.load(Relaxed) => return seen,
            End::Caught => (next, last) = (1, 0),
            End::Cold(load) => wait(reader.load(load)),
            End::Stopped | End::Budget => {}
        }
    }
}

#[test]
fn readers_see_what_was_written_whatever_goes_on() {
    for kind in [FILE, Kind::File { compress: true, lazy: true }, Kind::Memory] {
        let rig = Rig::new(kind, |options| {
            options.log.segment_bytes = 20_000;
            options.log.cache_bytes = 64 << 10;
            options.log.flush_every = Duration::from_millis(2);
            options.wal.segment_bytes = 256 << 10;
        });
        let mut log = rig.log();
        let stop = Arc::new(AtomicBool::new(false));
        let filters = [Filter::all(), Filter::new(b"s.7"), Filter::any([&b"s.*"[..], b"x.>"])];
        let readers: Vec<_> = filters
            .into_iter()
            .map(|filter| {
                let (reader, stop) = (log.reader(), Arc::clone(&stop));
                thread::spawn(move || read(&reader, &filter, &stop))
            })
            .collect();
        let mut random = fastrand::Rng::with_seed(4);
        let end = Instant::now() + Duration::from_millis(1500);
        while Instant::now() < end {
            for _ in 0..random.u64(1..40) {
                let seq = log.last_seq() + 1;
                let (payload, subject) = (payload(seq), format!("s.{}", seq % SUBJECTS));
                let entry =
                    Entry { subject: subject.as_bytes(), payload: &payload, ..Entry::default() };
                assert_eq!(log.append(entry), Ok(seq));
            }
            // Of the old ones few stay, so that segments die, and are written anew.
            for _ in 0..random.u64(0..40) {
                let (first, last) = (log.first_seq(), log.last_seq());
                log.remove(random.u64(first..=last.max(first)));
            }
            if log.len() > 3000 {
                log.purge(Some(log.first_seq() + 500), None, Some(b"s.7"));
            }
            commit(&mut log).unwrap();
            if kind != Kind::Memory && random.u8(..20) == 0 {
                let core = &log.core;
                let mut files = core.files.lock();
                core.write_out(&mut files, true).unwrap();
                core.evict(&mut files, 0);
                drop(files);
                core.secure(core.capture()).unwrap();
                core.compact(&mut core.files.lock()).unwrap();
            }
        }
        stop.store(true, Relaxed);
        for reader in readers {
            assert!(reader.join().unwrap() > 0);
        }
        let state = log.reader().state();
        assert_eq!(state.lost, 0);
        assert_eq!(visit(&log.reader(), 1, &Filter::all()).len() as u64, state.messages);
        assert_eq!(rig.store.stats().damaged, 0);
    }
}
