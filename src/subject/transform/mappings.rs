//! The subject mappings of an account: for a source, destinations with weights.
//!
//! A message is mapped once, by one mapping: that of exactly its subject, else the first one in
//! order of definition whose pattern matches. The mapping then draws one of its destinations.

use hashbrown::HashMap;

use super::error::{MappingError, TransformError};
use super::{Kind, Transform};
use crate::relation::is_subset;
use crate::syntax::{has_wildcards, is_valid_subscription};

/// One of the subjects that a mapping may lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The destination of a [`Transform`].
    pub subject: Vec<u8>,
    /// How often it is drawn, in percent.
    pub weight: u8,
    /// Only in the cluster of this name, where the destinations without a cluster don't count then.
    pub cluster: Option<String>,
}

/// Where a message goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// To the subject it was sent to.
    Same,
    /// To another subject.
    To(Vec<u8>),
    /// Nowhere: the source is listed, and the weights leave something over.
    Drop,
}

/// The mappings of an account.
#[derive(Clone, Debug, Default)]
pub struct Mappings {
    /// By source, for sources without wildcards.
    exact: HashMap<Box<[u8]>, Mapping, foldhash::fast::RandomState>,
    /// In order of definition.
    wildcards: Vec<(Box<[u8]>, Mapping)>,
}

#[derive(Clone, Debug)]
struct Mapping {
    /// Where no cluster below is ours.
    everywhere: Lottery,
    clusters: Vec<(String, Lottery)>,
}

/// Destinations by weight. The numbers of 0..100 that nobody holds are for `rest`.
#[derive(Clone, Debug)]
struct Lottery {
    /// Each with the end of its range; the ranges start at 0 and follow one another.
    tickets: Vec<(u32, Transform)>,
    rest: Resolved,
}

// === impl Destination ===

impl Destination {
    /// A destination for every message, in every cluster.
    pub fn new(subject: impl Into<Vec<u8>>) -> Self {
        Destination { subject: subject.into(), weight: 100, cluster: None }
    }
}

// === impl Mappings ===

impl Mappings {
    /// No mappings.
    pub fn new() -> Self {
        Mappings::default()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.wildcards.is_empty()
    }

    /// How many sources there are.
    pub fn len(&self) -> usize {
        self.exact.len() + self.wildcards.len()
    }

    /// Adds the mapping of a source, in place of the one it had. On error nothing changes.
    pub fn add(&mut self, source: &[u8], to: &[Destination]) -> Result<(), MappingError> {
        let mapping = Mapping::new(source, to)?;
        if !has_wildcards(source) {
            self.exact.insert(source.into(), mapping);
        } else if let Some(old) = self.wildcards.iter_mut().find(|(s, _)| **s == *source) {
            old.1 = mapping;
        } else {
            self.wildcards.push((source.into(), mapping));
        }
        Ok(())
    }

    /// Whether a message to `subject` is mapped, be it to the same subject.
    pub fn touches(&self, subject: &[u8]) -> bool {
        self.find(subject).is_some()
    }

    /// Draws where a message to `subject` goes, on a server of `cluster`.
    pub fn resolve(
        &self,
        subject: &[u8],
        cluster: Option<&str>,
        rng: &mut fastrand::Rng,
    ) -> Resolved {
        match self.find(subject) {
            Some(mapping) => mapping.lottery(cluster).draw(subject, rng),
            None => Resolved::Same,
        }
    }

    fn find(&self, subject: &[u8]) -> Option<&Mapping> {
        if let Some(mapping) = self.exact.get(subject) {
            return Some(mapping);
        }
        self.wildcards.iter().find(|(s, _)| is_subset(subject, s)).map(|(_, mapping)| mapping)
    }
}

// === impl Mapping ===

impl Mapping {
    fn new(source: &[u8], to: &[Destination]) -> Result<Self, MappingError> {
        if !is_valid_subscription(source) {
            return Err(TransformError::BadSubject.into());
        }
        // Whoever lists the source too decides how much of it is kept, and so what is lost.
        let lists_source = to.iter().any(|d| d.subject == source);
        let rest = if lists_source { Resolved::Drop } else { Resolved::Same };
        let empty = Lottery { tickets: Vec::new(), rest };
        let mut mapping = Mapping { everywhere: empty.clone(), clusters: Vec::new() };
        for (i, d) in to.iter().enumerate() {
            if to[..i].iter().any(|other| other.subject == d.subject) {
                let name = String::from_utf8_lossy(&d.subject).into_owned();
                return Err(MappingError::Duplicate(name));
            }
            let lottery = match d.cluster.as_deref().filter(|name| !name.is_empty()) {
                None => &mut mapping.everywhere,
                Some(name) => mapping.cluster_mut(name, &empty),
            };
            lottery.add(source, d)?;
        }
        Ok(mapping)
    }

    fn cluster_mut(&mut self, name: &str, empty: &Lottery) -> &mut Lottery {
        let at = self.clusters.iter().position(|(n, _)| n == name).unwrap_or_else(|| {
            self.clusters.push((name.to_owned(), empty.clone()));
            self.clusters.len() - 1
        });
        &mut self.clusters[at].1
    }

    fn lottery(&self, cluster: Option<&str>) -> &Lottery {
        let ours = cluster.and_then(|name| self.clusters.iter().find(|(n, _)| n == name));
        ours.map_or(&self.everywhere, |(_, lottery)| lottery)
    }
}

// === impl Lottery ===

impl Lottery {
    fn add(&mut self, source: &[u8], d: &Destination) -> Result<(), MappingError> {
        if d.weight > 100 {
            return Err(MappingError::WeightTooLarge);
        }
        let end = self.tickets.last().map_or(0, |(end, _)| *end) + u32::from(d.weight);
        if end > 100 {
            return Err(MappingError::TotalWeightTooLarge);
        }
        self.tickets.push((end, Transform::new(source, &d.subject, Kind::Mapping)?));
        Ok(())
    }

    fn draw(&self, subject: &[u8], rng: &mut fastrand::Rng) -> Resolved {
        let number = match &self.tickets[..] {
            [(100, _)] => 0,
            _ => rng.u32(0..100),
        };
        let Some((_, transform)) = self.tickets.iter().find(|(end, _)| number < *end) else {
            return self.rest.clone();
        };
        match transform.apply(subject, rng) {
            Some(to) if to != subject => Resolved::To(to),
            _ => Resolved::Same,
        }
    }
}
