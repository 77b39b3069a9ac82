//! What a consumer tells of itself: to the API, and to who wants to know why nothing moves.

use serde_json::{Value, json};
use vagus_jetstream::Time;
use vagus_jetstream::consumer::{ConsumerInfo, PriorityGroupState, SequenceInfo};

use super::Consumer;
use super::deliver::Halt;
use super::messages::leveled;
use super::priority::Pin;
use super::state::Mark;
use crate::delivery::Outlet;

// === impl Consumer ===

impl Consumer {
    /// As responses about it alone show it.
    pub(super) fn shown(&mut self, out: &mut Outlet<'_>, now_ns: i64) -> ConsumerInfo {
        let config = Some(leveled(&self.config).shown());
        ConsumerInfo { config, ..self.info(out, now_ns) }
    }

    /// As lists show it.
    pub(super) fn info(&mut self, out: &mut Outlet<'_>, now_ns: i64) -> ConsumerInfo {
        // Who stops waits until this says that nobody waits any more.
        self.pulling.forget_gone(out);
        self.state.forget_below(self.home.reader.state().first_seq);
        let (delivered_ns, acked_ns) = self.state.last_active_ns();
        let once = self.config.max_deliver == 1;
        let pause_remaining = self.pause.remaining_ns(now_ns).unwrap_or(0);
        ConsumerInfo {
            stream: self.home.stream.to_string(),
            name: self.seat.name.to_string(),
            created: self.seat.created,
            config: Some(leveled(&self.config)),
            delivered: sequence(self.state.delivered(), delivered_ns),
            ack_floor: sequence(self.state.floor(), acked_ns),
            num_ack_pending: self.state.pending().len() as u64,
            num_redelivered: if once { 0 } else { self.state.redelivered() as u64 },
            num_waiting: self.pulling.waiting.len() as u64,
            num_pending: self.pending_messages(),
            cluster: None,
            push_bound: self.is_bound(),
            paused: pause_remaining > 0,
            pause_remaining,
            at: Time::from_nanos(now_ns),
            priority_groups: self.groups(),
        }
    }

    fn is_bound(&self) -> bool {
        self.pushing.as_ref().is_some_and(|pushing| pushing.push.is_active())
    }

    fn groups(&self) -> Vec<PriorityGroupState> {
        let pin = self.pulling.pin.as_deref();
        let groups = self.config.priority_groups.iter().enumerate();
        groups
            .filter(|_| pin.is_some())
            .map(|(index, group)| {
                let pin = pin.filter(|_| index == 0);
                let since_ns = pin.map_or(0, Pin::since_ns);
                PriorityGroupState {
                    group: group.clone(),
                    pinned_client_id: pin.and_then(Pin::id).unwrap_or_default().to_owned(),
                    pinned_ts: if since_ns == 0 { Time::ZERO } else { Time::from_nanos(since_ns) },
                }
            })
            .collect()
    }

    /// Its whole state, and in words what it waits for.
    pub(super) fn describe(&self) -> Value {
        let now_ns = self.home.js.now_ns();
        let mark = |mark: Mark| json!({ "consumer_seq": mark.consumer, "stream_seq": mark.stream });
        let flow = self.pushing.as_ref().and_then(|pushing| pushing.push.flow.as_ref());
        json!({
            "stream": &*self.home.stream,
            "name": &*self.seat.name,
            "delivered": mark(self.state.delivered()),
            "ack_floor": mark(self.state.floor()),
            "ack_pending": self.state.pending().len(),
            "redelivered": self.state.redelivered(),
            "requests": self.pulling.waiting.len(),
            "requested": self.pulling.waiting.wanted(),
            "picks": self.picks.as_ref().map(|picks| picks.len()),
            "bound": self.is_bound(),
            "flow": flow.map(|flow| json!({ "bytes": flow.level().0, "window": flow.level().1 })),
            "pinned": self.pulling.pin.as_deref().and_then(Pin::id),
            "waiting": self.waits_for(now_ns),
        })
    }

    /// Why nothing is delivered just now.
    fn waits_for(&self, now_ns: i64) -> String {
        let until = |at_ns: i64| {
            let mut text = Vec::new();
            Time::from_nanos(at_ns).write(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        };
        match &self.halt {
            Halt::Unborn => "its creation to be durable".to_owned(),
            Halt::Paused => match self.pause.until_ns() {
                Some(until_ns) => format!("paused until {}", until(until_ns)),
                None => "the end of a pause".to_owned(),
            },
            Halt::Full => self.full(now_ns),
            Halt::Alone => {
                let subject = &self.config.deliver_subject;
                match self.config.deliver_group.as_str() {
                    "" => format!("nobody subscribed to deliver subject {subject}"),
                    group => format!(
                        "nobody subscribed to deliver subject {subject} in queue group {group}"
                    ),
                }
            }
            Halt::Stalled => "the client to answer flow control".to_owned(),
            Halt::Held(until_ns) if self.replay.is_some() => {
                format!("replay as published: the next message is due at {}", until(*until_ns))
            }
            Halt::Held(until_ns) => format!("rate limited until {}", until(*until_ns)),
            Halt::Budget => "its next turn".to_owned(),
            Halt::Cold(_) => "messages to be read from disk".to_owned(),
            Halt::NoDemand if self.pulling.waiting.is_empty() => "a pull request".to_owned(),
            Halt::NoDemand => {
                format!("one of {} pull requests to be eligible", self.pulling.waiting.len())
            }
            Halt::CaughtUp => self.caught_up(now_ns, &until),
        }
    }

    fn full(&self, now_ns: i64) -> String {
        let pending = self.state.pending();
        let max = self.config.max_ack_pending;
        match pending.oldest() {
            Some(slot) => format!(
                "{} of {max} acks pending, the longest for {}s (seq {})",
                pending.len(),
                now_ns.saturating_sub(slot.at_ns) / 1_000_000_000,
                slot.seq
            ),
            None => format!("{} of {max} acks pending", pending.len()),
        }
    }

    fn caught_up(&self, now_ns: i64, until: &dyn Fn(i64) -> String) -> String {
        let pending = self.state.pending();
        let due = pending.iter().map(|slot| slot.due_ns).min().filter(|due_ns| *due_ns < i64::MAX);
        match due {
            Some(due_ns) if due_ns > now_ns => format!(
                "new messages; {} delivered ones wait for acks, the first comes again at {}",
                pending.len(),
                until(due_ns)
            ),
            _ if self.config.filters().is_empty() => "new messages".to_owned(),
            _ => "new messages: the filter matches nothing new".to_owned(),
        }
    }
}

fn sequence(mark: Mark, at_ns: i64) -> SequenceInfo {
    let last_active = (at_ns > 0).then(|| Time::from_nanos(at_ns));
    SequenceInfo { consumer: mark.consumer, stream: mark.stream, last_active }
}
