//! `Resolver`: knows what the accounts of operators say, and takes in what they say anew.
//!
//! in:   [`Fetch`] of connections whose account is not known; [`Move`] of a reload; requests below
//!       `$SYS.REQ.CLAIMS.` and the like in the system's account; what other servers answer
//! out:  answers; questions to other servers; the book of accounts, their realms' rules, and word
//!       to all connections to look at themselves again
//! dies: never by itself. The book and the files outlive it; a successor subscribes anew. Who waits
//!       for an account is refused.

mod exchange;
mod kept;
pub mod messages;
mod petition;
mod requests;
mod search;
mod source;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tracing::{debug, warn};
use vagus_auth::account::ImportError;
use vagus_auth::keys::is_account_key;
use vagus_auth::{AccountBook, AccountRules, KnownAccount};
use vagus_runtime::{Actor, Cx, Handler, MailboxLimits, TaskId};
use vagus_wire::frame::frames;

use self::kept::Kept;
use self::messages::{Counter, Fetch, Move, Petition};
use self::search::Searches;
pub use self::source::{Files, Remote, Source, Token};
use crate::accounts::Enforce;
use crate::broker::{Broker, unix_now};
use crate::census::messages::Tell;
use crate::connection::messages::Reload;
use crate::delivery::outlet;
use crate::delivery::{Feed, Post, Sub, Target};
use crate::jetstream::Caller;
use crate::realm::{Realm, RealmRules};
use crate::shard::Roster;

/// See the module's text.
pub struct Resolver {
    archive: Arc<Archive>,
    roster: Option<Roster>,
    /// Who waits for which account.
    fetching: HashMap<String, Vec<oneshot::Sender<()>>>,
    searches: Searches,
    /// What a cache has on disk.
    kept: Kept,
    /// The comparing with other servers.
    beat: Option<TaskId>,
    /// Of other servers, on its way to the disk.
    unpacked: Vec<KnownAccount>,
    fetched: u64,
    updated: u64,
    merged: u64,
}

/// What outlives an incarnation.
pub struct Archive {
    pub broker: Arc<Broker>,
    pub book: Arc<AccountBook>,
    source: ArcSwap<Source>,
    /// Of the system's account.
    pub realm: Arc<Realm>,
    next: AtomicU64,
}

/// How often it is seen whether claims have run out.
const CLOCK: Duration = Duration::from_millis(500);
/// Accounts that may be fetched at a time; who asks for more is refused.
const FETCHES_MAX: usize = 1024;

// === impl Archive ===

impl Archive {
    #[must_use]
    pub fn new(
        broker: Arc<Broker>,
        book: Arc<AccountBook>,
        source: Source,
        realm: Arc<Realm>,
    ) -> Self {
        let source = ArcSwap::from_pointee(source);
        Self { broker, book, source, realm, next: AtomicU64::new(1) }
    }

    fn source(&self) -> Arc<Source> {
        self.source.load_full()
    }

    /// Whether an operator that is trusted signed the account.
    fn trusts(&self, account: &KnownAccount) -> bool {
        let settings = self.broker.settings();
        let operators = settings.authenticator.operators();
        operators.is_some_and(|all| all.trusted_keys.contains(&account.claims.iss))
    }

    /// Takes an account in, unless newer claims of it are known. False: nothing has changed.
    fn take_in(&self, account: KnownAccount) -> bool {
        !self.book.knows_newer(&account) && self.put_in_force(account)
    }

    /// Goes by what an account says. False: nothing has changed.
    fn put_in_force(&self, account: KnownAccount) -> bool {
        let (rules, refused) = self.rules_of(&account);
        let name = account.key().to_owned();
        let changed = self.book.put(account);
        if changed {
            refused.iter().for_each(|why| warn!("account {name}: {why}"));
            self.enforce(Some(rules));
        }
        changed
    }

    /// What an account may do, next to what the others do now.
    fn rules_of(&self, account: &KnownAccount) -> (RealmRules, Vec<ImportError>) {
        let realms = &self.broker.realms;
        let imports_of = |name: &str| Some(realms.get(name)?.rules().stated.imports.clone());
        RealmRules::of_claims(account.rules(), imports_of)
    }

    /// Imports that were refused before may be good now.
    fn reconsider(&self) {
        let realms = &self.broker.realms;
        let in_force = |key: &str| realms.get(key).map(|realm| realm.rules().stated.imports.len());
        for account in self.book.all() {
            let now = in_force(account.key());
            if now.is_some_and(|now| now < account.claims.nats.imports.len()) {
                let (rules, _) = self.rules_of(&account);
                if now != Some(rules.stated.imports.len()) {
                    realms.enforce(vec![rules]);
                }
            }
        }
    }

    /// Puts rules of an account in force, for those who share something with it as well. Without
    /// rules, time has changed what is shared.
    fn enforce(&self, rules: Option<RealmRules>) {
        self.broker.realms.enforce(rules.into_iter().collect());
        self.reconsider();
        let Some(cast) = self.broker.cast() else { return };
        // Accounts between two lives look at the rules when they are back.
        let _ = cast.accounts.send_urgent(Enforce);
        if let Some(door) = &cast.system {
            door.settle();
        }
    }

    /// Has every connection look at itself again.
    fn tell_connections(&self) {
        if let Some(cast) = self.broker.cast() {
            // A census between two lives gets it when it is back.
            let _ = cast.census.send_urgent(Tell::Reload(Reload(self.broker.settings())));
        }
    }

    /// Forgets an account: its clients have to go, too.
    fn forget(&self, key: &str) {
        if self.book.remove(key) {
            let stated = AccountRules { name: key.to_owned(), ..AccountRules::default() };
            self.enforce(Some(RealmRules { stated, ..RealmRules::default() }));
        }
    }

    fn envelope(&self, (name, body): (&str, Value)) -> Vec<u8> {
        let settings = self.broker.settings();
        let server = settings.profile.info(self.next.fetch_add(1, Relaxed));
        let server = serde_json::to_value(server).unwrap_or_default();
        json!({ "server": server, name: body }).to_string().into_bytes()
    }
}

// === impl Resolver ===

impl Resolver {
    /// A token may have a megabyte; of such not many wait.
    pub const MAILBOX: MailboxLimits = MailboxLimits { depth_max: 64 << 10, bytes_max: 64 << 20 };

    #[must_use]
    pub fn new(archive: Arc<Archive>) -> Self {
        Self {
            archive,
            roster: None,
            fetching: HashMap::new(),
            searches: Searches::default(),
            kept: Kept::default(),
            beat: None,
            unpacked: Vec::new(),
            fetched: 0,
            updated: 0,
            merged: 0,
        }
    }

    fn subscribe(&mut self, cx: &mut Cx<'_, Self>) {
        let (broker, realm) = (Arc::clone(&self.archive.broker), Arc::clone(&self.archive.realm));
        let counter = Counter(cx.handle().recipient());
        let feed = Arc::new(Feed::new(broker.slots.take(), Arc::new(counter)));
        let source = self.archive.source();
        let files = source.files();
        let inbox = files.map(|_| format!("{}*", self.inbox()));
        let full = files.is_some_and(|files| files.full);
        let subjects = requests::subjects(files.is_some(), full);
        let subjects = subjects.into_iter().chain(inbox.as_deref());
        let subs = subjects.zip(1..).map(|(subject, sid)| {
            let target = Target::Actor(Arc::clone(&feed));
            let group = requests::group(subject);
            Sub::new(target, subject.as_bytes(), group, format!("{sid}").as_bytes())
        });
        let roster = Roster::new(broker, realm, subs.collect());
        cx.when(roster.register(), |_, (), _| ());
        self.roster = Some(roster);
    }

    /// Where answers to this server go, but for the last token.
    fn inbox(&self) -> String {
        format!("$SYS._INBOX.{}.CLAIMS.", self.archive.broker.settings().profile.id)
    }

    fn publish(&self, subject: &[u8], payload: &[u8], cx: &Cx<'_, Self>) {
        self.send(Post { subject, reply: None, headers: None, payload }, cx);
    }

    /// Sends a message in the system's account; the answer is how many got it.
    fn send(&self, post: Post<'_>, cx: &Cx<'_, Self>) -> usize {
        let (broker, realm) = (&self.archive.broker, &self.archive.realm);
        outlet::turn(broker, realm, cx.cell().arbiter(), |out| out.publish(post))
    }

    /// Gets the claims of an account from wherever they are.
    fn fetch(&mut self, account: String, cx: &mut Cx<'_, Self>) {
        match &*self.archive.source() {
            Source::Memory => self.fetched(&account, Err("unknown account".to_owned()), cx),
            Source::Remote(remote) => {
                let token = remote.fetch(&account);
                cx.when(token, move |me, token, cx| {
                    let known = token.and_then(|token| me.judge(&account, &token));
                    me.fetched(&account, known, cx);
                });
            }
            Source::Files(files) => {
                let (files, name) = (files.clone(), account.clone());
                let dir = files.dir.clone();
                let read = tokio::task::spawn_blocking(move || dir.load(&name));
                cx.when(read, move |me, read, cx| match read {
                    Ok(Ok(Some(token))) => {
                        me.kept.used(&account, Instant::now());
                        let known = me.judge(&account, &token);
                        me.fetched(&account, known, cx);
                    }
                    Ok(Ok(None)) => me.search(&account, &files, cx),
                    Ok(Err(why)) => me.fetched(&account, Err(why.to_string()), cx),
                    Err(why) => me.fetched(&account, Err(why.to_string()), cx),
                });
            }
        }
    }

    fn fetched(
        &mut self,
        account: &str,
        known: Result<KnownAccount, String>,
        cx: &mut Cx<'_, Self>,
    ) {
        self.fetched += 1;
        match known {
            Ok(known) => self.put_in_force(known, cx),
            Err(why) => debug!("account {account:?} can't be had: {why}"),
        }
        for waiting in self.fetching.remove(account).into_iter().flatten() {
            // A client that did not wait any longer.
            let _ = waiting.send(());
        }
    }

    /// Goes by what an account says now, if that is news.
    fn put_in_force(&mut self, known: KnownAccount, cx: &mut Cx<'_, Self>) {
        self.fetch_exporters(&known, cx);
        let was_known = self.archive.book.get(known.key()).is_some();
        if self.archive.take_in(known) && was_known {
            self.archive.tell_connections();
        }
    }

    /// What an account imports is only there when its exporter is known.
    fn fetch_exporters(&mut self, account: &KnownAccount, cx: &mut Cx<'_, Self>) {
        for import in &account.claims.nats.imports {
            let exporter = &import.account;
            let is_known = self.archive.book.get(exporter).is_some();
            let is_ours = is_account_key(exporter) && !self.fetching.contains_key(exporter);
            if !is_known && is_ours && self.fetching.len() < FETCHES_MAX {
                self.fetching.insert(exporter.clone(), Vec::new());
                self.fetch(exporter.clone(), cx);
            }
        }
    }

    /// The account of a token, if it is this one and in order.
    fn judge(&self, account: &str, token: &str) -> Result<KnownAccount, String> {
        let known = KnownAccount::new(token).map_err(|why| why.to_string())?;
        if known.key() != account {
            return Err("subject does not match jwt content".to_owned());
        }
        if !self.archive.trusts(&known) {
            return Err("not trusted".to_owned());
        }
        match known.claims.validate().into_iter().next() {
            Some(problem) => Err(problem),
            None => Ok(known),
        }
    }

    /// What time does to claims: accounts and activations expire, and caches forget.
    fn look_at_the_clock(&mut self, cx: &mut Cx<'_, Self>) {
        let now = unix_now();
        let expired = |account: &Arc<KnownAccount>| {
            let exp = account.claims.exp;
            // Those that have expired in the last few looks; earlier ones are gone already.
            exp > 0 && exp <= now && exp > now - 2
        };
        let realms = self.archive.broker.realms.all();
        let ends = |realm: &Arc<Realm>| realm.links().until.is_some_and(|end| end <= now);
        let imports_end = realms.iter().any(ends);
        if imports_end {
            self.archive.enforce(None);
        }
        if imports_end || self.archive.book.all().iter().any(expired) {
            self.archive.tell_connections();
        }
        let Some(files) = self.archive.source().files().cloned() else { return };
        let Some(ttl) = files.ttl else { return };
        for account in self.kept.unused_for(ttl, Instant::now()) {
            let (dir, name) = (files.dir.clone(), account.clone());
            let removed = tokio::task::spawn_blocking(move || dir.remove(&name, true));
            let files = files.clone();
            // Until there are newer ones those that are known count.
            cx.when(removed, move |me, _, cx| me.search(&account, &files, cx));
        }
    }

    /// Learns what was kept before the start, and begins to compare where all claims are kept.
    fn open_files(&mut self, cx: &mut Cx<'_, Self>) {
        let Some(files) = self.archive.source().files().cloned() else { return };
        if files.full {
            self.beat = Some(cx.run_interval(files.interval, |me, cx| me.compare(cx)));
            return;
        }
        let listed = tokio::task::spawn_blocking(move || files.dir.by_age());
        cx.when(listed, |me, listed, _| match listed {
            Ok(Ok(names)) => names.iter().for_each(|name| me.kept.used(name, Instant::now())),
            Ok(Err(why)) => warn!("the directory of account JWTs can't be read: {why}"),
            Err(why) => warn!("the directory of account JWTs was not read: {why}"),
        });
    }
}

// === impl Actor ===

impl Actor for Resolver {
    const KIND: &'static str = "resolver";

    fn started(&mut self, cx: &mut Cx<'_, Self>) {
        self.subscribe(cx);
        self.open_files(cx);
        cx.run_interval(CLOCK, |me, cx| me.look_at_the_clock(cx));
    }

    fn observe(&self) -> Value {
        json!({
            "waiting": "for an account to be asked for, or to change",
            "kind": self.archive.source().name(),
            "accounts": self.archive.book.len(),
            "kept": self.kept.len(),
            "fetching": self.fetching.len(),
            "searching": self.searches.len(),
            "fetched": self.fetched,
            "updated": self.updated,
            "merged": self.merged,
        })
    }
}

// === impl Handler<Fetch> ===

impl Handler<Fetch> for Resolver {
    fn handle(&mut self, Fetch { account, done }: Fetch, cx: &mut Cx<'_, Self>) {
        if self.fetching.len() >= FETCHES_MAX && !self.fetching.contains_key(&account) {
            warn!("too many accounts are being fetched");
            return;
        }
        if let Some(waiting) = self.fetching.get_mut(&account) {
            return waiting.push(done);
        }
        self.fetching.insert(account.clone(), vec![done]);
        self.fetch(account, cx);
    }
}

// === impl Handler<Move> ===

impl Handler<Move> for Resolver {
    fn handle(&mut self, Move { to }: Move, cx: &mut Cx<'_, Self>) {
        self.archive.source.store(Arc::new(to));
        self.kept = Kept::default();
        if let Some(beat) = self.beat.take() {
            cx.cancel(beat);
        }
        self.subscribe(cx);
        self.open_files(cx);
    }
}

// === impl Handler<Petition> ===

impl Handler<Petition> for Resolver {
    fn handle(&mut self, Petition { frames: bytes }: Petition, cx: &mut Cx<'_, Self>) {
        for (_, frame) in frames(&bytes) {
            self.petition(Caller::new(bytes.clone(), frame), cx);
        }
        self.take_over(cx);
    }
}
