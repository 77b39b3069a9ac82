//! What the tests are written with: a server process, a raw client, a tiny HTTP reader.
//!
//! Nothing here waits for luck: every wait has a condition and a deadline, and a missed deadline
//! panics with what the server had logged until then.

// The paths are spelled out because other test targets load this file from where they are.
#[path = "harness/client.rs"]
mod client;
#[path = "harness/http.rs"]
pub(crate) mod http;
#[path = "harness/process.rs"]
mod process;
#[path = "harness/server.rs"]
mod server;
#[path = "harness/wait.rs"]
mod wait;

pub(crate) use client::Client;
pub(crate) use http::request;
pub(crate) use process::{Run, available, clients_dir, is_reference, python, run, server_path};
pub(crate) use server::{Log, Server};
pub(crate) use wait::{DEADLINE, block_on, eventually, eventually_within};
