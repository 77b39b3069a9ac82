//! What the system is told of a connection: that its client has joined an account, and that it has
//! left.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime};

use vagus_telemetry::text::GoTime;

use super::Connection;
use crate::delivery::{ClientInfo, Reason};
use crate::realm::{GLOBAL_ACCOUNT, Realm};
use crate::system::messages::{News, Parting};

impl Connection {
    /// The client, as requests and events name it.
    pub(super) fn client_info(&self) -> ClientInfo {
        let connect = &self.client.connect;
        let identity = self.client.identity.as_ref();
        let start: SystemTime = self.broker.started_at + Duration::from_nanos(self.started_ns);
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        ClientInfo {
            start: Some(GoTime(start).to_string()),
            host: Some(self.peer.ip().to_canonical().to_string()),
            id: Some(self.out.cid),
            acc: Some(self.realm.name.to_string()),
            user: self.user(),
            name: text(&connect.name),
            lang: text(&connect.lang),
            ver: text(&connect.version),
            rtt: Some(self.out.stats.rtt_ns.load(Relaxed)).filter(|rtt| *rtt > 0),
            issuer_key: identity.and_then(|who| who.issuer.as_deref()).map(str::to_owned),
            tags: identity.map(|who| who.tags.to_vec()).unwrap_or_default(),
            kind: text("Client"),
            client_type: text("nats"),
            ..ClientInfo::default()
        }
    }

    fn client_info_of_event(&self) -> ClientInfo {
        let label = self.rules.stated.label.clone();
        let name_tag = label.unwrap_or_else(|| self.realm.name.to_string());
        ClientInfo { name_tag: Some(name_tag), ..self.client_info() }
    }

    /// The client has joined its account. Nobody wants to know it of clients that belong to none.
    pub(super) fn tell_joined(&self) {
        if let Some(system) = &self.cast.system
            && *self.realm.name != *GLOBAL_ACCOUNT
        {
            let news = || News::Joined(Box::new(self.client_info_of_event()));
            system.tell(&self.broker, (&self.realm.name, None), news);
        }
    }

    /// Where it is told of that the client is not let in, if that is so: with the service that
    /// decides, or where those are who belong to no account.
    fn refused_in(&self) -> Option<Arc<Realm>> {
        if self.out.closed() != Some(Reason::AuthenticationFailure) {
            return None;
        }
        let realms = &self.broker.realms;
        let credentials = self.client.credentials(self.peer.ip());
        let decides = self.settings.authenticator.decides_in(&credentials);
        Some(decides.and_then(|account| realms.get(&account)).unwrap_or(realms.global().clone()))
    }

    /// The connection has ended.
    pub(super) fn tell_left(&self) {
        let Some(system) = &self.cast.system else { return };
        let refused_in = self.refused_in();
        let account = (&*self.realm.name, refused_in.as_deref());
        let news = || {
            let stats = &self.out.stats;
            let ended_at = self.ended_at.unwrap_or_else(SystemTime::now);
            let client = ClientInfo {
                stop: Some(GoTime(ended_at).to_string()),
                ..self.client_info_of_event()
            };
            News::Left(Box::new(Parting {
                client,
                sent: (stats.in_msgs.load(Relaxed), stats.in_bytes.load(Relaxed)),
                received: (stats.out_msgs.load(Relaxed), stats.out_bytes.load(Relaxed)),
                reason: self.out.closed().unwrap_or(Reason::InternalError),
                refused_in: refused_in.clone(),
            }))
        };
        system.tell(&self.broker, account, news);
    }
}
