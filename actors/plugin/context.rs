//! [`Cx`]: what a plugin can do in its turn.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use crate::host::{Asks, Served, Then};
use crate::{Publisher, Service};

/// A plugin's view of the server, lent for one turn. Publishes as [`Publisher`] does.
pub struct Cx<'a, P> {
    publisher: Publisher<'a>,
    asks: &'a mut Asks<P>,
}

impl<'a, P: 'static> Cx<'a, P> {
    pub(crate) fn new(publisher: Publisher<'a>, asks: &'a mut Asks<P>) -> Self {
        Self { publisher, asks }
    }

    /// Drives a future on the plugin's thread, and calls back with its output. Messages are
    /// handled while it is under way. It is dropped when the plugin fails or ends.
    ///
    /// This is how a plugin does what takes time, and how it hears of the world outside: a future
    /// that receives from a channel calls back with what came.
    ///
    /// ```
    /// # use vagus_plugin::{Cx, Plugin};
    /// # async fn store(payload: bytes::Bytes) -> u64 { 0 }
    /// fn keep<P: Plugin>(payload: bytes::Bytes, cx: &mut Cx<'_, P>) {
    ///     cx.when(store(payload), |_plugin, id, cx| {
    ///         let _ = cx.publish("stored", id.to_string());
    ///     });
    /// }
    /// ```
    pub fn when<T, F>(&mut self, future: T, then: F)
    where
        T: Future + 'static,
        F: FnOnce(&mut P, T::Output, &mut Cx<'_, P>) + 'static,
    {
        self.asks.futures.push(Box::pin(async move {
            let output = future.await;
            let then: Then<P> = Box::new(move |plugin, cx| then(plugin, output, cx));
            then
        }));
    }

    /// Calls back once, after a while.
    pub fn after<F>(&mut self, pause: Duration, then: F)
    where
        F: FnOnce(&mut P, &mut Cx<'_, P>) + 'static,
    {
        self.when(async move { tokio::time::sleep(pause).await }, |plugin, (), cx| {
            then(plugin, cx)
        });
    }

    /// Calls back again and again, first after one period (of a millisecond at least). A late call
    /// delays those after it.
    pub fn every<F>(&mut self, period: Duration, mut tick: F)
    where
        F: FnMut(&mut P, &mut Cx<'_, P>) + 'static,
    {
        self.after(period.max(Duration::from_millis(1)), move |plugin, cx| {
            tick(plugin, cx);
            cx.every(period, tick);
        });
    }

    /// Fails the plugin when this turn is over, as a panic would: it is made anew.
    pub fn fail(&mut self, cause: impl Into<String>) {
        self.asks.failure = Some(cause.into());
    }
}

impl<S: Service> Cx<'_, Served<S>> {
    /// Lends the service inside its own view. What it asks for is asked for on its behalf.
    pub(crate) fn with_service<R>(&mut self, turn: impl FnOnce(&mut Cx<'_, S>) -> R) -> R {
        let mut asks = Asks::default();
        let result = turn(&mut Cx::new(self.publisher.lend(), &mut asks));
        self.adopt(asks);
        result
    }

    fn adopt(&mut self, asks: Asks<S>) {
        if asks.failure.is_some() {
            self.asks.failure = asks.failure;
        }
        for task in asks.futures {
            self.when(task, |served, then, cx| {
                cx.with_service(|cx| then(served.service_mut(), cx));
            });
        }
    }
}

impl<'a, P> Deref for Cx<'a, P> {
    type Target = Publisher<'a>;

    fn deref(&self) -> &Publisher<'a> {
        &self.publisher
    }
}

impl<P> DerefMut for Cx<'_, P> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.publisher
    }
}

impl<P> fmt::Debug for Cx<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cx").finish_non_exhaustive()
    }
}
