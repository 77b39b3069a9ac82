//! Plugins and services inside a server, seen from both sides: through the public facade, and as
//! any client meets them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod config;
mod discovery;
mod failure;
mod kit;
mod overflow;
mod service;
mod subscriber;
