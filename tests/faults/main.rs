//! Faults: servers that are killed, disks that lose power, lie or fill up, actors that panic. What
//! was acknowledged must be there afterwards, once, in its order, whatever happened.
//!
//! The server is the `vagus` that Cargo built, or the program named by `VAGUS_TEST_SERVER`. Pointed
//! at nats-server the tests of lost power and of flipped bits must fail: a harness that finds
//! nothing there proves nothing here. Tests that need a disk of their own need root, and say so
//! when they are skipped. `VAGUS_TEST_ROUNDS` and `VAGUS_TEST_SEEDS` make tests longer.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code, unused_imports)]
#[path = "../blackbox/harness.rs"]
mod harness;
#[allow(dead_code, unused_imports)]
#[path = "../jetstream/kit.rs"]
mod kit;

mod content;
mod damage;
mod kill;
mod load;
mod model;
mod panics;
mod pipe;
mod power;
mod random;
mod rig;
mod space;
mod volume;
