//! The names of simulated files, and which of them are safe.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::Listed;

#[derive(Debug, Default)]
pub(super) struct Names {
    live: BTreeMap<PathBuf, u64>,
    safe: BTreeMap<PathBuf, u64>,
    dirs: BTreeSet<PathBuf>,
    /// What was done to `live` and not yet to `safe`, in this order.
    unsynced: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Link(PathBuf, u64),
    Unlink(PathBuf),
    /// A file, or a directory with all that is in it by then.
    Rename(PathBuf, PathBuf),
}

impl Names {
    pub(super) fn find(&self, path: &Path) -> Option<u64> {
        self.live.get(path).copied()
    }

    pub(super) fn is_dir(&self, path: &Path) -> bool {
        self.dirs.contains(path)
    }

    pub(super) fn paths(&self) -> Vec<PathBuf> {
        self.live.keys().cloned().collect()
    }

    /// All files that have a name.
    pub(super) fn files(&self) -> BTreeSet<u64> {
        self.live.values().copied().collect()
    }

    pub(super) fn link(&mut self, path: &Path, file: u64) -> io::Result<()> {
        if path.parent().is_some_and(|dir| !self.dirs.contains(dir)) {
            return Err(ErrorKind::NotFound.into());
        }
        self.live.insert(path.to_owned(), file);
        self.unsynced.push(Step::Link(path.to_owned(), file));
        Ok(())
    }

    pub(super) fn unlink(&mut self, path: &Path) -> io::Result<()> {
        self.live.remove(path).ok_or(ErrorKind::NotFound)?;
        self.unsynced.push(Step::Unlink(path.to_owned()));
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        if self.find(from).is_none() && !self.is_dir(from) {
            return Err(ErrorKind::NotFound.into());
        }
        if to.parent().is_some_and(|dir| !self.dirs.contains(dir)) {
            return Err(ErrorKind::NotFound.into());
        }
        if self.is_dir(from) && self.live.keys().any(|path| path.starts_with(to)) {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        self.move_dirs(from, to);
        rename(&mut self.live, from, to);
        self.unsynced.push(Step::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn move_dirs(&mut self, from: &Path, to: &Path) {
        let dirs = std::mem::take(&mut self.dirs);
        self.dirs = dirs.into_iter().map(|dir| moved_to(&dir, from, to)).collect();
    }

    pub(super) fn create_dir_all(&mut self, path: &Path) {
        self.dirs.extend(path.ancestors().map(Path::to_owned));
    }

    pub(super) fn remove_dir_all(&mut self, path: &Path) -> io::Result<()> {
        if !self.is_dir(path) {
            return Err(ErrorKind::NotFound.into());
        }
        let inside: Vec<PathBuf> =
            self.live.keys().filter(|file| file.starts_with(path)).cloned().collect();
        inside.iter().try_for_each(|file| self.unlink(file))?;
        self.dirs.retain(|dir| !dir.starts_with(path));
        Ok(())
    }

    pub(super) fn list(&self, path: &Path, len: impl Fn(u64) -> u64) -> io::Result<Vec<Listed>> {
        if !self.is_dir(path) {
            return Err(ErrorKind::NotFound.into());
        }
        let name = |inside: &Path| {
            let is_here = inside.parent() == Some(path);
            is_here.then(|| inside.file_name()?.to_str().map(str::to_owned)).flatten()
        };
        let files = self.live.iter().filter_map(|(inside, file)| {
            Some(Listed { name: name(inside)?, is_dir: false, len: len(*file) })
        });
        let dirs = self
            .dirs
            .iter()
            .filter_map(|inside| Some(Listed { name: name(inside)?, is_dir: true, len: 0 }));
        let mut found: Vec<Listed> = files.chain(dirs).collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// What was done in `dir` becomes safe; what was done elsewhere stays as it is.
    pub(super) fn sync(&mut self, dir: &Path) -> io::Result<()> {
        if !self.is_dir(dir) {
            return Err(ErrorKind::NotFound.into());
        }
        let steps = std::mem::take(&mut self.unsynced);
        for step in steps {
            if step.concerns(dir) {
                if let Step::Rename(from, to) = &step {
                    // What was done inside before goes along.
                    self.unsynced.iter_mut().for_each(|earlier| earlier.move_along(from, to));
                }
                step.apply(&mut self.safe);
            } else {
                self.unsynced.push(step);
            }
        }
        Ok(())
    }

    pub(super) fn cut(&mut self, random: &mut fastrand::Rng) {
        let kept = random.usize(..=self.unsynced.len());
        let undone = self.unsynced.split_off(kept);
        for step in self.unsynced.drain(..) {
            step.apply(&mut self.safe);
        }
        for step in undone.iter().rev() {
            if let Step::Rename(from, to) = step {
                self.move_dirs(to, from);
            }
        }
        self.live = self.safe.clone();
        let dirs: BTreeSet<PathBuf> = self
            .live
            .keys()
            .flat_map(|path| path.ancestors().skip(1))
            .map(Path::to_owned)
            .collect();
        self.dirs.extend(dirs);
    }
}

impl Step {
    fn concerns(&self, dir: &Path) -> bool {
        let is_in = |path: &Path| path.parent() == Some(dir);
        match self {
            Step::Link(path, _) | Step::Unlink(path) => is_in(path),
            Step::Rename(from, to) => is_in(from) || is_in(to),
        }
    }

    fn move_along(&mut self, from: &Path, to: &Path) {
        match self {
            Step::Link(path, _) | Step::Unlink(path) => *path = moved_to(path, from, to),
            Step::Rename(a, b) => {
                *a = moved_to(a, from, to);
                *b = moved_to(b, from, to);
            }
        }
    }

    fn apply(self, names: &mut BTreeMap<PathBuf, u64>) {
        match self {
            Step::Link(path, file) => {
                names.insert(path, file);
            }
            Step::Unlink(path) => {
                names.remove(&path);
            }
            Step::Rename(from, to) => rename(names, &from, &to),
        }
    }
}

fn rename(names: &mut BTreeMap<PathBuf, u64>, from: &Path, to: &Path) {
    let moved: Vec<PathBuf> = names.keys().filter(|path| path.starts_with(from)).cloned().collect();
    for path in moved {
        if let Some(file) = names.remove(&path) {
            names.insert(moved_to(&path, from, to), file);
        }
    }
}

fn moved_to(path: &Path, from: &Path, to: &Path) -> PathBuf {
    match path.strip_prefix(from) {
        Ok(rest) if rest.as_os_str().is_empty() => to.to_owned(),
        Ok(rest) => to.join(rest),
        Err(_) => path.to_owned(),
    }
}
