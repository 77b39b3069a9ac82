//! The streams that this one takes its messages from: an actor for each, and how it gets on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use vagus_jetstream::stream::{StreamConfig, StreamSource, StreamSourceInfo};
use vagus_runtime::{Cx, Handle, Restart, Spec};

use super::messages::Origin;
use super::sourced::POSITIONS;
use super::{Life, Stream};
use crate::source::{Leave, Report, Seed, Source};

/// One origin.
pub(super) struct Tap {
    config: StreamSource,
    handle: Handle<Source>,
    /// What its actor told last, and when (nanoseconds of the wall clock).
    info: Option<(StreamSourceInfo, i64)>,
    /// When messages came from there last.
    heard_ns: Option<i64>,
}

/// The origins of a stream, by the key of their place in the table; the mirror's is empty.
pub(super) type Taps = BTreeMap<Arc<str>, Tap>;

/// What tells two sources of a stream apart.
fn key(source: &StreamSource) -> Arc<str> {
    let mut key = source.name.clone();
    let api = source.external.as_ref().map_or("", |external| &external.api);
    let consumer = source.consumer.as_ref().map_or("", |consumer| &consumer.name);
    for part in [api, consumer, &source.filter_subject] {
        key.push(' ');
        key.push_str(part);
    }
    for transform in &source.subject_transforms {
        key.push_str(&format!(" {}>{}", transform.src, transform.dest));
    }
    key.into()
}

/// A mirror that is this many messages behind does not answer for its origin.
const LAG_MAX: u64 = 10;

fn wanted(config: &StreamConfig) -> impl Iterator<Item = (Arc<str>, &StreamSource)> {
    let sources = config.sources.iter().map(|source| (key(source), source));
    config.mirror.iter().map(|mirror| (Arc::from(""), mirror)).chain(sources)
}

impl Life {
    /// Brings those to life that the configuration names, and no others.
    pub(super) fn set_taps(&mut self, cx: &mut Cx<'_, Stream>) {
        self.answer_direct();
        let config = Arc::clone(self.state.config());
        let all: Vec<_> = wanted(&config).collect();
        let stays = |known: &Arc<str>, tap: &Tap| {
            all.iter().any(|(key, source)| key == known && tap.config == **source)
        };
        self.taps.retain(|known, tap| {
            let stays = stays(known, tap);
            if !stays {
                // One that is gone has nothing to give up.
                let _ = tap.handle.send_urgent(Leave);
            }
            stays
        });
        for (key, source) in all {
            if !self.taps.contains_key(&key) {
                let handle = self.tap(Arc::clone(&key), source, cx);
                self.taps.insert(
                    key,
                    Tap { config: source.clone(), handle, info: None, heard_ns: None },
                );
            }
        }
    }

    fn tap(&self, key: Arc<str>, config: &StreamSource, cx: &mut Cx<'_, Stream>) -> Handle<Source> {
        let (origin, from) = match &*key {
            "" => (Origin::Mirror, self.state.log.last_seq()),
            _ => (Origin::Source { key: Arc::clone(&key) }, self.place_of(&key)),
        };
        let seed = Seed {
            js: Arc::clone(&self.js),
            origin,
            config: config.clone(),
            target: self.state.name().to_owned(),
            stream: self.me.recipient(),
            reports: self.me.recipient(),
            from: if from == 0 { 0 } else { from + 1 },
        };
        let name = format!("source-{}", if key.is_empty() { config.name.as_str() } else { &*key });
        let spec = Spec::new(name, move || Source::new(seed.clone()));
        cx.spawn(spec.restart(Restart::OnFailure(vagus_runtime::Budget::default())))
    }

    /// The last message of a source that is stored for good; 0: there is none.
    pub(super) fn place_of(&self, key: &str) -> u64 {
        let value = self.home.table.get(&[POSITIONS, key.as_bytes()].concat());
        let bytes = value.and_then(|value| <[u8; 8]>::try_from(&*value.base).ok());
        bytes.map_or(0, u64::from_be_bytes)
    }

    /// Messages came.
    pub(super) fn heard_of(&mut self, origin: &Origin) {
        let key = match origin {
            Origin::Mirror => "",
            Origin::Source { key } => key,
        };
        if let Some(tap) = self.taps.get_mut(key) {
            tap.heard_ns = Some(self.js.now_ns());
        }
    }

    pub(super) fn reported(&mut self, report: Report) {
        let key = match &report.origin {
            Origin::Mirror => "",
            Origin::Source { key } => key,
        };
        if let Some(tap) = self.taps.get_mut(key) {
            tap.info = Some((report.info, self.js.now_ns()));
        }
        self.answer_direct();
    }

    /// Says whether direct gets are answered here: own ones, and as a mirror that is not far behind
    /// those of the origin.
    pub(super) fn answer_direct(&mut self) {
        let config = self.state.config();
        self.entry.answers_direct.store(config.allow_direct, Relaxed);
        let origin = config.mirror.as_ref().filter(|_| config.mirror_direct);
        let told = self.taps.get("").and_then(|tap| tap.info.as_ref());
        let near = told.is_some_and(|(info, _)| info.active >= 0 && info.lag < LAG_MAX);
        self.stand_in = match (origin, self.stand_in.take()) {
            (Some(origin), None) if near => {
                Some(self.js.directory.stand_in(&origin.name, self.me.recipient()))
            }
            (Some(_), Some(held)) if near => Some(held),
            _ => None,
        };
    }

    /// How the mirror's origin and the sources get on.
    pub(super) fn source_infos(&self) -> (Option<StreamSourceInfo>, Vec<StreamSourceInfo>) {
        let (config, now_ns) = (self.state.config(), self.js.now_ns());
        let info = |(key, source): (Arc<str>, &StreamSource)| {
            let tap = self.taps.get(&key);
            let told = tap.and_then(|tap| tap.info.as_ref());
            let unknown = || StreamSourceInfo {
                name: source.name.clone(),
                external: source.external.clone(),
                active: -1,
                filter_subject: source.filter_subject.clone(),
                subject_transforms: source.subject_transforms.clone(),
                ..StreamSourceInfo::default()
            };
            let info = told.map_or_else(unknown, |(info, _)| info.clone());
            // Since it was heard of last, as its actor says or as messages came.
            let since =
                told.filter(|(info, _)| info.active >= 0).map(|(info, at)| at - info.active);
            let since = since.into_iter().chain(tap.and_then(|tap| tap.heard_ns)).max();
            let active = since.map_or(-1, |since| (now_ns - since).max(1));
            let info = StreamSourceInfo { active, ..info };
            (key.is_empty(), info)
        };
        let (mirror, sources): (Vec<_>, Vec<_>) =
            wanted(config).map(info).partition(|(is_mirror, _)| *is_mirror);
        let bare = |(_, info): (bool, StreamSourceInfo)| info;
        (mirror.into_iter().map(bare).next(), sources.into_iter().map(bare).collect())
    }
}
