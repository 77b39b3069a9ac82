//! Getting to know a client: `INFO`, `CONNECT`, credentials.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Context;

use ring::rand::{SecureRandom, SystemRandom};
use tokio::task::JoinHandle;
use tracing::{debug, error, warn};
use vagus_auth::{
    ConnectionType, Credentials, Denial, HashCheck, Identity, NONCE_BYTES, Outcome, nonce,
};
use vagus_wire::{Connect, Shown, text};

use super::Connection;
use super::belonging::Refusal;
use super::operate::Next;
use crate::broker::{Settings, unix_now};
use crate::delivery::Reason;
use crate::delivery::desk::Delivery;
use crate::resolver::messages::Fetch;

/// What is known of the client.
pub(super) struct Client {
    pub connect: Connect,
    pub identity: Option<Identity>,
    /// What it was given to sign; empty if nothing.
    nonce: String,
    pub standing: Standing,
    connected: bool,
    /// The first `PONG` was sent, so `INFO` may follow at any time.
    ponged: bool,
    /// It was told to look for another server.
    pub sent_away: bool,
}

pub(super) enum Standing {
    /// It has to show credentials first.
    Stranger,
    /// A hash is being computed elsewhere.
    Checked(JoinHandle<Option<Identity>>),
    Known,
}

// === impl Client ===

impl Client {
    pub(super) fn new(settings: &Settings) -> Self {
        let standing = match settings.authenticator.required() {
            true => Standing::Stranger,
            false => Standing::Known,
        };
        Self {
            connect: Connect::default(),
            identity: None,
            nonce: match settings.authenticator.gives_nonces() {
                true => random_nonce(),
                false => String::new(),
            },
            standing,
            connected: false,
            ponged: false,
            sent_away: false,
        }
    }

    pub(super) fn must_authenticate(&self) -> bool {
        !matches!(self.standing, Standing::Known)
    }

    pub(super) fn is_being_checked(&self) -> bool {
        matches!(self.standing, Standing::Checked(_))
    }

    pub(super) fn nonce(&self) -> &str {
        &self.nonce
    }

    fn names_account(&self) -> bool {
        self.connect.shown.as_ref().is_some_and(|shown| !shown.account.is_empty())
    }

    /// What the client shows of itself; `ip` is where it is.
    pub(super) fn credentials(&self, ip: IpAddr) -> Credentials<'_> {
        credentials(self.connect.shown.as_deref(), &self.nonce, ip)
    }
}

fn credentials<'a>(shown: Option<&'a Shown>, nonce: &'a str, ip: IpAddr) -> Credentials<'a> {
    let known = Credentials { nonce, ip: Some(ip), now: unix_now(), ..Credentials::default() };
    match shown {
        Some(shown) => Credentials {
            user: &shown.user,
            pass: &shown.pass,
            token: &shown.auth_token,
            nkey: &shown.nkey,
            sig: &shown.sig,
            jwt: &shown.jwt,
            proxy_sig: &shown.proxy_sig,
            ..known
        },
        None => known,
    }
}

/// Empty where the system has no randomness to give: then no signature is accepted.
fn random_nonce() -> String {
    let mut bytes = [0; NONCE_BYTES];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => nonce(bytes),
        Err(_) => String::new(),
    }
}

// === impl Connection ===

impl Connection {
    /// The first bytes that the client gets.
    pub(super) fn greet(&mut self) {
        debug!("{}Client connection created", self.prefix());
        self.out.send(&self.info(false));
        if !self.counted {
            error!("{}maximum connections exceeded", self.prefix());
            return self.refuse(text::MAX_CONNECTIONS, Reason::MaxConnections);
        }
        if !self.client.must_authenticate() {
            self.join(Arc::clone(&self.realm));
        }
        match self.patience() {
            Some(time) => self.set_timer(time),
            None => self.set_first_timer(),
        }
    }

    fn info(&self, connect_info: bool) -> Vec<u8> {
        let mut info = self.settings.info.clone();
        info.client_id = self.out.cid;
        if !self.header_pending {
            info.client_ip = self.peer.ip().to_canonical().to_string();
        }
        if let Some((name, urls)) = self.broker.cluster.seen() {
            info.cluster = name;
            info.connect_urls = urls;
        }
        if !self.client.connected {
            info.nonce = self.client.nonce.clone();
        }
        let leaving = self.broker.leaving.load(Relaxed);
        info.ldm = leaving || self.client.sent_away;
        if connect_info {
            info.connect_info = true;
            info.remote_account = self.realm.name.to_string();
            let system = self.cast.system.as_ref();
            info.is_system_account = system.is_some_and(|system| system.is_of(&self.realm));
            info.max_payload = self.rights.payload_max as u64;
        }
        info.line().unwrap_or_default()
    }

    /// The answer to a `PING` was queued; behind the first goes another `INFO`.
    pub(super) fn after_pong(&mut self, delivery: &mut Delivery) {
        if !self.client.ponged && self.client.connected {
            self.client.ponged = true;
            if self.client.connect.protocol >= 1 {
                self.answer(&self.info(true), delivery);
            }
        }
    }

    pub(super) fn inform(&mut self) {
        if self.client.ponged && self.client.connect.protocol >= 1 && self.ending.is_none() {
            self.out.send(&self.info(false));
        }
    }

    /// `CONNECT`.
    pub(super) fn hello(&mut self, json: &[u8], delivery: &mut Delivery) -> Next {
        if let Err(problem) = self.client.connect.update(json) {
            error!("{}{problem}", self.prefix());
            return Next::End(None, Reason::ProtocolViolation);
        }
        let again = std::mem::replace(&mut self.client.connected, true);
        if again {
            self.forget_session();
        }
        self.last = None;
        let takes_headers = self.settings.headers && self.client.connect.headers;
        self.client.connect.headers = takes_headers;
        self.out.set_takes_headers(takes_headers);
        self.out.set_name(&self.client.connect.name);
        let mut credentials = self.client.credentials(self.peer.ip().to_canonical());
        credentials.certificate = self.tls.as_ref().and_then(|tls| tls.names());
        if credentials.certificate.is_some() && !credentials.user.is_empty() {
            let user = credentials.user;
            warn!("User {user:?} found in connect proto, but user required from cert");
        }
        let next = match self.settings.authenticator.begin(&credentials) {
            _ if self.client.names_account() => self.refuse_credentials(),
            Outcome::Denied(why) => {
                debug!("{}{why}", self.prefix());
                self.log_refused_credentials();
                if why == Denial::NotPinned {
                    self.broker.tally.pinned_account_fails.fetch_add(1, Relaxed);
                }
                let reason = match why {
                    Denial::ProxyNotTrusted => Reason::ProxyNotTrusted,
                    Denial::ProxyRequired => Reason::ProxyRequired,
                    _ => Reason::AuthenticationFailure,
                };
                Next::End(Some(text::AUTHORIZATION), reason)
            }
            Outcome::Fetch(account) => match self.fetch(&account) {
                Some(job) => {
                    self.client.standing = Standing::Checked(job);
                    Next::Gate
                }
                None => self.refuse_credentials(),
            },
            Outcome::Granted(identity) => self.admit(identity, delivery),
            Outcome::Ask(callout) => {
                self.client.standing = Standing::Checked(self.ask(callout));
                Next::Gate
            }
            Outcome::Slow(check) => {
                self.client.standing = Standing::Checked(self.compare(check));
                Next::Gate
            }
        };
        match next {
            // The subscriptions of before have to be out of the way.
            Next::Go if again => Next::Gate,
            next => next,
        }
    }

    /// Compares with a hash, and asks the service where that comes to nothing.
    fn compare(&self, check: HashCheck) -> JoinHandle<Option<Identity>> {
        let otherwise = check.otherwise();
        // A hash takes tenths of a second: not on a thread that serves connections.
        let job = tokio::task::spawn_blocking(move || check.run());
        let Some(callout) = otherwise else { return job };
        let (broker, about) = (Arc::clone(&self.broker), self.about());
        tokio::task::spawn(async move {
            match job.await.ok().flatten() {
                Some(identity) => Some(identity),
                None => about.ask(&broker, callout).await,
            }
        })
    }

    /// Asks for the claims of an account, and then for the client's identity again.
    fn fetch(&self, account: &str) -> Option<JoinHandle<Option<Identity>>> {
        let resolver = self.broker.cast()?.resolver.clone()?;
        let (done, told) = tokio::sync::oneshot::channel();
        resolver.send(Fetch { account: account.to_owned(), done }).ok()?;
        let (rules, nonce) = (Arc::clone(&self.settings.authenticator), self.client.nonce.clone());
        let (shown, ip) = (self.client.connect.shown.clone(), self.peer.ip().to_canonical());
        let (broker, about) = (Arc::clone(&self.broker), self.about());
        Some(tokio::task::spawn(async move {
            // Whether it came or not, what is known now decides.
            let _ = told.await;
            match rules.begin(&credentials(shown.as_deref(), &nonce, ip)) {
                Outcome::Granted(identity) => Some(identity),
                Outcome::Ask(callout) => about.ask(&broker, callout).await,
                Outcome::Denied(_) | Outcome::Slow(_) | Outcome::Fetch(_) => None,
            }
        }))
    }

    fn refuse_credentials(&mut self) -> Next {
        self.log_refused_credentials();
        Next::End(Some(text::AUTHORIZATION), Reason::AuthenticationFailure)
    }

    fn admit(&mut self, identity: Identity, delivery: &mut Delivery) -> Next {
        if let Err(Refusal(text, reason)) = self.recognise(identity) {
            return Next::End(Some(text), reason);
        }
        self.set_ping_timer();
        self.confirm(delivery);
        Next::Go
    }

    /// A second `CONNECT` begins anew: without subscriptions, and with credentials to be shown.
    fn forget_session(&mut self) {
        self.end_all();
        self.client.identity = None;
        if self.settings.authenticator.required() {
            self.client.standing = Standing::Stranger;
        }
    }

    /// Without credentials, where the configuration names a user for such clients.
    pub(super) fn admit_anonymous(&mut self) -> Result<(), Refusal> {
        let ip = Some(self.peer.ip().to_canonical());
        let nobody = Credentials { ip, now: unix_now(), ..Credentials::default() };
        if !self.client.is_being_checked()
            && let Outcome::Granted(identity) = self.settings.authenticator.begin(&nobody)
        {
            self.recognise(identity)?;
            self.set_first_timer();
            return Ok(());
        }
        self.log_refused_credentials();
        Err(Refusal(text::AUTHORIZATION, Reason::AuthenticationFailure))
    }

    /// Whether credentials are still being checked.
    pub(super) fn poll_verdict(&mut self, task: &mut Context<'_>) -> bool {
        let Standing::Checked(job) = &mut self.client.standing else { return false };
        let std::task::Poll::Ready(verdict) = Pin::new(job).poll(task) else { return true };
        self.client.standing = Standing::Stranger;
        // The rules may have changed while the hash was computed.
        let rules = &self.settings.authenticator;
        let identity = verdict.ok().flatten();
        let granted = identity.and_then(|identity| {
            rules.review(&identity, ConnectionType::Standard, unix_now()).ok()
        });
        let Some(identity) = granted else {
            self.log_refused_credentials();
            self.refuse(text::AUTHORIZATION, Reason::AuthenticationFailure);
            return true;
        };
        if let Err(Refusal(text, reason)) = self.recognise(identity) {
            self.refuse(text, reason);
            return true;
        }
        self.set_ping_timer();
        if self.client.connect.verbose {
            self.out.send(b"+OK\r\n");
        }
        false
    }

    pub(super) fn log_refused_credentials(&self) {
        let who = self.client.credentials(self.peer.ip()).describe();
        error!("{}authentication error - {who}", self.prefix());
    }
}
