//! Looking for other clusters: attempts to connect, and when the next one is due.

use std::sync::Arc;

use tracing::{error, info};
use vagus_runtime::Cx;
use vagus_runtime::cluster::hello::HelloError;

use super::Gateway;
use crate::cluster::{Attempts, Place};

/// Another cluster.
#[derive(Default)]
pub(super) struct Remote {
    /// Named in the configuration, with these servers: it is looked for as long as this server
    /// lives.
    configured: Vec<Place>,
    /// Where servers of it said that it takes links.
    heard: Vec<String>,
    attempts: Attempts,
    state: State,
}

#[derive(Default, PartialEq, Eq, Clone, Copy)]
enum State {
    /// Nobody has looked for it yet.
    #[default]
    New,
    /// An attempt is under way, or will be.
    Sought,
    /// By the route of this number.
    Linked(u64),
}

/// Servers of one cluster that are remembered.
pub(super) const HEARD_MAX: usize = 64;

// === impl Remote ===

impl Remote {
    pub(super) fn configure(&mut self, places: &[Place]) {
        self.configured.extend_from_slice(places);
    }

    pub(super) fn is_configured(&self) -> bool {
        !self.configured.is_empty()
    }

    pub(super) fn is_linked(&self) -> bool {
        matches!(self.state, State::Linked(_))
    }

    pub(super) fn is_linked_by(&self, cid: u64) -> bool {
        self.state == State::Linked(cid)
    }

    pub(super) fn linked(&mut self, cid: u64) {
        self.attempts = Attempts::default();
        self.state = State::Linked(cid);
    }

    pub(super) fn lost(&mut self) {
        self.state = State::Sought;
    }

    /// A server of it says where they are: all of them, or one more.
    pub(super) fn hear(&mut self, addresses: Vec<String>, all: bool) {
        if all {
            self.heard.clear();
        }
        for address in addresses {
            if self.heard.len() < HEARD_MAX && !self.heard.contains(&address) {
                self.heard.push(address);
            }
        }
    }

    pub(super) fn heard(&self) -> &[String] {
        &self.heard
    }

    /// Where to look next: any of its servers, so that those of this cluster do not all go to one.
    fn place(&self, told: impl Fn(&str) -> Place) -> Option<Place> {
        let count = self.configured.len() + self.heard.len();
        let n = fastrand::usize(..count.max(1));
        let heard = |n: usize| self.heard.get(n).map(|address| told(address));
        self.configured.get(n).cloned().or_else(|| heard(n - self.configured.len()))
    }
}

// === impl Gateway ===

impl Gateway {
    /// Looks for a cluster for the first time.
    pub(super) fn solicit(&mut self, name: &Arc<str>, cx: &mut Cx<'_, Self>) {
        if let Some(remote) = self.remotes.get_mut(name).filter(|one| one.state == State::New) {
            remote.state = State::Sought;
            self.attempt(name, cx);
        }
    }

    fn attempt(&mut self, name: &Arc<str>, cx: &mut Cx<'_, Self>) {
        let Some(remote) = self.remotes.get_mut(name) else { return };
        if remote.state != State::Sought || self.leaving {
            return;
        }
        remote.attempts.begin();
        let secret = &self.settings.secret;
        let heard = |address: &str| Place { address: address.to_owned(), secret: secret.clone() };
        let Some(place) = remote.place(heard) else { return };
        // An address that was heard of is certified under a name that is known.
        let known = Place::named_host(&remote.configured).map(str::to_owned);
        if remote.attempts.is_noted() {
            let kind = if remote.is_configured() { "explicit" } else { "implicit" };
            let (at, attempts) = (&place.address, remote.attempts);
            info!("Connecting to {kind} gateway {name:?} at {at} (attempt {attempts})");
        }
        let (me, within) = (self.introduction(Some(name)), self.settings.auth_timeout);
        let (name, address) = (Arc::clone(name), place.address.clone());
        let tls = self.broker.settings().gateway_tls.towards(&name);
        let dial = async move {
            let (host, peer) = place.dial(&me, known.as_deref(), tls, within).await?;
            let other = host.introduction.clone();
            Ok((host.join(&place.secret, within).await?, peer, other))
        };
        cx.when(dial, move |gateway, outcome, cx| match outcome {
            Ok((stream, peer, other)) if *other.cluster == *name => {
                let cid = gateway.link(&other, peer, true);
                gateway.serve(cid, stream, cx);
            }
            Ok((_, _, other)) => {
                let theirs = &other.cluster;
                error!("Failing connection to gateway {name:?}, remote gateway name is {theirs:?}");
                gateway.again(&name, cx);
            }
            Err(problem) => gateway.failed(&name, &address, &problem, cx),
        });
    }

    fn failed(
        &mut self,
        name: &Arc<str>,
        address: &str,
        problem: &HelloError,
        cx: &mut Cx<'_, Self>,
    ) {
        if let Some(remote) = self.remotes.get(name).filter(|one| one.attempts.is_noted()) {
            let attempts = remote.attempts;
            match problem {
                HelloError::WrongPort | HelloError::Stranger => {
                    error!("Attempt to connect to gateway {name:?} using wrong port ({address})");
                }
                problem => error!(
                    "Error connecting to gateway {name:?} at {address} (attempt {attempts}): \
                     {problem}"
                ),
            }
        }
        self.again(name, cx);
    }

    /// Tries once more before long, where that is worth while.
    pub(super) fn again(&mut self, name: &Arc<str>, cx: &mut Cx<'_, Self>) {
        let Some(remote) = self.remotes.get(name).filter(|one| one.state == State::Sought) else {
            return;
        };
        let retries = self.settings.connect_retries;
        if !remote.is_configured() && remote.attempts.repeated() >= retries {
            // Whoever tells of it again has it looked for again.
            info!("Giving up on gateway {name:?}");
            self.remotes.remove(name);
            return;
        }
        let pause = remote.attempts.pause(self.settings.connect_backoff);
        let name = Arc::clone(name);
        cx.run_later(pause, move |gateway, cx| gateway.attempt(&name, cx));
    }
}
