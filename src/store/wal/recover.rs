//! Opening the log that a former run left: what is in it, and for whom.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use hashbrown::HashMap;

use super::files::Files;
use super::format::{
    BATCH_BYTES, BatchHeader, FLAG_BEGINS, FLAG_MARKER, file_name, file_number, room,
};
use super::ledger::Sealed;
use super::scan::{Contents, judge, read_segment};
use crate::disk::{Access, Disk, File};

/// What a former run left, ready to be written on.
pub(crate) struct Recovered {
    pub(super) files: Files,
    pub(super) sealed: Vec<Sealed>,
    pub(super) epoch: u64,
    /// 0: there is none.
    pub(crate) last_number: u64,
    pub(super) last_lsn: u64,
    pub(crate) backlog: Backlog,
    /// Batches that were safe and can't be read.
    pub(crate) damaged: u64,
    /// What is left of batches that were never safe.
    pub(crate) torn: u64,
}

/// The batches of each group.
#[derive(Default)]
pub(crate) struct Backlog {
    files: Vec<Arc<dyn File>>,
    groups: HashMap<u64, Vec<Position>>,
}

/// Where a batch is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Position {
    file: u16,
    /// Some of it is about the table.
    pub(crate) has_table: bool,
    /// Nothing of the group comes before it.
    pub(crate) begins: bool,
    /// In units of 8 bytes.
    at: u32,
    body_len: u32,
    pub(crate) index: u64,
}

/// A batch as it is read back.
pub(crate) struct Logged {
    pub(crate) index: u64,
    pub(crate) mark: u64,
    pub(crate) flags: u32,
    /// The table's part and the records. `None`: damaged.
    pub(crate) body: Option<(Bytes, Bytes)>,
}

/// Reads all there is in `dir`. `segment_bytes` is the length of segments to come.
pub(crate) fn recover(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    segment_bytes: u64,
) -> io::Result<Recovered> {
    disk.create_dir_all(dir)?;
    let mut segments = Vec::new();
    let mut files = Vec::new();
    let mut buffer = Vec::new();
    for listed in disk.list(dir)? {
        let Some(number) = file_number(&listed.name).filter(|_| !listed.is_dir) else { continue };
        let file = disk.open(&dir.join(&listed.name), Access::Write)?;
        read_all(&*file, &mut buffer, number)?;
        segments.push((number, read_segment(&buffer, number)));
        files.push((file, listed.len));
    }
    drop(buffer);
    let verdict = judge(&segments);
    let last_number = segments.iter().map(|(number, _)| *number).max().unwrap_or(0);
    let headers = segments.iter().filter_map(|(_, contents)| contents.header);
    let epoch = headers.map(|header| header.epoch).max().unwrap_or(0) + 1;
    let mut backlog = Backlog::default();
    let mut sealed = Vec::new();
    let mut unused = Vec::new();
    for (((number, contents), (file, len)), count) in
        segments.into_iter().zip(files).zip(verdict.counts)
    {
        if contents.header.is_none() && count == 0 {
            unused.push((number, len));
            continue;
        }
        let groups = backlog.add(file, &contents, count);
        sealed.push(Sealed { number, len, groups, bad: false });
    }
    let spares = spares(&**disk, dir, segment_bytes, unused);
    let files = Files::new(Arc::clone(disk), PathBuf::from(dir), segment_bytes, spares);
    Ok(Recovered {
        files,
        sealed,
        epoch,
        last_number,
        last_lsn: verdict.last_lsn,
        backlog,
        damaged: verdict.damaged,
        torn: verdict.torn,
    })
}

/// The files that can be used again; others that hold nothing are removed.
fn spares(disk: &dyn Disk, dir: &Path, len: u64, unused: Vec<(u64, u64)>) -> Vec<u64> {
    let (spares, others): (Vec<_>, Vec<_>) =
        unused.into_iter().partition(|(_, found)| *found == len);
    for (number, _) in others {
        if let Err(error) = disk.remove_file(&dir.join(file_name(number))) {
            tracing::warn!(%error, number, "a segment of the write-ahead log was not removed");
        }
    }
    spares.into_iter().map(|(number, _)| number).collect()
}

/// Fills `buffer` with a file. What the disk can't read is left zero, and is damage.
fn read_all(file: &dyn File, buffer: &mut Vec<u8>, number: u64) -> io::Result<()> {
    const STEP: usize = 1 << 20;
    const SECTOR: usize = 4096;
    buffer.clear();
    buffer.resize(usize::try_from(file.len()?).map_err(io::Error::other)?, 0);
    for (n, part) in buffer.chunks_mut(STEP).enumerate() {
        if file.read_exact_at(part, (n * STEP) as u64).is_ok() {
            continue;
        }
        for (k, sector) in part.chunks_mut(SECTOR).enumerate() {
            let at = (n * STEP + k * SECTOR) as u64;
            if let Err(error) = file.read_exact_at(sector, at) {
                tracing::error!(%error, number, at, "a part of the write-ahead log can't be read");
                sector.fill(0);
            }
        }
    }
    Ok(())
}

// === impl Backlog ===

impl Backlog {
    /// Takes the batches that count; returns the last index of each group.
    fn add(&mut self, file: Arc<dyn File>, contents: &Contents, count: usize) -> HashMap<u64, u64> {
        let n = self.files.len() as u16;
        self.files.push(file);
        let mut last = HashMap::new();
        for batch in &contents.batches[..count] {
            if batch.flags & FLAG_MARKER != 0 {
                continue;
            }
            last.insert(batch.group, batch.index);
            let position = Position {
                file: n,
                has_table: batch.table_len > 0,
                begins: batch.flags & FLAG_BEGINS != 0,
                at: (batch.at / 8) as u32,
                body_len: batch.body_len,
                index: batch.index,
            };
            self.groups.entry(batch.group).or_default().push(position);
        }
        last
    }

    #[cfg(test)]
    pub(crate) fn groups(&self) -> impl Iterator<Item = u64> {
        self.groups.keys().copied()
    }

    /// The batches of a group, oldest first; they are not asked for again.
    pub(crate) fn take(&mut self, group: u64) -> Vec<Position> {
        self.groups.remove(&group).unwrap_or_default()
    }

    pub(crate) fn files(&self) -> Vec<Arc<dyn File>> {
        self.files.clone()
    }
}

/// Reads a batch again. An error is one of the disk.
pub(crate) fn read_batch(files: &[Arc<dyn File>], position: Position) -> io::Result<Logged> {
    let damaged = |mark, flags| Logged { index: position.index, mark, flags, body: None };
    let Some(file) = files.get(usize::from(position.file)) else {
        return Err(io::ErrorKind::NotFound.into());
    };
    let at = u64::from(position.at) * 8;
    let mut bytes = vec![0; room(position.body_len as usize) as usize];
    file.read_exact_at(&mut bytes, at)?;
    let trailer = bytes.len() - BATCH_BYTES;
    let header = [0, trailer].into_iter().find_map(|place| {
        // It names its segment, which is known to be the right one.
        let segment = u64::from_le_bytes(*bytes.get(place + 8..)?.first_chunk()?);
        BatchHeader::find(&bytes, place, segment).map(|(_, header)| header)
    });
    let Some(header) = header else { return Ok(damaged(0, 0)) };
    let mut body = Bytes::from(bytes).slice(BATCH_BYTES..trailer);
    body.truncate(header.body_len as usize);
    if crc32c::crc32c(&body) != header.body_crc {
        return Ok(damaged(header.mark, header.flags));
    }
    let mut table = body;
    let records = table.split_off(header.table_len as usize);
    Ok(Logged {
        index: header.index,
        mark: header.mark,
        flags: header.flags,
        body: Some((table, records)),
    })
}
