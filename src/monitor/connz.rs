//! `/connz`: the connections, open and closed, in pages.

mod tls;

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use tokio::sync::oneshot;
use tokio::time::timeout;
use vagus_actors::census::messages::{Page, Question, Sort, State};
use vagus_actors::connection::messages::{Description, SubscriptionDescription};
use vagus_actors::realm::GLOBAL_ACCOUNT;
use vagus_telemetry::text::{GoDuration, Uptime};

use self::tls::Tls;
use super::context::{Context, now, time};
use super::query::{Query, Window};
use super::reply::{self, Refusal, Reply};
use super::subsz::SubDetail;

/// The page.
#[derive(Serialize)]
struct Connz {
    server_id: String,
    now: String,
    num_connections: usize,
    total: usize,
    offset: usize,
    limit: usize,
    /// `null` for an account that there is not.
    connections: Option<Vec<Connection>>,
}

/// One line of it.
#[derive(Serialize)]
struct Connection {
    cid: u64,
    kind: &'static str,
    r#type: &'static str,
    ip: IpAddr,
    port: u16,
    start: String,
    last_activity: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    rtt: String,
    uptime: String,
    idle: String,
    pending_bytes: usize,
    in_msgs: u64,
    out_msgs: u64,
    in_bytes: u64,
    out_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    stalls: Option<u64>,
    subscriptions: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    lang: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    version: String,
    #[serde(flatten)]
    tls: Tls,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorized_user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subscriptions_list: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subscriptions_list_detail: Vec<SubDetail>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name_tag: Option<String>,
}

/// How a page shows its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shown {
    auth: bool,
    subs: Subs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subs {
    Hidden,
    Listed,
    Detailed,
}

/// Which connections a request wants.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    sort: Sort,
    state: State,
    window: Window,
    cid: Option<u64>,
    user: Option<String>,
    account: Option<String>,
    subject: Option<String>,
    /// Only clients of another protocol, of which there are none.
    mqtt: bool,
}

/// The census itself waits two seconds for the connections, which is why it is given more.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

pub(super) async fn page(context: &Context, query: &Query) -> Result<Reply, Refusal> {
    let (wanted, shown) = read(query)?;
    let (window, has_cid) = (wanted.window, wanted.cid.is_some());
    let unknown = wanted.account.as_deref().is_some_and(|name| !context.has_account(name));
    if unknown {
        return Ok(reply::page(&Connz {
            server_id: String::new(),
            now: now(),
            num_connections: 0,
            total: 0,
            offset: window.offset,
            limit: window.limit,
            connections: None,
        }));
    }
    let hidden = wanted.mqtt && !has_cid;
    let page = ask(context, wanted, shown.subs != Subs::Hidden).await?;
    let at = SystemTime::now();
    let lines = page.connections.iter().filter(|_| !hidden).map(|one| line(one, shown, at));
    let connections: Vec<_> = lines.collect();
    Ok(reply::page(&Connz {
        server_id: context.server_id(),
        now: time(at),
        num_connections: connections.len(),
        total: page.total,
        offset: window.offset,
        limit: window.limit,
        connections: Some(connections),
    }))
}

async fn ask(context: &Context, wanted: Wanted, subscriptions: bool) -> Result<Page, Refusal> {
    let unavailable = || Refusal {
        status: hyper::StatusCode::SERVICE_UNAVAILABLE,
        text: "the connections could not be asked in time".to_owned(),
    };
    let cast = context.broker.cast().ok_or_else(unavailable)?;
    let (reply, answer) = oneshot::channel();
    let question = Question {
        sort: wanted.sort,
        state: wanted.state,
        offset: wanted.window.offset,
        limit: wanted.window.limit,
        cid: wanted.cid,
        user: wanted.user,
        account: wanted.account,
        subject: wanted.subject,
        subscriptions,
        reply,
    };
    let page = async {
        cast.census.send_wait(question).await.ok()?;
        answer.await.ok()
    };
    timeout(ANSWER_WITHIN, page).await.ok().flatten().ok_or_else(unavailable)
}

fn read(query: &Query) -> Result<(Wanted, Shown), Refusal> {
    let sort = sort(query.text("sort").as_deref().unwrap_or("cid"));
    let auth = query.flag("auth")?;
    let subs = subs(query)?;
    let mut window = query.window()?;
    let cid = Some(query.uint("cid")?).filter(|cid| *cid > 0);
    let state = state(query)?;
    let Some(sort) = sort else {
        let text = query.text("sort").unwrap_or_default();
        return Err(Refusal::bad(format!("invalid sorting option: {text}")));
    };
    let only_closed = match sort {
        Sort::Stop => Some("stop"),
        Sort::Reason => Some("reason"),
        _ => None,
    };
    if let Some(by) = only_closed.filter(|_| state != State::Closed) {
        return Err(Refusal::bad(format!("sort by {by} only valid on closed connections")));
    }
    if cid.is_some() {
        window.limit = 1;
    }
    let account = query.owned("acc");
    // Without an account it says nothing, since a subject belongs to one.
    let subject = account.as_ref().and_then(|_| query.owned("filter_subject"));
    let (user, mqtt) = (query.owned("user"), query.text("mqtt_client").is_some());
    let wanted = Wanted { sort, state, window, cid, user, account, subject, mqtt };
    Ok((wanted, Shown { auth, subs }))
}

fn sort(text: &str) -> Option<Sort> {
    Some(match text {
        "cid" => Sort::Cid,
        "start" => Sort::Start,
        "subs" => Sort::Subscriptions,
        "pending" => Sort::Pending,
        "msgs_to" => Sort::OutMsgs,
        "msgs_from" => Sort::InMsgs,
        "bytes_to" => Sort::OutBytes,
        "bytes_from" => Sort::InBytes,
        "last" => Sort::Last,
        "idle" => Sort::Idle,
        "uptime" => Sort::Uptime,
        "stop" => Sort::Stop,
        "reason" => Sort::Reason,
        "rtt" => Sort::Rtt,
        _ => return None,
    })
}

fn state(query: &Query) -> Result<State, Refusal> {
    let Some(text) = query.text("state") else { return Ok(State::Open) };
    match text.to_lowercase().as_str() {
        "open" => Ok(State::Open),
        "closed" => Ok(State::Closed),
        "any" | "all" => Ok(State::All),
        _ => Err(Refusal::bad(format!("Error decoding state for {text}"))),
    }
}

fn subs(query: &Query) -> Result<Subs, Refusal> {
    if query.text("subs").is_some_and(|text| text.eq_ignore_ascii_case("detail")) {
        return Ok(Subs::Detailed);
    }
    Ok(if query.flag("subs")? { Subs::Listed } else { Subs::Hidden })
}

fn line(one: &Description, shown: Shown, at: SystemTime) -> Connection {
    let end = one.ended.map_or(at, |(stop, _)| stop);
    let since = |from: SystemTime, to: SystemTime| {
        Uptime(to.duration_since(from).unwrap_or_default()).to_string()
    };
    let account = one.account.as_deref().filter(|_| shown.auth).map(str::to_owned);
    let list = &one.subscription_list;
    let listed = list.iter().filter(|_| shown.subs == Subs::Listed);
    let detailed = list.iter().filter(|_| shown.subs == Subs::Detailed);
    Connection {
        cid: one.cid,
        kind: "Client",
        r#type: "nats",
        ip: one.peer.ip().to_canonical(),
        port: one.peer.port(),
        start: time(one.started_at),
        last_activity: time(one.active_at),
        stop: one.ended.map(|(stop, _)| time(stop)),
        reason: one.ended.map(|(_, reason)| reason.text()),
        rtt: GoDuration(rounded(one.rtt.unwrap_or_default())).to_string(),
        uptime: since(one.started_at, end),
        idle: since(one.active_at, end),
        pending_bytes: one.pending_bytes,
        in_msgs: one.in_msgs,
        out_msgs: one.out_msgs,
        in_bytes: one.in_bytes,
        out_bytes: one.out_bytes,
        stalls: Some(one.stalls).filter(|stalls| *stalls > 0),
        subscriptions: one.subscriptions,
        name: one.name.clone(),
        lang: one.lang.clone(),
        version: one.version.clone(),
        tls: Tls::of(one, shown.auth),
        authorized_user: one.user.clone().filter(|_| shown.auth),
        // The global account goes without saying.
        account: account.clone().filter(|name| name != GLOBAL_ACCOUNT),
        subscriptions_list: listed.map(|sub| sub.subject.clone()).collect(),
        subscriptions_list_detail: detailed.map(detail).collect(),
        name_tag: account,
    }
}

/// Times of microseconds without their fractions.
fn rounded(rtt: Duration) -> Duration {
    match rtt.as_nanos() {
        nanos @ 1_001..1_000_000 => Duration::from_micros(nanos as u64 / 1_000),
        _ => rtt,
    }
}

fn detail(sub: &SubscriptionDescription) -> SubDetail {
    SubDetail {
        account: None,
        account_tag: None,
        subject: sub.subject.clone(),
        qgroup: sub.queue.clone(),
        sid: sub.sid.clone(),
        msgs: sub.msgs,
        max: sub.max,
        cid: sub.cid,
    }
}

#[cfg(test)]
mod tests;
