//! A store on a simulated disk, and a list of messages that a log is compared with.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;

use crate::disk::FaultyDisk;
use crate::*;

pub(super) const FILE: Kind = Kind::File { compress: false, lazy: false };

/// A store with one group.
pub(super) struct Rig {
    pub(super) disk: FaultyDisk,
    pub(super) store: Store,
    pub(super) group: GroupId,
    options: Options,
}

/// What a message is in the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plain {
    pub(super) time_ns: i64,
    pub(super) expires_ns: i64,
    pub(super) subject: Vec<u8>,
    pub(super) headers: Vec<u8>,
    pub(super) payload: Vec<u8>,
}

/// A log as simple as can be.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    pub(super) live: BTreeMap<u64, Plain>,
    pub(super) last: u64,
    pub(super) last_time: i64,
}

// === impl Rig ===

impl Rig {
    pub(super) fn new(kind: Kind, change: impl FnOnce(&mut Options)) -> Rig {
        let disk = FaultyDisk::new(7);
        let mut options = Options::new("/store");
        options.wal.segment_bytes = 1 << 20;
        change(&mut options);
        let store = Store::open(options.clone(), Arc::new(disk.clone())).unwrap();
        let (tell, told) = channel();
        let done = Box::new(move |result| tell.send(result).unwrap());
        let group = store.create("A", "S", kind, 0, Vec::new(), done).unwrap();
        told.recv().unwrap().unwrap();
        Rig { disk, store, group, options }
    }

    pub(super) fn log(&self) -> Log {
        self.store.log(self.group).unwrap()
    }

    /// Stops the store and opens it again; with a power cut where it is not told to stop.
    pub(super) fn reopen(self, cut: bool) -> Rig {
        let Rig { disk, store, group, options } = self;
        let disk = if cut {
            disk.power_cut()
        } else {
            store.shutdown();
            disk
        };
        drop(store);
        let store = Store::open(options.clone(), Arc::new(disk.clone())).unwrap();
        Rig { disk, store, group, options }
    }

    /// The segment files there are.
    pub(super) fn segments(&self) -> Vec<std::path::PathBuf> {
        let is_segment = |path: &Path| path.extension().is_some_and(|ext| ext == "seg");
        self.disk.paths().into_iter().filter(|path| is_segment(path)).collect()
    }
}

/// Commits and waits.
pub(super) fn commit(log: &mut Log) -> Result<(), CommitError> {
    let (tell, told) = channel();
    log.commit(Box::new(move |result| tell.send(result).unwrap()));
    told.recv().unwrap()
}

/// A visit that loads what is cold.
pub(super) fn visit(reader: &Reader, from: u64, filter: &Filter) -> Vec<(u64, Plain)> {
    let mut found = Vec::new();
    let mut next = from;
    loop {
        let visited = reader.visit(next, filter, 7, &mut |stored| {
            found.push((stored.seq, Plain::of(stored)));
            true
        });
        assert!(visited.next >= next);
        next = visited.next;
        match visited.end {
            End::Caught => return found,
            End::Stopped | End::Budget => {}
            End::Cold(load) => wait(reader.load(load)),
        }
    }
}

/// Runs a future on this thread.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Wake(std::thread::Thread);
    impl std::task::Wake for Wake {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Wake(std::thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(value) => return value,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}

// === impl Plain ===

impl Plain {
    pub(super) fn of(stored: &Stored<'_>) -> Plain {
        Plain {
            time_ns: stored.time_ns,
            expires_ns: stored.expires_ns,
            subject: stored.subject.to_vec(),
            headers: stored.headers.to_vec(),
            payload: stored.payload.to_vec(),
        }
    }

    pub(super) fn entry(&self, seq: Option<u64>) -> Entry<'_> {
        let Plain { time_ns, expires_ns, ref subject, ref headers, ref payload } = *self;
        Entry { seq, time_ns, expires_ns, subject, headers, payload, has_id: false }
    }

    fn size(&self, kind: Kind) -> u64 {
        let size = (self.subject.len() + self.headers.len() + self.payload.len()) as u64;
        match kind {
            Kind::Memory => 16 + size,
            Kind::File { .. } => 30 + size + if self.headers.is_empty() { 0 } else { 4 },
        }
    }
}

// === impl Model ===

impl Model {
    pub(super) fn first(&self) -> u64 {
        self.live.keys().next().copied().unwrap_or(self.last + 1)
    }

    pub(super) fn state(&self, kind: Kind) -> State {
        let subjects: std::collections::BTreeSet<_> =
            self.live.values().map(|message| &message.subject).collect();
        State {
            messages: self.live.len() as u64,
            bytes: self.live.values().map(|message| message.size(kind)).sum(),
            first_seq: self.first(),
            first_time_ns: self.live.values().next().map_or(0, |message| message.time_ns),
            last_seq: self.last,
            last_time_ns: self.last_time,
            subjects: subjects.len() as u64,
            deleted: self.last + 1 - self.first() - self.live.len() as u64,
            lost: 0,
        }
    }

    /// Messages from `from` to `to` that `filter` wants.
    pub(super) fn visit(&self, from: u64, to: u64, filter: &Filter) -> Vec<(u64, Plain)> {
        let range = if from <= to { from..to + 1 } else { 0..0 };
        let found = self.live.range(range).filter(|(_, message)| filter.matches(&message.subject));
        found.map(|(seq, message)| (*seq, message.clone())).collect()
    }
}
