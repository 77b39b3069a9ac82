//! What an account takes from others, made ready: which realm it comes from, and how subjects of
//! one are called in the other.

use std::sync::Arc;
use std::time::Duration;

use vagus_auth::AccountRules;
use vagus_auth::account::{Export, Import, Latency, ResponseType, Sharing};
use vagus_auth::jwt::Holds;
use vagus_subject::transform::{Kind, Transform, numbered};
use vagus_subject::{is_subset, overlaps};

use super::{Realm, Realms};

/// See the module's text.
#[derive(Default, PartialEq)]
pub struct Links {
    pub streams: Vec<Arc<StreamImport>>,
    pub services: Vec<Arc<ServiceImport>>,
    /// Others may import services from here.
    pub serves: bool,
    /// When the first of them ends, or another begins, as its activation does, in Unix seconds.
    pub until: Option<i64>,
}

/// Messages of another realm that are heard in this one.
pub struct StreamImport {
    pub from: Arc<Realm>,
    /// The account that hears them.
    pub importer: Arc<str>,
    /// Those who trace a message see what becomes of it there.
    pub allow_trace: bool,
    /// What they are called there.
    pub subject: Box<[u8]>,
    /// What they are called here.
    pub local: Box<[u8]>,
    /// From there to here, and back; `None`: the same.
    maps: Option<(Transform, Transform)>,
}

/// Requests of this realm that are answered in another.
pub struct ServiceImport {
    pub importer: Arc<Realm>,
    pub exporter: Arc<Realm>,
    /// What the service is called here.
    pub local: Box<[u8]>,
    /// What it is called there.
    pub subject: Box<[u8]>,
    /// From here to there; `None`: the same.
    map: Option<Transform>,
    /// It is told who asks.
    pub share: bool,
    /// Those who trace a request see what becomes of it there.
    pub allow_trace: bool,
    pub response: ResponseType,
    /// Time in which it has to respond.
    pub threshold: Duration,
    pub latency: Option<Latency>,
}

/// Time in which a service has to respond that says nothing about it.
const THRESHOLD: Duration = Duration::from_mins(2);

// === impl Links ===

impl Links {
    /// Of the account `rules`, whose realm is `importer`. What nobody offers is left out.
    pub(super) fn new(importer: &Arc<Realm>, rules: &AccountRules, realms: &Realms) -> Self {
        let exports = &rules.exports;
        let serves = exports.iter().any(|export| export.kind == Sharing::Service);
        let mut links = Self { serves, ..Self::default() };
        for import in &rules.imports {
            let Some(exporter) = realms.get(&import.account) else { continue };
            let offers = exporter.rules();
            let Some((export, holds)) = offers.export_for(import, &rules.name) else { continue };
            let (Holds::Until(time) | Holds::From(time)) = holds;
            links.until =
                [links.until, Some(time).filter(|time| *time > 0)].into_iter().flatten().min();
            if matches!(holds, Holds::From(_)) {
                continue;
            }
            match import.kind {
                Sharing::Stream => {
                    let made = StreamImport::new(&exporter, &importer.name, import);
                    links.streams.extend(made.map(Arc::new));
                }
                Sharing::Service => {
                    let made = ServiceImport::new(importer, &exporter, import, export);
                    links.services.extend(made.map(Arc::new));
                }
            }
        }
        links
    }
}

/// From the exporter's subject to the local one, and back.
fn maps(import: &Import) -> Option<Option<(Transform, Transform)>> {
    let (from, to) = (import.subject.as_bytes(), import.local());
    if import.subject == import.local_pattern() {
        return Some(None);
    }
    let there = Transform::new(from, &numbered(to.as_bytes()), Kind::Import).ok()?;
    let back = there.reversed()?;
    Some(Some((there, back)))
}

// === impl StreamImport ===

impl StreamImport {
    fn new(from: &Arc<Realm>, importer: &Arc<str>, import: &Import) -> Option<Self> {
        Some(Self {
            from: Arc::clone(from),
            importer: Arc::clone(importer),
            allow_trace: import.allow_trace,
            subject: import.subject.as_bytes().into(),
            local: import.local_pattern().into_bytes().into(),
            maps: maps(import)?,
        })
    }

    /// The subjects of the exporter that a subscription to `wanted` needs; `None` if none.
    #[must_use]
    pub fn needed_for(&self, wanted: &[u8]) -> Option<Vec<u8>> {
        if !overlaps(&self.local, wanted) {
            return None;
        }
        if !is_subset(wanted, &self.local) {
            return Some(self.subject.to_vec());
        }
        match &self.maps {
            None => Some(wanted.to_vec()),
            Some((_, back)) => back.apply(wanted, &mut fastrand::Rng::with_seed(0)),
        }
    }

    /// What a message of the exporter is called here.
    #[must_use]
    pub fn local_name(&self, subject: &[u8]) -> Option<Vec<u8>> {
        match &self.maps {
            None => Some(subject.to_vec()),
            Some((there, _)) => there.apply(subject, &mut fastrand::Rng::with_seed(0)),
        }
    }
}

impl PartialEq for StreamImport {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.from, &other.from)
            && self.allow_trace == other.allow_trace
            && self.subject == other.subject
            && self.local == other.local
            && self.maps.as_ref().map(|(there, _)| there.destination())
                == other.maps.as_ref().map(|(there, _)| there.destination())
    }
}

// === impl ServiceImport ===

impl ServiceImport {
    fn new(
        importer: &Arc<Realm>,
        exporter: &Arc<Realm>,
        import: &Import,
        export: &Export,
    ) -> Option<Self> {
        Some(Self {
            importer: Arc::clone(importer),
            exporter: Arc::clone(exporter),
            local: import.local_pattern().into_bytes().into(),
            subject: import.subject.as_bytes().into(),
            map: maps(import)?.map(|(_, back)| back),
            share: import.share,
            allow_trace: export.allow_trace,
            response: export.response_type,
            threshold: export.response_threshold.unwrap_or(THRESHOLD),
            latency: export.latency.clone(),
        })
    }

    /// What the exporter calls a request to `subject` here.
    #[must_use]
    pub fn name_there(&self, subject: &[u8]) -> Option<Vec<u8>> {
        match &self.map {
            None => Some(subject.to_vec()),
            Some(map) => map.apply(subject, &mut fastrand::Rng::with_seed(0)),
        }
    }
}

impl PartialEq for ServiceImport {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.exporter, &other.exporter)
            && self.local == other.local
            && self.subject == other.subject
            && self.map.as_ref().map(Transform::destination)
                == other.map.as_ref().map(Transform::destination)
            && (self.share, self.allow_trace, self.response, self.threshold)
                == (other.share, other.allow_trace, other.response, other.threshold)
            && self.latency == other.latency
    }
}
