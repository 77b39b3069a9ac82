//! What the system says of its own accord: who came and went, how many there are, what the server
//! is about to do. An event is made only if somebody listens to it.

use std::time::SystemTime;

use data_encoding::{BASE64, HEXLOWER};
use serde::Serialize;
use vagus_telemetry::json;
use vagus_telemetry::text::GoTime;
use vagus_tls::Certificate;

use super::messages::{Announce, LinkRefused, Parting};
use super::office::Office;
use super::server_info::ServerInfo;
use super::{AccountStat, ClientInfo};
use crate::delivery::{Outlet, Post};
use crate::realm::GLOBAL_ACCOUNT;

#[derive(Serialize)]
struct Event<'a, T> {
    r#type: &'static str,
    id: &'a str,
    timestamp: String,
    server: ServerInfo<'a>,
    #[serde(flatten)]
    about: T,
}

#[derive(Serialize)]
struct Connect<'a> {
    client: &'a ClientInfo,
}

#[derive(Serialize)]
struct Disconnect<'a> {
    client: &'a ClientInfo,
    /// By the client.
    sent: Traffic,
    /// By the client.
    received: Traffic,
    reason: &'static str,
}

#[derive(Serialize)]
struct PeerRefused<'a> {
    kind: &'static str,
    peer: Shown<'a>,
    reason: &'static str,
}

#[derive(Serialize)]
struct BadLink<'a> {
    link: Shown<'a>,
    peer: Shown<'a>,
    reason: &'a str,
}

/// A certificate.
#[derive(Serialize)]
struct Shown<'a> {
    subject: &'a str,
    issuer: &'a str,
    /// SHA-256 in base64.
    fingerprint: String,
    /// In base64.
    raw: String,
}

#[derive(Serialize)]
struct Traffic {
    msgs: u64,
    bytes: u64,
}

const CONNECT: &str = "io.nats.server.advisory.v1.client_connect";
const DISCONNECT: &str = "io.nats.server.advisory.v1.client_disconnect";
const PEER_REFUSED: &str = "io.nats.server.advisory.v1.ocsp_peer_reject";
const LINK_REFUSED: &str = "io.nats.server.advisory.v1.ocsp_peer_link_invalid";
const CONNECTIONS: &str = "io.nats.server.advisory.v1.account_connections";

/// Where an account hears of clients that were refused.
pub(super) const REFUSED: &str = "$SYS.ACCOUNT.CLIENT.AUTH.ERR";

/// Subjects of all that is said when a client of an account comes, goes or is refused by the server
/// with this id.
pub(super) fn about_clients(id: &str, account: &str) -> [String; 5] {
    let [old, new] = about_connections(account);
    [connect(account), disconnect(account), old, new, refused(id)]
}

/// The old subject of connection counts, and the new one.
fn about_connections(account: &str) -> [String; 2] {
    [format!("$SYS.SERVER.ACCOUNT.{account}.CONNS"), format!("$SYS.ACCOUNT.{account}.SERVER.CONNS")]
}

fn connect(account: &str) -> String {
    format!("$SYS.ACCOUNT.{account}.CONNECT")
}

fn refused(id: &str) -> String {
    format!("$SYS.SERVER.{id}.CLIENT.AUTH.ERR")
}

fn disconnect(account: &str) -> String {
    format!("$SYS.ACCOUNT.{account}.DISCONNECT")
}

// === impl Office ===

impl Office {
    fn event<T: Serialize>(&self, kind: &'static str, id: &str, about: T) -> Vec<u8> {
        let profile = self.profile();
        json::compact(&Event {
            r#type: kind,
            id,
            timestamp: GoTime(SystemTime::now()).to_string(),
            server: profile.info(self.broker.next_event()),
            about,
        })
    }

    fn say(&self, out: &mut Outlet<'_>, subject: &str, event: impl FnOnce() -> Vec<u8>) {
        let subject = subject.as_bytes();
        if out.interested(subject, None) {
            out.publish(Post { subject, reply: None, headers: None, payload: &event() });
        }
    }

    /// A client has joined its account.
    pub(super) fn tell_joined(&self, client: &ClientInfo, out: &mut Outlet<'_>) {
        let about = || self.event(CONNECT, &new_id(), Connect { client });
        self.say(out, &connect(client.account()), about);
    }

    fn parting(&self, parting: &Parting, client: &ClientInfo) -> Vec<u8> {
        let traffic = |(msgs, bytes)| Traffic { msgs, bytes };
        let (sent, received) = (traffic(parting.sent), traffic(parting.received));
        let reason = parting.reason.text();
        self.event(DISCONNECT, &new_id(), Disconnect { client, sent, received, reason })
    }

    /// A leaf node was not let in. It belongs to no account that could be told.
    pub(super) fn tell_refused(&self, parting: &Parting, out: &mut Outlet<'_>) {
        let about = || self.parting(parting, &parting.client);
        self.say(out, &refused(&self.profile().id), about);
    }

    /// A client has gone, or was not let in.
    pub(super) fn tell_left(&self, parting: &Parting, out: &mut Outlet<'_>) {
        let about = |client: &ClientInfo| self.parting(parting, client);
        let client = &parting.client;
        if let Some(realm) = &parting.refused_in {
            self.say(out, &refused(&self.profile().id), || about(client));
            let client = ClientInfo { acc: Some(realm.name.to_string()), ..client.clone() };
            out.within(realm, |out| self.say(out, REFUSED, || about(&client)));
        }
        self.say(out, &disconnect(client.account()), || about(client));
    }

    /// A client is not let in, for its certificates.
    pub(super) fn tell_peer_refused(&self, peer: &Certificate, out: &mut Outlet<'_>) {
        let subject = self.about_server("OCSP.PEER.CONN.REJECT");
        self.say(out, &subject, || {
            let (peer, reason) = (shown(peer), "client not OCSP valid");
            self.event(PEER_REFUSED, &new_id(), PeerRefused { kind: "Client", peer, reason })
        });
    }

    /// A certificate is bad in a chain that a client has shown.
    pub(super) fn tell_link_refused(&self, refused: &LinkRefused, out: &mut Outlet<'_>) {
        let subject = self.about_server("OCSP.PEER.LINK.INVALID");
        self.say(out, &subject, || {
            let (link, peer) = (shown(&refused.link), shown(&refused.peer));
            self.event(LINK_REFUSED, &new_id(), BadLink { link, peer, reason: &refused.why })
        });
    }

    /// Whether anybody wants to know how many connections an account has. Nobody does of the one
    /// that clients belong to which belong to no other.
    pub(super) fn hears_connections(&self, account: &str, out: &mut Outlet<'_>) -> bool {
        let subjects = about_connections(account);
        let mut heard = subjects.iter().map(|subject| out.interested(subject.as_bytes(), None));
        account != GLOBAL_ACCOUNT && heard.any(|heard| heard)
    }

    /// How many connections an account has.
    pub(super) fn tell_connections(&self, account: &AccountStat, out: &mut Outlet<'_>) {
        let id = new_id();
        for subject in about_connections(&account.acc) {
            self.say(out, &subject, || self.event(CONNECTIONS, &id, account));
        }
    }

    /// The same for one who asks.
    pub(super) fn connections(&self, account: &AccountStat) -> Vec<u8> {
        self.event(CONNECTIONS, &new_id(), account)
    }

    /// What the server is about to do.
    pub(super) fn tell_server(&self, what: &Announce, out: &mut Outlet<'_>) {
        let name = match what {
            Announce::LameDuck => "LAMEDUCK",
            Announce::Shutdown(_) => "SHUTDOWN",
        };
        let about = || json::compact(&self.profile().info(self.broker.next_event()));
        self.say(out, &self.about_server(name), about);
    }
}

fn shown(certificate: &Certificate) -> Shown<'_> {
    let digest = HEXLOWER.decode(certificate.digest.as_bytes()).unwrap_or_default();
    Shown {
        subject: &certificate.subject,
        issuer: &certificate.issuer,
        fingerprint: BASE64.encode(&digest),
        raw: BASE64.encode(&certificate.der),
    }
}

/// An identifier that was never given before.
fn new_id() -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(22).collect()
}
