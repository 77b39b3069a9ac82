//! Links between servers: how two of them get to know each other before anything else is said, and
//! how their actors speak to each other from then on.
//!
//! Messages of clients go over a link as bytes that both ends write and read themselves. Beside
//! them, in frames of their own, runs a session of ractor_cluster, by which each server supervises
//! the other and calls its [`control`] actor:
//!
//! ```text
//! Node::ask -> remote actor -> node session -> lane -> (frames of the link) -> lane -> gate
//!                                             -> node session -> control actor -> Answers
//! ```
//!
//! - [`hello`]: the handshake of a link. Whoever is at its end is known from here on.
//! - [`lane`]: the bytes of a session as frames of a link, never more than the other end asked for.
//! - `gate`: what an other server can have ractor_cluster do.
//! - [`sharing`]: which accounts go by which link, where two servers have several.
//! - `session`: the life of one session; it ends with its link, and the link with it.
//! - [`control`]: what each server answers to others. [`speech`]: questions and answers as bytes.
//! - [`node`]: all of it, on a thread of its own, with who is there and who is not.
//!
//! ractor_cluster listens nowhere: its own server is not used. What it keeps for a whole process
//! (actors by number, process groups) is kept apart by the server's id, so that several servers can
//! live in one process.

pub mod control;
mod gate;
pub mod hello;
pub mod lane;
pub mod node;
mod session;
pub mod sharing;
pub mod speech;
