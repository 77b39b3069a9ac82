//! Where everything lies under the store directory.
//!
//! ```text
//! jetstream/keys, keys.copy                 wrapped keys, if encrypted
//! jetstream/lock                            who uses it
//! jetstream/wal/wal-<n>                     the write-ahead log
//! jetstream/meta/state-{a,b}                what groups there are
//! jetstream/<account>/streams/<stream>/     a group: state-{a,b} and the segments of its log
//! jetstream/trash/<id>/                     a deleted group, until its files are gone
//! jetstream/quarantine/<n>.<account>.<stream>/    what belongs to no group
//! ```

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::disk::Disk;
use crate::group::GroupId;

const RESERVED: [&str; 4] = ["wal", "meta", "trash", "quarantine"];
/// Of an account or a stream, as the name of a directory.
const NAME_BYTES_MAX: usize = 200;
const KEPT_BYTES: usize = 120;

#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) root: PathBuf,
}

impl Layout {
    pub(crate) fn new(store_dir: &Path) -> Layout {
        Layout { root: store_dir.join("jetstream") }
    }

    pub(crate) fn wal(&self) -> PathBuf {
        self.root.join("wal")
    }

    pub(crate) fn meta(&self) -> PathBuf {
        self.root.join("meta")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    pub(crate) fn group(&self, account: &str, name: &str) -> PathBuf {
        self.root.join(file_name(account)).join("streams").join(file_name(name))
    }

    pub(crate) fn trash_dir(&self) -> PathBuf {
        self.root.join("trash")
    }

    pub(crate) fn trash(&self, id: GroupId) -> PathBuf {
        self.trash_dir().join(id.0.to_string())
    }

    /// The directories that look like groups: account, stream, path.
    pub(crate) fn groups(&self, disk: &dyn Disk) -> io::Result<Vec<(String, String, PathBuf)>> {
        let mut found = Vec::new();
        for account in disk.list(&self.root)? {
            if !account.is_dir || RESERVED.contains(&account.name.as_str()) {
                continue;
            }
            let streams = self.root.join(&account.name).join("streams");
            let listed = match disk.list(&streams) {
                Ok(listed) => listed,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            for stream in listed.into_iter().filter(|listed| listed.is_dir) {
                let path = streams.join(&stream.name);
                found.push((account.name.clone(), stream.name, path));
            }
        }
        Ok(found)
    }

    /// Moves a directory that belongs to no group aside; returns where it is now.
    pub(crate) fn quarantine(
        &self,
        disk: &dyn Disk,
        account: &str,
        stream: &str,
        path: &Path,
    ) -> io::Result<PathBuf> {
        let aside = self.root.join("quarantine");
        disk.create_dir_all(&aside)?;
        let to = (1_u64..)
            .map(|n| aside.join(format!("{n}.{account}.{stream}")))
            .find(|to| !disk.exists(to))
            .ok_or(ErrorKind::AlreadyExists)?;
        move_dir(disk, path, &to)?;
        Ok(to)
    }
}

/// Renames a directory, safely.
pub(crate) fn move_dir(disk: &dyn Disk, from: &Path, to: &Path) -> io::Result<()> {
    disk.rename(from, to)?;
    for dir in [to.parent(), from.parent()].into_iter().flatten() {
        disk.sync_dir(dir)?;
    }
    Ok(())
}

/// A name for a directory, different for each text.
fn file_name(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for (n, byte) in text.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || b"_-$=".contains(&byte);
        if plain && !(n == 0 && RESERVED.contains(&text)) {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    if name.len() > NAME_BYTES_MAX {
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        name.truncate(KEPT_BYTES);
        // No other name has this sign in it.
        name.push('~');
        digest.as_ref().iter().take(16).for_each(|byte| name.push_str(&format!("{byte:02x}")));
    }
    if name.is_empty() { "%".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_directories_are_safe_and_different() {
        assert_eq!(file_name("$G"), "$G");
        assert_eq!(file_name("ORDERS_1-x"), "ORDERS_1-x");
        assert_eq!(file_name("../a b"), "%2E%2E%2Fa%20b");
        assert_eq!(file_name("meta"), "%6Deta");
        assert_eq!(file_name(""), "%");
        let long = [&"x".repeat(300), &"x".repeat(301)].map(|text| file_name(text));
        assert!(long[0] != long[1] && long.iter().all(|name| name.len() <= NAME_BYTES_MAX));
    }
}
