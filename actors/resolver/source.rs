//! [`Source`]: where the claims of accounts come from, and where they are kept.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use vagus_store::TokenDir;

/// See the module's text.
#[derive(Clone)]
pub enum Source {
    /// The configuration, and what is sent while the server runs.
    Memory,
    /// Another server, asked for one account at a time.
    Remote(Arc<dyn Remote>),
    /// Files, which are kept up to date.
    Files(Files),
}

/// A directory, and what may be done to it.
#[derive(Clone)]
pub struct Files {
    pub dir: TokenDir,
    /// Every account is meant to be there; otherwise those that are in use.
    pub full: bool,
    pub allow_delete: bool,
    pub hard_delete: bool,
    /// Most accounts; `None`: any number.
    pub limit: Option<usize>,
    /// How long claims count that were not sent again; `None`: for ever.
    pub ttl: Option<Duration>,
    /// Time that other servers may take to answer.
    pub timeout: Duration,
    /// Time between exchanges with other servers, where every account is there.
    pub interval: Duration,
}

/// The future of a token, or of why there is none.
pub type Token = Pin<Box<dyn Future<Output = Result<String, String>> + Send>>;

/// A server that has tokens.
pub trait Remote: Send + Sync {
    fn fetch(&self, account: &str) -> Token;
}

/// How answers to new claims are worded.
#[derive(Clone, Copy)]
pub(super) struct Words {
    pub(super) done: &'static str,
    pub(super) update: &'static str,
    pub(super) invalid: &'static str,
}

// === impl Source ===

impl Source {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Source::Memory => "memory",
            Source::Remote(_) => "URL",
            Source::Files(files) if files.full => "full",
            Source::Files(_) => "cache",
        }
    }

    pub(super) fn words(&self) -> Words {
        let (done, update, invalid) = match self.files() {
            Some(files) if !files.full => {
                ("jwt updated cache", "jwt update cache", "jwt update cache validation failed")
            }
            _ => ("jwt updated", "jwt update", "jwt validation failed"),
        };
        Words { done, update, invalid }
    }

    pub(super) fn files(&self) -> Option<&Files> {
        match self {
            Source::Files(files) => Some(files),
            Source::Memory | Source::Remote(_) => None,
        }
    }
}
