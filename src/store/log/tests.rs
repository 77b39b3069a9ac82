//! Tests of logs.

pub(crate) mod kit;
mod model;
