//! What this server says of itself to whoever is at the other end.

use ring::rand::{SecureRandom, SystemRandom};
use vagus_auth::{NONCE_BYTES, nonce};
use vagus_wire::leaf::LeafInfo;

use super::LeafSettings;
use crate::broker::Broker;

/// To one who has connected.
pub(super) fn info(broker: &Broker, settings: &LeafSettings, cid: u64) -> LeafInfo {
    let mut info = settings.info.clone();
    info.client_id = cid;
    info.nonce = random_nonce();
    if let Some((name, _)) = broker.cluster.seen() {
        info.cluster = name;
    }
    info.leafnode_urls.extend(broker.cluster.other_leaf_urls());
    info
}

/// Empty where the system has no randomness to give: then no signature is accepted.
fn random_nonce() -> String {
    let mut bytes = [0; NONCE_BYTES];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => nonce(bytes),
        Err(_) => String::new(),
    }
}
