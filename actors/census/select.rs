//! Which connections a page shows, and in which order.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{SystemTime, UNIX_EPOCH};

use super::messages::{Page, Question, Sort};
use super::{Book, Present};
use crate::connection::messages::Description;

/// A line of a page.
#[derive(Clone, Copy)]
pub(super) enum Row {
    Present(u64),
    Past(usize),
}

/// What rows are sorted by. Ascending.
type Key = (Reverse<u128>, Reverse<&'static str>, u64);

/// All rows that the counters alone let through, in order.
pub(super) fn rows(book: &Book, question: &Question) -> Vec<Row> {
    let wanted = |cid: u64| question.cid.is_none_or(|only| only == cid);
    let mut rows: Vec<(Key, Row)> = Vec::new();
    if question.state.shows_present() {
        let present = book.present.iter().filter(|(cid, _)| wanted(**cid));
        rows.extend(
            present.map(|(cid, one)| (present_key(question.sort, one), Row::Present(*cid))),
        );
    }
    if question.state.shows_past() {
        let past = book.past.iter().enumerate().filter(|(_, one)| wanted(one.cid));
        rows.extend(past.map(|(index, one)| (past_key(question.sort, one), Row::Past(index))));
    }
    rows.sort_by_key(|(key, _)| *key);
    rows.into_iter().map(|(_, row)| row).collect()
}

fn present_key(sort: Sort, one: &Present) -> Key {
    let stats = &one.out.stats;
    let load = |counter: &std::sync::atomic::AtomicU64| u128::from(counter.load(Relaxed));
    let number = match sort {
        Sort::Cid | Sort::Start | Sort::Uptime | Sort::Stop | Sort::Reason => 0,
        Sort::Subscriptions => load(&stats.subscriptions),
        Sort::Pending => one.out.pending() as u128,
        Sort::OutMsgs => load(&stats.out_msgs),
        Sort::InMsgs => load(&stats.in_msgs),
        Sort::OutBytes => load(&stats.out_bytes),
        Sort::InBytes => load(&stats.in_bytes),
        Sort::Last => load(&stats.active_ms),
        Sort::Idle => u128::MAX - load(&stats.active_ms),
        Sort::Rtt => load(&stats.rtt_ns),
    };
    (Reverse(number), Reverse(""), one.out.cid)
}

fn past_key(sort: Sort, one: &Description) -> Key {
    let nanos =
        |time: SystemTime| time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let (stop, reason) = one.ended.map_or((0, ""), |(at, reason)| (nanos(at), reason.text()));
    let mut text = "";
    let number = match sort {
        Sort::Cid | Sort::Start => 0,
        Sort::Reason => {
            text = reason;
            0
        }
        Sort::Uptime => stop.saturating_sub(nanos(one.started_at)),
        Sort::Stop => stop,
        Sort::Subscriptions => u128::from(one.subscriptions),
        Sort::Pending => one.pending_bytes as u128,
        Sort::OutMsgs => u128::from(one.out_msgs),
        Sort::InMsgs => u128::from(one.in_msgs),
        Sort::OutBytes => u128::from(one.out_bytes),
        Sort::InBytes => u128::from(one.in_bytes),
        Sort::Last => nanos(one.active_at),
        Sort::Idle => u128::MAX - nanos(one.active_at),
        Sort::Rtt => one.rtt.map_or(0, |rtt| rtt.as_nanos()),
    };
    (Reverse(number), Reverse(text), one.cid)
}

// === impl Question ===

impl Question {
    /// Whether the counters alone can't tell which connections match.
    pub(super) fn needs_descriptions(&self) -> bool {
        self.user.is_some() || self.account.is_some() || self.subject.is_some()
    }

    pub(super) fn page<T>(&self, rows: Vec<T>) -> Vec<T> {
        rows.into_iter().skip(self.offset).take(self.limit).collect()
    }

    pub(super) fn filter_and_page(&self, mut described: Vec<Arc<Description>>) -> Page {
        described.retain(|one| self.lets_through(one));
        Page { total: described.len(), connections: self.page(described) }
    }

    fn lets_through(&self, one: &Description) -> bool {
        let user = self.user.as_ref().is_none_or(|user| one.user.as_ref() == Some(user));
        let account = self.account.as_ref().is_none_or(|account| one.account == account);
        let subject = self.subject.as_ref().is_none_or(|subject| {
            one.subscription_list
                .iter()
                .any(|sub| vagus_subject::overlaps(sub.subject.as_bytes(), subject.as_bytes()))
        });
        user && account && subject
    }
}
