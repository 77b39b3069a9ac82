//! `/subsz`, also `/subscriptionsz`: the interest, in numbers and one by one.

use std::sync::Arc;

use serde::Serialize;
use vagus_actors::Broker;
use vagus_actors::delivery::cache::Match;
use vagus_actors::delivery::counters::Totals;
use vagus_actors::delivery::{Sub, Target};
use vagus_actors::realm::Realm;

use super::context::{Context, now};
use super::query::{Query, Window};
use super::reply::{self, Refusal, Reply};

/// The page.
#[derive(Serialize)]
struct Subsz {
    server_id: String,
    now: String,
    #[serde(flatten)]
    stats: SublistStats,
    total: usize,
    offset: usize,
    limit: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subscriptions_list: Vec<SubDetail>,
}

/// The index in numbers.
#[derive(Debug, Default, Serialize)]
pub(super) struct SublistStats {
    pub(super) num_subscriptions: usize,
    num_cache: u64,
    num_inserts: u64,
    num_removes: u64,
    /// Subjects looked up, in the cache or in the index: one for each message.
    num_matches: u64,
    cache_hit_rate: f64,
    max_fanout: u64,
    /// Messages sent for each one that came.
    avg_fanout: f64,
}

/// One subscription.
#[derive(Debug, Serialize)]
pub(super) struct SubDetail {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) account_tag: Option<String>,
    pub(super) subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) qgroup: Option<String>,
    pub(super) sid: String,
    pub(super) msgs: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max: Option<u64>,
    pub(super) cid: u64,
}

pub(super) fn page(context: &Context, query: &Query) -> Result<Reply, Refusal> {
    let subs = query.flag("subs")?;
    let window = query.window()?;
    let test = query.owned("test");
    if let Some(subject) = &test
        && !is_published_to(subject)
    {
        let text = format!("invalid test subject, must be valid publish subject: {subject}");
        return Err(Refusal::bad(text));
    }
    let realms = match query.text("acc") {
        None => context.broker.realms.all(),
        Some(account) => context.broker.realms.get(&account).into_iter().collect(),
    };
    let (total, subscriptions_list) = match (subs, test) {
        (false, _) => (0, Vec::new()),
        (true, None) => list(&realms, window),
        (true, Some(subject)) => list_for(&realms, subject.as_bytes(), window),
    };
    Ok(reply::page(&Subsz {
        server_id: context.server_id(),
        now: now(),
        stats: stats(&context.broker, &realms),
        total,
        offset: window.offset,
        limit: window.limit,
        subscriptions_list,
    }))
}

/// Whether messages can be published to `subject`; blanks do no harm in a test.
fn is_published_to(subject: &str) -> bool {
    subject.split('.').all(|token| !matches!(token, "" | "*" | ">"))
}

/// The index of these realms. What is counted of matches is counted for the whole server.
pub(super) fn stats(broker: &Broker, realms: &[Arc<Realm>]) -> SublistStats {
    let totals = match realms {
        [] => Totals::default(),
        _ => broker.totals(),
    };
    let num_subscriptions = realms.iter().map(|realm| realm.interest.len()).sum();
    let num_inserts = realms.iter().map(|realm| realm.interest.added()).sum();
    let matches = totals.in_msgs.max(totals.lookups);
    let share = |part: u64| if matches == 0 { 0.0 } else { part as f64 / matches as f64 };
    SublistStats {
        num_subscriptions,
        num_cache: totals.cached,
        num_inserts,
        num_removes: num_inserts.saturating_sub(num_subscriptions as u64),
        num_matches: matches,
        cache_hit_rate: share(matches - totals.lookups),
        max_fanout: totals.widest,
        avg_fanout: share(totals.out_msgs),
    }
}

/// How many subscriptions there are, and those of the window.
fn list(realms: &[Arc<Realm>], window: Window) -> (usize, Vec<SubDetail>) {
    let (mut total, mut list) = (0, Vec::new());
    for realm in realms {
        realm.interest.for_each(|sub| {
            if total >= window.offset && list.len() < window.limit {
                list.push(detail(sub, &realm.name));
            }
            total += 1;
        });
    }
    (total, list)
}

/// The same of those that a message to `subject` reaches.
fn list_for(realms: &[Arc<Realm>], subject: &[u8], window: Window) -> (usize, Vec<SubDetail>) {
    let mut all = Vec::new();
    for realm in realms {
        let mut found = Match::default();
        realm.interest.collect(subject, &mut found);
        let wants = found.plain.iter().chain(found.queues.iter().flatten());
        all.extend(wants.map(|want| detail(&want.sub, &realm.name)));
    }
    let total = all.len();
    (total, all.into_iter().skip(window.offset).take(window.limit).collect())
}

pub(super) fn detail(sub: &Sub, account: &str) -> SubDetail {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    SubDetail {
        account: Some(account.to_owned()),
        account_tag: Some(account.to_owned()),
        subject: text(sub.subject()),
        qgroup: sub.queue().map(text),
        sid: text(sub.sid()),
        msgs: sub.delivered(),
        max: sub.max(),
        cid: match &sub.target {
            Target::Connection(out) => out.cid,
            Target::Route(lane) => lane.out().cid,
            Target::Leaf(lane) => lane.out.cid,
            // An actor of the server has no number.
            Target::Actor(_) | Target::Bridge(_) => 0,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_subject_has_no_wildcards_and_no_empty_tokens() {
        for good in ["foo", "foo.bar", "foo bar", "_INBOX.x", "a*b", "$SYS.x"] {
            assert!(is_published_to(good), "{good}");
        }
        for bad in ["foo.*", "foo.>", "foo..bar", ".", "", ".foo", "foo.", "*"] {
            assert!(!is_published_to(bad), "{bad}");
        }
    }

    #[test]
    fn a_detail_leaves_out_what_is_not_there() {
        let detail = SubDetail {
            account: None,
            account_tag: None,
            subject: "a".into(),
            qgroup: None,
            sid: "1".into(),
            msgs: 0,
            max: None,
            cid: 5,
        };
        let shown = serde_json::to_string(&detail).unwrap();
        assert_eq!(shown, r#"{"subject":"a","sid":"1","msgs":0,"cid":5}"#);
    }
}
