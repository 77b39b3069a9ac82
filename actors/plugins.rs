//! `Plugins`: the parent of custom actors. [`host`] is one of them, [`Guest`] how it gets here.
//!
//! in:   nothing; it is given its guests at birth
//! out:  the hosts, each on the arbiter with the least to do
//! dies: never by itself; with it all plugins do, and are made anew. A plugin that fails too often
//!       leaves, as if it had stopped: it is noted here, and the server goes on without it.

mod error;
mod guest;
mod host;
mod outlet;
mod seat;

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::json;
use vagus_runtime::{Actor, ChildEvent, Cx, Fate};

pub use self::error::PluginError;
pub use self::guest::{Arrivals, Guest, Guests, admit};
use self::seat::Home;

/// See the module's text.
pub struct Plugins {
    home: Home,
    guests: Arc<Mutex<Vec<Guest>>>,
    /// Plugins that are gone, with the cause of their last failure.
    left_out: Vec<(String, String)>,
}

impl Plugins {
    pub(crate) fn new(home: Home, guests: Arc<Mutex<Vec<Guest>>>) -> Self {
        Self { home, guests, left_out: Vec::new() }
    }
}

// === impl Actor ===

impl Actor for Plugins {
    const KIND: &'static str = "plugins";

    fn started(&mut self, cx: &mut Cx<'_, Self>) {
        for guest in self.guests.lock().iter() {
            guest.move_in(&self.home, cx);
        }
    }

    fn child(&mut self, event: ChildEvent, _: &mut Cx<'_, Self>) {
        if let (Fate::Stopped, Some(cause)) = (&event.fate, event.child.last_cause()) {
            self.left_out.push((event.child.name().to_string(), cause.to_string()));
        }
    }

    fn observe(&self) -> serde_json::Value {
        let left_out = self.left_out.iter().map(|(name, cause)| (name.clone(), json!(cause)));
        json!({
            "plugins": self.guests.lock().len(),
            "left_out": left_out.collect::<serde_json::Map<_, _>>(),
        })
    }
}
