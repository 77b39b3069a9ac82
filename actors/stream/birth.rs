//! How a stream begins to serve: its log is opened, its subjects are registered, what is not in the
//! log by itself is found in it again, its consumers are born. What is published meanwhile waits;
//! direct gets are answered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use futures_util::future::join;
use tokio::sync::oneshot;
use vagus_jetstream::ack::answers_to;
use vagus_jetstream::headers::PublishHeaders;
use vagus_jetstream::pub_ack::PubAcks;
use vagus_jetstream::stream::StreamConfig;
use vagus_jetstream::{Time, json};
use vagus_runtime::Cx;
use vagus_store::{Got, Log, Mode, Reader, StoreError, Table};

use super::bell::Bell;
use super::gate::Gate;
use super::messages::{News, RESTORING};
use super::retention::Rule;
use super::rules::Rules;
use super::state::State;
use super::subjects::Subjects;
use super::timer::Timer;
use super::values::given;
use super::{Life, Phase, Seed, Stream, Tally};
use crate::consumer::messages::Home;
use crate::delivery::feed::Holder;
use crate::delivery::{Feed, Sub, Target};
use crate::jetstream::keys;

/// Time before a log is asked for again that its last writer still holds, or that is being read.
const AGAIN_AFTER: Duration = Duration::from_millis(5);

/// The number of its subscriptions to answers.
const ANSWERS_SID: &[u8] = b"1";

/// Messages with headers that are looked at before others have their turn.
const SCAN_AT_ONCE: usize = 1024;

/// What a look into the log found.
struct Recovered {
    /// Message ids within the window: id, sequence, time.
    ids: Vec<(Vec<u8>, u64, i64)>,
    last_id: Vec<u8>,
}

impl Stream {
    pub(super) fn open(&mut self, cx: &mut Cx<'_, Self>) {
        match self.seed.js.store.try_log(self.seed.group) {
            Ok(log) => {
                if let Err(cause) = self.begin(log, cx) {
                    self.give_up(cause);
                }
            }
            Err(StoreError::Busy) => {
                cx.run_later(AGAIN_AFTER, |me, cx| me.open(cx));
            }
            Err(error) => self.give_up(error.to_string()),
        }
    }

    fn give_up(&mut self, cause: String) {
        self.phase = Phase::Failed(cause.clone());
        let name = self.seed.name.clone();
        // A parent that is gone has no use for it.
        let _ = self.seed.news.send_urgent(News::Failed { name, cause });
    }

    fn begin(&mut self, log: Log, cx: &mut Cx<'_, Self>) -> Result<(), String> {
        let table = log.table();
        let config = table.get(keys::CONFIG).ok_or("its configuration is lost")?;
        let config: StreamConfig =
            json::parse(&config.base, false).map_err(|error| error.to_string())?;
        let created = table.get(keys::CREATED);
        let created = created.and_then(|value| serde_json::from_slice::<Time>(&value.base).ok());
        let restoring = table.get(RESTORING).is_some();
        let rules = Rules::new(config).map_err(|error| error.to_string())?;
        let life = Life::new(&self.seed, log, rules, created.unwrap_or_default(), cx);
        let life = self.life.insert(Box::new(life));
        life.parked.extend(self.held.drain(..).map(|held| (held, 0)));
        cx.poll_with(|me, cx, task| {
            me.search(task.waker());
            me.finish(cx);
            std::task::Poll::Pending
        });
        if restoring {
            self.wait_for_restore(cx);
            return Ok(());
        }
        self.look_back(cx);
        Ok(())
    }

    /// Finds in the log what is not in it by itself, then serves.
    pub(super) fn look_back(&mut self, cx: &mut Cx<'_, Self>) {
        self.phase = Phase::Opening;
        let Some(life) = self.life.as_deref_mut() else { return };
        // What is published waits until it is known what was stored before, and who wants it.
        life.parking = true;
        life.answer_direct();
        let config = Arc::clone(life.state.config());
        let registered = life.subjects.set(&life.js, &life.feed, &config.subjects);
        let (home, window) = (Arc::clone(&life.home), config.duplicate_window);
        let since = self.seed.js.now_ns().saturating_sub(window);
        let recovered = async move {
            settled(&home.reader, &home.table).await;
            recover(home.reader.clone(), since, window > 0).await
        };
        cx.when(join(recovered, registered), |me, (found, ()), cx| me.recovered(found, cx));
    }

    fn recovered(&mut self, found: Recovered, cx: &mut Cx<'_, Self>) {
        self.live(|life| {
            for (id, seq, time_ns) in &found.ids {
                life.state.dedupe.insert(id, *seq, *time_ns);
            }
            life.state.last_id = found.last_id;
            life.state.recover_schedules();
        });
        self.serve(cx);
    }

    /// Brings the consumers to life and takes in what is published.
    fn serve(&mut self, cx: &mut Cx<'_, Self>) {
        let Some(life) = self.life.as_deref_mut() else { return };
        life.charge();
        life.raise_consumers(cx);
        life.resume_retention();
        life.parking = false;
        life.take_parked();
        self.phase = Phase::Registering;
        let config = Arc::clone(life.state.config());
        let heard = life.hear_answers(&self.seed);
        cx.when(heard, move |me, (), cx| {
            if me.phase != Phase::Registering {
                return;
            }
            me.phase = Phase::Serving;
            let name = me.seed.name.clone();
            // A parent that is gone needs no news.
            let _ = me.seed.news.send_urgent(News::Serving { name, config });
            for call in std::mem::take(&mut me.early) {
                me.turn(cx, |life, out, cx| life.call(call, out, cx));
            }
            me.live(|life| life.set_taps(cx));
            if let Some(then) = me.after_serving.take() {
                then(me, cx);
            }
            me.finish(cx);
        });
        self.finish(cx);
    }
}

impl Life {
    fn new(seed: &Seed, log: Log, rules: Rules, created: Time, cx: &Cx<'_, Stream>) -> Self {
        let js = Arc::clone(&seed.js);
        let me = cx.handle();
        let settings = js.settings();
        let gate = Arc::new(Gate::new(
            me.recipient(),
            me.recipient(),
            settings.buffered_msgs_max,
            settings.buffered_bytes_max,
        ));
        let feed = Feed::new(js.broker.slots.take(), Arc::clone(&gate) as _)
            .held_by(Holder::Stream(seed.name.as_str().into()));
        let feed = Arc::new(feed);
        let entry = js.directory.enter(&seed.name, me.recipient(), me.recipient());
        let home = Arc::new(Home {
            js: Arc::clone(&js),
            stream: seed.name.as_str().into(),
            reader: log.reader(),
            table: log.table(),
            wants_progress: AtomicBool::new(rules.retention() != Rule::Limits),
            listen: me.recipient(),
            progress: me.recipient(),
            rewound: me.recipient(),
            expired: me.recipient(),
            msg_size_max: AtomicU64::new(rules.max_msg_size.map_or(u64::MAX, |max| max as u64)),
        });
        let payload_max = js.broker.settings().limits.payload_max;
        js.usage.add_streams(1);
        Self {
            news: seed.news.clone(),
            me,
            created,
            answers: PubAcks::new(&seed.name, js.domain().unwrap_or_default()),
            state: State::new(rules, log, payload_max),
            gate,
            feed,
            subjects: Subjects::default(),
            answers_heard: None,
            entry,
            open: Default::default(),
            flights: VecDeque::new(),
            completions: Arc::default(),
            ended: VecDeque::new(),
            next_ticket: 0,
            trace: None,
            failing: None,
            parked: VecDeque::new(),
            parking: false,
            to_load: None,
            home,
            consumers: BTreeMap::new(),
            names: BTreeMap::new(),
            next_consumer: 0,
            bell: Bell::default(),
            atomic: BTreeMap::new(),
            fast: BTreeMap::new(),
            fast_closing: VecDeque::new(),
            timer: Timer::default(),
            search: Default::default(),
            sending: None,
            filling: None,
            taps: BTreeMap::new(),
            stand_in: None,
            places: BTreeMap::new(),
            announced: false,
            charged: (0, 0),
            rng: fastrand::Rng::new(),
            tally: Tally::default(),
            js,
        }
    }

    /// Subscribes to what clients answer to its consumers. Only streams that there are hear that:
    /// other answers may be for streams of other servers. Ready when the shards know.
    fn hear_answers(&mut self, seed: &Seed) -> impl Future<Output = ()> + use<> {
        let subs = answers_to(&seed.name, self.js.domain()).map(|subject| {
            Sub::new(Target::Actor(Arc::clone(&seed.desk)), subject.as_bytes(), None, ANSWERS_SID)
        });
        self.answers_heard.insert(self.js.roster(subs.into())).register()
    }

    /// It is over, be it by a panic: nothing of it stays with others.
    pub(super) fn leave(&mut self) {
        self.subjects.clear();
        self.answers_heard = None;
        self.stand_in = None;
        self.settle_accounts();
        self.js.usage.add_streams(-1);
        self.js.usage.add_consumers(-(self.consumers.len() as i64));
        self.drop_batches();
        self.js.directory.leave(&self.home.stream, &self.entry);
    }
}

/// Waits for what an earlier incarnation submitted and did not live to see committed: it can't be
/// read before, and its ids would be missed.
async fn settled(reader: &Reader, table: &Table) {
    if reader.committed() >= reader.state().last_seq {
        return;
    }
    let (done, over) = oneshot::channel();
    // Nothing, behind all that. How it ends does not matter: what failed is not there.
    let tell = Box::new(|_| {
        let _ = done.send(());
    });
    table.write(Vec::new(), Mode::Durable, tell);
    let _ = over.await;
}

/// Reads message ids back: those stored since, and the last.
async fn recover(reader: Reader, since_ns: i64, with_ids: bool) -> Recovered {
    let mut ids = Vec::new();
    let mut from = reader.seq_at_time(since_ns).filter(|_| with_ids);
    while let Some(seq) = from {
        let seqs = reader.with_headers(seq, SCAN_AT_ONCE);
        from = seqs.last().map(|last| last + 1);
        for seq in seqs {
            if let Some((id, time_ns)) = read_id(&reader, seq).await {
                ids.push((id, seq, time_ns));
            }
        }
        // Others on this thread have something to do, too.
        tokio::task::yield_now().await;
    }
    let last = reader.state().last_seq;
    let last_id = read_id(&reader, last).await.map(|(id, _)| id).unwrap_or_default();
    Recovered { ids, last_id }
}

/// The message id of one message, if it has one.
async fn read_id(reader: &Reader, seq: u64) -> Option<(Vec<u8>, i64)> {
    loop {
        let mut found = None;
        let got = reader.get(seq, |stored| {
            let id = given(PublishHeaders::scan(stored.headers).msg_id);
            found = id.map(|id| (id.to_vec(), stored.time_ns));
        });
        match got {
            Got::Cold(load) => reader.load(load).await,
            _ => return found,
        }
    }
}
