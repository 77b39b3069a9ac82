//! The consumers of the stream: made, changed, asked, deleted.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::oneshot;
use tokio::time::timeout;
use vagus_jetstream::api::{
    Action, ConsumerCreateResponse, ConsumerDeleteResponse, ConsumerInfoResponse, ConsumerList,
    ConsumerNames, ConsumerReset, ConsumersRequest, LIST_PAGE, NAMES_PAGE, Page,
};
use vagus_jetstream::consumer::{ConsumerConfig, ConsumerRules, check_queue};
use vagus_jetstream::names::{self, Nuid};
use vagus_jetstream::{ApiError, Time, codes};
use vagus_runtime::{ChildEvent, Cx, Handle, Message};
use vagus_store::CommitError;

use super::messages::{ConsumerId, CreateConsumer, Listen};
use super::retention::Rule;
use super::{Life, Stream, sourcing};
use crate::consumer::Consumer;
use crate::consumer::messages::{
    Ask, Birth, Delete, Seat, Survey, Wake, What, checks, record, spec,
};
use crate::delivery::Outlet;
use crate::jetstream::Caller;

/// One consumer, as its stream knows it.
pub(super) struct Child {
    pub seat: Arc<Seat>,
    pub handle: Handle<Consumer>,
}

/// A consumer's deletion has ended.
pub(super) struct Deleted {
    caller: Caller,
    outcome: Result<(), CommitError>,
}

impl Message for Deleted {}

/// How long a list waits for consumers.
const LIST_WITHIN: Duration = Duration::from_secs(4);

pub(super) fn filters(config: &ConsumerConfig) -> Vec<Box<[u8]>> {
    config.filters().iter().map(|filter| filter.as_bytes().into()).collect()
}

impl Life {
    /// Brings those to life that the table lists.
    pub(super) fn raise_consumers(&mut self, cx: &mut Cx<'_, Stream>) {
        for (key, value) in self.home.table.scan(record::PREFIX) {
            let Some(name) = record::Keys::name_of(&key) else { continue };
            match serde_json::from_slice::<record::Record>(&value.base) {
                Ok(found) => {
                    self.next_consumer += 1;
                    let id = self.next_consumer;
                    let seat = Seat::new(id, name, found.created, found.config);
                    self.spawn_consumer(seat, Birth::Found, cx);
                }
                Err(error) => {
                    let (account, stream) = (self.js.account(), self.state.name());
                    tracing::error!(
                        "consumer '{account} > {stream} > {name}' can't be read: {error}"
                    );
                }
            }
        }
    }

    fn spawn_consumer(&mut self, seat: Arc<Seat>, birth: Birth, cx: &mut Cx<'_, Stream>) {
        let config = seat.config();
        self.bell.join(seat.id, filters(&config));
        self.state.retention.join(seat.id, filters(&config), 0);
        let handle = cx.spawn(spec(Arc::clone(&self.home), Arc::clone(&seat), birth));
        self.entry.enter(&seat.name, handle.recipient(), handle.recipient());
        self.js.usage.add_consumers(1);
        let name = seat.name.to_string();
        self.names.insert(seat.id, name.clone());
        self.consumers.insert(name, Child { seat, handle });
    }

    pub(super) fn child_of(&self, id: ConsumerId) -> Option<&Child> {
        self.consumers.get(self.names.get(&id)?)
    }

    /// Consumers that clients see.
    fn shown(&self) -> impl Iterator<Item = (&String, &Child)> {
        self.consumers.iter().filter(|(_, child)| !child.seat.config().direct)
    }

    pub(super) fn count_shown(&self) -> usize {
        self.shown().count()
    }

    /// A consumer has read everything.
    pub(super) fn listen(&mut self, listen: &Listen) {
        self.bell.listen(listen.consumer);
        if self.state.reader.committed() > listen.after
            && let Some(child) = self.child_of(listen.consumer)
        {
            // One that is gone needs no waking.
            let _ = child.handle.send_urgent(Wake);
            self.bell.hush(listen.consumer);
        }
    }

    // === create, update ===

    pub(super) fn create_consumer(
        &mut self,
        caller: &Caller,
        ask: CreateConsumer,
        out: &mut Outlet<'_>,
        cx: &mut Cx<'_, Stream>,
    ) {
        if let Err(error) = self.try_create_consumer(caller, ask, out, cx) {
            self.answer_with::<ConsumerCreateResponse>(caller, Err(error), out);
        }
    }

    fn try_create_consumer(
        &mut self,
        caller: &Caller,
        ask: CreateConsumer,
        out: &mut Outlet<'_>,
        cx: &mut Cx<'_, Stream>,
    ) -> Result<(), ApiError> {
        let CreateConsumer { config, action, pedantic } = ask;
        let retention = self.state.config().retention;
        let config = sourcing::adapted(config, retention, &mut self.rng);
        let name = if config.name.is_empty() { &config.durable } else { &config.name };
        let known = self.consumers.get(name).filter(|_| !name.is_empty());
        let seat = known.map(|child| Arc::clone(&child.seat));
        let stream = Arc::clone(self.state.config());
        let settings = self.js.settings();
        let limits = self.js.limits_of(stream.num_replicas)?;
        let rules = ConsumerRules {
            pedantic,
            max_ack_pending: [settings.ack_pending_max.unwrap_or(0), limits.max_ack_pending],
            max_batch: settings.request_batch_max.unwrap_or(0),
            ..ConsumerRules::of(&stream)
        };
        let Some(seat) = seat else {
            if action == Action::Update {
                return Err(codes::CONSUMER_DOES_NOT_EXIST.error());
            }
            self.check_room_for(&config, limits.max_consumers)?;
            let checked = config.for_create(&rules)?;
            self.check_queue(&checked)?;
            let name = self.name_for(&checked);
            self.next_consumer += 1;
            let created = Time::from_nanos(self.js.now_ns());
            let seat = Seat::new(self.next_consumer, &name, created, checked);
            self.spawn_consumer(seat, Birth::New(Some(caller.clone())), cx);
            return Ok(());
        };
        let old = seat.config();
        let checked = config.for_update(&old, &rules)?;
        self.check_queue(&checked)?;
        let same = old.is_same(&checked);
        if action == Action::Create && !same {
            return Err(codes::CONSUMER_ALREADY_EXISTS.error());
        }
        if sourcing::resumes(&checked) {
            let back = What::Reset(ConsumerReset::default());
            // One that was doomed by itself has nothing to go back to.
            let child = self.consumers.get(&*seat.name);
            if let Some(child) = child {
                let _ = child.handle.send_urgent(Ask { caller: None, what: back });
            }
        }
        let what = if same { What::Create } else { What::Update };
        if !same {
            checks::update(out, &old, &checked)?;
            let filters = filters(&checked);
            self.bell.join(seat.id, filters.clone());
            self.state.retention.join(seat.id, filters, 0);
            seat.set_config(checked);
            self.resume_retention();
        }
        self.ask_consumer(&seat.name, caller, what)
    }

    /// One that came without a name gets one.
    fn name_for(&mut self, config: &ConsumerConfig) -> String {
        let given = if config.name.is_empty() { &config.durable } else { &config.name };
        let mut name = given.clone();
        while name.is_empty() || self.is_taken(&name) {
            name = names::consumer(&mut Nuid::new(&mut self.rng), &mut self.rng);
        }
        name
    }

    fn is_taken(&self, name: &str) -> bool {
        self.consumers.contains_key(name)
    }

    /// Consumers of a work queue must not want the same messages.
    fn check_queue(&self, config: &ConsumerConfig) -> Result<(), ApiError> {
        if self.state.retention.rule() != Rule::WorkQueue || config.direct {
            return Ok(());
        }
        let others = self.shown().filter(|(name, _)| **name != config.name);
        let others: Vec<_> = others.map(|(_, child)| child.seat.config()).collect();
        check_queue(config, others.iter().map(|other| &**other))
    }

    /// `account_max`: what the account allows each of its streams; 0 or less is no limit.
    fn check_room_for(&self, config: &ConsumerConfig, account_max: i64) -> Result<(), ApiError> {
        let own = usize::try_from(self.state.config().max_consumers).ok();
        let account = usize::try_from(account_max).ok().filter(|max| *max > 0);
        let mut limits = own.into_iter().chain(account);
        let full = limits.any(|most| self.count_shown() >= most);
        if full && !config.direct { Err(codes::MAXIMUM_CONSUMERS_LIMIT.error()) } else { Ok(()) }
    }

    // === ask ===

    /// Passes on what a consumer answers by itself.
    pub(super) fn ask_consumer(
        &self,
        name: &str,
        caller: &Caller,
        what: What,
    ) -> Result<(), ApiError> {
        let child = self.consumers.get(name).ok_or_else(|| codes::CONSUMER_NOT_FOUND.error())?;
        // Only one that was doomed by itself does not take it: who asks, asks again.
        let _ = child.handle.send_urgent(Ask { caller: Some(caller.clone()), what });
        Ok(())
    }

    pub(super) fn consumer_info(&self, caller: &Caller, name: &str, out: &mut Outlet<'_>) {
        if let Err(error) = self.ask_consumer(name, caller, What::Info) {
            self.answer_with::<ConsumerInfoResponse>(caller, Err(error), out);
        }
    }

    pub(super) fn consumer_names(
        &self,
        caller: &Caller,
        ask: ConsumersRequest,
        out: &mut Outlet<'_>,
    ) {
        let names: Vec<&String> = self.shown().map(|(name, _)| name).collect();
        let page = Page::at(ask.offset, names.len(), NAMES_PAGE);
        let consumers = names[page.range()].iter().map(|name| (*name).clone()).collect();
        self.answer_with(caller, Ok(ConsumerNames { page, consumers }), out);
    }

    /// Asks every consumer of the page how it is, and answers when all have said so, or time is
    /// up.
    pub(super) fn consumer_list(
        &self,
        caller: Caller,
        ask: ConsumersRequest,
        cx: &mut Cx<'_, Stream>,
    ) {
        let shown: Vec<_> = self.shown().collect();
        let page = Page::at(ask.offset, shown.len(), LIST_PAGE);
        let surveys = shown[page.range()].iter().map(|(name, child)| {
            let (tell, told) = oneshot::channel();
            // One that is gone drops what would tell.
            let _ = child.handle.send_urgent(Survey(Box::new(move |info| drop(tell.send(info)))));
            let name = (*name).clone();
            async move { (name, timeout(LIST_WITHIN, told).await.ok().and_then(Result::ok)) }
        });
        let surveys = join_all(surveys.collect::<Vec<_>>());
        cx.when(surveys, move |me, found, cx| {
            let mut list = ConsumerList { page, ..ConsumerList::default() };
            for (name, info) in found {
                match info {
                    Some(info) => list.consumers.push(info),
                    None => list.missing.push(name),
                }
            }
            me.turn(cx, |life, out, _| life.answer_with(&caller, Ok(list), out));
        });
    }

    // === delete ===

    pub(super) fn delete_consumer(&mut self, caller: Caller, name: &str, out: &mut Outlet<'_>) {
        let me = self.me.clone();
        let Some(child) = self.consumers.get(name) else {
            let error = codes::CONSUMER_NOT_FOUND.error();
            return self.answer_with::<ConsumerDeleteResponse>(&caller, Err(error), out);
        };
        let id = child.seat.id;
        let done = Box::new(move |outcome| {
            // A stream that is gone answers nobody.
            let _ = me.send_urgent(Deleted { caller, outcome });
        });
        child.seat.delete(&self.home.table, done);
        self.bury(id);
    }

    /// Its end is durable, or failed to be.
    pub(super) fn deleted(&self, deleted: Deleted, out: &mut Outlet<'_>) {
        let Deleted { caller, outcome } = deleted;
        let answer = outcome.map(|()| ConsumerDeleteResponse { success: true });
        let answer = answer.map_err(|error| codes::CONSUMER_STORE_FAILED.with(error));
        self.answer_with(&caller, answer, out);
    }

    /// It was idle for too long.
    pub(super) fn expired(&mut self, id: ConsumerId) {
        let Some(child) = self.child_of(id) else { return };
        child.seat.delete(&self.home.table, Box::new(|_| {}));
        self.bury(id);
    }

    /// It is deleted: it tells those who wait, and ends.
    fn bury(&mut self, id: ConsumerId) {
        let Some(name) = self.names.remove(&id) else { return };
        let Some(child) = self.consumers.remove(&name) else { return };
        // It has ended otherwise.
        let _ = child.handle.send_urgent(Delete);
        self.forget(id, &name);
    }

    fn forget(&mut self, id: ConsumerId, name: &str) {
        self.entry.leave(name);
        self.bell.leave(id);
        self.state.retention.leave(id);
        self.js.usage.add_consumers(-1);
        self.resume_retention();
    }

    /// The stream is to be deleted: so are they.
    pub(super) fn doom(&mut self) {
        self.subjects.clear();
        self.answers_heard = None;
        for child in self.consumers.values() {
            child.seat.delete(&self.home.table, Box::new(|_| {}));
            // One that is gone has told those who waited.
            let _ = child.handle.send_urgent(Delete);
        }
    }

    pub(super) fn child(&mut self, event: &ChildEvent) {
        if event.fate.is_final()
            && let Some(cause) = event.fate.cause()
        {
            let (account, stream) = (self.js.account(), self.state.name());
            let name = event.child.name();
            tracing::error!("consumer '{account} > {stream} > {name}' is gone: {cause}");
        }
    }
}
