//! Large writes go past the page cache: what is written here is seldom read soon, and copying it
//! there, page by page, costs ten times the processor that the disk itself does.
//!
//! Only whole pages may be written that way. What lies before the first whole page of a write and
//! behind the last one takes the usual way; the system keeps the two in step, and a sync of the
//! file covers both.

use std::cell::RefCell;
use std::fs;
use std::io::{self, ErrorKind, IoSlice};
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

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

/// The second way into a file, opened when it is first needed; none where the file system has none.
#[derive(Debug, Default)]
pub(super) struct Bulk(OnceLock<Option<fs::File>>);

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
        let total: usize = parts.iter().map(|part| part.len()).sum();
        let before = (at.next_multiple_of(PAGE as u64) - at) as usize;
        let whole = total.saturating_sub(before) / PAGE * PAGE;
        if whole < BULK_BYTES {
            return Ok(false);
        }
        let Some(direct) = self.0.get_or_init(|| open_direct(file)) else { return Ok(false) };
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

// === impl Parts ===

impl Parts<'_> {
    /// Writes the next `count` bytes, which must be there, by way of `step`.
    fn write(
        &mut self,
        mut count: usize,
        file: &fs::File,
        at: u64,
        step: &mut Vec<u8>,
    ) -> io::Result<u64> {
        step.clear();
        step.reserve(STEP_BYTES + PAGE);
        let begin = step.as_ptr().align_offset(PAGE);
        step.resize(begin, 0);
        while count > 0
            && let Some(first) = self.parts.first()
        {
            let rest = &first[self.taken..];
            let bytes = &rest[..rest.len().min(count)];
            step.extend_from_slice(bytes);
            count -= bytes.len();
            self.taken += bytes.len();
            if self.taken == first.len() {
                (self.parts, self.taken) = (&self.parts[1..], 0);
            }
        }
        file.write_all_at(&step[begin..], at)?;
        Ok((step.len() - begin) as u64)
    }
}
