//! `Account`: what changes with time in an account that shares something with others.
//!
//! in:   [`Renew`]: rules have changed
//! out:  bridges, as subscriptions in the account's realm: one for each service that it imports,
//!       one for the answers to requests from other realms; what actors that have subscribed in the
//!       realm hear by its imports; reports of requests that nobody answered in time
//! dies: never by itself; a successor puts the bridges up anew. Open requests outlive it.

use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use serde_json::json;
use tokio::time::Sleep;
use vagus_runtime::{Actor, Cx, Handler, Message};

use crate::broker::Broker;
use crate::delivery::bridge::ANSWERS;
use crate::delivery::{Bridge, Sub, Target, outlet};
use crate::realm::{Realm, ServiceImport};
use crate::shard::Roster;

/// See the module's text.
pub struct Account {
    broker: Arc<Broker>,
    realm: Arc<Realm>,
    imports: Vec<(Arc<ServiceImport>, Roster)>,
    answers: Option<Roster>,
    /// Dropped when all bridges are up.
    ready: Option<mpsc::Sender<()>>,
    /// To the next look at open requests.
    sweep: Option<Pin<Box<Sleep>>>,
    /// Requests that were not answered in time.
    late: u64,
}

/// Go by the rules that are in force now.
pub struct Renew;

impl Message for Renew {}

/// Who asked and is gone is noticed within this time.
const SWEEP_MAX: Duration = Duration::from_millis(250);
/// Open requests are not looked at more often.
const SWEEP_MIN: Duration = Duration::from_millis(10);

impl Account {
    #[must_use]
    pub fn new(broker: Arc<Broker>, realm: Arc<Realm>, ready: Option<mpsc::Sender<()>>) -> Self {
        let (imports, answers, sweep) = (Vec::new(), None, None);
        Self { broker, realm, imports, answers, ready, sweep, late: 0 }
    }

    /// Puts up the bridges that are missing, and takes down those that lead nowhere any more.
    fn build(&mut self, cx: &mut Cx<'_, Self>) {
        let links = self.realm.links();
        self.imports.retain(|(built, _)| links.services.contains(built));
        let mut registered = Vec::new();
        for import in &links.services {
            if self.imports.iter().all(|(built, _)| built != import) {
                let roster = self.bridge(&import.local, Bridge::Request(Arc::clone(import)));
                registered.push(roster.register());
                self.imports.push((Arc::clone(import), roster));
            }
        }
        let answers = links.serves || !links.services.is_empty();
        match (answers, &self.answers) {
            (true, None) => {
                let roster = self.bridge(ANSWERS, Bridge::Answers(Arc::clone(&self.realm)));
                registered.push(roster.register());
                self.answers = Some(roster);
            }
            (false, Some(_)) => self.answers = None,
            _ => {}
        }
        let heard = Roster::follow_imports(&self.broker, &self.realm);
        cx.when(join(join_all(registered), heard), |me, _, _| me.ready = None);
    }

    fn bridge(&self, subject: &[u8], bridge: Bridge) -> Roster {
        let sub = Sub::new(Target::Bridge(Arc::new(bridge)), subject, None, b"1");
        Roster::new(Arc::clone(&self.broker), Arc::clone(&self.realm), vec![sub])
    }

    /// Ends the requests that nobody will answer any more.
    fn poll_sweep(&mut self, cx: &Cx<'_, Self>, task: &mut Context<'_>) {
        self.realm.replies.wake_me(task.waker());
        loop {
            if let Some(sweep) = &mut self.sweep
                && sweep.as_mut().poll(task).is_pending()
            {
                return;
            }
            let now = Instant::now();
            let (ended, next) = self.realm.replies.sweep(now);
            if !ended.is_empty() {
                self.late += ended.len() as u64;
                outlet::turn(&self.broker, &self.realm, cx.cell().arbiter(), |out| {
                    ended.iter().for_each(|(measure, over)| measure.report_over(*over, out));
                });
            }
            let Some(next) = next else {
                self.sweep = None;
                return;
            };
            let wait = next.saturating_duration_since(now).clamp(SWEEP_MIN, SWEEP_MAX);
            self.sweep = Some(Box::pin(tokio::time::sleep(wait)));
        }
    }
}

// === impl Actor ===

impl Actor for Account {
    const KIND: &'static str = "account";

    fn started(&mut self, cx: &mut Cx<'_, Self>) {
        self.build(cx);
        cx.poll_with(|me, cx, task| {
            me.poll_sweep(cx, task);
            Poll::<()>::Pending
        });
    }

    fn observe(&self) -> serde_json::Value {
        json!({
            "services_imported": self.imports.len(),
            "requests_open": self.realm.replies.len(),
            "requests_late": self.late,
        })
    }
}

// === impl Handler<Renew> ===

impl Handler<Renew> for Account {
    fn handle(&mut self, _: Renew, cx: &mut Cx<'_, Self>) {
        self.build(cx);
    }
}
