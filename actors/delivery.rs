//! How a message reaches those who want it: the machinery under the publishing connection.
//!
//! Nothing here has a mailbox. A publisher's own thread finds the targets of a message
//! ([`interest`], read through the arbiter's [`cache`]), gathers what each of them is to get while
//! it works through one read ([`batch`]), and at the end of that read hands every target its bytes
//! at once: a connection through its [`outbound`] handle, an actor through its [`feed`], another
//! server through its [`lane`]. Actors of the server publish the same way, through an [`outlet`].

pub mod answers;
pub mod batch;
pub mod block;
pub mod bridge;
pub mod cache;
pub mod counters;
pub mod desk;
pub(crate) mod encoding;
pub mod feed;
pub mod interest;
pub mod lane;
pub mod leaf_lane;
pub mod origin;
pub mod outbound;
pub mod outlet;
pub mod reading;
pub mod reason;
pub mod returns;
pub mod shadow;
pub mod slots;
pub mod spread;
pub mod subscription;
pub mod target;
pub mod terms;
pub mod trace;
pub mod turns;
pub mod verdicts;
pub mod watch;
pub mod wire;

pub use answers::Answers;
pub use batch::Batch;
pub use bridge::{Asker, Bridge, ClientInfo, Replies, Speaker};
pub use cache::{Cache, Found, Match};
pub use counters::Counters;
pub use desk::Desk;
pub use feed::{Deliveries, Feed};
pub use interest::Interest;
pub use lane::Lane;
pub use leaf_lane::LeafLane;
pub use origin::Origin;
pub use outbound::Outbound;
pub use outlet::{Arrival, Outlet, Post};
pub use reason::Reason;
pub use returns::Returns;
pub use shadow::{Shadow, shadows};
pub use slots::{Slot, Slots};
pub use spread::{Reach, Scope};
pub use subscription::{Sub, Subscription};
pub use target::Target;
pub use terms::Terms;
pub use trace::Trace;
pub use verdicts::Verdicts;
pub use watch::{Watch, Watches};
pub use wire::Wire;

#[cfg(test)]
mod tests;
