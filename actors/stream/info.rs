//! What the stream tells of itself.

use std::collections::BTreeMap;

use serde_json::json;
use vagus_jetstream::Time;
use vagus_jetstream::api::{Page, SUBJECTS_PAGE, StreamInfoRequest, StreamInfoResponse};
use vagus_jetstream::stream::{ClusterInfo, LostStreamData, StreamInfo, StreamState};

use super::{Life, Phase, Stream};
use crate::delivery::Outlet;
use crate::jetstream::Caller;

/// Sequences that are told one by one, at most.
const DELETED_MAX: usize = 1 << 20;

impl Life {
    /// As `STREAM.INFO` has it, without details.
    pub(super) fn info(&self) -> StreamInfo {
        StreamInfo { config: self.state.config().shown(), ..self.listed() }
    }

    /// As lists have it.
    pub(super) fn listed(&self) -> StreamInfo {
        let (mirror, sources) = self.source_infos();
        StreamInfo {
            config: (**self.state.config()).clone(),
            created: self.created,
            state: self.shown_state(),
            domain: self.js.domain().unwrap_or_default().to_owned(),
            cluster: None,
            mirror,
            sources,
            alternates: Vec::new(),
            at: Time::from_nanos(self.js.now_ns()),
        }
    }

    pub(super) fn shown_state(&self) -> StreamState {
        let state = self.state.reader.state();
        let time = |ns: i64| if ns == 0 { Time::ZERO } else { Time::from_nanos(ns) };
        let lost = LostStreamData { seqs: self.state.reader.lost(), bytes: 0 };
        StreamState {
            msgs: state.messages,
            bytes: state.bytes,
            // One that never held anything has no first.
            first_seq: if state.last_seq == 0 { 0 } else { state.first_seq },
            first_time: time(state.first_time_ns),
            last_seq: state.last_seq,
            last_time: time(state.last_time_ns),
            num_subjects: state.subjects,
            subjects: None,
            num_deleted: state.deleted,
            deleted: Vec::new(),
            lost: (!lost.seqs.is_empty()).then_some(lost),
            consumers: self.count_shown() as u64,
        }
    }

    pub(super) fn tell_info(&self, caller: &Caller, ask: &StreamInfoRequest, out: &mut Outlet<'_>) {
        let mut info = self.info();
        // Who leads is told only where one stream is asked about.
        let leader = self.js.server.name.clone();
        info.cluster = Some(ClusterInfo { leader, ..ClusterInfo::default() });
        let mut page = Page::default();
        if ask.deleted_details {
            let ranges = self.state.reader.deleted().into_iter();
            let seqs = ranges.flat_map(|(first, last)| first..=last);
            info.state.deleted = seqs.take(DELETED_MAX).collect();
        }
        if !ask.subjects_filter.is_empty() {
            let mut all = BTreeMap::new();
            let filter = ask.subjects_filter.as_bytes();
            self.state.reader.subjects(filter, &mut |subject, count, _| {
                all.insert(String::from_utf8_lossy(subject).into_owned(), count);
            });
            if !all.is_empty() {
                page = Page::at(ask.offset, all.len(), SUBJECTS_PAGE);
            }
            let range = page.range();
            let shown = all.into_iter().skip(range.start).take(range.len()).collect();
            info.state.subjects = Some(shown).filter(|map: &BTreeMap<_, _>| !map.is_empty());
        }
        let answer = StreamInfoResponse { page, info: Some(info) };
        self.answer_with(caller, Ok(answer), out);
    }

    /// For observers.
    pub(super) fn observe(&self) -> serde_json::Value {
        let (msgs, bytes) = self.gate.level();
        json!({
            "messages": self.state.log.len(),
            "bytes": self.state.log.bytes(),
            "first_seq": self.state.log.first_seq(),
            "last_seq": self.state.log.last_seq(),
            "committed": self.state.reader.committed(),
            "commits_under_way": self.flights.iter().filter(|one| one.ticket.is_some()).count(),
            "messages_waiting": msgs,
            "bytes_waiting": bytes,
            "published": self.tally.published,
            "refused": self.tally.refused,
            "commits": self.tally.commits,
            "failures": self.tally.failures,
            "last_failure": self.tally.last_failure,
            "message_ids": self.state.dedupe.len(),
            "schedules": self.state.schedules.len(),
            "batches": self.atomic.len() + self.fast.len(),
            "consumers": self.consumers.len(),
            "consumers_listening": self.bell.listening(),
        })
    }

    fn waiting(&self) -> String {
        if let Some(error) = self.failing {
            return format!("for the end of commits that failed: {error}");
        }
        if self.parking {
            return "for a message that is read from disk".to_owned();
        }
        let under_way = self.flights.iter().filter(|one| one.ticket.is_some()).count();
        match under_way {
            0 if self.state.rules.config.sealed => "for nothing: it is sealed".to_owned(),
            0 if self.state.rules.config.mirror.is_some() => {
                "for messages of its origin".to_owned()
            }
            0 => "for messages".to_owned(),
            n => format!("for the store: {n} commits are under way"),
        }
    }
}

impl Stream {
    /// Why it is, or isn't, getting on.
    pub(super) fn waiting(&self) -> String {
        match (&self.phase, self.life.as_deref()) {
            (Phase::Failed(cause), _) => format!("for ever: {cause}"),
            (Phase::Doomed, _) => "for its end: it is deleted".to_owned(),
            (_, None) => "for its log".to_owned(),
            (Phase::Opening, Some(_)) => "for what is read from its log".to_owned(),
            (Phase::Restoring, Some(_)) => "for chunks of a snapshot".to_owned(),
            (Phase::Registering, Some(_)) => "for answers to its consumers to be heard".to_owned(),
            (Phase::Serving, Some(life)) => life.waiting(),
        }
    }
}
