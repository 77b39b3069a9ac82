//! [`Known`]: what authorities have said lately.

use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use vagus_tls::{Answer, Status};

use crate::broker::OcspTally;

/// See the module's text. By the digest of the certificate.
#[derive(Default)]
pub(super) struct Known(HashMap<String, Answer>);

/// Certificates that are remembered, of about 2 KiB each.
const KNOWN_MAX: usize = 10_000;

impl Known {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, digest: &str) -> Option<&Answer> {
        self.0.get(digest)
    }

    /// Whether the last answer was that it is revoked, even if it does not count any more.
    pub(super) fn is_revoked(&self, digest: &str) -> bool {
        self.get(digest).is_some_and(|answer| answer.status == Status::Revoked)
    }

    /// Remembers an answer; where that is one too many, the one is forgotten that ends first.
    pub(super) fn put(&mut self, digest: &str, answer: Answer) {
        if self.len() >= KNOWN_MAX && !self.0.contains_key(digest) {
            let end = |answer: &Answer| answer.end(Duration::ZERO);
            let first = self.0.iter().min_by_key(|(_, answer)| end(answer));
            if let Some(first) = first.map(|(digest, _)| digest.clone()) {
                self.0.remove(&first);
            }
        }
        self.0.insert(digest.to_owned(), answer);
    }

    pub(super) fn forget(&mut self, digest: &str) {
        self.0.remove(digest);
    }

    pub(super) fn forget_unless_revoked(&mut self, digest: &str) {
        if !self.is_revoked(digest) {
            self.forget(digest);
        }
    }

    /// For monitoring.
    pub(super) fn count(&self, tally: &OcspTally) {
        let of = |status| self.0.values().filter(|answer| answer.status == status).count() as u64;
        tally.good.store(of(Status::Good), Relaxed);
        tally.revoked.store(of(Status::Revoked), Relaxed);
        tally.unknown.store(of(Status::Unknown), Relaxed);
    }
}
