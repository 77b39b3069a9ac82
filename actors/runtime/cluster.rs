//! Links between servers: how two of them get to know each other before anything else is said.

pub mod hello;
pub mod sharing;
