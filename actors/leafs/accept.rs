//! Those who connect: leaf nodes are taken in, all others are told why not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tokio::net::{TcpListener, TcpStream};
use tracing::{debug, error, info};
use vagus_auth::{Identity, SubjectRules};
use vagus_config::{Compression, HandshakeFirst};
use vagus_runtime::Cx;
use vagus_telemetry::text::GoTime;
use vagus_wire::leaf::{LeafConnect, LeafInfo, LinkPermission};
use vagus_wire::text;

use super::link::Ready;
use super::talk::{Line, NoLink, Stranger, Talk};
use super::{Leafs, STRANGERS_MAX, compress, greet, identify};
use crate::broker::Broker;
use crate::callout::Encrypted;
use crate::delivery::leaf_lane::Role;
use crate::delivery::wire::Stream;
use crate::delivery::{ClientInfo, Reason};
use crate::leafs::LeafSettings;
use crate::link::Doorkeeper;
use crate::system::messages::{News, Parting};

/// One who has connected, and who that is.
struct Guest {
    talk: Talk,
    connect: LeafConnect,
    identity: Identity,
    compression: Option<Compression>,
}

/// Of whom it is not known which is theirs.
const NO_ACCOUNT: &str = "N/A";

// === impl Doorkeeper ===

impl Doorkeeper for Leafs {
    const GUESTS: &'static str = "leafnode";

    fn socket(&self) -> Option<&TcpListener> {
        self.socket.as_ref()
    }

    fn hear_out(&mut self, socket: TcpStream, peer: SocketAddr, cx: &mut Cx<'_, Self>) {
        if self.strangers >= STRANGERS_MAX || self.leaving {
            // Closed by being dropped.
            self.refused += 1;
            return;
        }
        self.strangers += 1;
        let cid = self.broker.next_cid();
        info!("{peer} - lid:{cid} - Leafnode connection created");
        let (broker, settings) = (Arc::clone(&self.broker), Arc::clone(&self.settings));
        let talk = async move { receive(socket, peer, cid, &broker, &settings).await };
        cx.when(talk, move |leafs, heard, cx| {
            leafs.strangers -= 1;
            match heard {
                Ok(guest) => leafs.take_in(guest, peer, cid, cx),
                Err(problem) => leafs.turn_away(peer, cid, &problem),
            }
        });
    }
}

// === impl Leafs ===

impl Leafs {
    fn turn_away(&mut self, peer: SocketAddr, cid: u64, problem: &NoLink) {
        self.refused += 1;
        match problem {
            NoLink::Tls(why) => error!("{peer} - lid:{cid} - TLS leafnode handshake error: {why}"),
            NoLink::Refused(why) => error!("{peer} - lid:{cid} - {why}"),
            NoLink::Stranger(stranger) => {
                error!("{peer} - lid:{cid} - {problem}");
                self.tell_refused(peer, cid, stranger);
            }
            problem => debug!("{peer} - lid:{cid} - no leaf link: {problem}"),
        }
    }

    fn tell_refused(&self, peer: SocketAddr, cid: u64, stranger: &Stranger) {
        let Some(system) = &self.cast.system else { return };
        let said = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let news = || {
            let client = ClientInfo {
                start: Some(GoTime(stranger.since).to_string()),
                stop: Some(GoTime(SystemTime::now()).to_string()),
                host: Some(peer.ip().to_canonical().to_string()),
                id: Some(cid),
                acc: Some(NO_ACCOUNT.to_owned()),
                user: said(&stranger.user),
                name: said(&stranger.name),
                ver: said(&stranger.version),
                kind: Some("Leafnode".to_owned()),
                ..ClientInfo::default()
            };
            News::Refused(Box::new(Parting {
                client,
                sent: (0, 0),
                received: (0, 0),
                reason: Reason::AuthenticationFailure,
                refused_in: None,
            }))
        };
        system.tell(&self.broker, (NO_ACCOUNT, None), news);
    }

    fn take_in(&mut self, guest: Guest, peer: SocketAddr, cid: u64, cx: &mut Cx<'_, Self>) {
        let Guest { mut talk, connect, identity, compression } = guest;
        let realm = self.broker.realms.ensure(&identity.account);
        let max = realm.rules().stated.limits.leafnodes;
        let present = self.broker.realms.leafs.count_of(&realm.name);
        if max.is_some_and(|max| present as u64 >= max) {
            self.refused += 1;
            error!("{peer} - lid:{cid} - {}", text::MAX_ACCOUNT_CONNECTIONS);
            cx.when(async move { talk.refuse(text::MAX_ACCOUNT_CONNECTIONS).await }, |_, (), _| ());
            return;
        }
        let permissions = identity.permissions.as_ref().map(|known| known.rules().clone());
        let rules = permissions.unwrap_or_default();
        let mut info = greet::info(&self.broker, &self.settings, cid);
        info.connect_info = true;
        info.remote_account = realm.name.to_string();
        let system = self.cast.system.as_ref();
        info.is_system_account = system.is_some_and(|system| system.is_of(&realm));
        info.import = permission(&rules.subscribe);
        info.export = permission(&rules.publish);
        let mut outward = rules.subscribe;
        outward.deny.extend(connect.deny_pub.iter().cloned());
        let ready = Ready {
            cid,
            peer,
            realm,
            name: connect.name.clone(),
            cluster: connect.cluster.clone(),
            domain: connect.domain.clone(),
            remote_account: connect.remote_account.clone(),
            role: if connect.hub { Role::Hub } else { Role::Spoke },
            isolated: self.settings.isolate || connect.isolate,
            headers: connect.headers && self.settings.info.headers,
            compression,
            outward,
            inward: rules.publish,
            version: connect.version.clone(),
            identity: Some(identity),
            target: None,
            again: false,
            said_cluster: None,
        };
        let Ok(line) = info.line() else { return };
        let answer = async move { talk.say(&line).await.map(|()| talk) };
        cx.when(answer, move |leafs, answered, cx| match answered {
            Ok(talk) => leafs.serve(ready, talk, cx),
            Err(problem) => leafs.turn_away(peer, cid, &problem),
        });
    }
}

/// What the other end is told of its rights; `None`: there is nothing to tell.
fn permission(rules: &SubjectRules) -> Option<LinkPermission> {
    let deny = Some(rules.deny.clone()).filter(|deny| !deny.is_empty());
    (*rules != SubjectRules::default()).then(|| LinkPermission { allow: rules.allow.clone(), deny })
}

async fn receive(
    socket: TcpStream,
    peer: SocketAddr,
    cid: u64,
    broker: &Broker,
    settings: &LeafSettings,
) -> Result<Guest, NoLink> {
    let since = SystemTime::now();
    socket.set_nodelay(true)?;
    let mut talk = Talk::new(Stream::Clear(socket));
    let first = match &settings.tls {
        Some(tls) if begins_with_tls(&talk, tls.handshake_first).await => {
            talk = talk.secure(tls).await?;
            true
        }
        _ => false,
    };
    let info = greet::info(broker, settings, cid);
    talk.say(&info.line()?).await?;
    if let Some(tls) = settings.tls.as_ref().filter(|_| !first) {
        talk = talk.secure(tls).await?;
    }
    let session = talk.stream.session().zip(settings.tls.as_ref());
    let encrypted = session.and_then(|(session, tls)| Encrypted::of(session, tls));
    let mut compression = None;
    let until = Instant::now() + settings.auth_timeout;
    let heard = loop {
        match talk.listen(until.saturating_duration_since(Instant::now())).await {
            Ok(Line::Connect(json)) => break Ok(json),
            Ok(Line::Info(json)) if compression.is_none() => {
                let theirs: LeafInfo = serde_json::from_slice(&json)?;
                let mine = &settings.compression;
                compression = compress::agreed(mine, &theirs.compression);
                if let Some(agreed) = compression.as_ref().filter(|one| **one != Compression::Off) {
                    talk = compress::answer(talk, mine, agreed, &info).await?;
                }
            }
            Ok(Line::Info(_)) => {}
            Ok(Line::Fault(text)) => return Err(NoLink::Fault(text)),
            Err(NoLink::Slow) => break Err(text::AUTH_TIMEOUT.to_owned()),
            Err(NoLink::Protocol(problem)) => {
                break Err(problem.text().unwrap_or(text::UNKNOWN_OPERATION).to_owned());
            }
            Err(NoLink::Nonsense) => break Err(text::AUTHORIZATION.to_owned()),
            Err(problem) => return Err(problem),
        }
    };
    let checked = match heard {
        Ok(json) => check(&json, broker, settings),
        Err(why) => Err(why),
    };
    let connect = match checked {
        Ok(connect) => connect,
        Err(why) => {
            talk.refuse(&why).await;
            return Err(NoLink::Refused(why));
        }
    };
    let credentials = identify::credentials(&connect, peer.ip(), &info.nonce);
    let about = || identify::about(&connect, peer, &info, encrypted, broker);
    if let Some(identity) = identify::identify(&credentials, about, broker).await {
        // Whoever does not ask for it may know of it.
        let knows = !["", "not supported"].contains(&&*connect.compression);
        let compression = compression.or_else(|| knows.then_some(Compression::Off));
        return Ok(Guest { talk, connect, identity, compression });
    }
    let stranger = Stranger {
        who: credentials.describe(),
        user: match connect.user == connect.auth_token && !connect.user.is_empty() {
            true => Identity::TOKEN.to_owned(),
            false => connect.user.clone(),
        },
        name: connect.name.clone(),
        version: connect.version.clone(),
        since,
    };
    talk.refuse(text::AUTHORIZATION).await;
    Err(NoLink::Stranger(Box::new(stranger)))
}

/// Whether the other end shakes hands before it was told anything.
async fn begins_with_tls(talk: &Talk, first: HandshakeFirst) -> bool {
    match (first, &talk.stream) {
        (HandshakeFirst::Never, _) => false,
        (HandshakeFirst::Within(time), Stream::Clear(socket)) => {
            let mut byte = [0];
            tokio::time::timeout(time, socket.peek(&mut byte)).await.is_ok()
        }
        _ => true,
    }
}

/// Whether the other end can be a leaf node here, whoever it is. An error is what it is told.
fn check(json: &[u8], broker: &Broker, settings: &LeafSettings) -> Result<LeafConnect, String> {
    let connect: LeafConnect =
        serde_json::from_slice(json).map_err(|_| text::AUTHORIZATION.to_owned())?;
    if !connect.lang.is_empty() {
        return Err("attempted to connect to leaf node port".to_owned());
    }
    if connect.cluster.contains(' ') {
        return Err("remote leafnode cluster name has spaces".to_owned());
    }
    if connect.cluster == settings.cluster(broker.cluster.seen().map(|(name, _)| name)) {
        return Err("remote leafnode has same cluster name".to_owned());
    }
    if !connect.gateway.is_empty() {
        let from = &connect.gateway;
        return Err(format!("Rejecting connection from gateway {from:?} on the leafnode port"));
    }
    if let Some((named, least)) = &settings.min_version
        && release(&connect.version) < *least
    {
        return Err(format!("connection rejected since minimum version required is {named:?}"));
    }
    Ok(connect)
}

/// The numbers of a release; of what is none, that of the oldest.
fn release(text: &str) -> [u64; 3] {
    let mut numbers = [0; 3];
    let bare = text.trim_start_matches('v').split(['-', '+']).next().unwrap_or_default();
    for (place, part) in numbers.iter_mut().zip(bare.split('.')) {
        *place = part.parse().unwrap_or(0);
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::release;

    #[test]
    fn releases_are_compared_by_their_numbers() {
        assert_eq!(release("2.10.29"), [2, 10, 29]);
        assert_eq!(release("v2.9.0-beta.1"), [2, 9, 0]);
        assert!(release("2.10.0") > release("2.9.99") && release("") < release("2.8.0"));
    }
}
