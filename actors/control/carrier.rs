//! How the frames of a session between servers get onto their link.

use std::sync::Arc;

use vagus_runtime::cluster::lane::Bearer;
use vagus_wire::route;

use crate::delivery::{Outbound, Reason};

/// The way out of a link. It is that of messages: what is written to it goes out whole.
pub struct Carrier(pub Arc<Outbound>);

// === impl Bearer ===

impl Bearer for Carrier {
    fn carry(&self, frame: &[u8]) {
        let mut line = Vec::with_capacity(frame.len() + 16);
        route::control_frame(&mut line, frame);
        self.0.send(&line);
    }

    fn end(&self) {
        self.0.close(Reason::ControlEnded);
    }
}
