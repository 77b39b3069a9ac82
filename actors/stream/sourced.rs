//! Messages of a mirror's or source's origin: in the order in which they come, each batch with its
//! place at the origin, so that a restart goes on right behind it.

use std::sync::Arc;

use vagus_jetstream::codes;
use vagus_jetstream::ttl::Ttl;
use vagus_store::{Entry, TableOp};

use super::Life;
use super::messages::{Origin, Sourced, SourcedMessage};
use super::plan::{Incoming, Stop, expires_ns};

/// Begins the keys of places at sources in the table.
pub(super) const POSITIONS: &[u8] = b"source/";

impl Life {
    pub(super) fn take_sourced(&mut self, sourced: Sourced) {
        let Sourced { from, messages, done } = sourced;
        self.heard_of(&from);
        if let Some(failure) = self.failing {
            return done(Err(codes::STREAM_STORE_FAILED.with(failure)));
        }
        let outcome = match from {
            Origin::Mirror => self.mirror(&messages),
            Origin::Source { key } => self.source(&key, &messages),
        };
        self.open.then.push(Box::new(move |_, committed, _, _| {
            let committed = committed.map_err(|error| codes::STREAM_STORE_FAILED.with(error));
            done(committed.and(outcome));
        }));
    }

    /// A mirror takes everything as it is, and when it is.
    fn mirror(&mut self, messages: &[SourcedMessage]) -> Result<(), vagus_jetstream::ApiError> {
        let allow_ttl = self.state.config().allow_msg_ttl;
        for one in messages {
            let ttl = allow_ttl.then(|| stored_ttl(&one.headers)).flatten();
            let entry = Entry {
                seq: Some(one.seq),
                time_ns: one.time_ns,
                expires_ns: expires_ns(ttl, one.time_ns),
                subject: &one.subject,
                headers: &one.headers,
                payload: &one.payload,
                has_id: false,
            };
            // What is here already came twice.
            if one.seq <= self.state.log.last_seq() {
                continue;
            }
            let appended = self.state.log.append(entry);
            appended.map_err(|error| codes::STREAM_STORE_FAILED.with(error))?;
            if let Some(placed) = self.state.log.placed() {
                self.open.touch(placed.subject_id);
            }
            self.state.trim_after(&one.subject);
        }
        Ok(())
    }

    /// A source's messages are counted anew. What fails ends the batch: it comes again from there.
    fn source(
        &mut self,
        key: &Arc<str>,
        messages: &[SourcedMessage],
    ) -> Result<(), vagus_jetstream::ApiError> {
        let now_ns = self.js.now_ns();
        let known = self.places.get(key).copied().unwrap_or_else(|| self.place_of(key));
        let (mut place, mut outcome) = (known, Ok(()));
        // What is here already came twice.
        for one in messages.iter().filter(|one| one.seq > known) {
            let incoming = Incoming {
                subject: &one.subject,
                headers: &one.headers,
                payload: &one.payload,
                sourced: true,
            };
            match self.store(incoming, now_ns) {
                Ok(_) | Err(Stop::Duplicate(_)) => place = one.seq,
                Err(Stop::Refused(error)) => {
                    outcome = Err(error);
                    break;
                }
                Err(Stop::Cold(_)) => {
                    outcome = Err(codes::STREAM_STORE_FAILED.with("a message has to be read"));
                    break;
                }
            }
        }
        if place > known {
            self.places.insert(Arc::clone(key), place);
            let key = [POSITIONS, key.as_bytes()].concat();
            let value = place.to_be_bytes().to_vec();
            self.state.log.stage_table(TableOp::Put(key.into(), value.into()));
        }
        outcome
    }
}

/// The lifetime that a stored message's headers tell.
pub(super) fn stored_ttl(headers: &[u8]) -> Option<Ttl> {
    let marks = vagus_jetstream::headers::PublishHeaders::scan(headers);
    Ttl::parse(marks.ttl.unwrap_or_default()).ok().flatten()
}
