//! The fields of a line, and what requests mean.

use std::time::UNIX_EPOCH;

use serde_json::json;
use vagus_actors::delivery::Reason;

use super::*;

fn described() -> Description {
    Description {
        cid: 7,
        peer: "[::ffff:127.0.0.1]:4000".parse().unwrap(),
        started_at: UNIX_EPOCH + Duration::from_secs(10),
        active_at: UNIX_EPOCH + Duration::from_secs(70),
        ended: None,
        rtt: Some(Duration::from_nanos(530_999)),
        pending_bytes: 3,
        in_msgs: 1,
        out_msgs: 2,
        in_bytes: 3,
        out_bytes: 4,
        stalls: 0,
        subscriptions: 1,
        name: "n".into(),
        lang: String::new(),
        tls: None,
        version: String::new(),
        user: Some("bob".into()),
        account: Some("$G".into()),
        subscription_list: vec![SubscriptionDescription {
            subject: "a.>".into(),
            queue: Some("q".into()),
            sid: "1".into(),
            msgs: 5,
            max: Some(9),
            cid: 7,
        }],
    }
}

fn shown(one: &Description, auth: bool, subs: Subs) -> serde_json::Value {
    let at = UNIX_EPOCH + Duration::from_secs(100);
    serde_json::to_value(line(one, Shown { auth, subs }, at)).unwrap()
}

#[test]
fn an_open_connection_has_these_fields_in_this_order() {
    let wanted = json!({
        "cid": 7, "kind": "Client", "type": "nats", "ip": "127.0.0.1", "port": 4000,
        "start": "1970-01-01T00:00:10Z", "last_activity": "1970-01-01T00:01:10Z",
        "rtt": "530µs", "uptime": "1m30s", "idle": "30s", "pending_bytes": 3,
        "in_msgs": 1, "out_msgs": 2, "in_bytes": 3, "out_bytes": 4, "subscriptions": 1,
        "name": "n",
    });
    let shown = shown(&described(), false, Subs::Hidden);
    assert_eq!(shown.to_string(), wanted.to_string());
}

#[test]
fn subscriptions_and_credentials_show_when_asked_for() {
    let listed = shown(&described(), true, Subs::Listed);
    assert_eq!(listed["subscriptions_list"], json!(["a.>"]));
    assert_eq!((&listed["authorized_user"], &listed["name_tag"]), (&"bob".into(), &"$G".into()));
    assert!(listed.get("account").is_none(), "the global account is not named");
    let detailed = shown(&described(), false, Subs::Detailed);
    let sub = json!([{"subject": "a.>", "qgroup": "q", "sid": "1", "msgs": 5, "max": 9, "cid": 7}]);
    assert_eq!(detailed["subscriptions_list_detail"].to_string(), sub.to_string());
    assert!(detailed.get("subscriptions_list").is_none());
}

#[test]
fn a_closed_connection_counts_to_its_end() {
    let ended = UNIX_EPOCH + Duration::from_secs(72);
    let one = Description { ended: Some((ended, Reason::Stale)), rtt: None, ..described() };
    let shown = shown(&one, false, Subs::Hidden);
    assert_eq!(shown["stop"], "1970-01-01T00:01:12Z");
    assert_eq!(shown["reason"], "Stale Connection");
    assert_eq!((&shown["uptime"], &shown["idle"]), (&"1m2s".into(), &"2s".into()));
    assert_eq!(shown["rtt"], "0s");
}

#[test]
fn requests_are_understood() {
    let (wanted, shown) =
        read(&Query::parse("sort=rtt&state=ANY&subs=Detail&auth=1&offset=3&limit=4&acc=A&user=u"))
            .unwrap();
    assert_eq!((wanted.sort, wanted.state), (Sort::Rtt, State::All));
    assert_eq!(wanted.window, Window { offset: 3, limit: 4 });
    assert_eq!((wanted.account.as_deref(), wanted.user.as_deref()), (Some("A"), Some("u")));
    assert_eq!(shown, Shown { auth: true, subs: Subs::Detailed });
    let (one, _) = read(&Query::parse("cid=9&limit=50")).unwrap();
    assert_eq!((one.cid, one.window.limit), (Some(9), 1));
    let (alone, _) = read(&Query::parse("filter_subject=a&cid=0")).unwrap();
    assert_eq!((alone.subject, alone.cid), (None, None));
}

#[test]
fn wrong_requests_are_told_so() {
    for (query, text) in [
        ("sort=CID", "invalid sorting option: CID"),
        ("state=0", "Error decoding state for 0"),
        ("state=any&sort=stop", "sort by stop only valid on closed connections"),
        ("sort=reason", "sort by reason only valid on closed connections"),
    ] {
        assert_eq!(read(&Query::parse(query)).unwrap_err().text, text, "{query}");
    }
    assert!(read(&Query::parse("state=closed&sort=reason")).is_ok());
}

#[test]
fn short_round_trips_lose_their_fractions() {
    for (nanos, rounded_to) in [(999, 999), (1_000, 1_000), (1_999, 1_000), (1_234_567, 1_234_567)]
    {
        assert_eq!(rounded(Duration::from_nanos(nanos)), Duration::from_nanos(rounded_to));
    }
}
