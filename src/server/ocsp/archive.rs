//! Answers about clients' certificates: files, and responders.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use vagus_actors::ocsp::{self, Kept, Told};
use vagus_config::OcspCache;
use vagus_tls::Subject;

use super::{fetch, keep};

/// See the module's text.
pub(in crate::server) struct Archive {
    /// `None`: nothing is kept.
    dir: Option<PathBuf>,
    preserve_revoked: bool,
}

impl Archive {
    pub(in crate::server) fn new(cache: &OcspCache) -> Arc<Self> {
        let dir = (!cache.none).then(|| cache.local_store.clone());
        Arc::new(Self { dir, preserve_revoked: cache.preserve_revoked })
    }

    fn file(&self, digest: &str) -> Option<PathBuf> {
        self.dir.as_ref().map(|dir| dir.join(format!("{digest}.der")))
    }
}

impl ocsp::Archive for Archive {
    fn keeps(&self) -> bool {
        self.dir.is_some()
    }

    fn keeps_revoked(&self) -> bool {
        self.preserve_revoked
    }

    fn kept(&self, digest: &str) -> Kept {
        let path = self.file(digest);
        Box::pin(async move {
            let path = path?;
            tokio::task::spawn_blocking(move || std::fs::read(path).ok()).await.ok()?
        })
    }

    fn keep(&self, digest: &str, answer: Vec<u8>) {
        if let Some(path) = self.file(digest) {
            tokio::task::spawn_blocking(move || keep(&path, &answer));
        }
    }

    fn forget(&self, digest: &str) {
        if let Some(path) = self.file(digest) {
            // It may be gone already.
            tokio::task::spawn_blocking(move || std::fs::remove_file(path).ok());
        }
    }

    fn ask(&self, subject: &Subject, within: Duration) -> Told {
        let (urls, question) = (subject.responders.clone(), subject.request());
        Box::pin(async move {
            let question = question.map_err(|why| why.to_string())?;
            let mut last = "no available OCSP servers".to_owned();
            for url in urls {
                match fetch::post(&url, question.clone(), within).await {
                    Ok(answer) => return Ok(answer),
                    Err(why) => last = format!("exhausted OCSP responders: {why}"),
                }
            }
            Err(last)
        })
    }
}
