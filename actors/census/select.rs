//! Which connections a page shows, and in which order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use super::messages::{Question, Sort};
use super::{Book, Present};
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
    if question.state.shows_present() {
        let clock = Clock { started: nanos(started_at), now: nanos(SystemTime::now()) };
        let row =
            |(cid, one): (&u64, _)| (clock.present_key(question.sort, one), Row::Present(*cid));
        let present = book.present.iter();
        rows.extend(present.filter(|(_, one)| wanted(Some(one.out.account().as_ref()))).map(row));
    }
    if question.state.shows_past() {
        let past = book.past.iter().enumerate().filter(|(_, one)| wanted(one.account.as_deref()));
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::census::messages::State;
    use crate::delivery::Reason;

    /// Ended connections: when each began, was last active and ended, in seconds, and why.
    fn past(of: &[(u64, u64, u64, Reason)]) -> Book {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let describe =
            |(place, &(start, active, end, reason)): (usize, &(u64, u64, u64, Reason))| {
                let cid = place as u64 + 1;
                Arc::new(Description {
                    cid,
                    peer: ([127, 0, 0, 1], 1).into(),
                    started_at: at(start),
                    active_at: at(active),
                    ended: Some((at(end), reason)),
                    rtt: Some(Duration::from_millis(cid)),
                    pending_bytes: 0,
                    in_msgs: 10 - cid,
                    out_msgs: cid,
                    in_bytes: 0,
                    out_bytes: 0,
                    stalls: 0,
                    subscriptions: 0,
                    name: String::new(),
                    lang: String::new(),
                    tls: None,
                    version: String::new(),
                    user: None,
                    account: None,
                    subscription_list: Vec::new(),
                })
            };
        Book { past: of.iter().enumerate().map(describe).collect(), ..Book::default() }
    }

    fn question(sort: Sort, account: Option<&str>) -> Question {
        Question {
            sort,
            state: State::Closed,
            offset: 1,
            limit: 1,
            cid: None,
            user: None,
            account: account.map(str::to_owned),
            subject: None,
            subscriptions: false,
            reply: tokio::sync::oneshot::channel().0,
        }
    }

    fn order(book: &Book, sort: Sort) -> Vec<u64> {
        let rows = rows(book, &question(sort, None), UNIX_EPOCH);
        rows.into_iter().map(|row| row.cid(book)).collect()
    }

    #[test]
    fn orders_are_those_of_nats_server() {
        let book = past(&[
            (10, 11, 50, Reason::Stale),
            (20, 39, 40, Reason::ClientClosed),
            (30, 35, 60, Reason::ProtocolViolation),
        ]);
        for (sort, wanted) in [
            (Sort::Cid, [1, 2, 3]),
            (Sort::Start, [1, 2, 3]),
            (Sort::Uptime, [2, 3, 1]),
            (Sort::Stop, [3, 1, 2]),
            (Sort::Reason, [2, 3, 1]),
            (Sort::Last, [2, 3, 1]),
            (Sort::Idle, [1, 3, 2]),
            (Sort::InMsgs, [1, 2, 3]),
            (Sort::OutMsgs, [3, 2, 1]),
            (Sort::Rtt, [3, 2, 1]),
            (Sort::Pending, [1, 2, 3]),
        ] {
            assert_eq!(order(&book, sort), wanted, "by {sort:?}");
        }
    }

    #[test]
    fn pages_are_cut_and_accounts_told_apart() {
        let book = past(&[(1, 1, 1, Reason::Stale), (2, 2, 2, Reason::Stale)]);
        assert_eq!(question(Sort::Cid, None).page(vec![1, 2, 3]), [2]);
        assert!(rows(&book, &question(Sort::Cid, Some("$G")), UNIX_EPOCH).is_empty());
    }
}
