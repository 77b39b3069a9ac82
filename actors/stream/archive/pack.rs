//! Making an archive piece by piece, from a log that goes on meanwhile.

use std::io::Write;

use snap::write::FrameEncoder;
use vagus_store::{End, Filter, Load, Reader};

use super::record;
use super::{BLOCKS, Span};

/// See the module's text. What was stored behind its span is not in it.
pub(in crate::stream) struct Packer {
    out: FrameEncoder<Vec<u8>>,
    span: Span,
    /// The next message to look at.
    next: u64,
    blocks: u64,
    done: bool,
}

/// Bytes of messages in one entry of the archive, about.
const BLOCK: usize = 256 << 10;
/// Entries are padded to a multiple of this.
const UNIT: usize = 512;

// === impl Packer ===

impl Packer {
    /// An archive that begins with these entries.
    pub(in crate::stream) fn new(span: Span, entries: &[(&str, Vec<u8>)]) -> Self {
        let out = FrameEncoder::new(Vec::new());
        let mut packer = Self { out, span, next: span.first_seq, blocks: 0, done: false };
        entries.iter().for_each(|(name, content)| packer.add(name, content));
        packer
    }

    /// Bytes that are ready.
    pub(in crate::stream) fn ready(&self) -> usize {
        self.out.get_ref().len()
    }

    /// Whether all is ready.
    pub(in crate::stream) fn is_done(&self) -> bool {
        self.done
    }

    /// Takes up to `most` bytes of what is ready.
    pub(in crate::stream) fn take(&mut self, most: usize) -> Vec<u8> {
        let ready = self.out.get_mut();
        let rest = ready.split_off(most.min(ready.len()));
        std::mem::replace(ready, rest)
    }

    /// Adds the next messages. An error: this has to be read first.
    pub(in crate::stream) fn go_on(&mut self, reader: &Reader) -> Result<(), Load> {
        let (mut block, last) = (Vec::with_capacity(BLOCK), self.span.last_seq);
        let visited = reader.visit(self.next, &Filter::all(), usize::MAX, &mut |stored| {
            if stored.seq <= last {
                record::message(&mut block, stored);
            }
            stored.seq < last && block.len() < BLOCK
        });
        self.next = visited.next;
        if !block.is_empty() {
            self.blocks += 1;
            let name = format!("{BLOCKS}{}.blk", self.blocks);
            self.add(&name, &block);
        }
        if self.next > last || matches!(visited.end, End::Caught) {
            self.finish();
        } else if let End::Cold(load) = visited.end {
            return Err(load);
        }
        Ok(())
    }

    fn finish(&mut self) {
        self.write(&[0; 2 * UNIT]);
        self.done = true;
    }

    fn add(&mut self, name: &str, content: &[u8]) {
        let mut header = tar::Header::new_ustar();
        // The names are short and plain.
        let _ = header.set_path(name);
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        header.set_cksum();
        self.write(header.as_bytes());
        self.write(content);
        self.write(&[0; UNIT][..content.len().next_multiple_of(UNIT) - content.len()]);
    }

    fn write(&mut self, bytes: &[u8]) {
        // A vector takes all that is written.
        let _ = self.out.write_all(bytes).and_then(|()| self.out.flush());
    }
}
