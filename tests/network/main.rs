//! Clusters and superclusters over networks of their own, which lose, delay and cut packets between
//! real servers on hosts (network namespaces) of their own.
//!
//! Row numbers in comments are those of the feature scorecard.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code, unused_imports)]
#[path = "../blackbox/harness.rs"]
mod harness;
#[allow(dead_code)]
#[path = "../cluster/kit.rs"]
mod kit;
#[allow(dead_code)]
#[path = "../cluster/model.rs"]
mod model;
#[allow(dead_code)]
#[path = "../supercluster/kit.rs"]
mod regions;

mod births;
mod distance;
mod ends;
mod host;
mod load;
mod net;
mod partitions;
mod slow;
mod super_partitions;
mod wire;
