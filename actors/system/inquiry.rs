//! [`Inquiry`]: a request to the system, and where its answer goes.

use std::sync::Arc;

use serde::Deserialize;

use crate::delivery::bridge::ORIGIN_HEADER;
use crate::delivery::encoding::Encoding;
use crate::jetstream::Caller;
use crate::realm::Realm;

/// See the module's text.
#[derive(Clone)]
pub(super) struct Inquiry {
    /// Of the account in which it was asked.
    pub realm: Arc<Realm>,
    caller: Caller,
}

/// Who asks, as far as the server itself has noted it.
#[derive(Debug, Deserialize)]
pub(super) struct Origin {
    /// The number of the connection.
    pub id: Option<u64>,
    /// The account.
    pub acc: String,
}

// === impl Inquiry ===

impl Inquiry {
    /// `None` where nobody waits for an answer.
    pub(super) fn new(realm: Arc<Realm>, caller: Caller) -> Option<Self> {
        caller.reply()?;
        Some(Self { realm, caller })
    }

    /// Subjects that are not text are none that the system hears.
    pub(super) fn subject(&self) -> &str {
        std::str::from_utf8(self.caller.subject()).unwrap_or_default()
    }

    pub(super) fn reply(&self) -> &[u8] {
        self.caller.reply().unwrap_or_default()
    }

    pub(super) fn body(&self) -> &[u8] {
        self.caller.body()
    }

    pub(super) fn encoding(&self) -> Encoding {
        Encoding::wanted(self.caller.headers())
    }

    /// The first header of the name counts, which is the server's own.
    pub(super) fn origin(&self) -> Option<Origin> {
        let text = vagus_wire::headers::get(self.caller.headers(), ORIGIN_HEADER)?;
        serde_json::from_slice(text).ok()
    }
}
