//! Streams begin, and change: what needs a look at all of them is checked here, the rest in the
//! stream.

use std::sync::Arc;

use bytes::Bytes;
use vagus_jetstream::api::{AccountLimits, StreamCreate};
use vagus_jetstream::stream::{
    Compression, PersistMode, Reserved, Storage, StreamConfig, StreamRules, check_account, overlap,
};
use vagus_jetstream::{ApiError, Time, codes, json};
use vagus_runtime::Cx;
use vagus_store::{Key, Kind, StoreError};

use super::{Known, Meta, Phase, Stored};
use crate::delivery::Outlet;
use crate::jetstream::{Caller, keys};
use crate::stream::messages::{Call, RESTORING, Request};

impl Meta {
    /// `STREAM.CREATE`
    pub(super) fn create(
        &mut self,
        caller: &Caller,
        name: &str,
        cx: &mut Cx<'_, Self>,
    ) -> Result<(), ApiError> {
        let ask = StreamCreate::parse(caller.body(), self.js.settings().strict)?;
        let config = self.with_rules(ask.pedantic, |rules| ask.config.for_create(name, rules))?;
        self.begin(caller, config, Request::Create, cx)
    }

    /// Makes room for a stream, and brings it to life with `first` as its first request.
    pub(super) fn begin(
        &mut self,
        caller: &Caller,
        config: StreamConfig,
        first: Request,
        cx: &mut Cx<'_, Self>,
    ) -> Result<(), ApiError> {
        if let Some(known) = self.streams.get(&config.name) {
            if !known.config.is_same(&config) {
                return Err(codes::STREAM_NAME_EXIST.error());
            }
            // It is there already, or soon will be.
            return self.send(&config.name, caller, first);
        }
        self.check_overlap(&config)?;
        self.check_room(&config, None)?;
        let name = config.name.clone();
        let created = Time::from_nanos(self.js.now_ns());
        let entries: Vec<(Key, Bytes)> = vec![
            (keys::CONFIG.into(), json::to_vec(&config).into()),
            (keys::CREATED.into(), json::to_vec(&created).into()),
        ];
        let mut entries = entries;
        let restoring = matches!(first, Request::Restore(_));
        if restoring {
            entries.push((RESTORING.into(), Bytes::new()));
        }
        let first_seq = config.first_seq.max(1);
        let (meta, told, about) = (cx.handle(), caller.clone(), name.clone());
        let (tell, id) = std::sync::mpsc::channel();
        let done = Box::new(move |outcome: Result<(), _>| {
            // The number is known before this is read: it waits in the mailbox at least.
            let stored = Stored { name: about, caller: told, first, outcome, id };
            // A parent that is gone has no use for a stream.
            let _ = meta.send_urgent(stored);
        });
        let kind = kind(&config);
        let js = &self.js;
        let group = js.store.create(js.account(), &name, kind, first_seq, entries, done);
        match group {
            Ok(group) => {
                let _ = tell.send(group);
                let known = Known { config: Arc::new(config), phase: Phase::Storing, restoring };
                self.streams.insert(name, known);
                Ok(())
            }
            Err(StoreError::Exists) => Err(codes::STREAM_NAME_EXIST.error()),
            Err(error) => Err(codes::STREAM_CREATE.with(error)),
        }
    }

    pub(super) fn stored(&mut self, stored: Stored, out: &mut Outlet<'_>, cx: &mut Cx<'_, Self>) {
        let Stored { name, caller, first, outcome, id } = stored;
        let group = match (outcome, id.recv()) {
            (Ok(()), Ok(group)) => group,
            (outcome, _) => {
                self.streams.remove(&name);
                let error = match outcome {
                    Err(error) => codes::STREAM_CREATE.with(error),
                    Ok(()) => codes::STREAM_CREATE.with(StoreError::Unknown),
                };
                let request = vagus_jetstream::api::Request::StreamCreate(&name);
                return self.refuse(&caller, request, error, out);
            }
        };
        let handle = self.spawn(&name, group, cx);
        let _ = handle.send_urgent(Call { caller, request: first });
        if let Some(known) = self.streams.get_mut(&name) {
            known.phase = Phase::Living { group, handle };
        }
    }

    /// `STREAM.UPDATE`
    pub(super) fn update(&mut self, caller: &Caller, name: &str) -> Result<(), ApiError> {
        let ask = StreamCreate::parse(caller.body(), self.js.settings().strict)?;
        let old = match self.living(name) {
            Some((known, _)) => Arc::clone(&known.config),
            // What is wrong with the request counts more than that there is no such stream.
            None => {
                self.with_rules(ask.pedantic, |rules| ask.config.for_create(name, rules))?;
                return Err(self.missing(name));
            }
        };
        let config = self.with_rules(ask.pedantic, |rules| ask.config.for_update(&old, rules))?;
        self.check_overlap(&config)?;
        self.check_room(&config, Some(&old))?;
        // From here on nobody else may take these subjects. Should the stream refuse after all, it
        // says what it goes by.
        if let Some(known) = self.streams.get_mut(name) {
            known.config = Arc::new(config.clone());
        }
        self.send(name, caller, Request::Update(Box::new(config)))
    }

    /// Lends the rules that hold beside the streams there are.
    pub(super) fn with_rules<R>(
        &self,
        pedantic: bool,
        check: impl FnOnce(&StreamRules<'_>) -> R,
    ) -> R {
        let settings = self.js.settings();
        let window = settings.duplicate_window_max.map_or(0, |time| time.as_nanos() as i64);
        let known = |name: &str| self.streams.get(name).map(|known| &*known.config);
        check(&StreamRules {
            pedantic,
            duplicate_window_max: window,
            clustered: false,
            find: &known,
        })
    }

    /// No two streams store the same message.
    fn check_overlap(&self, config: &StreamConfig) -> Result<(), ApiError> {
        let mut others = self.streams.iter().filter(|(name, _)| **name != config.name);
        match others.any(|(_, known)| overlap(&known.config.subjects, &config.subjects)) {
            true => Err(codes::STREAM_SUBJECT_OVERLAP.error()),
            false => Ok(()),
        }
    }

    /// What a stream says it needs at most has to fit beside what others were promised.
    fn check_room(
        &self,
        config: &StreamConfig,
        old: Option<&StreamConfig>,
    ) -> Result<(), ApiError> {
        let js = &self.js;
        let in_memory = config.storage == Storage::Memory;
        let own = old.map_or(0, |old| old.max_bytes.max(1));
        let own = |of_memory: bool| if of_memory == in_memory { own } else { 0 };
        let streams = self.streams.keys().filter(|name| **name != config.name).count();
        let limits = js.limits_of(config.num_replicas)?;
        let others = Reserved {
            streams: i64::try_from(streams).unwrap_or(i64::MAX),
            memory: js.usage.reserved(true) - own(true),
            store: js.usage.reserved(false) - own(false),
        };
        check_account(config, &limits, others)?;
        let settings = js.settings();
        let bytes = |most: u64| i64::try_from(most).unwrap_or(i64::MAX);
        let limits = AccountLimits {
            max_memory: bytes(settings.memory_max),
            max_store: bytes(settings.storage_max),
            ..AccountLimits::UNLIMITED
        };
        let reserved = |of_memory| js.accounts.total.reserved(of_memory) - own(of_memory);
        let others = Reserved { streams: 0, memory: reserved(true), store: reserved(false) };
        check_account(config, &limits, others)
    }
}

fn kind(config: &StreamConfig) -> Kind {
    match config.storage {
        Storage::Memory => Kind::Memory,
        Storage::File => Kind::File {
            compress: config.compression != Compression::None,
            lazy: config.persist_mode == PersistMode::Async,
        },
    }
}
