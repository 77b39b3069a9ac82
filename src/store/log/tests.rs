//! Tests of logs.

mod kit;
mod model;
