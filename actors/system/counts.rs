//! How many clients want something: requests about the interest of an account.

use std::sync::Arc;

use serde::Deserialize;
use vagus_runtime::Cx;
use vagus_subject::{has_wildcards, overlaps};

use super::System;
use super::inquiry::Inquiry;
use crate::delivery::cache::Match;
use crate::delivery::{Sub, Target};
use crate::realm::Realm;

/// What is asked about.
#[derive(Debug, Deserialize)]
struct About {
    acc: String,
    subject: String,
    #[serde(default)]
    queue: String,
}

// === impl System ===

impl System {
    /// The subscriptions of an account, which the request names, that a message would reach.
    pub(super) fn count_of_account(&mut self, inquiry: &Inquiry, cx: &mut Cx<'_, Self>) {
        let Ok(about) = serde_json::from_slice::<About>(inquiry.body()) else { return };
        let Some(realm) = self.office.broker.realms.get(&about.acc) else { return };
        let count = count(&realm, &about.subject, &about.queue);
        self.answer(inquiry, count.to_string().as_bytes(), cx);
    }

    /// The same in the account of whoever asks, about `subject` or `subject queue`.
    pub(super) fn count_subscribers(&mut self, inquiry: &Inquiry, cx: &mut Cx<'_, Self>) {
        let of_origin = inquiry.origin().and_then(|who| self.office.broker.realms.get(&who.acc));
        let realm = of_origin.unwrap_or_else(|| Arc::clone(&inquiry.realm));
        let text = String::from_utf8_lossy(inquiry.body());
        let mut words = text.split_ascii_whitespace();
        let count = match (words.next(), words.next(), words.next()) {
            (Some(subject), queue, None) => count(&realm, subject, queue.unwrap_or_default()),
            _ => 0,
        };
        self.answer(inquiry, count.to_string().as_bytes(), cx);
    }
}

/// Subscriptions of clients that a message to `subject` can reach, which may be a pattern; of those
/// in a queue group if `queue` names one.
fn count(realm: &Realm, subject: &str, queue: &str) -> usize {
    let subject = subject.as_bytes();
    let counts = |sub: &Sub| {
        let of_client = matches!(sub.target, Target::Connection(_));
        of_client && (queue.is_empty() || sub.queue() == Some(queue.as_bytes()))
    };
    if has_wildcards(subject) {
        let mut found = 0;
        realm.interest.for_each(|sub| {
            found += usize::from(counts(sub) && overlaps(sub.subject(), subject));
        });
        return found;
    }
    let mut found = Match::default();
    realm.interest.collect(subject, &mut found);
    let all = found.plain.iter().chain(found.queues.iter().flatten());
    all.filter(|want| counts(&want.sub)).count()
}
