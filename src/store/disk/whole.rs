//! Files that are read and written whole.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};

use super::{Access, Disk};

/// The whole content of a file.
pub fn read_file(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    let file = disk.open(path, Access::Read)?;
    let mut bytes = vec![0; usize::try_from(file.len()?).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// Gives a file new content, all or nothing: written aside, synced, renamed, and the directory
/// synced. The directory must exist.
pub fn replace_file(disk: &dyn Disk, path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".new");
    let aside = PathBuf::from(aside);
    let file = disk.open(&aside, Access::Truncate)?;
    let slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
    file.write_all_at(&slices, 0)?;
    file.sync_data()?;
    disk.rename(&aside, path)?;
    match path.parent() {
        Some(dir) => disk.sync_dir(dir),
        None => Ok(()),
    }
}
