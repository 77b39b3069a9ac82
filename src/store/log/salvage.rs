//! What the write-ahead log can't tell any more, looked for in segments.
//!
//! Segments are written ahead of checkpoints, and what lies in them behind the last checkpoint is
//! ignored, since the write-ahead log has it. Where that is damaged, it is the only copy.

use std::collections::BTreeMap;

use super::core::Core;
use super::file;
use crate::disk::read_file;
use crate::record::Message;

// === impl Core ===

impl Core {
    /// The records of messages from sequence `from` to `to` that segment files hold.
    pub(super) fn salvage(&self, from: u64, to: u64) -> BTreeMap<u64, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut segments = self.files.lock().garbage.clone();
        {
            let index = self.index.read();
            let with_file = index.segments.iter().filter(|segment| segment.file.is_some());
            segments.extend(with_file.rev().take(1).map(|segment| segment.id));
        }
        for segment in segments {
            let path = file::path(&self.group.dir, segment);
            let Ok(bytes) = read_file(&*self.env.disk, &path) else { continue };
            for chunk in file::scan(&bytes, &self.maker) {
                let stored = bytes.get(chunk.at as usize..).unwrap_or(&[]);
                let stored = &stored[..stored.len().min(chunk.stored as usize)];
                let Ok((records, _)) = self.maker.decode(segment, stored) else { continue };
                let whole = file::records(chunk, &records, self.maker.salt);
                for record in whole.filter_map(|(_, record)| record.ok()) {
                    let seq = Message::parse(record).map_or(0, |message| message.seq);
                    if (from..=to).contains(&seq) {
                        found.insert(seq, record.to_vec());
                    }
                }
            }
        }
        found
    }
}
