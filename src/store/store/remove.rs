//! Deleting a group: first the decision, then its files.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::layout::move_dir;
use super::slot::Slot;
use super::snapshot::Birth;
use super::{Inner, catalog};
use crate::error::CommitError;
use crate::group::{Done, Engine, GroupId, Kind, Mode};

pub(super) fn delete(inner: &Arc<Inner>, id: GroupId, done: Done) {
    let slot = {
        let mut groups = inner.groups.write();
        // Its name stays taken until its directory is out of the way.
        groups.slots.remove(&id)
    };
    let Some(slot) = slot else { return done(Err(CommitError::Gone)) };
    slot.group.set_deleted(true);
    let counters = &inner.env.counters;
    counters.groups.fetch_sub(1, Relaxed);
    if slot.is_ready() {
        counters.groups_ready.fetch_sub(1, Relaxed);
    }
    let birth = slot.group.birth();
    if slot.group.kind == Kind::Memory {
        free_name(inner, &birth);
        return done(Ok(()));
    }
    let weak = Arc::downgrade(inner);
    let ops = catalog::deleted(&birth);
    let decided = move |result: Result<(), CommitError>| match (weak.upgrade(), result) {
        (None, result) => done(result),
        (Some(inner), Err(error)) => {
            undo(&inner, slot);
            done(Err(error));
        }
        (Some(inner), Ok(())) => {
            let writes = inner.env.writes.clone();
            writes.run(move || {
                if let Some(engine) = slot.engine() {
                    engine.close();
                }
                slot.group.files().closed = true;
                bury(&inner, &birth, || done(Ok(())));
            });
        }
    };
    inner.write_meta(ops, Mode::Durable, Box::new(decided));
}

/// It was not decided, so the group is still there.
fn undo(inner: &Inner, slot: Arc<Slot>) {
    slot.group.set_deleted(false);
    let counters = &inner.env.counters;
    counters.groups.fetch_add(1, Relaxed);
    if slot.is_ready() {
        counters.groups_ready.fetch_add(1, Relaxed);
    }
    inner.groups.write().slots.insert(slot.group.id, slot);
}

fn free_name(inner: &Inner, birth: &Birth) {
    let name = (birth.info.account.clone(), birth.info.name.clone());
    inner.groups.write().names.remove(&name);
}

/// Moves the directory of a deleted group away, calls `gone`, and removes it for good.
pub(super) fn bury(inner: &Inner, birth: &Birth, gone: impl FnOnce()) {
    let id = birth.info.id;
    if let Err(error) = to_trash(inner, birth) {
        // The name stays taken: its directory is not free. The next start tries again.
        tracing::error!(%error, stream = birth.info.name, "the files of a deleted stream remain");
        return gone();
    }
    free_name(inner, birth);
    gone();
    if let Err(error) = empty_trash(inner, id) {
        tracing::error!(%error, stream = birth.info.name, "the files of a deleted stream remain");
        return;
    }
    inner.write_meta(catalog::buried(id), Mode::Lazy, Box::new(|_| {}));
}

/// Moves the directory out of the way of a group of the same name.
pub(super) fn to_trash(inner: &Inner, birth: &Birth) -> io::Result<()> {
    let disk = &*inner.env.disk;
    let dir = inner.layout.group(&birth.info.account, &birth.info.name);
    let trash = inner.layout.trash(birth.info.id);
    if !disk.exists(&dir) {
        return Ok(());
    }
    // What an earlier attempt left.
    empty_trash(inner, birth.info.id)?;
    if let Some(above) = trash.parent() {
        disk.create_dir_all(above)?;
    }
    move_dir(disk, &dir, &trash)
}

pub(super) fn empty_trash(inner: &Inner, id: GroupId) -> io::Result<()> {
    match inner.env.disk.remove_dir_all(&inner.layout.trash(id)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
