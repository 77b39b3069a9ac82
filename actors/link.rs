//! What links to other servers have in common, those of this cluster, of others, and leaf nodes:
//! a [`Pipe`] is the socket with all that lies between it and what is said, a [`Link`] is whoever
//! knows what is said.
//!
//! ```text
//! socket -> TLS -> codec -> Unread -> Link::take_one, or a run of messages to one subject
//! socket <- TLS <- codec <- Outbound <- whoever publishes; interest, as the shards tell it
//! ```
//!
//! A [`Doorkeeper`] takes in those who connect.
//!
//! Where there is neither TLS nor a codec, publishers write to the socket themselves.

mod door;
mod ends;
mod pings;
mod pipe;
mod work;

pub use self::door::{Doorkeeper, accept_all};
pub use self::ends::Ends;
pub use self::pipe::Pipe;
pub use self::work::{LIMITS, Link, Took, serve};
