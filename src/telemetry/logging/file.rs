//! A log file that starts afresh when it has grown too large.
//!
//! The full file is renamed to `<file>.YYYY.MM.DD.HH.MM.SS.nnnnnnnnn`, so backups sort by age, and
//! the oldest are deleted when there are more than allowed. If the rename fails, the log goes on in
//! the old file and tries again after another limit's worth of lines: a log must not stop.

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{
    LogError,
    line::{Label, Stamp},
};

pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    /// Bytes in the file.
    size: u64,
    /// Size beyond which to rotate; 0 = never.
    limit: u64,
    /// The same, raised after a rotation that failed.
    rotate_above: u64,
    /// Files kept, the current one included; 0 = all.
    files_max: usize,
}

impl LogFile {
    pub(super) fn open(path: &Path, limit: u64, files_max: usize) -> Result<Self, LogError> {
        let (file, size) = open_append(path).map_err(|e| LogError::open(path, e))?;
        Ok(Self { path: path.to_owned(), file, size, limit, rotate_above: limit, files_max })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn set_limits(&mut self, limit: u64, files_max: usize) {
        self.limit = limit;
        self.rotate_above = limit;
        self.files_max = files_max;
    }

    pub(super) fn reopen(&mut self) -> Result<(), LogError> {
        let (file, size) = open_append(&self.path).map_err(|e| LogError::open(&self.path, e))?;
        self.file = file;
        self.size = size;
        self.rotate_above = self.limit;
        Ok(())
    }

    /// Writes one line, then rotates if the file is too large now.
    pub(super) fn write(&mut self, line: &[u8], stamp: &Stamp<'_>) -> io::Result<()> {
        self.append(line)?;
        if self.limit > 0 && self.size > self.rotate_above {
            match self.rotate(stamp) {
                Ok(backup) => {
                    let said = format!("Rotated log, backup saved as \"{}\"", backup.display());
                    self.append(stamp.notice(&said, Label::Info).as_bytes())?;
                    self.purge_and_tell(stamp)?;
                }
                Err(error) => {
                    self.rotate_above = self.size.saturating_add(self.limit);
                    let said = format!("unable to rotate the log file, will try again: {error}");
                    self.append(stamp.notice(&said, Label::Error).as_bytes())?;
                }
            }
        }
        Ok(())
    }

    fn purge_and_tell(&mut self, stamp: &Stamp<'_>) -> io::Result<()> {
        if self.files_max > 0
            && let Err(error) = self.purge()
        {
            let said = format!("unable to delete old log files: {error}");
            self.append(stamp.notice(&said, Label::Error).as_bytes())?;
        }
        Ok(())
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        self.file.write_all(line)?;
        self.size += line.len() as u64;
        Ok(())
    }

    fn rotate(&mut self, stamp: &Stamp<'_>) -> io::Result<PathBuf> {
        let mut backup = self.path.clone().into_os_string();
        backup.push(".");
        backup.push(stamp.backup_suffix());
        let backup = PathBuf::from(backup);
        fs::rename(&self.path, &backup)?;
        let (file, size) = open_append(&self.path)?;
        self.file = file;
        self.size = size;
        self.rotate_above = self.limit;
        Ok(backup)
    }

    /// Deletes the oldest backups until `files_max - 1` are left.
    fn purge(&self) -> io::Result<()> {
        let (Some(dir), Some(name)) = (self.path.parent(), self.path.file_name()) else {
            return Ok(());
        };
        let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
        let mut backups = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if is_backup(&entry.file_name(), name) {
                backups.push(entry.path());
            }
        }
        backups.sort_unstable();
        let excess = backups.len().saturating_sub(self.files_max - 1);
        for old in &backups[..excess] {
            fs::remove_file(old)?;
        }
        Ok(())
    }
}

/// Whether `candidate` is `name` with a time behind it, and not somebody else's `name.gz`.
fn is_backup(candidate: &OsStr, name: &OsStr) -> bool {
    let (Some(candidate), Some(name)) = (candidate.to_str(), name.to_str()) else {
        return false;
    };
    let Some(suffix) = candidate.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')) else {
        return false;
    };
    let lengths = suffix.split('.').map(str::len);
    lengths.eq([4, 2, 2, 2, 2, 2, 9]) && suffix.bytes().all(|b| b == b'.' || b.is_ascii_digit())
}

fn open_append(path: &Path) -> io::Result<(File, u64)> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
    let file = options.open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}
