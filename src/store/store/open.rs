//! Opening a store: what there was becomes what there is, and what belongs to nothing is moved
//! aside.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use hashbrown::HashSet;
use parking_lot::{Mutex, RwLock};

use super::layout::Layout;
use super::slot::Slot;
use super::snapshot::{self, Birth};
use super::{GroupInfo, Groups, Inner, catalog, remove};
use crate::crypt::{KeyError, keys};
use crate::disk::Disk;
use crate::env::Env;
use crate::error::OpenError;
use crate::group::{Backing, Group, GroupId, Kind, Mode};
use crate::options::Options;
use crate::pool::Pool;
use crate::stats::Counters;
use crate::wal::recover::{Backlog, read_batch, recover};
use crate::wal::writer;

/// The file in which nats-server keeps a stream's configuration.
const FOREIGN: &str = "meta.inf";
const READ_THREADS: usize = 2;
const WRITE_THREADS: usize = 2;

pub(super) fn open(options: Options, disk: Arc<dyn Disk>) -> Result<Arc<Inner>, OpenError> {
    let layout = Layout::new(&options.dir);
    disk.create_dir_all(&layout.root).map_err(OpenError::io(&layout.root))?;
    let lock = disk.lock(&layout.lock()).map_err(|error| match error.kind() {
        ErrorKind::WouldBlock => OpenError::InUse(layout.root.clone()),
        _ => OpenError::io(layout.lock())(error),
    })?;
    if let Some(dir) = foreign(&*disk, &layout).map_err(OpenError::io(&layout.root))? {
        return Err(OpenError::Foreign(dir));
    }
    let cipher = keys::open(&*disk, &layout.root, options.encryption.as_ref())?;
    let counters = Arc::new(Counters::default());
    let wal_dir = layout.wal();
    let mut recovered =
        recover(&disk, &wal_dir, options.wal.segment_bytes).map_err(OpenError::io(&wal_dir))?;
    if recovered.torn > 0 {
        let batches = recovered.torn;
        tracing::info!(batches, "the last run ended while it wrote what it never acknowledged");
    }
    if recovered.last_number == 0
        && is_used(&*disk, &layout).map_err(OpenError::io(&layout.root))?
    {
        recovered.damaged += 1;
        tracing::error!("the write-ahead log is gone");
    }
    let wal_damaged = recovered.damaged > 0;
    if wal_damaged {
        counters.damaged.fetch_add(recovered.damaged, Relaxed);
        tracing::error!(batches = recovered.damaged, "the write-ahead log is damaged");
    }
    let mut backlog = std::mem::take(&mut recovered.backlog);
    let wal = writer::start(recovered, options.wal.clone(), options.sync, Arc::clone(&counters))
        .map_err(OpenError::io(&wal_dir))?;
    let backing = Backing { wal, cipher: cipher.clone() };
    let env = Arc::new(Env {
        disk,
        options: options.log.clone(),
        cipher,
        reads: Pool::new("store-read", READ_THREADS),
        writes: Pool::new("store-write", WRITE_THREADS),
        counters,
        wal_damaged,
        memory: Arc::new(crate::log::Memory::new(options.log.cache_bytes)),
    });
    let (meta, meta_lost) = open_meta(&env, &layout, &backing, &mut backlog)?;
    let inner = Arc::new(Inner {
        env,
        layout,
        backing,
        meta,
        groups: RwLock::default(),
        stopping: AtomicBool::new(false),
        lock: Mutex::new(Some(lock)),
    });
    let root = inner.layout.root.clone();
    tidy(&inner, meta_lost).map_err(OpenError::io(root))?;
    fill(&inner, &mut backlog);
    Ok(inner)
}

/// Whether there was a server here before.
fn is_used(disk: &dyn Disk, layout: &Layout) -> std::io::Result<bool> {
    Ok(disk.exists(&layout.meta()) || !layout.groups(disk)?.is_empty())
}

/// A stream of nats-server among the directories. To move it aside would look like losing it.
fn foreign(disk: &dyn Disk, layout: &Layout) -> std::io::Result<Option<PathBuf>> {
    let groups = layout.groups(disk)?;
    Ok(groups.into_iter().map(|(_, _, path)| path).find(|path| disk.exists(&path.join(FOREIGN))))
}

/// The group that lists the others, and whether some of the list may be lost.
fn open_meta(
    env: &Arc<Env>,
    layout: &Layout,
    backing: &Backing,
    backlog: &mut Backlog,
) -> Result<(Arc<Group>, bool), OpenError> {
    let kind = Kind::File { compress: false, lazy: false };
    let info = GroupInfo { id: GroupId(0), account: String::new(), name: String::new(), kind };
    let dir = layout.meta();
    let meta = Arc::new(Group::new(info, 0, Some((dir.clone(), backing.clone()))));
    let found =
        snapshot::load(&*env.disk, &dir, env.cipher.as_ref()).map_err(OpenError::io(&dir))?;
    if found.unsealed {
        return Err(KeyError::Gone.into());
    }
    env.counters.damaged.fetch_add(found.damaged, Relaxed);
    meta.files().generation = found.generation;
    let mut index = 0;
    if let Some(newest) = found.newest {
        index = newest.index;
        meta.restore(index, newest.table);
    }
    let files = backlog.files();
    for position in backlog.take(0).into_iter().filter(|position| position.index > index) {
        let logged = read_batch(&files, position).map_err(OpenError::io(layout.wal()))?;
        let Some((table, _)) = logged.body else { continue };
        if !meta.replay(logged.index, logged.flags, table) {
            return Err(KeyError::Gone.into());
        }
    }
    Ok((meta, found.stale || env.wal_damaged))
}

/// Brings the directories in line with the list of groups.
fn tidy(inner: &Arc<Inner>, meta_lost: bool) -> std::io::Result<()> {
    let disk = &*inner.env.disk;
    let (listed, dead) = {
        let entries = inner.meta.entries().read();
        (catalog::listed(&entries), catalog::dead(&entries))
    };
    let dir = |birth: &Birth| inner.layout.group(&birth.info.account, &birth.info.name);
    let mut known: HashSet<PathBuf> = listed.iter().map(|listed| dir(&listed.birth)).collect();
    for birth in dead.iter().filter(|birth| !known.contains(&dir(birth))) {
        remove::to_trash(inner, birth)?;
    }
    let mut adopted = Vec::new();
    for (account, stream, path) in inner.layout.groups(disk)? {
        if known.contains(&path) {
            continue;
        }
        let birth = if meta_lost { birth_of(inner, &path) } else { None };
        if let Some(birth) = birth.filter(|birth| dir(birth) == path) {
            tracing::warn!(account, stream, "a stream was lost from the list, and is back on it");
            known.insert(path);
            adopted.push(birth);
            continue;
        }
        let to = inner.layout.quarantine(disk, &account, &stream, &path)?;
        inner.env.counters.quarantined.fetch_add(1, Relaxed);
        tracing::error!(path = %path.display(), to = %to.display(), "belongs to no stream");
    }
    if !adopted.is_empty() {
        let ops = catalog::adopted(&adopted);
        let mut entries = inner.meta.entries().write();
        ops.iter().cloned().for_each(|op| entries.apply(op));
        drop(entries);
        inner.write_meta(ops, Mode::Durable, Box::new(|_| {}));
    }
    let inner = Arc::clone(inner);
    let writes = inner.env.writes.clone();
    writes.run(move || empty_trash(&inner, &dead));
    Ok(())
}

/// What the directory of a group says it is.
fn birth_of(inner: &Inner, path: &std::path::Path) -> Option<Birth> {
    let found = snapshot::load(&*inner.env.disk, path, inner.env.cipher.as_ref()).ok()?;
    found.newest.map(|snapshot| snapshot.birth)
}

fn empty_trash(inner: &Inner, dead: &[Birth]) {
    // A group that is off the list altogether, and whose files came back.
    for listed in inner.env.disk.list(&inner.layout.trash_dir()).unwrap_or_default() {
        if let Ok(id) = listed.name.parse()
            && let Err(error) = remove::empty_trash(inner, GroupId(id))
        {
            tracing::error!(%error, id, "the files of a deleted stream remain");
        }
    }
    for birth in dead {
        let id = birth.info.id;
        match remove::empty_trash(inner, id) {
            Ok(()) => inner.write_meta(catalog::buried(id), Mode::Lazy, Box::new(|_| {})),
            Err(error) => {
                tracing::error!(%error, stream = birth.info.name, "its files remain");
            }
        }
    }
}

/// Makes the groups of the list.
fn fill(inner: &Arc<Inner>, backlog: &mut Backlog) {
    let files = backlog.files();
    let mut groups = Groups::default();
    let entries = inner.meta.entries().read();
    groups.next_id = catalog::next_id(&entries);
    for listed in catalog::listed(&entries) {
        let birth = listed.birth;
        let id = birth.info.id;
        let positions = backlog.take(id.0);
        let slot = Slot::new(&birth, inner.backing(&birth), listed.entries);
        groups.names.insert((birth.info.account, birth.info.name));
        groups.slots.insert(id, Arc::new(slot.with_backlog(positions, &files)));
    }
    inner.env.counters.groups.store(groups.slots.len() as u64, Relaxed);
    *inner.groups.write() = groups;
}

/// Reads all groups in the background.
pub(super) fn load_all(inner: &Arc<Inner>) {
    let ids: BTreeSet<GroupId> = inner.groups.read().slots.keys().copied().collect();
    for id in ids {
        let weak = Arc::downgrade(inner);
        inner.env.reads.run(move || {
            let Some(inner) = weak.upgrade() else { return };
            if let Ok(slot) = inner.slot(id) {
                // What can't be read is reported there, and to whoever asks for it.
                let _ = slot.core(&inner.env);
            }
        });
    }
}
