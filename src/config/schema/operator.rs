//! Where account JWTs come from.

use super::Shape::*;
use super::{Block, Key, key};

pub(super) static RESOLVER: Block = Block::new("resolver", RESOLVER_KEYS);

#[rustfmt::skip]
static RESOLVER_KEYS: &[Key] = &[
    key("type", Text, "", "Kind of resolver: full, cache or memory.").reloads(),
    key("dir", Path, "", "Directory of the JWTs.").reloads(),
    key("allow_delete", Bool, "false", "Let JWTs be deleted by request.").reloads(),
    key("hard_delete", Bool, "false", "Delete files rather than rename them.").reloads(),
    key("limit", Int, "0", "Number of JWTs kept; 0 for no limit.").reloads(),
    key("ttl", DurationText, "", "How long a cached JWT is kept.").reloads(),
    key("interval", DurationText, "1m", "Time between exchanges with the other servers.").reloads(),
    key("timeout", DurationText, "2s", "Time a look-up may take.").reloads(),
];
