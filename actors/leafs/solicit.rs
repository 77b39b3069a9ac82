//! Becoming a leaf node of other servers: attempts to connect, and when the next one is due.
//!
//! A remote is looked for as long as it is configured, whatever goes wrong.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{debug, error};
use vagus_auth::SubjectRules;
use vagus_config::LeafUrl;
use vagus_runtime::{Cx, TaskId};
use vagus_wire::leaf::LinkPermission;

use super::dial::{self, Host};
use super::link::Ready;
use super::talk::NoLink;
use super::{Leafs, Remote};
use crate::delivery::Reason;
use crate::delivery::leaf_lane::Role;
use crate::leaf::End;

/// A remote that is looked for.
pub(super) struct Target {
    number: u64,
    remote: Arc<Remote>,
    /// Those that are configured, and then those that the other end told of.
    urls: Vec<LeafUrl>,
    /// Which of them is tried next.
    next: usize,
    attempts: u64,
    state: State,
    /// When its last link ended, of which others may not have heard; none where the two ends did
    /// not fit together.
    lost: Option<Instant>,
    /// What tries again.
    timer: Option<TaskId>,
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum State {
    /// An attempt is under way, or will be.
    Sought,
    /// It is at the other end of this link.
    Linked(u64),
}

/// By then all others have heard that a link has ended.
const HEARD_WITHIN: Duration = Duration::from_secs(30);
/// URLs that are remembered of those that the other end tells of.
const URLS_MAX: usize = 32;
/// Failed attempts are told of so often to those who do not debug.
const TOLD_EVERY: u64 = 3600;

// === impl Target ===

impl Target {
    pub(super) fn is_linked(&self) -> bool {
        matches!(self.state, State::Linked(_))
    }

    fn new(number: u64, remote: Arc<Remote>) -> Self {
        let mut urls = remote.wanted.urls.clone();
        if !remote.wanted.no_randomize {
            fastrand::shuffle(&mut urls);
        }
        let state = State::Sought;
        Self { number, remote, urls, next: 0, attempts: 0, state, lost: None, timer: None }
    }

    fn pick(&mut self) -> Option<LeafUrl> {
        let url = self.urls.get(self.next % self.urls.len().max(1)).cloned();
        self.next = self.next.wrapping_add(1);
        url
    }

    /// The other end tells where else it is to be found.
    fn learn(&mut self, told: &[String]) {
        let wanted = &self.remote.wanted;
        let Some(first) = wanted.urls.first().filter(|_| !wanted.ignore_discovered_servers) else {
            return;
        };
        self.urls.truncate(wanted.urls.len());
        for address in told.iter().take(URLS_MAX) {
            if self.urls.iter().all(|known| known.place.address != *address) {
                let mut url = first.clone();
                url.place.address.clone_from(address);
                self.urls.push(url);
            }
        }
    }
}

// === impl Leafs ===

impl Leafs {
    /// These are the remotes from here on: links to others end, those that stay are left alone.
    pub(super) fn follow(&mut self, remotes: &[Arc<Remote>], cx: &mut Cx<'_, Self>) {
        let gone = |target: &Target| !remotes.contains(&target.remote);
        for target in self.targets.iter_mut().filter(|target| gone(target)) {
            if let Some(timer) = target.timer.take() {
                cx.cancel(timer);
            }
            if let State::Linked(cid) = target.state
                && let Some(known) = self.links.get_mut(&cid)
            {
                known.target = None;
                // One that is gone needs not be told.
                let _ = known.handle.send_urgent(End(Reason::ClientClosed));
            }
        }
        self.targets.retain(|target| !gone(target));
        for remote in remotes {
            match self.targets.iter_mut().find(|target| target.remote == *remote) {
                // What is in its files may be new.
                Some(target) => target.remote = Arc::clone(remote),
                None => {
                    self.next_target += 1;
                    self.targets.push(Target::new(self.next_target, Arc::clone(remote)));
                    self.solicit(self.next_target, cx);
                }
            }
        }
    }

    /// The other end of a link has told since where else it is to be found.
    pub(super) fn learn(&mut self, number: u64, told: &[String]) {
        if let Some(target) = self.target(number).filter(|_| !told.is_empty()) {
            target.learn(told);
        }
    }

    fn target(&mut self, number: u64) -> Option<&mut Target> {
        self.targets.iter_mut().find(|target| target.number == number)
    }

    /// The link to a remote has ended.
    pub(super) fn lost(&mut self, number: u64, pause: Option<Duration>, cx: &mut Cx<'_, Self>) {
        let Some(target) = self.target(number) else { return };
        target.state = State::Sought;
        target.attempts = 0;
        target.lost = pause.is_none().then(Instant::now);
        self.again(number, pause, cx);
    }

    /// The name by which the other end knows who belongs together.
    fn cluster(&self) -> String {
        self.settings.cluster(self.broker.cluster.seen().map(|(name, _)| name))
    }

    /// Tries to connect to a remote.
    fn solicit(&mut self, number: u64, cx: &mut Cx<'_, Self>) {
        if self.leaving {
            return;
        }
        let settings = Arc::clone(&self.settings);
        let cluster = self.cluster();
        let Some(target) = self.target(number).filter(|one| one.state == State::Sought) else {
            return;
        };
        let Some(url) = target.pick() else { return };
        target.attempts += 1;
        target.timer = None;
        let remote = Arc::clone(&target.remote);
        debug!("Trying to connect as leafnode to remote server on {:?}", url.place.address);
        let within = remote.wanted.dial_timeout.unwrap_or(settings.dial_timeout);
        let (address, said) = (url.place.address.clone(), cluster.clone());
        let attempt = async move {
            let mut host = dial::dial(&url, &remote, within, &settings.info).await?;
            let hello = dial::hello(&host, &url, &remote, &settings.info, cluster).await?;
            host.talk.say(&hello.line()?).await?;
            dial::agree(&mut host).await?;
            Ok(host)
        };
        cx.when(attempt, move |leafs, outcome: Result<Host, NoLink>, cx| match outcome {
            Ok(host) => leafs.met(number, host, said, cx),
            Err(problem) => leafs.failed(number, &address, &problem, cx),
        });
    }

    fn failed(&mut self, number: u64, address: &str, problem: &NoLink, cx: &mut Cx<'_, Self>) {
        let Some(target) = self.target(number) else { return };
        let attempts = target.attempts;
        let what = "Error trying to connect as leafnode to remote server";
        match attempts == 1 || attempts.is_multiple_of(TOLD_EVERY) {
            true => error!("{what} {address:?} (attempt {attempts}): {problem}"),
            false => debug!("{what} {address:?} (attempt {attempts}): {problem}"),
        }
        let pause = match problem {
            NoLink::Fault(text) => pause_after(text),
            _ => None,
        };
        self.again(number, pause, cx);
    }

    /// Tries a remote again before long.
    fn again(&mut self, number: u64, pause: Option<Duration>, cx: &mut Cx<'_, Self>) {
        let least = self.settings.reconnect;
        let jitter = least.mul_f64(fastrand::f64());
        let pause = pause.unwrap_or(least + jitter);
        let timer = cx.run_later(pause, move |leafs, cx| leafs.solicit(number, cx));
        match self.target(number) {
            Some(target) => target.timer = Some(timer),
            None => {
                cx.cancel(timer);
            }
        }
    }

    /// An attempt has led somewhere.
    fn met(&mut self, number: u64, host: Host, said: String, cx: &mut Cx<'_, Self>) {
        let cid = self.broker.next_cid();
        let isolate = self.settings.isolate;
        let headers = self.settings.info.headers;
        let realms = Arc::clone(&self.broker.realms);
        let Some(target) = self.target(number) else { return };
        let Host { talk, peer, info, compression } = host;
        let remote = Arc::clone(&target.remote);
        let over_web = remote.wanted.urls.first().is_some_and(|url| url.websocket.is_some());
        target.learn(if over_web { &info.ws_connect_urls } else { &info.leafnode_urls });
        target.attempts = 0;
        target.state = State::Linked(cid);
        let again = target.lost.is_some_and(|at| at.elapsed() < HEARD_WITHIN);
        let (imports, exports) = (told(info.import.as_ref()), told(info.export.as_ref()));
        let cluster = match info.cluster.is_empty() {
            true => info.server_name.clone(),
            false => info.cluster,
        };
        let ready = Ready {
            cid,
            peer,
            realm: realms.ensure(remote.account()),
            name: info.server_name,
            cluster,
            domain: info.domain,
            remote_account: info.remote_account,
            role: if remote.wanted.hub { Role::Spoke } else { Role::Hub },
            isolated: isolate || remote.wanted.isolate,
            headers: headers && info.headers,
            compression,
            outward: joined(exports, &remote.wanted.deny_exports),
            inward: joined(imports, &remote.wanted.deny_imports),
            version: info.version,
            identity: None,
            target: Some(number),
            again,
            said_cluster: Some(said),
        };
        self.serve(ready, talk, cx);
    }
}

/// Both what the other end says and what is configured here has to allow a subject.
fn joined(mut told: SubjectRules, denied: &[String]) -> SubjectRules {
    told.deny.extend(denied.iter().cloned());
    told
}

fn told(permission: Option<&LinkPermission>) -> SubjectRules {
    let Some(permission) = permission else { return SubjectRules::default() };
    SubjectRules {
        allow: permission.allow.clone(),
        deny: permission.deny.clone().unwrap_or_default(),
    }
}

/// How long to wait, where the two ends do not fit together.
fn pause_after(fault: &str) -> Option<Duration> {
    if fault.contains("same cluster name") || fault.contains("Loop detected") {
        Some(Duration::from_secs(30))
    } else if fault.contains("minimum version required") {
        Some(Duration::from_secs(5))
    } else {
        None
    }
}
