//! The NATS protocol as bytes: no I/O, no clock, no actors.
//!
//! A connection hands [`parse`] what a read produced and gets one operation at a time, every field
//! a slice of the input. Publishes that repeat the subject of the one before them, which is what a
//! busy publisher sends, never reach the general parser: [`repeat::next`] recognises them.
//!
//! What goes to a client is written by [`encode`], and read by actors of the server with [`frame`];
//! the two JSON documents of the protocol are [`info::Info`] and [`connect::Connect`].

pub mod connect;
pub mod duration;
pub mod encode;
pub mod error;
pub mod frame;
pub mod headers;
pub mod info;
pub mod leaf;
pub mod op;
pub mod parser;
pub mod proxy;
pub mod repeat;
pub mod route;
pub mod s2;
pub mod websocket;

pub use connect::{Connect, Shown};
pub use error::{ParseError, text};
pub use info::Info;
pub use op::{Op, Publish};
pub use parser::{Limits, Step, parse};
