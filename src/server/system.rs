//! The system's account: its actor is given the pages of monitoring, and a way to ask for the
//! configuration to be read again.

use std::sync::{Arc, OnceLock};

use tokio::sync::mpsc;
use vagus_actors::Broker;
use vagus_actors::system::{NO_FILE, Office, Pages, Reload};
use vagus_config::Config;

/// Somebody asks for the configuration to be read again.
pub struct ReloadOrder {
    done: Box<dyn FnOnce(Result<(), String>) + Send>,
}

/// The way of such orders to whoever takes them.
#[derive(Default)]
pub(super) struct Orders(OnceLock<mpsc::Sender<ReloadOrder>>);

/// Orders that wait.
const ORDERS_MAX: usize = 8;

/// What the system's actor needs; `None` where the configuration wants no system.
pub(super) fn open(
    config: &Config,
    broker: &Arc<Broker>,
    pages: Arc<dyn Pages>,
    orders: &Arc<Orders>,
) -> Option<Arc<Office>> {
    let realm = broker.realms.ensure(config.system()?);
    let orders = Arc::clone(orders);
    let reload: Reload = Box::new(move |done| orders.give(ReloadOrder { done }));
    Some(Arc::new(Office::new(Arc::clone(broker), realm, pages, reload)))
}

// === impl Orders ===

impl Orders {
    /// Orders from here on; those who ask for a second way get none.
    pub(super) fn take(&self) -> mpsc::Receiver<ReloadOrder> {
        let (give, take) = mpsc::channel(ORDERS_MAX);
        let _ = self.0.set(give);
        take
    }

    fn give(&self, order: ReloadOrder) {
        let refused = match self.0.get() {
            None => Some((order, NO_FILE)),
            Some(way) => way
                .try_send(order)
                .err()
                .map(|refused| (refused.into_inner(), "the configuration is being read already")),
        };
        if let Some((order, why)) = refused {
            order.finish(Err(why.to_owned()));
        }
    }
}

// === impl ReloadOrder ===

impl ReloadOrder {
    /// Tells whoever asked what came of it.
    pub fn finish(self, outcome: Result<(), String>) {
        (self.done)(outcome);
    }
}
