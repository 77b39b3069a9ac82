//! Metadata that only the server writes: `_nats.ver`, `_nats.level`, `_nats.req.level`.

use std::collections::BTreeMap;

use crate::api::LEVEL;

/// The version of NATS whose behaviour this is.
pub const VERSION: &str = "2.14.5";

const SERVER_VERSION: &str = "_nats.ver";
const SERVER_LEVEL: &str = "_nats.level";
const REQUIRED_LEVEL: &str = "_nats.req.level";

pub(crate) fn set_required_level(metadata: &mut BTreeMap<String, String>, level: u64) {
    metadata.insert(REQUIRED_LEVEL.to_owned(), level.to_string());
}

/// The level an asset was stored with.
#[must_use]
pub fn required_level(metadata: &BTreeMap<String, String>) -> u64 {
    metadata.get(REQUIRED_LEVEL).and_then(|level| level.parse().ok()).unwrap_or(0)
}

pub(crate) fn strip(metadata: &mut BTreeMap<String, String>) {
    for key in [SERVER_VERSION, SERVER_LEVEL, REQUIRED_LEVEL] {
        metadata.remove(key);
    }
}

pub(crate) fn add_server(metadata: &mut BTreeMap<String, String>) {
    metadata.insert(SERVER_VERSION.to_owned(), VERSION.to_owned());
    metadata.insert(SERVER_LEVEL.to_owned(), LEVEL.to_string());
}
