//! Security: accounts and what they share, permissions, identities, certificates.
//!
//! As in the black-box tests, every test starts a server of its own; the server is the `vagus` that
//! Cargo built, or the program named by `VAGUS_TEST_SERVER`, such as nats-server.
//! Row numbers in comments are those of the feature scorecard.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
#[path = "../cluster/kit.rs"]
mod cluster_kit;
#[allow(dead_code, unused_imports)]
#[path = "../blackbox/harness.rs"]
mod harness;
mod kit;

mod account_limits;
mod activation;
mod callout;
mod creds_clients;
mod identities;
mod isolation;
mod jetstream;
mod jetstream_import;
mod model;
mod operator;
mod operator_config;
mod operator_kit;
mod operator_rules;
mod operator_v1;
mod pages;
mod permissions;
mod proxy_protocol;
mod reload;
mod resolver_cluster;
mod resolver_url;
mod resolvers;
mod responder;
mod secrets;
mod services;
mod streams;
mod tls;
mod tls_bad_input;
mod tls_clients;
#[allow(dead_code)]
mod tls_kit;
mod tls_ocsp;
mod tls_ocsp_peer;
mod tls_peers;
mod tracing;
