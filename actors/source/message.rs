//! What becomes of a message on its way from its origin: subject and headers.

use bytes::Bytes;
use vagus_jetstream::ack::Delivery;
use vagus_jetstream::headers::{self, names};
use vagus_jetstream::names::hash;
use vagus_jetstream::stream::StreamSource;
use vagus_subject::transform::{Kind, Transform};
use vagus_wire::frame::Frame;

use super::Seed;
use crate::stream::messages::{Origin, SourcedMessage};

/// See the module's text.
pub(super) struct Rewriter {
    transforms: Vec<Transform>,
    /// What a source's messages are marked with: the origin, and its filter and destination.
    mark: Option<Mark>,
}

struct Mark {
    /// `<stream>[:<hash of the api>][:C=<hash of the consumer>]`
    name: String,
    /// Filters and destinations, ` ` in front.
    patterns: String,
}

/// Between several transforms in a mark.
const FORM_FEED: &str = "\u{c}";

impl Rewriter {
    pub(super) fn new(seed: &Seed) -> Self {
        let transforms = seed.config.subject_transforms.iter().filter_map(|one| {
            // The configuration was checked when it was put in force.
            Transform::new(one.src.as_bytes(), one.dest.as_bytes(), Kind::Stream).ok()
        });
        let mark = match seed.origin {
            Origin::Mirror => None,
            Origin::Source { .. } => Some(Mark::new(&seed.config)),
        };
        Self { transforms: transforms.collect(), mark }
    }

    /// The message as it is to be stored.
    pub(super) fn rewrite(
        &self,
        bytes: &Bytes,
        frame: &Frame,
        delivery: &Delivery,
    ) -> Option<SourcedMessage> {
        let original = frame.subject.of(bytes);
        let mut rng = fastrand::Rng::new();
        let moved = self.transforms.iter().find_map(|one| one.apply(original, &mut rng));
        let subject = moved.map_or_else(|| bytes.slice(frame.subject.range()), Bytes::from);
        Some(SourcedMessage {
            seq: delivery.stream_seq,
            time_ns: delivery.time,
            subject,
            headers: self.headers(bytes, frame, delivery),
            payload: bytes.slice(frame.payload.range()),
        })
    }

    fn headers(&self, bytes: &Bytes, frame: &Frame, delivery: &Delivery) -> Bytes {
        let block = frame.headers.of(bytes);
        let Some(mark) = &self.mark else {
            if !has_conditions(block) {
                return bytes.slice(frame.headers.range());
            }
            let mut kept = Vec::with_capacity(block.len());
            headers::copy_without(&mut kept, block, is_condition);
            return kept.into();
        };
        let mut kept = Vec::with_capacity(block.len() + 64);
        let left_out = |name: &[u8]| is_condition(name) || name == names::STREAM_SOURCE;
        headers::copy_without(&mut kept, block, left_out);
        let original = String::from_utf8_lossy(frame.subject.of(bytes));
        let value = format!("{} {}{} {original}", mark.name, delivery.stream_seq, mark.patterns);
        headers::append(&mut kept, names::STREAM_SOURCE, value.as_bytes());
        kept.into()
    }
}

impl Mark {
    fn new(config: &StreamSource) -> Self {
        let mut name = config.name.clone();
        if let Some(external) = &config.external {
            name.push_str(&format!(":{}", hash(&external.api)));
        }
        if let Some(consumer) = &config.consumer {
            name.push_str(&format!(":C={}", hash(&consumer.name)));
        }
        let or_all = |text: &str| if text.is_empty() { ">".to_owned() } else { text.to_owned() };
        let (filters, destinations) = match config.subject_transforms.is_empty() {
            true => (or_all(&config.filter_subject), ">".to_owned()),
            false => {
                let list = |of: fn(&vagus_jetstream::stream::SubjectTransform) -> &str| {
                    let all = config.subject_transforms.iter().map(|one| or_all(of(one)));
                    all.collect::<Vec<_>>().join(FORM_FEED)
                };
                (list(|one| &one.src), list(|one| &one.dest))
            }
        };
        Self { name, patterns: format!(" {filters} {destinations}") }
    }
}

/// What a publisher expected of the origin says nothing here.
fn is_condition(name: &[u8]) -> bool {
    name.starts_with(names::EXPECTED_PREFIX) || name.starts_with(names::BATCH_PREFIX)
}

fn has_conditions(block: &[u8]) -> bool {
    headers::lines(block).any(|line| is_condition(line.name))
}
