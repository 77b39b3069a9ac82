//! The runtime from outside: what roles, supervisors and operators can rely on.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on has failed")]

mod bounds;
mod failure;
mod kit;
mod nodes;
mod observation;
mod tasks;
mod tree;
