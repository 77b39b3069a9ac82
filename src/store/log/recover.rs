//! Opening a log: which segments there are, and what is in them.
//!
//! What the last checkpoint knew of counts, and nothing else: what was written later comes again
//! from the write-ahead log. Only if the last checkpoint can't be read, and an older one must do,
//! is all that the segments hold taken for true.

use std::io::{self, ErrorKind};
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use hashbrown::HashMap;
use parking_lot::Mutex;

use super::core::Core;
use super::facts::Fact;
use super::file::{self, HEADER_BYTES, Header, SegmentFile};
use super::footer::{Columns, TRAILER_BYTES};
use super::state::{Saved, SavedSegment};
use crate::disk::{Access, Disk, File};
use crate::group;
use crate::record::Message;

/// One segment file as it was found.
pub(super) struct Found {
    pub(super) id: u64,
    pub(super) base: u64,
    pub(super) file: SegmentFile,
    pub(super) columns: Columns,
    /// Where records end.
    pub(super) end: u32,
}

pub(super) fn recover(core: &Core, saved: group::Saved) -> io::Result<()> {
    let (disk, dir) = (&*core.env.disk, &*core.group.dir);
    let stale = saved.stale;
    let mut state = match saved.state {
        // A group whose log was never written to.
        Some(bytes) if bytes.is_empty() => Saved::default(),
        Some(bytes) => Saved::decode(&bytes).ok_or(ErrorKind::InvalidData)?,
        None => Saved::default(),
    };
    let names = list(disk, dir)?;
    if stale && state.segments.is_empty() && !names.is_empty() {
        tracing::warn!(dir = %dir.display(), "segments that no checkpoint tells of are read");
    }
    let mut files = core.files.lock();
    files.has_dir = disk.exists(dir);
    let listed: Vec<u64> = state.segments.iter().map(|segment| segment.id).collect();
    for id in names {
        if listed.binary_search(&id).is_err() {
            if stale {
                state.segments.push(SavedSegment { id, ..SavedSegment::default() });
            } else {
                // All of it is in the write-ahead log, or was removed.
                files.garbage.push(id);
            }
            state.next_segment = state.next_segment.max(id + 1);
        }
    }
    state.segments.sort_by_key(|segment| segment.id);
    let found = load_all(core, &state.segments, stale)?;
    drop(files);
    core.index.write().take(state, found, stale);
    Ok(())
}

fn list(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<u64>> {
    match disk.list(dir) {
        Ok(names) => Ok(names.iter().filter_map(|listed| file::number(&listed.name)).collect()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Reads the indexes of all segments, several at once.
fn load_all(
    core: &Core,
    segments: &[SavedSegment],
    stale: bool,
) -> io::Result<HashMap<u64, Found>> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Ok(HashMap::with_capacity(segments.len())));
    let work = || {
        while let Some(segment) = segments.get(next.fetch_add(1, Relaxed)) {
            let loaded = load(core, segment, stale);
            let mut found = found.lock();
            match (loaded, &mut *found) {
                (Ok(Some(loaded)), Ok(found)) => {
                    found.insert(loaded.id, loaded);
                }
                (Err(error), Ok(_)) => *found = Err(error),
                _ => {}
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(segments.len() / 4);
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    found.into_inner()
}

/// What a file holds. `None`: it is not there, or is of another group.
fn load(core: &Core, saved: &SavedSegment, stale: bool) -> io::Result<Option<Found>> {
    let path = file::path(&core.group.dir, saved.id);
    let file = match core.env.disk.open(&path, Access::Write) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let header = Header::read(&*file)?;
    if header.is_some_and(|header| header.group != core.maker.group) {
        return Ok(None);
    }
    let base = header.map_or(saved.base, |header| header.base);
    if header.is_none() && saved.upto > 0 {
        tracing::error!(path = %path.display(), "the header of a segment is damaged");
        core.report(1);
    }
    let limit = if stale { u32::MAX } else { saved.upto };
    if let Some((columns, end)) = footer(core, &*file, saved.id)? {
        let last = columns.chunks.last().map_or(0, |chunk| chunk.start + chunk.len);
        if last <= limit {
            let mut stored = SegmentFile::new(None, end);
            stored.chunks = columns.chunks.clone();
            (stored.flushed, stored.sealed, stored.dirty) = (last, true, false);
            return Ok(Some(Found { id: saved.id, base, file: stored, columns, end: last }));
        }
    }
    scan(core, file, saved.id, base, limit).map(Some)
}

/// The footer of a file, if it has one, and where it begins.
fn footer(core: &Core, file: &dyn File, id: u64) -> io::Result<Option<(Columns, u64)>> {
    let len = file.len()?;
    let Some(at) = len.checked_sub(TRAILER_BYTES as u64) else { return Ok(None) };
    let mut trailer = [0; TRAILER_BYTES];
    file.read_exact_at(&mut trailer, at)?;
    let Some(content_len) = Columns::len_of(&trailer, &core.maker) else { return Ok(None) };
    let Some(begin) = at.checked_sub(content_len as u64) else { return Ok(None) };
    let mut content = vec![0; content_len];
    file.read_exact_at(&mut content, begin)?;
    let columns = Columns::decode(&content, &trailer, &core.maker, id);
    Ok(columns.map(|columns| (columns, begin)))
}

/// Makes the index of a file without footer from its records, up to offset `limit`. What lies
/// behind is cut off.
fn scan(core: &Core, file: Arc<dyn File>, id: u64, base: u64, limit: u32) -> io::Result<Found> {
    let mut bytes = vec![0; usize::try_from(file.len()?).unwrap_or(usize::MAX)];
    if let Err(error) = file.read_exact_at(&mut bytes, 0)
        && error.kind() != ErrorKind::UnexpectedEof
    {
        return Err(error);
    }
    let mut chunks = file::scan(&bytes, &core.maker);
    chunks.retain(|chunk| chunk.start < limit);
    let end = chunks.last().map_or(0, |chunk| chunk.start + chunk.len);
    let at = chunks.last().map_or(HEADER_BYTES as u64, |chunk| u64::from(chunk.at + chunk.stored));
    let mut columns = Columns::default();
    let mut names: HashMap<Box<[u8]>, u32> = HashMap::new();
    let mut last = None;
    for chunk in &chunks {
        let stored = bytes.get(chunk.at as usize..).unwrap_or(&[]);
        let stored = &stored[..stored.len().min(chunk.stored as usize)];
        let Ok((records, _)) = core.maker.decode(id, stored) else { continue };
        for (offset, record) in file::records(*chunk, &records, core.maker.salt) {
            // The number of what is damaged is known, if nothing else: it is missed later.
            let message = record.ok().and_then(Message::parse);
            let Some(message) = message.filter(|m| m.seq >= base && Some(m.seq) > last) else {
                continue;
            };
            let Ok(distance) = u32::try_from(message.seq - base) else { continue };
            last = Some(message.seq);
            columns.seqs.push(distance);
            columns.offsets.push(offset);
            columns.facts.push(Fact::of(&message));
            if message.expires_ns != 0 {
                let slot = columns.offsets.len() as u32 - 1;
                columns.expiries.push((slot, message.expires_ns));
            }
            let name = match names.get(message.subject) {
                Some(name) => *name,
                None => {
                    let name = columns.names.len() as u32;
                    columns.names.push(message.subject.into());
                    names.insert(message.subject.into(), name);
                    name
                }
            };
            columns.subjects.push(name);
        }
    }
    let mut stored = SegmentFile::new(None, at);
    stored.chunks = chunks;
    stored.flushed = end;
    stored.dirty = false;
    stored.cut = bytes.len() as u64 > at && limit != u32::MAX;
    Ok(Found { id, base, file: stored, columns, end })
}
