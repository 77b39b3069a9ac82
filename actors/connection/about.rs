//! What a service is told of a client when it is asked who that is.

use std::sync::Arc;

use tokio::task::JoinHandle;
use vagus_auth::jwt::{ClientInfo, ClientTls, ConnectOptions, UserClaims, decode};
use vagus_auth::{Callout, Identity};
use vagus_tls::{CertificateDer, ServerTls};

use super::Connection;
use crate::broker::Broker;
use crate::callout::Question;

/// See the module's text.
pub(super) struct About {
    client: ClientInfo,
    options: ConnectOptions,
    tls: Option<Encrypted>,
}

/// Of a connection that is encrypted.
pub(super) struct Encrypted {
    pub version: &'static str,
    pub suite: &'static str,
    pub server: Arc<ServerTls>,
    /// What the client has shown.
    pub shown: Vec<CertificateDer<'static>>,
}

// === impl About ===

impl About {
    /// Who the client is by the word of the service.
    pub(super) async fn ask(self, broker: &Broker, callout: Arc<Callout>) -> Option<Identity> {
        let desk = broker.cast()?.callout.clone()?;
        let Self { client, options: shown, tls } = self;
        let tls = match tls {
            Some(tls) => Some(tls.describe().await?),
            None => None,
        };
        let (done, told) = tokio::sync::oneshot::channel();
        desk.send(Question { callout, client, shown, tls, done }).ok()?;
        told.await.ok()
    }
}

// === impl Encrypted ===

impl Encrypted {
    async fn describe(self) -> Option<ClientTls> {
        let Self { version, suite, server, shown } = self;
        // Signatures are checked: not on a thread that serves connections.
        let chains = tokio::task::spawn_blocking(move || server.verified_chains(&shown)).await;
        Some(ClientTls {
            version: version.to_owned(),
            cipher: suite.to_owned(),
            certs: Vec::new(),
            verified_chains: chains.ok()?,
        })
    }
}

// === impl Connection ===

impl Connection {
    /// Asks a service who the client is.
    pub(super) fn ask(&self, callout: Arc<Callout>) -> JoinHandle<Option<Identity>> {
        let (broker, about) = (Arc::clone(&self.broker), self.about());
        tokio::task::spawn(async move { about.ask(&broker, callout).await })
    }

    pub(super) fn about(&self) -> About {
        let connect = &self.client.connect;
        let shown = connect.shown.as_deref().cloned().unwrap_or_default();
        // Where no operators are, nobody reads a JWT.
        let by_operators = self.settings.authenticator.operators().is_some();
        let jwt = if by_operators { shown.jwt } else { String::new() };
        let user = match () {
            () if !shown.nkey.is_empty() => shown.nkey.clone(),
            () if !shown.user.is_empty() => shown.user.clone(),
            () if !jwt.is_empty() => {
                decode::<UserClaims>(&jwt).map(|user| user.sub).unwrap_or_default()
            }
            () if !shown.auth_token.is_empty() => Identity::TOKEN.to_owned(),
            () => String::new(),
        };
        let client = ClientInfo {
            host: self.peer.ip().to_canonical().to_string(),
            id: self.out.cid,
            user,
            name: connect.name.to_string(),
            kind: "Client".to_owned(),
            client_type: "nats".to_owned(),
            nonce: if shown.sig.is_empty() {
                String::new()
            } else {
                self.client.nonce().to_owned()
            },
            ..ClientInfo::default()
        };
        let options = ConnectOptions {
            jwt,
            nkey: shown.nkey,
            sig: shown.sig,
            auth_token: shown.auth_token,
            user: shown.user,
            pass: shown.pass,
            name: connect.name.to_string(),
            lang: connect.lang.to_string(),
            version: connect.version.to_string(),
            protocol: connect.protocol,
        };
        About { client, options, tls: self.tls.as_ref().and_then(|tls| tls.encrypted()) }
    }
}
