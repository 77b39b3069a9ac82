//! `Census`: who is connected, and who was.
//!
//! in:   births and ends of connections; questions of monitoring; orders for all connections
//! out:  those orders, to every connection; questions to the connections that a page shows
//! dies: never by itself; what it knows outlives a restart

pub mod messages;
mod select;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::oneshot;
use vagus_runtime::{Actor, Cx, Handle, Handler};

use self::messages::{Born, Disband, Find, Gone, Page, Question, State, Tell};
use self::select::Row;
use crate::broker::Broker;
use crate::connection::Connection;
use crate::connection::messages::{Describe, Description, End};
use crate::delivery::{Outbound, Reason};

/// See the module's text.
pub struct Census {
    broker: Arc<Broker>,
    /// Locked by this actor alone: shared only with its successor.
    book: Arc<Mutex<Book>>,
}

/// What a restart keeps.
#[derive(Default)]
pub struct Book {
    /// By connection number, and so by age.
    present: BTreeMap<u64, Present>,
    /// By the time of their end: the last to leave is at the back.
    past: VecDeque<Arc<Description>>,
}

struct Present {
    since: SystemTime,
    out: Arc<Outbound>,
    handle: Handle<Connection>,
}

/// How many pieces of news can overtake one.
const OVERTAKEN_MAX: usize = 64;
/// How long connections have to describe themselves.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

impl Census {
    #[must_use]
    pub fn new(broker: Arc<Broker>, book: Arc<Mutex<Book>>) -> Self {
        Self { broker, book }
    }
}

// === impl Actor ===

impl Actor for Census {
    const KIND: &'static str = "census";

    fn observe(&self) -> serde_json::Value {
        let book = self.book.lock();
        json!({ "present": book.present.len(), "past": book.past.len() })
    }
}

// === impl Handler<Born> ===

impl Handler<Born> for Census {
    fn handle(&mut self, born: Born, _: &mut Cx<'_, Self>) {
        let mut book = self.book.lock();
        // The news of an end can overtake that of the birth.
        if !book.past.iter().rev().take(OVERTAKEN_MAX).any(|gone| gone.cid == born.out.cid) {
            let since = SystemTime::now();
            book.present
                .insert(born.out.cid, Present { since, out: born.out, handle: born.handle });
        }
    }
}

// === impl Handler<Gone> ===

impl Handler<Gone> for Census {
    fn handle(&mut self, Gone(words): Gone, _: &mut Cx<'_, Self>) {
        let max = self.broker.settings().closed_clients_max;
        let mut book = self.book.lock();
        book.present.remove(&words.cid);
        // News of ends on different threads can overtake each other, by a little.
        let end = |one: &Description| one.ended.map(|(at, _)| at);
        let after = |one: &&Arc<Description>| end(one) > end(&words);
        let later = book.past.iter().rev().take(OVERTAKEN_MAX).take_while(after).count();
        let place = book.past.len() - later;
        book.past.insert(place, Arc::from(words));
        while book.past.len() > max {
            book.past.pop_front();
        }
    }
}

// === impl Handler<Tell> ===

impl Handler<Tell> for Census {
    fn handle(&mut self, tell: Tell, _: &mut Cx<'_, Self>) {
        if let Tell::Reload(_) = &tell {
            self.broker.realms.leafs.review(&self.broker.leaf_rules());
        }
        for present in self.book.lock().present.values() {
            // Who is gone by now needs no order.
            let _ = match &tell {
                Tell::Reload(order) => present.handle.send_urgent(order.clone()).map_err(drop),
                Tell::Inform(order) => present.handle.send_urgent(*order).map_err(drop),
                Tell::End(order) => present.handle.send_urgent(*order).map_err(drop),
            };
        }
    }
}

// === impl Handler<Disband> ===

impl Handler<Disband> for Census {
    /// Ends the connections one after the other, so that their clients do not all come to the next
    /// server at the same moment.
    fn handle(&mut self, Disband { over }: Disband, cx: &mut Cx<'_, Self>) {
        let all: Vec<_> = self.book.lock().present.values().map(|one| one.handle.clone()).collect();
        let pace = over.div_f64(all.len().max(1) as f64).min(Duration::from_secs(1));
        let farewell = async move {
            for handle in all {
                let _ = handle.send_urgent(End(Reason::ServerShutdown));
                tokio::time::sleep(pace.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            }
        };
        cx.when(farewell, |_, (), _| ());
    }
}

// === impl Handler<Find> ===

impl Handler<Find> for Census {
    fn handle(&mut self, find: Find, _: &mut Cx<'_, Self>) {
        let book = self.book.lock();
        let found = book.present.get(&find.cid).map(|present| present.handle.clone());
        // The asker may have given up.
        let _ = find.reply.send(found);
    }
}

// === impl Handler<Question> ===

impl Handler<Question> for Census {
    fn handle(&mut self, question: Question, cx: &mut Cx<'_, Self>) {
        let book = self.book.lock();
        let mut rows = select::rows(&book, &question, self.broker.started_at);
        let total = rows.len();
        if let Some(only) = question.cid {
            rows.retain(|row| row.cid(&book) == only);
        }
        // Only a filter by name or subject needs to know more of everyone than the counters say.
        if !question.needs_descriptions() {
            rows = question.page(rows);
        }
        let pending: Vec<_> = rows.into_iter().map(|row| ask(&book, row, &question)).collect();
        drop(book);
        cx.when(
            async move { (answers(pending).await, question) },
            move |_, (mut connections, question), _| {
                if question.needs_descriptions() {
                    connections = question.filter_and_page(connections);
                }
                // The asker may have given up.
                let _ = question.reply.send(Page { total, connections });
            },
        );
    }
}

/// A description, or the promise of one.
enum Pending {
    Known(Arc<Description>),
    Asked(oneshot::Receiver<Description>),
}

fn ask(book: &Book, row: Row, question: &Question) -> Pending {
    match row {
        Row::Past(index) => Pending::Known(Arc::clone(&book.past[index])),
        Row::Present(cid) => {
            let (reply, answer) = oneshot::channel();
            if let Some(present) = book.present.get(&cid) {
                let subscriptions = question.subscriptions || question.subject.is_some();
                let _ = present.handle.send_urgent(Describe { subscriptions, reply });
            }
            Pending::Asked(answer)
        }
    }
}

/// Who does not answer is gone, or too busy to be shown.
async fn answers(pending: Vec<Pending>) -> Vec<Arc<Description>> {
    let deadline = tokio::time::Instant::now() + ANSWER_WITHIN;
    let mut described = Vec::with_capacity(pending.len());
    for one in pending {
        match one {
            Pending::Known(words) => described.push(words),
            Pending::Asked(answer) => {
                if let Ok(Ok(words)) = tokio::time::timeout_at(deadline, answer).await {
                    described.push(Arc::new(words));
                }
            }
        }
    }
    described
}

impl State {
    fn shows_present(self) -> bool {
        self != Self::Closed
    }

    fn shows_past(self) -> bool {
        self != Self::Open
    }
}
