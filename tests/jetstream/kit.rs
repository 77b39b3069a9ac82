//! What the tests are written with: a server with JetStream, a connection that asks and listens,
//! and words for what an answer must hold.

// The paths are spelled out because another test target loads this file from where it is.
#[path = "kit/answer.rs"]
mod answer;
#[path = "kit/consuming.rs"]
mod consuming;
#[path = "kit/js.rs"]
mod js;
#[path = "kit/message.rs"]
mod message;
#[path = "kit/nats.rs"]
mod nats;

#[allow(unused_imports)]
pub(crate) use answer::{has, ok, refused};
#[allow(unused_imports)]
pub(crate) use consuming::{Delivery, seqs};
pub(crate) use js::Js;
#[allow(unused_imports)]
pub(crate) use message::Msg;
#[allow(unused_imports)]
pub(crate) use nats::Nats;
