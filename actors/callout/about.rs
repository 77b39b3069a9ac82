//! What a service is told of who connects when it is asked who that is.

use std::sync::Arc;

use vagus_auth::jwt::{ClientInfo, ClientTls, ConnectOptions, UserClaims, decode};
use vagus_auth::{Callout, Identity};
use vagus_tls::{CertificateDer, ServerTls, Session, suite_name, version_name};

use super::Question;
use crate::broker::Broker;

/// See the module's text.
pub struct About {
    pub client: ClientInfo,
    pub options: ConnectOptions,
    pub tls: Option<Encrypted>,
}

/// Of a connection that is encrypted.
pub struct Encrypted {
    version: &'static str,
    suite: &'static str,
    server: Arc<ServerTls>,
    /// What the other end has shown.
    shown: Vec<CertificateDer<'static>>,
}

// === impl About ===

impl About {
    /// Who it is by the word of the service.
    pub async fn ask(self, broker: &Broker, callout: Arc<Callout>) -> Option<Identity> {
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

    /// Who it says it is, in a word.
    #[must_use]
    pub fn user_of(shown: &ConnectOptions) -> String {
        match shown {
            _ if !shown.nkey.is_empty() => shown.nkey.clone(),
            // Leaf nodes show a token in both places.
            _ if !shown.user.is_empty() && shown.user != shown.auth_token => shown.user.clone(),
            _ if !shown.jwt.is_empty() => {
                decode::<UserClaims>(&shown.jwt).map(|user| user.sub).unwrap_or_default()
            }
            _ if !shown.auth_token.is_empty() => Identity::TOKEN.to_owned(),
            _ => String::new(),
        }
    }
}

// === impl Encrypted ===

impl Encrypted {
    /// `None` while hands are shaken.
    #[must_use]
    pub fn of(session: &Session, server: &Arc<ServerTls>) -> Option<Self> {
        Some(Self {
            version: version_name(session.version()?),
            suite: suite_name(session.suite()?),
            server: Arc::clone(server),
            shown: session.shown(),
        })
    }

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
