//! Keys of this server alone, and the proxies block.

use super::Shape::*;
use super::{Block, Key, key};

pub(super) static VAGUS: Block = Block::new("vagus", VAGUS_KEYS);

#[rustfmt::skip]
static VAGUS_KEYS: &[Key] = &[
    key("arbiters", Int, "", "Threads that run actors; one a core when unset."),
    key("shards", Int, "", "Slices of the subject space; as many as arbiters when unset."),
    key("log_format", Text, "text", "Form of log lines: text or json."),
];

pub(super) static PROXIES: Block = Block::new("proxies", PROXIES_KEYS);

#[rustfmt::skip]
static PROXIES_KEYS: &[Key] = &[
    key("trusted", Blocks(&PROXY), "",
        "Proxies whose signatures are accepted.").reloads(),
];

static PROXY: Block = Block::new("proxies.trusted", PROXY_KEYS);

#[rustfmt::skip]
static PROXY_KEYS: &[Key] =
    &[key("key", Text, "", "Public key of the proxy.").or(&["public_key"]).reloads()];
