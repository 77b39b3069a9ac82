//! What a service is told of a client.

use std::sync::Arc;

use tokio::task::JoinHandle;
use vagus_auth::jwt::{ClientInfo, ConnectOptions};
use vagus_auth::{Callout, Identity};

use super::Connection;
use crate::callout::About;

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
        let options = ConnectOptions {
            jwt: if by_operators { shown.jwt } else { String::new() },
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
        let client = ClientInfo {
            host: self.peer.ip().to_canonical().to_string(),
            id: self.out.cid,
            user: About::user_of(&options),
            name: connect.name.to_string(),
            kind: "Client".to_owned(),
            client_type: "nats".to_owned(),
            nonce: match options.sig.is_empty() {
                true => String::new(),
                false => self.client.nonce().to_owned(),
            },
            ..ClientInfo::default()
        };
        About { client, options, tls: self.tls.as_ref().and_then(|tls| tls.encrypted()) }
    }
}
