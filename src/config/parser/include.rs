//! `include path`: the keys of another file, merged into the map where the line stands.

use std::path::{Component, Path, PathBuf};

use super::{Parser, not_opened};
use crate::diagnostic::{Diagnostic, Position};

impl Parser<'_> {
    pub(super) fn include(&mut self, at: &Position) -> Result<(), Diagnostic> {
        let written = self.lexer.include_path()?;
        let Some(dir) = self.dir.clone().filter(|_| self.shared.includes_allowed) else {
            return Err(Diagnostic::error(at, "include is not possible here"));
        };
        self.descend(at)?;
        let path = join(&dir, &written);
        let failed = |why: &dyn std::fmt::Display| {
            Diagnostic::error(at, format!("error parsing include file '{written}', {why}"))
        };
        let text = std::fs::read(&path).map_err(|error| failed(&not_opened(&path, &error)))?;
        let identity = path.canonicalize().unwrap_or_else(|_| path.clone());
        if self.shared.including.borrow().contains(&identity) {
            return Err(failed(&"it is being included already"));
        }
        self.shared.files.borrow_mut().push(path.clone());
        self.shared.including.borrow_mut().push(identity);
        let name = path.display().to_string();
        let root = Parser::new(&text, &name, path.parent(), self.shared, self.depth).root();
        self.shared.including.borrow_mut().pop();
        for (key, node) in root? {
            self.set(key, node);
        }
        self.depth -= 1;
        Ok(())
    }
}

/// Joins and tidies. A path with a leading slash is below the directory too, as in nats-server.
fn join(dir: &Path, written: &str) -> PathBuf {
    let mut path = PathBuf::new();
    for part in dir.components().chain(Path::new(written.trim_start_matches('/')).components()) {
        match part {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(path.components().next_back(), Some(Component::Normal(_))) =>
            {
                path.pop();
            }
            other => path.push(other),
        }
    }
    path
}
