//! Which connections a page shows, and in which order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use super::messages::{Question, Sort};
use super::{Book, Present};
use crate::broker::GLOBAL_ACCOUNT;
use crate::connection::messages::Description;

/// A line of a page.
#[derive(Clone, Copy)]
pub(super) enum Row {
    Present(u64),
    Past(usize),
}

/// What rows are sorted by. Ascending; a number is turned round where the largest comes first.
type Key = (u128, &'static str, u64);

/// All rows in the state and account asked for, in order.
pub(super) fn rows(book: &Book, question: &Question, started_at: SystemTime) -> Vec<Row> {
    let wanted =
        |of: Option<&str>| question.account.as_deref().is_none_or(|account| of == Some(account));
    let mut rows: Vec<(Key, Row)> = Vec::new();
    if question.state.shows_present() && wanted(Some(GLOBAL_ACCOUNT)) {
        let clock = Clock { started: nanos(started_at), now: nanos(SystemTime::now()) };
        let row =
            |(cid, one): (&u64, _)| (clock.present_key(question.sort, one), Row::Present(*cid));
        rows.extend(book.present.iter().map(row));
    }
    if question.state.shows_past() {
        let past = book.past.iter().enumerate().filter(|(_, one)| wanted(one.account));
        rows.extend(past.map(|(index, one)| (past_key(question.sort, one), Row::Past(index))));
    }
    rows.sort_by_key(|(key, _)| *key);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// Nanoseconds of the calendar: what the present and the past are compared by.
struct Clock {
    /// When the server started, which the counters of the present count from.
    started: u128,
    now: u128,
}

fn nanos(time: SystemTime) -> u128 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos())
}

fn descending(number: u128) -> u128 {
    u128::MAX - number
}

impl Clock {
    fn present_key(&self, sort: Sort, one: &Present) -> Key {
        let stats = &one.out.stats;
        let load = |counter: &AtomicU64| u128::from(counter.load(Relaxed));
        let active = || self.started + load(&stats.active_ns);
        let number = match sort {
            Sort::Cid | Sort::Start | Sort::Stop | Sort::Reason => 0,
            Sort::Uptime => self.now.saturating_sub(nanos(one.since)),
            Sort::Subscriptions => descending(load(&stats.subscriptions)),
            Sort::Pending => descending(one.out.pending() as u128),
            Sort::OutMsgs => descending(load(&stats.out_msgs)),
            Sort::InMsgs => descending(load(&stats.in_msgs)),
            Sort::OutBytes => descending(load(&stats.out_bytes)),
            Sort::InBytes => descending(load(&stats.in_bytes)),
            Sort::Last => descending(active()),
            Sort::Idle => active(),
            Sort::Rtt => descending(load(&stats.rtt_ns)),
        };
        (number, "", one.out.cid)
    }
}

fn past_key(sort: Sort, one: &Description) -> Key {
    let (stop, reason) = one.ended.map_or((0, ""), |(at, reason)| (nanos(at), reason.text()));
    let text = if sort == Sort::Reason { reason } else { "" };
    let number = match sort {
        Sort::Cid | Sort::Start | Sort::Reason => 0,
        Sort::Uptime => stop.saturating_sub(nanos(one.started_at)),
        Sort::Stop => descending(stop),
        Sort::Subscriptions => descending(u128::from(one.subscriptions)),
        Sort::Pending => descending(one.pending_bytes as u128),
        Sort::OutMsgs => descending(u128::from(one.out_msgs)),
        Sort::InMsgs => descending(u128::from(one.in_msgs)),
        Sort::OutBytes => descending(u128::from(one.out_bytes)),
        Sort::InBytes => descending(u128::from(one.in_bytes)),
        Sort::Last => descending(nanos(one.active_at)),
        Sort::Idle => nanos(one.active_at),
        Sort::Rtt => descending(one.rtt.map_or(0, |rtt| rtt.as_nanos())),
    };
    (number, text, one.cid)
}

// === impl Row ===

impl Row {
    pub(super) fn cid(self, book: &Book) -> u64 {
        match self {
            Self::Present(cid) => cid,
            Self::Past(index) => book.past[index].cid,
        }
    }
}

// === impl Question ===

impl Question {
    /// Whether the counters alone can't tell which connections match. Who asks for one connection
    /// gets it, whatever else the question says.
    pub(super) fn needs_descriptions(&self) -> bool {
        self.cid.is_none() && (self.user.is_some() || self.subject.is_some())
    }

    pub(super) fn page<T>(&self, rows: Vec<T>) -> Vec<T> {
        rows.into_iter().skip(self.offset).take(self.limit).collect()
    }

    pub(super) fn filter_and_page(
        &self,
        mut described: Vec<Arc<Description>>,
    ) -> Vec<Arc<Description>> {
        described.retain(|one| self.lets_through(one));
        self.page(described)
    }

    fn lets_through(&self, one: &Description) -> bool {
        let user = self.user.as_ref().is_none_or(|user| one.user.as_ref() == Some(user));
        let reaches = |subject: &String| {
            let mut subs = one.subscription_list.iter();
            subs.any(|sub| vagus_subject::overlaps(sub.subject.as_bytes(), subject.as_bytes()))
        };
        user && self.subject.as_ref().is_none_or(reaches)
    }
}
