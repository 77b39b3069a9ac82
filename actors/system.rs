//! `System`: the server as one that can be asked, and that tells what happens: `$SYS`.
//!
//! in:   requests below `$SYS.REQ.` in the system's account, and about itself in each other;
//!       [`News`] of clients; what the server is about to do
//! out:  answers; events; statistics, again and again
//! dies: never by itself. A restart loses what it was being asked; its successor subscribes anew.
//!
//! Events are made only if somebody listens, and connections tell their news only then. News for
//! which there is no room in the mailbox is lost, and counted: a storm of them costs no memory.
//! Pages of monitoring are made on the monitor's thread ([`Pages`]), so that a long one holds up
//! nobody.

mod account_stat;
mod answer;
mod clients;
mod counts;
mod events;
mod filter;
mod headcount;
mod inquiry;
mod making;
pub mod messages;
mod office;
mod options;
mod pages;
mod requests;
mod server_info;
mod statsz;
mod user_info;

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use hashbrown::HashMap;
use serde_json::json;
use vagus_runtime::{Actor, Cx, Handler, MailboxLimits};
use vagus_wire::frame::frames;

pub use self::account_stat::AccountStat;
use self::answer::Body;
use self::headcount::Counted;
use self::inquiry::Inquiry;
use self::messages::{Announce, Asked, Hatch, News, Settle};
pub use self::office::Office;
pub use self::pages::{Done, NO_FILE, PageError, Pages, Reload};
use self::requests::Ask;
pub use self::server_info::Profile;
use self::statsz::Beat;
pub use crate::delivery::ClientInfo;
use crate::delivery::feed::Holder;
use crate::delivery::outlet::{self, Outlet};
use crate::delivery::{Feed, Post, Sub, Target};
use crate::jetstream::Caller;
use crate::realm::Realm;
use crate::shard::Roster;

/// See the module's text.
pub struct System {
    office: Arc<Office>,
    /// Its subscriptions, by account.
    rosters: HashMap<Arc<str>, Roster>,
    /// Those of them that not all subject shards have acknowledged.
    unheard: usize,
    /// To whoever waits for it to hear; after that nobody listens.
    ready: mpsc::Sender<()>,
    beat: Beat,
    counted: Counted,
    requests: u64,
    news: u64,
}

/// How often accounts with connections are told of again.
const CONNECTIONS_EVERY: Duration = Duration::from_secs(30);

// === impl System ===

impl System {
    /// Requests and news that wait are few as a rule; a storm of them is cut off here.
    pub const MAILBOX: MailboxLimits = MailboxLimits { depth_max: 16 << 10, bytes_max: 32 << 20 };

    #[must_use]
    pub fn new(office: Arc<Office>, ready: mpsc::Sender<()>) -> Self {
        Self {
            office,
            rosters: HashMap::new(),
            unheard: 0,
            ready,
            beat: Beat::default(),
            counted: Counted::default(),
            requests: 0,
            news: 0,
        }
    }

    /// Subscribes in the system's account, and in all others. Whoever waits for it to hear waits
    /// for both: the first request of a client's tool is about its own account.
    fn open(&mut self, cx: &mut Cx<'_, Self>) {
        let realm = Arc::clone(self.office.realm());
        let subjects = requests::subjects(&self.office.profile().id);
        self.enroll(&realm, &subjects, cx);
        self.settle(cx);
    }

    /// Subscribes in each account where it did not yet.
    fn settle(&mut self, cx: &mut Cx<'_, Self>) {
        for realm in self.office.broker.realms.all() {
            if !self.rosters.contains_key(&realm.name) {
                self.enroll(&realm, &requests::OWN_SUBJECTS.map(str::to_owned), cx);
            }
        }
    }

    fn enroll(&mut self, realm: &Arc<Realm>, subjects: &[String], cx: &mut Cx<'_, Self>) {
        let roster = self.roster(realm, subjects, cx);
        self.unheard += 1;
        cx.when(roster.register(), |me, (), _| {
            me.unheard -= 1;
            if me.unheard == 0 {
                // Nobody waits any more once the server runs.
                let _ = me.ready.send(());
            }
        });
        self.rosters.insert(Arc::clone(&realm.name), roster);
    }

    fn roster(&self, realm: &Arc<Realm>, subjects: &[String], cx: &Cx<'_, Self>) -> Roster {
        let broker = Arc::clone(&self.office.broker);
        let hatch = Hatch { realm: Arc::clone(realm), to: cx.handle().recipient() };
        let feed = Feed::new(broker.slots.take(), Arc::new(hatch));
        let account = Arc::clone(&self.office.realm().name);
        let feed = feed.naming_origin(requests::names_origin).held_by(Holder::Service(account));
        let feed = Arc::new(feed);
        let subs = subjects.iter().zip(1..).map(|(subject, sid)| {
            let target = Target::Actor(Arc::clone(&feed));
            Sub::new(target, subject.as_bytes(), None, format!("{sid}").as_bytes())
        });
        Roster::new(broker, Arc::clone(realm), subs.collect())
    }

    fn ask(&mut self, inquiry: Inquiry, cx: &mut Cx<'_, Self>) {
        let subject = inquiry.subject().to_owned();
        let own = Arc::clone(&inquiry.realm.name);
        let ask = match Arc::ptr_eq(&inquiry.realm, self.office.realm()) {
            true => requests::read(&subject),
            false => requests::read_own(&subject, &own),
        };
        let Some(ask) = ask else { return };
        match ask {
            Ask::Name => {
                let name = vagus_telemetry::json::compact(&self.office.profile().named());
                self.answer(&inquiry, &name, cx);
            }
            Ask::Statsz => self.statsz(inquiry, cx),
            Ask::Page(page) => self.page(inquiry, page, None, cx),
            Ask::AccountPage(page, account) => self.page(inquiry, page, Some(account), cx),
            Ask::AccountStatz => self.page(inquiry, &requests::STATZ, None, cx),
            Ask::AccountStat(account) => self.account_stat(inquiry, account, cx),
            Ask::AccountConns(account) => {
                if let Some(stat) = self.office.stat_of(account) {
                    self.answer(&inquiry, &self.office.connections(&stat), cx);
                }
            }
            Ask::AccountSubs => self.count_of_account(&inquiry, cx),
            Ask::Subscribers => self.count_subscribers(&inquiry, cx),
            Ask::Kick => self.kick(inquiry, cx),
            Ask::LameDuck => self.send_away(inquiry, cx),
            Ask::Reload => self.reload(inquiry, cx),
            Ask::Profile => {
                if self.options(&inquiry, &options::PROFILEZ, cx).is_none() {
                    return;
                }
                let refusal = br#"{"profile":null,"error":"this server makes no profiles"}"#;
                let answer = self.office.envelope(&Body::Data("data", refusal));
                self.answer(&inquiry, &answer, cx);
            }
            Ask::User => self.introduce(inquiry, cx),
        }
    }

    fn reload(&mut self, inquiry: Inquiry, cx: &mut Cx<'_, Self>) {
        if self.options(&inquiry, &options::RELOAD, cx).is_none() {
            return;
        }
        let (done, outcome) = tokio::sync::oneshot::channel();
        (self.office.reload)(Box::new(move |outcome| {
            // A system that is gone tells nobody.
            let _ = done.send(outcome);
        }));
        cx.when(outcome, move |me, outcome, cx| match outcome {
            Ok(Ok(())) => me.answer(&inquiry, &me.office.envelope(&Body::Done), cx),
            Ok(Err(why)) => me.fail(&inquiry, 500, &why, cx),
            Err(_) => me.fail(&inquiry, 500, NO_FILE, cx),
        });
    }

    fn fail(&self, inquiry: &Inquiry, code: u16, why: &str, cx: &Cx<'_, Self>) {
        self.answer(inquiry, &self.office.envelope(&Body::Failed { code, why }), cx);
    }

    fn answer(&self, inquiry: &Inquiry, payload: &[u8], cx: &Cx<'_, Self>) {
        self.answer_with(inquiry, None, payload, cx);
    }

    fn answer_with(
        &self,
        inquiry: &Inquiry,
        headers: Option<&[u8]>,
        payload: &[u8],
        cx: &Cx<'_, Self>,
    ) {
        let subject = inquiry.reply();
        self.turn(&inquiry.realm, cx, |_, out| {
            out.publish(Post { subject, reply: None, headers, payload });
        });
    }

    /// A turn of the outlet, in one account.
    fn turn(&self, realm: &Realm, cx: &Cx<'_, Self>, work: impl FnOnce(&Self, &mut Outlet<'_>)) {
        outlet::turn(&self.office.broker, realm, cx.cell().arbiter(), |out| work(self, out));
    }

    /// A turn in the system's account.
    fn event(&self, cx: &Cx<'_, Self>, work: impl FnOnce(&Office, &mut Outlet<'_>)) {
        self.turn(self.office.realm(), cx, |me, out| work(&me.office, out));
    }
}

// === impl Actor ===

impl Actor for System {
    const KIND: &'static str = "system";

    fn started(&mut self, cx: &mut Cx<'_, Self>) {
        self.open(cx);
        self.schedule_statsz(cx);
        cx.run_interval(CONNECTIONS_EVERY, |me, cx| me.count_all(cx));
    }

    fn observe(&self) -> serde_json::Value {
        let tally = &self.office.broker.tally;
        json!({
            "waiting": "for a request, or for something to happen",
            "account": &*self.office.realm().name,
            "accounts": self.rosters.len(),
            "requests": self.requests,
            "events": self.news,
            "events_dropped": tally.events_dropped.load(Relaxed),
            "pages_being_made": self.office.making(),
            "requests_dropped": self.office.refused.load(Relaxed),
        })
    }
}

// === impl Handler<Asked> ===

impl Handler<Asked> for System {
    fn handle(&mut self, Asked { realm, frames: bytes }: Asked, cx: &mut Cx<'_, Self>) {
        for (_, frame) in frames(&bytes) {
            self.requests += 1;
            let caller = Caller::new(bytes.clone(), frame);
            if let Some(inquiry) = Inquiry::new(Arc::clone(&realm), caller) {
                self.ask(inquiry, cx);
            }
        }
    }
}

// === impl Handler<News> ===

impl Handler<News> for System {
    fn handle(&mut self, news: News, cx: &mut Cx<'_, Self>) {
        self.news += 1;
        let about = match &news {
            News::Joined(client) => Some(client.account()),
            News::Left(parting) => parting.was_in().then_some(parting.client.account()),
            News::Refused(_) | News::PeerRefused(_) | News::LinkRefused(_) => None,
        };
        if let Some(account) = about {
            self.count(account, cx);
        }
        self.event(cx, |office, out| match &news {
            News::Joined(client) => office.tell_joined(client, out),
            News::Left(parting) => office.tell_left(parting, out),
            News::Refused(parting) => office.tell_refused(parting, out),
            News::PeerRefused(peer) => office.tell_peer_refused(peer, out),
            News::LinkRefused(refused) => office.tell_link_refused(refused, out),
        });
    }
}

// === impl Handler<Announce> ===

impl Handler<Announce> for System {
    fn handle(&mut self, what: Announce, cx: &mut Cx<'_, Self>) {
        self.event(cx, |office, out| office.tell_server(&what, out));
        if let Announce::Shutdown(told) = what {
            // Who waited may have lost patience.
            let _ = told.send(());
        }
    }
}

// === impl Handler<Settle> ===

impl Handler<Settle> for System {
    fn handle(&mut self, _: Settle, cx: &mut Cx<'_, Self>) {
        self.settle(cx);
    }
}
