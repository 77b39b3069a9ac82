//! Writing past the page cache: what is written here is seldom read soon, and copying it there,
//! page by page, costs ten times the processor that the disk itself does.
//!
//! Only whole pages may be written that way. What lies before the first whole page of a large write
//! and behind the last one takes the usual way; the system keeps the two in step, and a sync of the
//! file covers both. A file that is only appended to needs no such detour: its last page is
//! remembered, and written again with what follows.

use std::cell::RefCell;
use std::fs;
use std::io::{self, ErrorKind, IoSlice};
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

use parking_lot::Mutex;

/// From so many bytes on a write is a large one.
const BULK_BYTES: usize = 256 << 10;
/// Position, length and memory of what is written are multiples of this.
const PAGE: usize = 4096;
/// Given to the disk at once.
const STEP_BYTES: usize = 1 << 20;

thread_local! {
    /// What a step is gathered in: the parts of a write lie anywhere.
    static STEP: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The second way into a file.
#[derive(Debug, Default)]
pub(super) struct Bulk {
    /// Opened when it is first needed; none where the file system has none.
    file: OnceLock<Option<fs::File>>,
    /// What [`Bulk::append`] wrote last.
    tail: Mutex<Tail>,
}

/// The last page of what was appended, as far as it is full.
#[derive(Debug, Default)]
struct Tail {
    /// Where the next append goes on.
    end: u64,
    bytes: Vec<u8>,
}

/// The parts of a write, taken from front to back.
struct Parts<'a> {
    parts: &'a [IoSlice<'a>],
    /// Bytes of the first one that are taken.
    taken: usize,
}

// === impl Bulk ===

impl Bulk {
    /// Writes all of `parts`, one behind the other. False: nothing that counts was written, since
    /// it is too little, or there is no such way into the file.
    pub(super) fn write(
        &self,
        file: &fs::File,
        parts: &[IoSlice<'_>],
        mut at: u64,
    ) -> io::Result<bool> {
        let total = length(parts);
        let before = (at.next_multiple_of(PAGE as u64) - at) as usize;
        let whole = total.saturating_sub(before) / PAGE * PAGE;
        if whole < BULK_BYTES {
            return Ok(false);
        }
        let Some(direct) = self.direct(file) else { return Ok(false) };
        let mut parts = Parts { parts, taken: 0 };
        STEP.with_borrow_mut(|step| {
            at += parts.write(before, file, at, step)?;
            let end = at + whole as u64;
            while at < end {
                let count = STEP_BYTES.min((end - at) as usize);
                match parts.write(count, direct, at, step) {
                    Ok(written) => at += written,
                    // It can be opened, but not written like this.
                    Err(error) if is_refusal(&error) => return Ok(false),
                    Err(error) => return Err(error),
                }
            }
            parts.write(total - before - whole, file, at, step)?;
            Ok(true)
        })
    }

    /// Appends `parts`, with zeros behind them up to the end of the page. False: nothing that
    /// counts was written, since there is no such way into the file, or it was not appended to
    /// before and `at` is within a page.
    pub(super) fn append(
        &self,
        file: &fs::File,
        parts: &[IoSlice<'_>],
        at: u64,
    ) -> io::Result<bool> {
        let Some(direct) = self.direct(file) else { return Ok(false) };
        let mut tail = self.tail.lock();
        if tail.end != at {
            tail.bytes.clear();
        }
        let mut from = at - tail.bytes.len() as u64;
        if !from.is_multiple_of(PAGE as u64) {
            return Ok(false);
        }
        let mut left = length(parts);
        let mut parts = Parts { parts, taken: 0 };
        let written = STEP.with_borrow_mut(|step| {
            while left > 0 {
                let begin = aligned(step);
                step.append(&mut tail.bytes);
                left -= parts.take(left.min(STEP_BYTES - (step.len() - begin)), step);
                let end = step.len();
                let whole = (end - begin) / PAGE * PAGE;
                tail.bytes.extend_from_slice(&step[begin + whole..]);
                step.resize(begin + (end - begin).next_multiple_of(PAGE), 0);
                direct.write_all_at(&step[begin..], from)?;
                from += whole as u64;
            }
            Ok(())
        });
        tail.end = from + tail.bytes.len() as u64;
        if written.is_err() {
            *tail = Tail::default();
        }
        match written {
            Ok(()) => Ok(true),
            Err(error) if is_refusal(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn direct(&self, file: &fs::File) -> Option<&fs::File> {
        self.file.get_or_init(|| open_direct(file)).as_ref()
    }
}

fn length(parts: &[IoSlice<'_>]) -> usize {
    parts.iter().map(|part| part.len()).sum()
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported)
}

#[cfg(target_os = "linux")]
fn open_direct(file: &fs::File) -> Option<fs::File> {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::OpenOptionsExt;

    // The name it was opened with may be that of another file by now.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let flags = rustix::fs::OFlags::DIRECT.bits() as i32;
    fs::OpenOptions::new().write(true).custom_flags(flags).open(path).ok()
}

#[cfg(not(target_os = "linux"))]
fn open_direct(_: &fs::File) -> Option<fs::File> {
    None
}

/// Empties `step` but for what it takes to reach the next page; a step has room behind that.
fn aligned(step: &mut Vec<u8>) -> usize {
    step.clear();
    step.reserve(STEP_BYTES + PAGE);
    let begin = step.as_ptr().align_offset(PAGE);
    step.resize(begin, 0);
    begin
}

// === impl Parts ===

impl Parts<'_> {
    /// Writes the next `count` bytes, which must be there, by way of `step`.
    fn write(
        &mut self,
        count: usize,
        file: &fs::File,
        at: u64,
        step: &mut Vec<u8>,
    ) -> io::Result<u64> {
        let begin = aligned(step);
        self.take(count, step);
        file.write_all_at(&step[begin..], at)?;
        Ok((step.len() - begin) as u64)
    }

    /// Appends the next `count` bytes to `out`; how many those were.
    fn take(&mut self, mut count: usize, out: &mut Vec<u8>) -> usize {
        let before = out.len();
        while count > 0
            && let Some(first) = self.parts.first()
        {
            let rest = &first[self.taken..];
            let bytes = &rest[..rest.len().min(count)];
            out.extend_from_slice(bytes);
            count -= bytes.len();
            self.taken += bytes.len();
            if self.taken == first.len() {
                (self.parts, self.taken) = (&self.parts[1..], 0);
            }
        }
        out.len() - before
    }
}
