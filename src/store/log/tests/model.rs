//! A log against a list of messages: whatever is done to both, they are the same.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::kit::*;
use crate::disk::Faults;
use crate::group::Engine;
use crate::*;

#[derive(Debug, Clone)]
enum Step {
    Append {
        subject: u8,
        headers: bool,
        payload: u16,
        gap: u8,
        expires: bool,
    },
    /// The one at this share of all, in 256ths.
    Remove(u8),
    RemoveFirst,
    Purge {
        below: Option<u8>,
        keep: Option<u8>,
        filter: Option<u8>,
    },
    Skip(u8),
    Commit,
    Abort,
    NewWriter,
    Reopen {
        cut: bool,
    },
    /// What is committed goes to files, and out of memory, and perhaps makes them safe.
    Flush {
        safe: bool,
    },
    Compact,
    /// Two batches, one behind the other, and a write or a sync that fails.
    Fail {
        sync: bool,
    },
    /// A consumer goes on by so many.
    Advance {
        filter: usize,
        by: u8,
    },
}

const SUBJECTS: [&str; 6] = ["a", "a.b", "a.c", "b.b", "b.c.d", "c"];
const PATTERNS: [&str; 5] = ["a.*", "a", ">", "*.b", "b.>"];

fn filters() -> Vec<Filter> {
    vec![
        Filter::all(),
        Filter::new(b"a.b"),
        Filter::new(b"a.*"),
        Filter::any([&b"a"[..], b"c"]),
        Filter::any([&b"b.>"[..], b"c"]),
        Filter::new(b"nothing"),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let append = (0u8..6, any::<bool>(), 0u16..300, 0u8..20, any::<bool>()).prop_map(
        |(subject, headers, payload, gap, expires)| {
            let payload = if payload == 299 { 5000 } else { payload };
            Step::Append { subject, headers, payload, gap: gap.saturating_sub(17), expires }
        },
    );
    let purge = (any::<Option<u8>>(), proptest::option::of(0u8..6), proptest::option::of(0u8..5))
        .prop_map(|(below, keep, filter)| Step::Purge { below, keep, filter });
    prop_oneof![
        30 => append,
        6 => any::<u8>().prop_map(Step::Remove),
        5 => Just(Step::RemoveFirst),
        1 => purge,
        1 => (0u8..5).prop_map(Step::Skip),
        8 => Just(Step::Commit),
        1 => Just(Step::Abort),
        1 => Just(Step::NewWriter),
        1 => any::<bool>().prop_map(|cut| Step::Reopen { cut }),
        4 => any::<bool>().prop_map(|safe| Step::Flush { safe }),
        3 => Just(Step::Compact),
        1 => any::<bool>().prop_map(|sync| Step::Fail { sync }),
        6 => (0usize..6, 0u8..9).prop_map(|(filter, by)| Step::Advance { filter, by }),
    ]
}

/// Both, and consumers of the log.
struct Pair {
    kind: Kind,
    rig: Option<Rig>,
    log: Option<Log>,
    filters: Vec<Filter>,
    positions: Vec<(u64, PendingCache)>,
    committed: Model,
    staged: Model,
    clock: i64,
}

impl Pair {
    fn new(kind: Kind, key: Option<&str>) -> Pair {
        let rig = Rig::new(kind, |options| {
            options.encryption = key.map(|key| Encryption {
                cipher: CipherKind::default(),
                key: key.to_owned(),
                prev_key: None,
            });
            options.log.segment_bytes = 2048;
            options.log.cache_bytes = 16 << 10;
            options.log.flush_every = Duration::from_millis(3);
            options.wal.segment_bytes = 64 << 10;
        });
        let log = Some(rig.log());
        let positions = vec![(0, PendingCache::default()); 6];
        let (committed, staged) = Default::default();
        let (rig, filters) = (Some(rig), filters());
        Pair { kind, rig, log, filters, positions, committed, staged, clock: 0 }
    }

    fn log(&mut self) -> &mut Log {
        self.log.as_mut().unwrap()
    }

    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Append { subject, headers, payload, gap, expires } => {
                self.append(subject, headers, payload, gap, expires);
            }
            Step::Remove(at) => {
                let at = usize::from(at) * self.staged.live.len() / 256;
                if let Some(seq) = self.staged.live.keys().nth(at).copied() {
                    self.remove(seq);
                }
            }
            Step::RemoveFirst => self.remove(self.staged.first()),
            Step::Purge { below, keep, filter } => self.purge(below, keep, filter),
            Step::Skip(by) => {
                self.staged.last += u64::from(by);
                let last = self.staged.last;
                self.log().skip_to(last);
            }
            Step::Commit => {
                commit(self.log()).unwrap();
                self.committed = self.staged.clone();
            }
            Step::Abort => {
                self.log().abort();
                self.staged = self.committed.clone();
            }
            Step::NewWriter => self.new_writer(),
            Step::Reopen { cut } => {
                if self.kind != Kind::Memory {
                    self.log = None;
                    self.rig = self.rig.take().map(|rig| rig.reopen(cut));
                    self.positions = vec![(0, PendingCache::default()); 6];
                }
                self.new_writer();
            }
            Step::Flush { safe } => self.flush(safe),
            Step::Fail { sync } => self.fail(sync),
            Step::Compact => {
                if self.kind != Kind::Memory {
                    let core = &self.log().core;
                    core.compact(&mut core.files.lock()).unwrap();
                }
            }
            Step::Advance { filter, by } => {
                let at = &mut self.positions[filter].0;
                *at = (*at + u64::from(by)).min(self.committed.last);
            }
        }
    }

    fn flush(&mut self, safe: bool) {
        if self.kind == Kind::Memory {
            return;
        }
        let core = &self.log().core;
        if safe {
            core.secure(core.capture()).unwrap();
        }
        let mut files = core.files.lock();
        core.write_out(&mut files, true).unwrap();
        core.evict(&mut files, 0);
    }

    fn fail(&mut self, sync: bool) {
        if self.kind == Kind::Memory {
            return;
        }
        let rig = self.rig.as_ref().unwrap();
        let only_in = Some("wal".to_owned());
        rig.disk.set_faults(match sync {
            true => Faults { failing_syncs: 1, only_in, ..Faults::default() },
            false => Faults { failing_writes: 1, ..Faults::default() },
        });
        let (tell, told) = std::sync::mpsc::channel();
        let mut after = Vec::new();
        for _ in 0..2 {
            self.append(2, true, 40, 0, true);
            let tell = tell.clone();
            self.log().commit(Box::new(move |result| tell.send(result).unwrap()));
            after.push(self.staged.clone());
        }
        for staged in after {
            if told.recv().unwrap().is_ok() {
                self.committed = staged;
            }
        }
        self.rig.as_ref().unwrap().disk.set_faults(Faults::default());
        self.log().abort();
        self.staged = self.committed.clone();
        // Twice in a row is too much for the write-ahead log, so something works in between.
        self.append(3, false, 10, 0, false);
        commit(self.log()).unwrap();
        self.committed = self.staged.clone();
    }

    fn new_writer(&mut self) {
        self.log = None;
        self.log = self.rig.as_ref().map(Rig::log);
        self.staged = self.committed.clone();
    }

    fn append(&mut self, subject: u8, headers: bool, payload: u16, gap: u8, expires: bool) {
        self.clock += i64::from(payload) * 1_000_003;
        let seq = self.staged.last + 1 + u64::from(gap);
        let plain = Plain {
            time_ns: self.clock,
            expires_ns: if expires { self.clock + i64::from(payload) } else { 0 },
            subject: SUBJECTS[usize::from(subject)].into(),
            headers: if headers { b"NATS/1.0\r\nA: b\r\n\r\n".to_vec() } else { Vec::new() },
            payload: vec![seq as u8; usize::from(payload)],
        };
        let given = if gap == 0 { None } else { Some(seq) };
        assert_eq!(self.log().append(plain.entry(given)), Ok(seq));
        self.staged.last = seq;
        self.staged.last_time = self.clock;
        self.staged.live.insert(seq, plain);
    }

    fn remove(&mut self, seq: u64) {
        let gone = self.staged.live.remove(&seq);
        let removed = self.log().remove(seq);
        assert_eq!(removed.is_some(), gone.is_some());
        if let (Some(removed), Some(gone)) = (removed, gone) {
            let mut rest = self.staged.live.values();
            let last = !rest.any(|message| message.subject == gone.subject);
            assert_eq!(removed.last_of_subject, last);
        }
    }

    fn purge(&mut self, below: Option<u8>, keep: Option<u8>, filter: Option<u8>) {
        let filter = filter.map(|at| PATTERNS[usize::from(at)].as_bytes());
        let below = below.map(|at| self.staged.first() + u64::from(at) / 4);
        let keep = keep.map(u64::from);
        let all = filter.map_or_else(Filter::all, Filter::new);
        let to = below.map_or(u64::MAX - 1, |below| below - 1);
        let mut gone = self.staged.visit(0, to, &all);
        let kept = keep.unwrap_or(0).min(gone.len() as u64) as usize;
        gone.truncate(gone.len() - kept);
        for (seq, _) in &gone {
            self.staged.live.remove(seq);
        }
        let purged = self.log().purge(below, keep, filter);
        assert_eq!(purged.messages, gone.len() as u64);
        let in_ranges = |seq: &u64| purged.ranges.iter().any(|(a, b)| a <= seq && seq <= b);
        assert!(gone.iter().all(|(seq, _)| in_ranges(seq)));
        assert!(!self.staged.live.keys().any(in_ranges));
    }

    fn compare(&mut self) {
        let reader = self.log().reader();
        assert_eq!(reader.state(), self.staged.state(self.kind));
        assert_eq!(reader.committed(), self.committed.last);
        let upto = self.committed.last;
        for (filter, (after, cache)) in self.filters.iter().zip(&mut self.positions) {
            let expected = self.staged.visit(*after + 1, upto, filter);
            assert_eq!(reader.pending(cache, *after, filter), expected.len() as u64, "{filter:?}");
            assert_eq!(visit(&reader, *after + 1, filter), expected, "{filter:?} from {after}");
            let last = expected.last().map(|(seq, _)| *seq);
            let found = reader.last_matching(u64::MAX, filter).filter(|seq| *seq > *after);
            assert_eq!(found, last);
            let next = expected.first().map(|(seq, _)| *seq);
            assert_eq!(reader.next_matching(*after + 1, filter), next);
        }
        self.compare_subjects(&reader);
        let expiring = self.staged.live.iter().filter(|(_, message)| message.expires_ns != 0);
        let next = expiring.map(|(seq, message)| (message.expires_ns, *seq)).min();
        assert_eq!(self.log().next_expiring(), next);
    }

    fn compare_subjects(&self, reader: &Reader) {
        let mut listed = Vec::new();
        reader.subjects(b">", &mut |subject, count, last| {
            listed.push((subject.to_vec(), count, last));
        });
        listed.sort();
        let mut expected: Vec<(Vec<u8>, u64, u64)> = Vec::new();
        for subject in SUBJECTS {
            let all = self.staged.visit(0, u64::MAX - 1, &Filter::new(subject.as_bytes()));
            let upto = all.iter().rfind(|(seq, _)| *seq <= self.committed.last);
            assert_eq!(reader.last_of(subject.as_bytes()), upto.map(|(seq, _)| *seq));
            if let Some((last, _)) = all.last() {
                expected.push((subject.into(), all.len() as u64, *last));
            }
        }
        assert_eq!(listed, expected);
        let missing = (self.staged.first()..=self.staged.last)
            .filter(|seq| !self.staged.live.contains_key(seq));
        let deleted = reader.deleted();
        assert!(missing.eq(deleted.iter().flat_map(|(from, to)| *from..=*to)), "{deleted:?}");
        let middle = (self.staged.first() + self.committed.last) / 2;
        let found = self.staged.live.get(&middle).filter(|_| middle <= self.committed.last);
        match (reader.get(middle, |stored| assert_eq!(Some(&Plain::of(stored)), found)), found) {
            (Got::Found, Some(_)) | (Got::Gone, None) | (Got::Cold(_), Some(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn run(kind: Kind, key: Option<&str>, steps: &[Step]) {
    let mut pair = Pair::new(kind, key);
    for step in steps {
        pair.apply(step);
        pair.compare();
    }
}

proptest! {
    // A quarter of what is set, since a case is long.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 4))]

    #[test]
    fn in_memory(steps in vec(step(), 1..150)) {
        run(Kind::Memory, None, &steps);
    }

    #[test]
    fn in_files(steps in vec(step(), 1..150)) {
        run(FILE, None, &steps);
    }

    #[test]
    fn in_encrypted_files(steps in vec(step(), 1..150)) {
        run(FILE, Some("the key"), &steps);
    }

    #[test]
    fn in_compressed_files(steps in vec(step(), 1..150)) {
        run(Kind::File { compress: true, lazy: false }, None, &steps);
    }
}
