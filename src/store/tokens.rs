//! [`TokenDir`]: account JWTs as files, `<account>.jwt`, as nats-server and `nsc` lay them out.
//!
//! Every call blocks.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// See the module's text.
#[derive(Debug, Clone)]
pub struct TokenDir {
    dir: PathBuf,
}

const SUFFIX: &str = "jwt";
const DELETED: &str = "jwt.deleted";

// === impl TokenDir ===

impl TokenDir {
    /// Opens the directory, which is made where it is not there.
    pub fn open(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// Every account with its token, in no order. Files that can't be read are left out.
    pub fn all(&self) -> io::Result<Vec<(String, String)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if let Some(name) = name_of(&path)
                && let Ok(token) = fs::read_to_string(&path)
            {
                found.push((name, token.trim().to_owned()));
            }
        }
        Ok(found)
    }

    /// Every account, from the one whose token was put there first.
    pub fn by_age(&self) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            if let Some(name) = name_of(&entry.path()) {
                found.push((entry.metadata()?.modified()?, name));
            }
        }
        found.sort();
        Ok(found.into_iter().map(|(_, name)| name).collect())
    }

    /// The token of an account, if there is one.
    pub fn load(&self, account: &str) -> io::Result<Option<String>> {
        match fs::read_to_string(self.path(account, SUFFIX)?) {
            Ok(token) => Ok(Some(token.trim().to_owned())),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(why) => Err(why),
        }
    }

    /// Puts a token in place of the one that was there; after a crash it is one or the other.
    pub fn save(&self, account: &str, token: &str) -> io::Result<()> {
        let (path, fresh) = (self.path(account, SUFFIX)?, self.path(account, "jwt.new")?);
        let mut file = File::create(&fresh)?;
        file.write_all(token.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, &path)?;
        File::open(&self.dir)?.sync_all()
    }

    /// Removes a token: for good, or by giving the file another name. False: there was none.
    pub fn remove(&self, account: &str, for_good: bool) -> io::Result<bool> {
        let path = self.path(account, SUFFIX)?;
        let done = match for_good {
            true => fs::remove_file(&path),
            false => fs::rename(&path, self.path(account, DELETED)?),
        };
        match done {
            Ok(()) => Ok(true),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(why) => Err(why),
        }
    }

    fn path(&self, account: &str, suffix: &str) -> io::Result<PathBuf> {
        match is_name(account) {
            true => Ok(self.dir.join(format!("{account}.{suffix}"))),
            false => Err(io::Error::new(io::ErrorKind::InvalidInput, "no name of an account")),
        }
    }
}

/// The account whose token a file has.
fn name_of(path: &Path) -> Option<String> {
    let name = path.file_stem()?.to_str()?;
    let is_token = path.extension()? == SUFFIX && is_name(name);
    is_token.then(|| name.to_owned())
}

/// Names of accounts are keys: nothing that could lead out of the directory.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let tokens = TokenDir::open(&dir.path().join("jwt")).unwrap();
        assert_eq!(tokens.load("A").unwrap(), None);
        tokens.save("A", "one").unwrap();
        tokens.save("A", "two").unwrap();
        tokens.save("B", "three").unwrap();
        assert_eq!(tokens.load("A").unwrap().as_deref(), Some("two"));
        let mut all = tokens.all().unwrap();
        all.sort();
        assert_eq!(all, [("A".into(), "two".into()), ("B".into(), "three".into())]);
        let touched = File::open(dir.path().join("jwt/A.jwt")).unwrap();
        touched
            .set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(9))
            .unwrap();
        assert_eq!(tokens.by_age().unwrap(), ["B", "A"]);
        assert!(tokens.remove("A", false).unwrap() && !tokens.remove("A", true).unwrap());
        assert!(dir.path().join("jwt/A.jwt.deleted").exists());
        assert!(tokens.remove("B", true).unwrap() && tokens.all().unwrap().is_empty());
        for name in ["", "..", "a/b", "a.b"] {
            assert!(tokens.save(name, "x").is_err() && tokens.load(name).is_err(), "{name}");
        }
    }
}
