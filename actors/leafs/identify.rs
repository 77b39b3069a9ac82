//! Who a leaf node is: by the rules for leaf nodes or those for clients, by claims that are
//! fetched, or by the word of a service.

use std::net::{IpAddr, SocketAddr};

use vagus_auth::jwt::{ClientInfo, ConnectOptions};
use vagus_auth::{ConnectionType, Credentials, Identity, Outcome};
use vagus_wire::leaf::{LeafConnect, LeafInfo};

use crate::broker::{Broker, unix_now};
use crate::callout::{About, Encrypted};
use crate::resolver::messages::Fetch;

/// What a leaf node shows of itself.
pub(super) fn credentials<'a>(
    connect: &'a LeafConnect,
    ip: IpAddr,
    nonce: &'a str,
) -> Credentials<'a> {
    Credentials {
        user: &connect.user,
        pass: &connect.pass,
        token: &connect.auth_token,
        nkey: &connect.nkey,
        sig: &connect.sig,
        jwt: &connect.jwt,
        nonce,
        kind: ConnectionType::LeafNode,
        ip: Some(ip.to_canonical()),
        now: unix_now(),
        ..Credentials::default()
    }
}

/// What a service is told, if it is asked.
pub(super) fn about(
    connect: &LeafConnect,
    peer: SocketAddr,
    said: &LeafInfo,
    tls: Option<Encrypted>,
    broker: &Broker,
) -> About {
    // Where no operators are, nobody reads a JWT.
    let by_operators = broker.settings().authenticator.operators().is_some();
    let options = ConnectOptions {
        jwt: if by_operators { connect.jwt.clone() } else { String::new() },
        nkey: connect.nkey.clone(),
        sig: connect.sig.clone(),
        auth_token: connect.auth_token.clone(),
        user: connect.user.clone(),
        pass: connect.pass.clone(),
        name: connect.name.clone(),
        version: connect.version.clone(),
        protocol: connect.protocol,
        ..ConnectOptions::default()
    };
    let client = ClientInfo {
        host: peer.ip().to_canonical().to_string(),
        id: said.client_id,
        user: About::user_of(&options),
        name: connect.name.clone(),
        kind: "Leafnode".to_owned(),
        nonce: match options.sig.is_empty() {
            true => String::new(),
            false => said.nonce.clone(),
        },
        ..ClientInfo::default()
    };
    About { client, options, tls }
}

/// Who it is, where it may be a leaf node here.
pub(super) async fn identify(
    credentials: &Credentials<'_>,
    about: impl FnOnce() -> About,
    broker: &Broker,
) -> Option<Identity> {
    let rules = broker.leaf_rules();
    let mut outcome = rules.begin(credentials);
    if let Outcome::Fetch(account) = &outcome {
        let resolver = broker.cast()?.resolver.clone()?;
        let (done, told) = tokio::sync::oneshot::channel();
        resolver.send(Fetch { account: account.to_string(), done }).ok()?;
        // Whether it came or not, what is known now decides.
        let _ = told.await;
        outcome = rules.begin(credentials);
    }
    match outcome {
        Outcome::Granted(identity) => Some(identity),
        Outcome::Ask(callout) => about().ask(broker, callout).await,
        Outcome::Slow(check) => {
            let otherwise = check.otherwise();
            // A hash takes tenths of a second: not on a thread that serves connections.
            let compared = tokio::task::spawn_blocking(move || check.run()).await.ok()?;
            match (compared, otherwise) {
                (None, Some(callout)) => about().ask(broker, callout).await,
                (compared, _) => compared,
            }
        }
        Outcome::Denied(_) | Outcome::Fetch(_) => None,
    }
}
