//! What the system is told of a link: that the other end has joined an account, and that it has
//! left.

use std::sync::atomic::Ordering::Relaxed;
use std::time::SystemTime;

use vagus_telemetry::text::GoTime;

use super::{Leaf, LeafFacts};
use crate::delivery::{ClientInfo, Reason};
use crate::realm::GLOBAL_ACCOUNT;
use crate::system::messages::{News, Parting};

impl Leaf {
    pub(super) fn tell_joined(&self) {
        self.tell(|me| News::Joined(Box::new(me.client_of_event())));
    }

    pub(super) fn tell_left(&self) {
        self.tell(|me| {
            let stats = &me.pipe.out.stats;
            let stop = Some(GoTime(SystemTime::now()).to_string());
            News::Left(Box::new(Parting {
                client: ClientInfo { stop, ..me.client_of_event() },
                sent: (stats.in_msgs.load(Relaxed), stats.in_bytes.load(Relaxed)),
                received: (stats.out_msgs.load(Relaxed), stats.out_bytes.load(Relaxed)),
                reason: me.pipe.out.closed().unwrap_or(Reason::InternalError),
                refused_in: None,
            }))
        });
    }

    /// Nobody wants to know it of links that serve no account of its own.
    fn tell(&self, news: impl FnOnce(&Self) -> News) {
        if let Some(system) = &self.pipe.cast.system
            && *self.realm.name != *GLOBAL_ACCOUNT
        {
            system.tell(&self.pipe.broker, (&self.realm.name, None), || news(self));
        }
    }

    fn client_of_event(&self) -> ClientInfo {
        let label = self.realm.rules().stated.label.clone();
        let name_tag = label.unwrap_or_else(|| self.realm.name.to_string());
        let rtt = self.pipe.out.stats.rtt_ns.load(Relaxed);
        ClientInfo {
            name_tag: Some(name_tag),
            rtt: Some(rtt).filter(|rtt| *rtt > 0),
            ..self.facts.client()
        }
    }
}

impl LeafFacts {
    /// The other end as a client of its account. Of one that this server has connected to, no more
    /// is told than that.
    fn client(&self) -> ClientInfo {
        let about = &self.about;
        let came =
            |text: &str| Some(text.to_owned()).filter(|text| !about.solicited && !text.is_empty());
        let identity = about.identity.as_ref();
        ClientInfo {
            start: Some(GoTime(about.since).to_string()),
            host: Some(about.address.ip().to_canonical().to_string()),
            id: Some(self.lane.out.cid),
            acc: Some(about.account.clone()),
            user: identity.and_then(|who| who.name.as_deref()).map(str::to_owned),
            name: came(&about.name),
            ver: came(&about.version),
            issuer_key: identity.and_then(|who| who.issuer.as_deref()).map(str::to_owned),
            tags: identity.map(|who| who.tags.to_vec()).unwrap_or_default(),
            kind: Some("Leafnode".to_owned()),
            ..ClientInfo::default()
        }
    }
}
