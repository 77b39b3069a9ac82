//! The disk of this machine.

use std::any::Any;
use std::fs;
use std::io::{self, ErrorKind, IoSlice};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FallocateFlags, FlockOperation, fallocate, flock, statvfs};
use rustix::io::{Errno, pwritev};

use super::bulk::Bulk;
use super::{Access, Disk, File, Listed};

/// How many parts the system takes in one call.
const PARTS_MAX: usize = 1024;

/// The file system of this machine.
#[derive(Debug, Default, Clone, Copy)]
pub struct RealDisk;

struct RealFile {
    file: fs::File,
    bulk: Bulk,
}

// === impl RealDisk ===

impl Disk for RealDisk {
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn File>> {
        let write = access != Access::Read;
        let create = matches!(access, Access::Create | Access::Truncate);
        let file = fs::OpenOptions::new()
            .read(true)
            .write(write)
            .create(create)
            .truncate(access == Access::Truncate)
            .open(path)?;
        Ok(Arc::new(RealFile { file, bulk: Bulk::default() }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut missing = Vec::new();
        let mut next = Some(path);
        while let Some(dir) = next {
            if dir.as_os_str().is_empty() || dir.is_dir() {
                break;
            }
            missing.push(dir);
            next = dir.parent();
        }
        fs::create_dir_all(path)?;
        for dir in missing.into_iter().rev() {
            match dir.parent() {
                Some(parent) if parent.as_os_str().is_empty() => self.sync_dir(Path::new("."))?,
                Some(parent) => self.sync_dir(parent)?,
                None => {}
            }
        }
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        fs::File::open(path)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Listed>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            // A name that is no text is none of ours.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let meta = match entry.metadata() {
                Ok(meta) => meta,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let len = if meta.is_dir() { 0 } else { meta.len() };
            found.push(Listed { name, is_dir: meta.is_dir(), len });
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send + Sync>> {
        let file = fs::OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Box::new(file))
    }

    fn free_space(&self, path: &Path) -> io::Result<u64> {
        let found = statvfs(path)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }
}

// === impl RealFile ===

impl File for RealFile {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        loop {
            match self.file.read_at(buffer, at) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    fn write_all_at(&self, parts: &[IoSlice<'_>], mut at: u64) -> io::Result<()> {
        if self.bulk.write(&self.file, parts, at)? {
            return Ok(());
        }
        let mut next = 0;
        // Bytes of `parts[next]` that are written already.
        let mut skip = 0;
        while next < parts.len() {
            if skip >= parts[next].len() {
                next += 1;
                skip = 0;
                continue;
            }
            let written = if skip > 0 {
                self.file.write_at(&parts[next][skip..], at)
            } else {
                let end = parts.len().min(next + PARTS_MAX);
                pwritev(&self.file, &parts[next..end], at).map_err(io::Error::from)
            };
            let mut n = match written {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            at += n as u64;
            while n > 0 {
                let rest = parts[next].len() - skip;
                if n < rest {
                    skip += n;
                    break;
                }
                n -= rest;
                next += 1;
                skip = 0;
            }
        }
        Ok(())
    }

    fn append_at(&self, parts: &[IoSlice<'_>], at: u64) -> io::Result<()> {
        if self.bulk.append(&self.file, parts, at)? {
            return Ok(());
        }
        self.write_all_at(parts, at)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn preallocate(&self, len: u64) -> io::Result<()> {
        if len < self.len()? {
            return self.file.set_len(len);
        }
        if len == 0 {
            return Ok(());
        }
        loop {
            match fallocate(&self.file, FallocateFlags::empty(), 0, len) {
                Ok(()) => return Ok(()),
                Err(Errno::INTR) => {}
                // Not every file system can: then the space is claimed as it is written.
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => return self.file.set_len(len),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
