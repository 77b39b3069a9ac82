//! [`Directory`]: which streams and consumers there are, so that what a client sends to one of
//! them goes straight there from the thread that read it.
//!
//! Written by streams (themselves and their consumers), read by every publisher.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bytes::Bytes;
use hashbrown::HashMap;
use parking_lot::RwLock;
use vagus_runtime::{Message, Recipient};

use crate::consumer::messages::Survey as ConsumerSurvey;
use crate::stream::messages::Survey as StreamSurvey;

/// Messages of clients for one stream or consumer, of one kind.
#[derive(Debug, Clone)]
pub struct Mail {
    pub kind: MailKind,
    /// `MSG` and `HMSG` frames, back to back.
    pub frames: Bytes,
    /// How many they are.
    pub count: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailKind {
    /// To a consumer: `$JS.API.CONSUMER.MSG.NEXT.<stream>.<consumer>`.
    Pull,
    /// To a consumer: `$JS.ACK.…`.
    Ack,
    /// To a consumer: `$JS.FC.…`.
    Flow,
    /// To a stream: `$JS.API.DIRECT.GET.<stream>[.<subject>]`.
    Direct,
    /// To a consumer, of no client: the server ends.
    Farewell,
}

type ByName<T> = RwLock<HashMap<Box<[u8]>, T>>;

/// See the module's text.
#[derive(Default)]
pub struct Directory {
    streams: ByName<Arc<StreamEntry>>,
    /// Mirrors that answer direct gets of their origin, by the origin's name.
    mirrors: ByName<Vec<Recipient<Mail>>>,
}

/// A mirror answers direct gets of its origin until this is dropped.
pub struct StandIn {
    directory: Arc<Directory>,
    origin: Box<[u8]>,
    mail: Recipient<Mail>,
}

/// One stream that serves.
pub struct StreamEntry {
    pub mail: Recipient<Mail>,
    /// Whether it answers direct gets.
    pub answers_direct: AtomicBool,
    /// For who wants to know how the stream is, and is no client.
    pub survey: Recipient<StreamSurvey>,
    consumers: ByName<ConsumerEntry>,
}

/// One consumer that serves.
struct ConsumerEntry {
    mail: Recipient<Mail>,
    survey: Recipient<ConsumerSurvey>,
}

/// What one batch takes besides its bytes.
const ENVELOPE: usize = 128;

impl Message for Mail {
    fn weight(&self) -> usize {
        self.frames.len() + ENVELOPE
    }
}

// === impl Directory ===

impl Directory {
    /// A stream takes its place, with no consumers. One of the same name that was there before
    /// loses it.
    pub fn enter(
        &self,
        stream: &str,
        mail: Recipient<Mail>,
        survey: Recipient<StreamSurvey>,
    ) -> Arc<StreamEntry> {
        let entry = Arc::new(StreamEntry {
            mail,
            answers_direct: AtomicBool::new(false),
            survey,
            consumers: RwLock::default(),
        });
        self.streams.write().insert(stream.as_bytes().into(), Arc::clone(&entry));
        entry
    }

    /// A stream gives up its place, unless another has it by now.
    pub fn leave(&self, stream: &str, entry: &Arc<StreamEntry>) {
        let mut streams = self.streams.write();
        if streams.get(stream.as_bytes()).is_some_and(|known| Arc::ptr_eq(known, entry)) {
            streams.remove(stream.as_bytes());
        }
    }

    #[must_use]
    pub fn stream(&self, name: &[u8]) -> Option<Arc<StreamEntry>> {
        self.streams.read().get(name).cloned()
    }

    /// Who answers direct gets of a stream: itself, or else a mirror.
    #[must_use]
    pub fn direct(&self, name: &[u8]) -> Option<Recipient<Mail>> {
        if let Some(entry) = self.streams.read().get(name)
            && entry.answers_direct.load(Relaxed)
        {
            return Some(entry.mail.clone());
        }
        self.mirrors.read().get(name)?.first().cloned()
    }

    /// A mirror begins to answer direct gets of its origin.
    pub fn stand_in(self: &Arc<Self>, origin: &str, mail: Recipient<Mail>) -> StandIn {
        let origin: Box<[u8]> = origin.as_bytes().into();
        self.mirrors.write().entry(origin.clone()).or_default().push(mail.clone());
        StandIn { directory: Arc::clone(self), origin, mail }
    }

    /// All streams that serve, in the order of their names.
    #[must_use]
    pub fn streams(&self) -> Vec<(String, Arc<StreamEntry>)> {
        let streams = self.streams.read();
        let named = streams
            .iter()
            .map(|(name, entry)| (String::from_utf8_lossy(name).into_owned(), Arc::clone(entry)));
        let mut all: Vec<_> = named.collect();
        all.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        all
    }

    /// Has every consumer tell who waits that the server ends. All have when nobody else holds
    /// what this returns.
    #[must_use]
    pub fn farewell(&self) -> Arc<()> {
        let told = Arc::new(());
        for entry in self.streams.read().values() {
            for consumer in entry.consumers.read().values() {
                let mail = Mail { kind: MailKind::Farewell, frames: Bytes::new(), count: 0 };
                let waits = Arc::clone(&told);
                // One that is not there any more has nobody to tell.
                let _ = consumer.mail.send_urgent(mail);
                let done = ConsumerSurvey(Box::new(move |_| drop(waits)));
                let _ = consumer.survey.send_urgent(done);
            }
        }
        told
    }

    #[must_use]
    pub fn consumer(&self, stream: &[u8], consumer: &[u8]) -> Option<Recipient<Mail>> {
        self.streams.read().get(stream)?.consumer(consumer)
    }
}

// === impl StandIn ===

impl Drop for StandIn {
    fn drop(&mut self) {
        let mut mirrors = self.directory.mirrors.write();
        if let Some(list) = mirrors.get_mut(&self.origin) {
            list.retain(|mail| mail.cell().id() != self.mail.cell().id());
            if list.is_empty() {
                mirrors.remove(&self.origin);
            }
        }
    }
}

// === impl StreamEntry ===

impl StreamEntry {
    pub fn enter(&self, consumer: &str, mail: Recipient<Mail>, survey: Recipient<ConsumerSurvey>) {
        let entry = ConsumerEntry { mail, survey };
        self.consumers.write().insert(consumer.as_bytes().into(), entry);
    }

    pub fn leave(&self, consumer: &str) {
        self.consumers.write().remove(consumer.as_bytes());
    }

    #[must_use]
    pub fn consumer(&self, name: &[u8]) -> Option<Recipient<Mail>> {
        self.consumers.read().get(name).map(|entry| entry.mail.clone())
    }

    /// Whom to ask how each of its consumers is.
    #[must_use]
    pub fn surveys(&self) -> Vec<Recipient<ConsumerSurvey>> {
        self.consumers.read().values().map(|entry| entry.survey.clone()).collect()
    }

    #[must_use]
    pub fn consumers(&self) -> usize {
        self.consumers.read().len()
    }
}
