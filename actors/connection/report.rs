//! What others are told of a connection: monitoring while it lives, the census when it ends.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime};

use vagus_auth::Identity;

use super::Connection;
use super::messages::{Description, SubscriptionDescription};
use crate::census::messages::Gone;
use crate::delivery::{Reason, Sub};
use crate::realm::GLOBAL_ACCOUNT;

/// Subscriptions that are remembered of a connection that has ended.
const REMEMBERED_MAX: usize = 100;

impl Connection {
    /// What every line of the log about this connection starts with: where it comes from, what the
    /// client says it is, who it has proved to be.
    pub(super) fn prefix(&self) -> String {
        let connect = &self.client.connect;
        let version = match connect.version.as_ref() {
            "" => String::new(),
            version => format!("v{version}"),
        };
        let agent = [version.as_str(), connect.lang.as_ref(), connect.name.as_ref()];
        let agent = agent.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(":");
        let mut prefix = format!("{} - cid:{}", self.peer, self.out.cid);
        if !agent.is_empty() {
            prefix.push_str(&format!(" - \"{agent}\""));
        }
        let account = &self.realm.name;
        match self.client.identity.as_ref().and_then(|who| who.name.as_deref()) {
            Some(Identity::TOKEN) => prefix.push_str(&format!(" - \"{account}/token\"")),
            Some(user) => prefix.push_str(&format!(" - \"{account}/user:{user}\"")),
            None => {}
        }
        prefix.push_str(" - ");
        prefix
    }

    pub(super) fn describe(&self, subscriptions: bool) -> Description {
        let stats = &self.out.stats;
        let rtt = stats.rtt_ns.load(Relaxed);
        let connect = &self.client.connect;
        let subscription_list = match subscriptions {
            true => {
                self.interest.iter().map(|sub| describe_subscription(sub, self.out.cid)).collect()
            }
            false => Vec::new(),
        };
        Description {
            cid: self.out.cid,
            peer: self.peer,
            started_at: self.broker.started_at + Duration::from_nanos(self.started_ns),
            active_at: self.broker.started_at + Duration::from_nanos(stats.active_ns.load(Relaxed)),
            ended: None,
            rtt: (rtt > 0).then(|| Duration::from_nanos(rtt)),
            pending_bytes: self.out.pending(),
            in_msgs: stats.in_msgs.load(Relaxed),
            out_msgs: stats.out_msgs.load(Relaxed),
            in_bytes: stats.in_bytes.load(Relaxed),
            out_bytes: stats.out_bytes.load(Relaxed),
            stalls: stats.stalls.load(Relaxed),
            subscriptions: stats.subscriptions.load(Relaxed),
            tls: self.tls.as_ref().and_then(|tls| tls.describe()).map(Box::new),
            name: connect.name.to_string(),
            lang: connect.lang.to_string(),
            version: connect.version.to_string(),
            user: self.user(),
            account: Some(Arc::clone(&self.realm.name)),
            subscription_list,
        }
    }

    /// Before interest and socket are let go of: how it will be remembered.
    fn last_words(&self) -> Description {
        // Whoever ends in good order has a reason by now. (By the time a role that panicked is
        // dropped, its thread is no longer panicking.)
        let reason = self.out.closed().unwrap_or(Reason::InternalError);
        let mut words = self.describe(self.interest.len() <= REMEMBERED_MAX);
        words.ended = Some((self.ended_at.unwrap_or_else(SystemTime::now), reason));
        words.account = words.account.filter(|name| **name != *GLOBAL_ACCOUNT);
        words
    }

    /// The user's name, where there is one: also that of a user who was refused, or who was asked
    /// for no proof. A token is not shown.
    pub(super) fn user(&self) -> Option<String> {
        let known = self.client.identity.as_ref().and_then(|who| who.name.as_deref());
        known.map(str::to_owned).or_else(|| {
            let shown = self.client.connect.shown.as_ref()?;
            match (shown.user.is_empty(), shown.auth_token.is_empty()) {
                (false, _) => Some(shown.user.clone()),
                (true, false) => Some(Identity::TOKEN.to_owned()),
                (true, true) => None,
            }
        })
    }

    /// For the census a connection has ended when it takes no more part, even if its client still
    /// has a last word to read.
    pub(super) fn tell_census(&self) {
        self.tell_left();
        // Without a census there is nobody left to tell.
        let _ = self.cast.census.send_urgent(Gone(Box::new(self.last_words())));
    }

    /// The end, however it came: also when the actor panicked.
    pub(super) fn leave(&mut self) {
        if self.ending.is_none() {
            self.tell_census();
            self.withdraw();
        }
        self.out.release_socket();
        self.uncount();
    }
}

/// A subscription as monitoring shows it.
pub(crate) fn describe_subscription(sub: &Sub, cid: u64) -> SubscriptionDescription {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    SubscriptionDescription {
        subject: text(sub.subject()),
        queue: sub.queue().map(text),
        sid: text(sub.sid()),
        msgs: sub.delivered(),
        max: sub.max(),
        cid,
    }
}
