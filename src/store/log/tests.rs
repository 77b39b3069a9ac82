//! Tests of logs.

mod model;
