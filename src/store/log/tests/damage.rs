//! Files with every byte changed and cut off at every length: what is served is what was stored.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::kit::*;
use crate::disk::{Access, Disk, FaultyDisk, read_file};
use crate::env::Env;
use crate::group::{Engine, Group, Replay, Saved};
use crate::log::{Core, Memory, open};
use crate::pool::Pool;
use crate::stats::Counters;
use crate::*;

const MESSAGES: u64 = 24;

struct Stored {
    disk: FaultyDisk,
    env: Arc<Env>,
    state: Bytes,
    kind: Kind,
}

fn payload(seq: u64) -> Vec<u8> {
    vec![seq as u8; 40 + seq as usize]
}

impl Stored {
    /// Three segments, the last of which is not full; of each something was removed.
    fn new(kind: Kind) -> Stored {
        let disk = FaultyDisk::new(3);
        let options = LogOptions { segment_bytes: 900, ..LogOptions::default() };
        let env = Arc::new(Env {
            wal_damaged: false,
            disk: Arc::new(disk.clone()),
            memory: Arc::new(Memory::new(options.cache_bytes)),
            options,
            cipher: None,
            reads: Pool::new("read", 1),
            writes: Pool::new("write", 1),
            counters: Arc::new(Counters::default()),
        });
        let mut stored = Stored { disk, env, state: Bytes::new(), kind };
        let core = stored.open(Saved::default());
        let mut log = core.writer().unwrap();
        for seq in 1..=MESSAGES {
            let (payload, subject) = (payload(seq), format!("s.{}", seq % 5));
            let subject = subject.as_bytes();
            let entry = Entry { subject, payload: &payload, time_ns: 9, ..Entry::default() };
            assert_eq!(log.append(entry), Ok(seq));
        }
        for seq in [3, 12, 22] {
            log.remove(seq).unwrap();
        }
        log.commit(Box::new(Result::unwrap));
        stored.state = core.secure(core.capture()).unwrap();
        stored
    }

    fn open(&self, saved: Saved) -> Arc<Core> {
        let id = GroupId(5);
        let info = GroupInfo { id, account: "A".into(), name: "S".into(), kind: self.kind };
        let mut group = Group::new(info, 1, None);
        group.dir = PathBuf::from("/log");
        open(Arc::new(group), &self.env, saved).unwrap()
    }

    /// Opens it and reads everything; which messages are lost.
    fn lost(&self) -> Vec<u64> {
        let core = self.open(Saved { state: Some(self.state.clone()), stale: false });
        let log = core.writer().unwrap();
        let reader = log.reader();
        let mut seen = Vec::new();
        for seq in 1..=MESSAGES {
            let mut found = None;
            let got = loop {
                match reader.get(seq, |stored| found = Some(stored.payload.to_vec())) {
                    Got::Cold(_) => core.load_now(seq),
                    got => break got,
                }
            };
            match got {
                Got::Found => {
                    assert_eq!(found.unwrap(), payload(seq), "message {seq}");
                    seen.push(seq);
                }
                Got::Damaged => {}
                _ => assert!([3, 12, 22].contains(&seq), "message {seq} is gone without a word"),
            }
        }
        let visited = visit(&reader, 1, &Filter::all());
        assert!(visited.iter().map(|(seq, _)| *seq).eq(seen.iter().copied()));
        let lost = reader.lost();
        assert_eq!(seen.len() + lost.len() + 3, MESSAGES as usize);
        let state = reader.state();
        assert_eq!((state.messages, state.lost), (seen.len() as u64, lost.len() as u64));
        let mut cache = PendingCache::default();
        let pending = reader.pending(&mut cache, 0, &Filter::new(b"s.*"));
        assert_eq!(pending, seen.len() as u64);
        assert_eq!(state.last_seq, MESSAGES);
        lost
    }

    fn files(&self) -> Vec<PathBuf> {
        let paths = self.disk.paths().into_iter();
        paths.filter(|path| path.extension().is_some_and(|ext| ext == "seg")).collect()
    }

    /// Every file, with its content.
    fn each(&self, mut each: impl FnMut(&Path, &[u8])) {
        let files = self.files();
        assert!(files.len() >= 3, "{files:?}");
        for path in files {
            let bytes = read_file(&self.disk, &path).unwrap();
            each(&path, &bytes);
            self.disk.overwrite(&path, &bytes);
        }
        assert_eq!(self.lost(), []);
    }
}

#[test]
fn nothing_is_lost_of_what_is_whole() {
    assert_eq!(Stored::new(FILE).lost(), []);
    assert_eq!(Stored::new(Kind::File { compress: true, lazy: false }).lost(), []);
}

#[test]
fn a_flipped_bit_costs_one_message_at_most() {
    let stored = Stored::new(FILE);
    let mut costly = 0;
    stored.each(|path, bytes| {
        for at in 0..bytes.len() {
            stored.disk.flip(path, at as u64, (at % 8) as u8);
            let lost = stored.lost();
            assert!(lost.len() <= 1, "byte {at} of {}: {lost:?}", path.display());
            costly += lost.len();
            stored.disk.flip(path, at as u64, (at % 8) as u8);
        }
    });
    assert!(costly > 1000, "the flips were noticed {costly} times only");
}

#[test]
fn a_flipped_bit_is_noticed_where_it_is_compressed() {
    let stored = Stored::new(Kind::File { compress: true, lazy: false });
    let mut costly = 0;
    stored.each(|path, bytes| {
        for at in 0..bytes.len() {
            stored.disk.flip(path, at as u64, (at % 8) as u8);
            costly += stored.lost().len();
            stored.disk.flip(path, at as u64, (at % 8) as u8);
        }
    });
    assert!(costly > 1000, "the flips were noticed {costly} times only");
}

#[test]
fn what_lies_before_a_cut_is_still_there() {
    let stored = Stored::new(FILE);
    stored.each(|path, bytes| {
        let mut before = usize::MAX;
        for len in 0..bytes.len() {
            stored.disk.overwrite(path, &bytes[..len]);
            let lost = stored.lost().len();
            assert!(lost <= before, "{} cut at {len}", path.display());
            before = lost;
        }
        // Without its last byte a footer is none: the index is made from the records.
        assert_eq!(before, usize::from(path.ends_with("0000000000000003.seg")));
    });
}

#[test]
fn a_file_that_is_gone_is_missed() {
    let stored = Stored::new(FILE);
    let path = stored.files()[1].clone();
    stored.disk.remove_file(&path).unwrap();
    let lost = stored.lost();
    assert!(lost.len() > 4 && lost.is_sorted(), "{lost:?}");
    assert!(stored.env.counters.stats().damaged >= lost.len() as u64);
}

#[test]
fn records_of_another_log_are_none() {
    let stored = Stored::new(FILE);
    let files = stored.files();
    // One segment under the name of another: headers and checksums are whole, sequences are not.
    let bytes = read_file(&stored.disk, &files[0]).unwrap();
    stored.disk.overwrite(&files[1], &bytes);
    let lost = stored.lost();
    assert!(lost.len() > 4, "{lost:?}");
    assert!(stored.disk.open(&files[1], Access::Read).is_ok(), "nothing is thrown away");
}

#[test]
fn what_the_write_ahead_log_lost_may_be_in_segments() {
    let stored = Stored::new(FILE);
    // Three messages more, which are in the segments, but in no checkpoint.
    let state = Saved { state: Some(stored.state.clone()), stale: false };
    let core = stored.open(state);
    let mut log = core.writer().unwrap();
    for seq in MESSAGES + 1..=MESSAGES + 30 {
        let payload = payload(seq);
        let entry = Entry { subject: b"s.9", payload: &payload, time_ns: 9, ..Entry::default() };
        assert_eq!(log.append(entry), Ok(seq));
    }
    log.commit(Box::new(Result::unwrap));
    core.write_out(&mut core.files.lock(), true).unwrap();
    assert!(stored.files().len() > 4);
    drop((log, core));

    let core = stored.open(Saved { state: Some(stored.state.clone()), stale: false });
    let mark = MESSAGES + 31;
    core.replay(Replay { mark, records: None });
    let log = core.writer().unwrap();
    let state = log.reader().state();
    assert_eq!((state.last_seq, state.lost), (mark, 1));
    assert_eq!(log.reader().lost(), [mark]);
    let found = visit(&log.reader(), MESSAGES + 1, &Filter::all());
    assert_eq!(found.len(), 30);
    assert!(found.iter().all(|(seq, message)| message.payload == payload(*seq)));
    // All that is written again, and read again.
    drop(log);
    let state = core.secure(core.capture()).unwrap();
    core.flush().unwrap();
    drop(core);
    let core = stored.open(Saved { state: Some(state), stale: false });
    let found = visit(&core.writer().unwrap().reader(), 1, &Filter::all());
    assert_eq!(found.len(), MESSAGES as usize - 3 + 30);
}
