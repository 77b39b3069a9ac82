//! The file system as the store sees it, so that tests can own it.
//!
//! What is written is safe after [`File::sync_data`]; that a file exists, or has a new name, is
//! safe after [`Disk::sync_dir`] of the directory that holds its name. Nothing else is promised by
//! either implementation, and the simulated one takes back everything that was not promised.

use std::any::Any;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

mod bulk;
mod faulty;
mod real;
#[cfg(test)]
mod tests;
mod whole;

pub use faulty::{Faults, FaultyDisk};
pub use real::RealDisk;
pub use whole::{read_file, replace_file};

/// How [`Disk::open`] opens a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// For reading; it must exist.
    Read,
    /// For reading and writing; it must exist.
    Write,
    /// For reading and writing; it is made if it does not exist.
    Create,
    /// For reading and writing; whatever was there is emptied.
    Truncate,
}

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub name: String,
    pub is_dir: bool,
    /// In bytes; 0 for a directory.
    pub len: u64,
}

/// A file system. Every call blocks.
pub trait Disk: Send + Sync + 'static {
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn File>>;
    /// With all directories above it. What was made is safe after this.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Makes names made, changed and removed in `path` so far safe.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Replaces what has the name `to`. Safe once the directories of both names are synced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// A directory with everything in it.
    fn remove_dir_all(&self, path: &Path) -> io::Result<()>;
    /// By name. A directory that isn't there is an error of kind `NotFound`.
    fn list(&self, path: &Path) -> io::Result<Vec<Listed>>;
    fn exists(&self, path: &Path) -> bool;
    /// Takes a file for oneself, as long as what is returned lives. `WouldBlock`: another has it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send + Sync>>;
    /// Bytes that can still be written.
    fn free_space(&self, path: &Path) -> io::Result<u64>;
}

/// An open file. Positional, so that it can be shared.
pub trait File: Send + Sync {
    /// How many bytes were read; 0 at the end of the file.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;
    /// All of `parts`, one behind the other. After an error any of it may have been written.
    fn write_all_at(&self, parts: &[IoSlice<'_>], at: u64) -> io::Result<()>;
    /// The same for a file that is written from front to back: what lies behind, up to the next
    /// multiple of 4 KiB, may become zeros.
    fn append_at(&self, parts: &[IoSlice<'_>], at: u64) -> io::Result<()> {
        self.write_all_at(parts, at)
    }
    /// Content and length. After an error what was not safe before may never be: don't try again.
    fn sync_data(&self) -> io::Result<()>;
    fn len(&self) -> io::Result<u64>;
    /// Sets the length, with space for all of it. New space reads as zeros.
    fn preallocate(&self, len: u64) -> io::Result<()>;

    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Fills `buffer`, or fails with `UnexpectedEof`.
    fn read_exact_at(&self, mut buffer: &mut [u8], mut at: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            match self.read_at(buffer, at)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => {
                    buffer = &mut buffer[n..];
                    at += n as u64;
                }
            }
        }
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.write_all_at(&[IoSlice::new(bytes)], at)
    }
}
