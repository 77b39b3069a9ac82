//! The bytes of a segment's records in memory: blocks that are freed one by one.

use std::collections::VecDeque;

use bytes::Bytes;

const BLOCK_BYTES_MAX: usize = 64 << 10;
const BLOCK_BYTES_MIN: usize = 1 << 10;

/// Records behind each other. They never lie in two blocks.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    blocks: VecDeque<Block>,
    bytes: usize,
}

#[derive(Debug)]
struct Block {
    /// Offset of its first byte.
    start: u32,
    bytes: Content,
    /// Bytes that somebody may still ask for.
    held: usize,
}

#[derive(Debug, Default)]
struct Content {
    /// Records are added as long as there is room.
    own: Vec<u8>,
    /// Instead: one large record, which others hold, too.
    shared: Option<Bytes>,
}

/// What a block holds from some offset on.
pub(crate) struct Part<'a> {
    bytes: &'a Content,
    skip: usize,
}

// === impl Part ===

impl Part<'_> {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.skip
    }

    /// The first `len` bytes; shared if they can be.
    pub(crate) fn take(&self, len: usize) -> Bytes {
        let range = self.skip..self.skip + len;
        match &self.bytes.shared {
            Some(bytes) => bytes.slice(range),
            None => Bytes::copy_from_slice(&self.bytes[range]),
        }
    }
}

// === impl Content ===

impl Content {
    /// Bytes taken.
    fn memory(&self) -> usize {
        self.shared.as_ref().map_or(self.own.capacity(), Bytes::len)
    }

    /// Whether there is room for `len` bytes more.
    fn fits(&self, len: usize) -> bool {
        self.shared.is_none() && self.own.len() + len <= self.own.capacity()
    }

    fn truncate(&mut self, len: usize) {
        self.own.truncate(len);
        if let Some(bytes) = &mut self.shared {
            bytes.truncate(len);
        }
    }

    /// Overwrites a part, if it is there. Of what is shared, the others keep theirs.
    fn wipe(&mut self, begin: usize, len: usize) {
        if let Some(bytes) = self.shared.take() {
            self.own = bytes.to_vec();
        }
        if let Some(bytes) = self.own.get_mut(begin..begin + len) {
            bytes.fill(0);
        }
    }
}

impl std::ops::Deref for Content {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.shared {
            Some(bytes) => bytes,
            None => &self.own,
        }
    }
}

// === impl Blocks ===

impl Blocks {
    /// Where the record of `len` bytes at `offset` is to be added. It is the last one.
    #[inline]
    pub(crate) fn room(&mut self, offset: u32, len: usize) -> &mut Vec<u8> {
        let fits = |block: &Block| {
            block.start as usize + block.bytes.len() == offset as usize && block.bytes.fits(len)
        };
        if !self.blocks.back().is_some_and(fits) {
            // Blocks of a small log are small; a large record has one to itself.
            let most = (self.bytes.next_power_of_two()).clamp(BLOCK_BYTES_MIN, BLOCK_BYTES_MAX);
            let own = Vec::with_capacity(most.max(len));
            self.push(offset, Content { own, shared: None });
        }
        let last = self.blocks.len() - 1;
        let block = &mut self.blocks[last];
        block.held += len;
        &mut block.bytes.own
    }

    /// Adds the record at `offset`, the last one, without copying it.
    pub(crate) fn share(&mut self, offset: u32, record: Bytes) {
        let held = record.len();
        self.push(offset, Content { own: Vec::new(), shared: Some(record) });
        if let Some(block) = self.blocks.back_mut() {
            block.held = held;
        }
    }

    fn push(&mut self, start: u32, bytes: Content) {
        self.free_last_if_unheld();
        self.bytes += bytes.memory();
        self.blocks.push_back(Block { start, bytes, held: 0 });
    }

    fn free_last_if_unheld(&mut self) {
        if self.blocks.back().is_some_and(|block| block.held == 0) {
            let block = self.blocks.pop_back();
            self.bytes -= block.map_or(0, |block| block.bytes.memory());
        }
    }

    fn index(&self, offset: u32) -> Option<usize> {
        let last = self.blocks.len().checked_sub(1)?;
        if self.blocks[last].start <= offset {
            return Some(last);
        }
        self.blocks.partition_point(|block| block.start <= offset).checked_sub(1)
    }

    /// The bytes from `offset` to the end of their block. `None` if they are not here.
    #[inline]
    pub(crate) fn get(&self, offset: u32) -> Option<&[u8]> {
        let block = &self.blocks[self.index(offset)?];
        block.bytes.get((offset - block.start) as usize..).filter(|bytes| !bytes.is_empty())
    }

    /// The record of `len` bytes at `offset` is no longer needed.
    pub(crate) fn release(&mut self, offset: u32, len: usize) {
        let Some(index) = self.index(offset) else { return };
        let last = index + 1 == self.blocks.len();
        let block = &mut self.blocks[index];
        if (offset - block.start) as usize >= block.bytes.len() {
            return;
        }
        block.held = block.held.saturating_sub(len);
        if block.held == 0 && !last {
            self.bytes -= block.bytes.memory();
            self.blocks.remove(index);
        }
    }

    /// Overwrites `len` bytes from `offset` on, if they are here.
    pub(crate) fn wipe(&mut self, offset: u32, len: usize) {
        let Some(index) = self.index(offset) else { return };
        let block = &mut self.blocks[index];
        let before = block.bytes.memory();
        block.bytes.wipe((offset - block.start) as usize, len);
        self.bytes = self.bytes - before + block.bytes.memory();
    }

    /// Takes away all from `offset` on.
    pub(crate) fn truncate(&mut self, offset: u32) {
        while let Some(block) = self.blocks.back_mut() {
            if block.start < offset {
                block.bytes.truncate((offset - block.start) as usize);
                return;
            }
            self.bytes -= block.bytes.memory();
            self.blocks.pop_back();
        }
    }

    /// Frees the first block if it ends at or before `offset`, and is not the last; how much that
    /// was.
    pub(crate) fn free_before(&mut self, offset: u32) -> usize {
        let Some(block) = self.blocks.front() else { return 0 };
        if self.blocks.len() == 1 || block.start as usize + block.bytes.len() > offset as usize {
            return 0;
        }
        let freed = self.blocks.pop_front().map_or(0, |block| block.bytes.memory());
        self.bytes -= freed;
        freed
    }

    /// The blocks from `offset` on, each with the offset of its first byte.
    pub(crate) fn from(&self, offset: u32) -> impl Iterator<Item = (u32, Part<'_>)> {
        let first = self.index(offset).unwrap_or(0);
        self.blocks.iter().skip(first).filter_map(move |block| {
            let skip = offset.saturating_sub(block.start) as usize;
            let bytes = &block.bytes;
            (skip < bytes.len()).then_some((block.start + skip as u32, Part { bytes, skip }))
        })
    }

    pub(crate) fn clear(&mut self) {
        *self = Blocks::default();
    }

    /// Bytes taken.
    pub(crate) fn memory(&self) -> usize {
        self.bytes
    }
}
