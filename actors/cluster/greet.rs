//! Looking for other servers: attempts to connect, and when the next one is due.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tracing::{debug, error, info};
use vagus_runtime::Cx;
use vagus_runtime::cluster::hello::{self, HelloError, Host, Introduction};
use vagus_runtime::cluster::sharing::Share;
use vagus_tls::LinkTls;

use super::{Cluster, Place};
use crate::control::Sought;
use crate::delivery::wire::Stream;

/// A server to be found.
pub(super) struct Target {
    place: Place,
    /// Named in the configuration: it is looked for as long as this server lives.
    pub configured: bool,
    /// Which accounts the link is for that is looked for.
    pub share: Share,
    /// The server that it is one more link to.
    of: Option<String>,
    attempts: Attempts,
    /// What came of the last attempt.
    problem: String,
    /// The server that the attempt under way has found, and which it asks to be taken in.
    joins: Option<String>,
    state: State,
}

/// Attempts to connect since the last one that succeeded.
#[derive(Default, Clone, Copy)]
pub struct Attempts(u64);

#[derive(PartialEq, Eq, Clone, Copy)]
enum State {
    /// An attempt is under way, or will be.
    Sought,
    /// It is that of this route.
    Linked(u64),
    /// It is this very server.
    Itself,
    /// Nobody looks for it any more.
    GivenUp,
}

/// Between two attempts, and the longest time where each waits longer than the one before.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// The first attempts follow each other faster: servers of a cluster start together.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Pauses differ by up to this, so that servers do not go on meeting halfway.
const JITTER_MS: u64 = 100;
/// To connect, before anything is said.
const DIAL: Duration = Duration::from_secs(2);

// === impl Target ===

impl Target {
    pub(super) fn configured(place: Place) -> Self {
        Self {
            place,
            configured: true,
            share: Share::MAIN,
            of: None,
            attempts: Attempts::default(),
            problem: String::new(),
            joins: None,
            state: State::Sought,
        }
    }

    /// One more link to server `id`.
    pub(super) fn beside(place: Place, id: &str, share: Share) -> Self {
        Self { share, of: Some(id.to_owned()), ..Self::heard_of(place) }
    }

    /// Whether a server that was found is the one that was looked for.
    pub(super) fn is(&self, id: &str) -> bool {
        self.of.as_deref().is_none_or(|of| of == id)
    }

    /// Whether it is about to be a link to server `id` for these accounts.
    pub(super) fn joins(&self, id: &str, share: &Share) -> bool {
        self.joins.as_deref() == Some(id) && self.share == *share
    }

    pub(super) fn heard_of(place: Place) -> Self {
        Self { configured: false, ..Self::configured(place) }
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.state == State::GivenUp
    }

    pub(super) fn address(&self) -> &str {
        &self.place.address
    }

    pub(super) fn is_linked(&self) -> bool {
        matches!(self.state, State::Linked(_) | State::Itself)
    }

    pub(super) fn is_linked_by(&self, cid: u64) -> bool {
        self.state == State::Linked(cid)
    }

    pub(super) fn linked(&mut self, cid: u64) {
        self.attempts = Attempts::default();
        self.problem.clear();
        self.state = State::Linked(cid);
    }

    pub(super) fn seek(&mut self) {
        self.attempts = Attempts::default();
        self.state = State::Sought;
    }

    pub(super) fn give_up(&mut self) {
        self.state = State::GivenUp;
    }

    pub(super) fn is_itself(&mut self) {
        self.state = State::Itself;
    }
}

// === impl Attempts ===

impl Attempts {
    /// One more.
    pub fn begin(&mut self) {
        self.0 += 1;
    }

    /// Those after the first.
    #[must_use]
    pub fn repeated(self) -> u64 {
        self.0.saturating_sub(1)
    }

    /// Whether the last one is worth a line in the log: that of a server which is gone for long
    /// would fill it.
    #[must_use]
    pub fn is_noted(self) -> bool {
        self.0 == 1 || self.0.is_multiple_of(3600)
    }

    /// The time until the next.
    #[must_use]
    pub fn pause(self, backoff: bool) -> Duration {
        let doublings = u32::try_from(self.repeated()).unwrap_or(u32::MAX);
        let factor = 1u32.checked_shl(doublings.min(16)).unwrap_or(u32::MAX);
        let longest = if backoff { PAUSE_MAX } else { PAUSE };
        FIRST_PAUSE.saturating_mul(factor).min(longest)
            + Duration::from_millis(fastrand::u64(..JITTER_MS))
    }
}

impl std::fmt::Display for Attempts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

// === impl Cluster ===

impl Cluster {
    /// Tries to connect to target number `n`.
    pub(super) fn solicit(&mut self, n: usize, cx: &mut Cx<'_, Self>) {
        let Some(target) = self.targets.get_mut(n) else { return };
        if target.state != State::Sought || self.leaving {
            return;
        }
        target.attempts.begin();
        let (place, configured) = (target.place.clone(), target.configured);
        let share = target.share.clone();
        let (me, within) = (self.introduction(share), self.settings.auth_timeout);
        debug!("Trying to connect to route on {}", place.address);
        let tls = self.broker.settings().route_tls.clone();
        // An address that was heard of is certified under a name that is known.
        let known = Place::named_host(&self.settings.places).filter(|_| !configured);
        let known = known.map(str::to_owned);
        let attempt = async move { place.dial(&me, known.as_deref(), tls, within).await };
        cx.when(attempt, move |cluster, outcome, cx| match outcome {
            Ok((host, peer)) => cluster.found(n, host, peer, cx),
            Err(problem) => cluster.failed(n, &problem, cx),
        });
    }

    /// An attempt has led to this server. It is asked to take this one in, unless they are linked
    /// by now: a link that is there already is worth more than the new one, for whose sake it would
    /// end with all that is on its way.
    fn found(&mut self, n: usize, host: Host<Stream>, peer: SocketAddr, cx: &mut Cx<'_, Self>) {
        let (other, share) = (host.introduction.clone(), self.targets[n].share.clone());
        if !self.targets[n].is(&other.id) {
            return self.again(n, cx);
        }
        if self.is_about_to_join(&other.id, &share) {
            return self.solicit_later(n, cx);
        }
        if other.id == self.settings.id || self.link_to(&other.id, &share).is_some() {
            return self.linked_already(n, &other.id, cx);
        }
        self.targets[n].joins = Some(other.id.clone());
        let (secret, within) = (self.targets[n].place.secret.clone(), self.settings.auth_timeout);
        let join = async move { host.join(&secret, within).await };
        cx.when(join, move |cluster, outcome, cx| {
            cluster.targets[n].joins = None;
            match outcome {
                Ok(stream) => cluster.met(n, stream, peer, &other, cx),
                Err(HelloError::Linked) => cluster.linked_already(n, &other.id, cx),
                Err(problem) => cluster.failed(n, &problem, cx),
            }
        });
    }

    /// Whether an attempt of this server's own has found that one.
    pub(super) fn is_about_to_join(&self, id: &str, share: &Share) -> bool {
        self.targets.iter().any(|target| target.joins(id, share))
    }

    fn failed(&mut self, n: usize, problem: &HelloError, cx: &mut Cx<'_, Self>) {
        let Some(target) = self.targets.get_mut(n) else { return };
        target.problem = problem.to_string();
        let (attempts, address) = (target.attempts, target.address());
        if attempts.is_noted() {
            error!("Error trying to connect to route {address} (attempt {attempts}): {problem}");
        }
        self.show_sought();
        self.again(n, cx);
    }

    /// Shows who is looked for, and since when in vain.
    pub(super) fn show_sought(&self) {
        let sought = self.targets.iter().filter(|target| target.state == State::Sought);
        let sought = sought.filter(|target| !target.problem.is_empty()).map(|target| Sought {
            address: target.place.address.clone(),
            attempts: target.attempts.0,
            problem: target.problem.clone(),
        });
        self.broker.cluster.seek(sought.collect());
    }

    /// Tries target number `n` again before long, where that is worth while.
    pub(super) fn again(&mut self, n: usize, cx: &mut Cx<'_, Self>) {
        let retries = self.settings.connect_retries;
        let Some(target) = self.targets.get_mut(n).filter(|one| one.state == State::Sought) else {
            return;
        };
        if let Some(id) = target.of.clone() {
            return self.again_beside(n, &id, cx);
        }
        if !target.configured && target.attempts.repeated() >= retries {
            info!("Giving up on route {}", target.address());
            return target.give_up();
        }
        self.solicit_later(n, cx);
    }

    pub(super) fn solicit_later(&mut self, n: usize, cx: &mut Cx<'_, Self>) {
        let pause = self.targets[n].attempts.pause(self.settings.connect_backoff);
        cx.run_later(pause, move |cluster, cx| cluster.solicit(n, cx));
    }

    /// One more link to a server is looked for as long as this one has made the main link to it.
    fn again_beside(&mut self, n: usize, id: &str, cx: &mut Cx<'_, Self>) {
        let made = self.mains().any(|link| link.about.id == id && link.about.solicited);
        match made {
            true => self.solicit_later(n, cx),
            false => self.targets[n].give_up(),
        }
    }

    /// The target at this address for these accounts.
    pub(super) fn target_at(&self, address: &str, share: &Share) -> Option<usize> {
        let same = |one: &Target| one.address() == address && one.share == *share;
        self.targets.iter().position(same)
    }

    /// This server has made the main link to another, by target number `main`: it makes the others
    /// as well.
    pub(super) fn solicit_beside(
        &mut self,
        main: usize,
        other: &Introduction,
        cx: &mut Cx<'_, Self>,
    ) {
        let place = self.targets[main].place.clone();
        let agreed = self.settings.sharing.agreed(&other.sharing);
        for share in agreed.shares().filter(|share| !share.is_main()) {
            if self.link_to(&other.id, &share).is_some() {
                continue;
            }
            let fresh = Target::beside(place.clone(), &other.id, share.clone());
            match self.target_at(&place.address, &share) {
                // An attempt is under way, or will be: let it be one to this server.
                Some(n) if self.targets[n].state == State::Sought => {
                    self.targets[n].of = fresh.of;
                }
                Some(n) => {
                    self.targets[n] = fresh;
                    self.solicit(n, cx);
                }
                None => {
                    self.targets.push(fresh);
                    self.solicit(self.targets.len() - 1, cx);
                }
            }
        }
    }
}

// === impl Place ===

impl Place {
    /// Connects to a server there, and introduces this one. `known` is the name by which the
    /// certificate of a server is known that others told of.
    ///
    /// # Errors
    /// When no server is there.
    pub async fn dial(
        &self,
        me: &Introduction,
        known: Option<&str>,
        tls: Option<Arc<LinkTls>>,
        within: Duration,
    ) -> Result<(Host<Stream>, SocketAddr), HelloError> {
        let connect = TcpStream::connect(&self.address);
        let socket = tokio::time::timeout(DIAL, connect).await.map_err(|_| HelloError::Slow)??;
        socket.set_nodelay(true)?;
        let peer = socket.peer_addr()?;
        let stream = Stream::solicited(socket, self.certified_name(known), tls).await?;
        Ok((hello::greet(stream, me, within).await?, peer))
    }

    /// The name that a server's certificate has to be for: that of the address, or where this is
    /// only a number that others told of, the name by which the configuration knows one of its
    /// cluster.
    fn certified_name<'a>(&'a self, known: Option<&'a str>) -> &'a str {
        let host = self.host();
        if is_number(host) { known.unwrap_or(host) } else { host }
    }

    fn host(&self) -> &str {
        self.address.rsplit_once(':').map_or(&self.address, |(host, _)| host)
    }

    /// The first host among places that is known by a name.
    pub fn named_host(places: &[Self]) -> Option<&str> {
        places.iter().map(Self::host).find(|host| !is_number(host))
    }
}

fn is_number(host: &str) -> bool {
    host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_bound() {
        for (attempts, patient, impatient) in [
            (1, 100, 100),
            (3, 400, 400),
            (6, 3200, 1000),
            (10, 30_000, 1000),
            (u64::MAX, 30_000, 1000),
        ] {
            for (backoff, least) in [(true, patient), (false, impatient)] {
                let pause = Attempts(attempts).pause(backoff).as_millis();
                assert!((least..least + 100).contains(&pause), "{attempts}: {pause}");
            }
        }
    }

    #[test]
    fn whom_a_certificate_has_to_be_for() {
        let place = |address: &str| Place {
            address: address.to_owned(),
            secret: vagus_runtime::cluster::hello::LinkSecret::none(),
        };
        let known = Some("a.example");
        assert_eq!(place("b.example:6222").certified_name(known), "b.example");
        assert_eq!(place("192.0.2.7:6222").certified_name(known), "a.example");
        assert_eq!(place("192.0.2.7:6222").certified_name(None), "192.0.2.7");
        assert_eq!(place("[::1]:6222").certified_name(None), "[::1]");
        let places = [place("[::1]:6222"), place("b.example:6222"), place("c.example:6222")];
        assert_eq!(Place::named_host(&places), Some("b.example"));
    }
}
