//! [`Plugin`]: an actor that subscribes.

use serde::de::DeserializeOwned;

use crate::{Batch, Cx, Subscription};

/// What a factory returns when it can't make a plugin. Any error and any text becomes one with
/// `?` or `into()`.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A custom actor that subscribes to subjects. See the [crate's text](crate) for an example and
/// for what it can rely on.
///
/// An instance comes from the factory given to the server's builder, which gets the plugin's
/// [configuration](Plugin::Config). It is called again after each failure, on the plugin's own
/// thread.
pub trait Plugin: Sized + 'static {
    /// What it is called: in the configuration file, in the tree of actors, in the log. Letters,
    /// digits, `-` and `_`; no two plugins of a server share one.
    const NAME: &'static str;

    /// Most bytes that may wait for it before messages are dropped.
    const PENDING_MAX: usize = 64 << 20;

    /// Its block of the configuration file, `plugins { <NAME> { ... } }`; the default where there
    /// is no block. A block that does not fit keeps the server from starting, with an error that
    /// names the field. With `#[serde(deny_unknown_fields)]` that holds for misspelt fields too.
    /// Choose `()` where there is nothing to configure.
    type Config: DeserializeOwned + Default;

    /// What it wants to get: asked once, before [`started`](Plugin::started).
    fn subscriptions(&self) -> Vec<Subscription>;

    /// Called once, before any message. The subscriptions are not in force yet: what is published
    /// here does not come back.
    fn started(&mut self, cx: &mut Cx<'_, Self>) {
        let _ = cx;
    }

    /// Messages have come. What is not taken from the batch is skipped, except in a panic: then the
    /// next instance gets what was left.
    ///
    /// A plugin that publishes to a subject of its own subscriptions gets that too.
    fn on_messages(&mut self, batch: &mut Batch, cx: &mut Cx<'_, Self>);

    /// Called last, when the server ends in good order.
    fn stopping(&mut self, cx: &mut Cx<'_, Self>) {
        let _ = cx;
    }

    /// What an operator should see of it.
    fn observe(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
}
