//! The machinery of delivery against plain models of it: with real sockets, real threads, and
//! random histories from fixed seeds.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod barrier;
mod batch;
mod claims;
mod kit;
mod model;
mod outbound;
mod stall;
