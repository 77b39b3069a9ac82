//! `Stream`: one stream: order, append, acknowledge, read.
//!
//! in:   [`messages`]: publishes through a feed, requests of the API, progress of its consumers
//! out:  acknowledgements and answers, straight to who asked; its consumers; news to its parent
//! dies: when it panics. Its successor finds in the store what was committed; what was not, nobody
//!       was told of.

mod answers;
mod bell;
mod block;
mod counter;
mod dedupe;
mod fast;
mod marks;
pub mod messages;
mod ranges;
mod retention;
mod rules;
mod schedules;

use std::sync::Arc;

use vagus_runtime::Recipient;
use vagus_store::GroupId;

use self::messages::News;
use crate::jetstream::JetStream;

/// What each incarnation of a stream begins with.
#[derive(Clone)]
pub struct Seed {
    pub js: Arc<JetStream>,
    /// Where the store has it.
    pub group: GroupId,
    pub name: String,
    pub news: Recipient<News>,
}
