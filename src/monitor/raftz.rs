//! `/raftz`: raft groups, of which this server has none.

use super::reply::{Refusal, Reply};

pub(super) fn page() -> Result<Reply, Refusal> {
    Err(Refusal::absent("No Raft nodes registered"))
}
