//! JetStream as pages see it: what the server counts and allows ([`stats`]), whether it works
//! ([`health`]), and what streams and consumers say of themselves ([`tree`]).

pub(super) mod health;
pub(super) mod stats;
pub(super) mod tree;
