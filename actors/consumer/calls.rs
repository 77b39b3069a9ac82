//! Requests of the API that concern one consumer, and interest in the deliver subject.

use std::sync::Arc;

use vagus_jetstream::api::{
    ConsumerCreateResponse, ConsumerInfoResponse, ConsumerPause, ConsumerPauseResponse,
    ConsumerReset, ConsumerResetResponse, ConsumerUnpin, ConsumerUnpinResponse, Response,
};
use vagus_jetstream::consumer::{ConsumerConfig, is_group_name};
use vagus_jetstream::{ApiError, Time, codes, status};
use vagus_runtime::Cx;

use super::Consumer;
use super::ledger::{Answer, Told};
use super::messages::{Ask, What};
use super::parts::{Pulling, sample_percent};
use super::pause::Pause;
use super::push::Rate;
use super::reset::reset_to;
use super::source::{Past, Source};
use super::terms::Terms;
use crate::delivery::Outlet;
use crate::jetstream::Caller;
use crate::stream::messages::Rewound;

// === impl Consumer ===

impl Consumer {
    pub(super) fn on_ask(&mut self, ask: Ask, cx: &mut Cx<'_, Self>) {
        let Ask { caller, what } = ask;
        if let What::Update = what {
            self.update(cx);
        }
        self.turn(cx, |me, out, now_ns| match what {
            What::Info => {
                let info = me.shown(out, now_ns);
                me.reply(caller, out, Ok(ConsumerInfoResponse { info }));
            }
            What::Create => {
                let info = me.shown(out, now_ns);
                me.reply(caller, out, Ok(ConsumerCreateResponse { info }));
            }
            What::Update => me.answer_later(caller, Told::Created),
            What::Pause(request) => me.on_pause(caller, request, out, now_ns),
            What::Unpin(request) => me.on_unpin(caller, &request, out),
            What::Reset(request) => me.on_reset(caller, request, out, now_ns),
        });
    }

    fn answer_later(&mut self, caller: Option<Caller>, told: Told) {
        if let Some(caller) = caller {
            self.ledger.answer(Answer::Call(caller, told));
        }
    }

    fn reply<T: Response>(
        &self,
        caller: Option<Caller>,
        out: &mut Outlet<'_>,
        result: Result<T, ApiError>,
    ) {
        if let Some(caller) = caller {
            caller.answer(&self.home.js, out, result);
        }
    }

    /// Answers what had to become durable before.
    pub(super) fn tell(&mut self, caller: &Caller, told: &Told, out: &mut Outlet<'_>) {
        let now_ns = self.home.js.now_ns();
        let js = Arc::clone(&self.home.js);
        match told {
            Told::Created => {
                let body = ConsumerCreateResponse { info: self.shown(out, now_ns) };
                caller.answer(&js, out, Ok(body));
            }
            Told::Paused => {
                let pause_remaining = self.pause.remaining_ns(now_ns).unwrap_or(0);
                let body = ConsumerPauseResponse {
                    paused: pause_remaining > 0,
                    pause_until: self.config.pause_until.unwrap_or(Time::ZERO),
                    pause_remaining,
                };
                caller.answer(&js, out, Ok(body));
            }
            Told::Reset(reset_seq) => {
                let body = ConsumerResetResponse {
                    info: Some(self.shown(out, now_ns)),
                    reset_seq: *reset_seq,
                };
                caller.answer(&js, out, Ok(body));
            }
        }
    }

    /// Another configuration is in force from now on.
    fn update(&mut self, cx: &mut Cx<'_, Self>) {
        let now_ns = self.home.js.now_ns();
        let old = std::mem::replace(&mut self.config, self.seat.config());
        let config = Arc::clone(&self.config);
        self.state.set_terms(Terms::from(&*config));
        self.sample = sample_percent(&config);
        if old.filters() != config.filters() {
            self.source = Source::new(&config);
        }
        if old.deliver_subject != config.deliver_subject
            || old.deliver_group != config.deliver_group
        {
            self.begin_to_push(cx, now_ns);
        } else {
            let rate = Rate::new(config.rate_limit, self.burst());
            if let Some(pushing) = &mut self.pushing {
                pushing.push.set_rate(rate);
            }
        }
        if priorities(&old) != priorities(&config) {
            let Pulling { waiting, pulled_ns, .. } = std::mem::take(&mut self.pulling);
            self.pulling = Pulling { waiting, pulled_ns, ..Pulling::new(&config) };
        }
        self.listening = false;
        self.note_use(now_ns);
        self.ledger.write_record();
    }

    fn on_pause(
        &mut self,
        caller: Option<Caller>,
        request: ConsumerPause,
        out: &mut Outlet<'_>,
        now_ns: i64,
    ) {
        let until = Some(request.pause_until).filter(|until| !until.is_zero());
        let mut config = (*self.config).clone();
        config.pause_until = until;
        self.seat.set_config(config);
        self.config = self.seat.config();
        let before = self.pause;
        self.pause = Pause::new(until.map(Time::nanos), now_ns);
        if before != self.pause {
            self.advise_pause(out);
        }
        self.ledger.write_record();
        self.answer_later(caller, Told::Paused);
    }

    fn on_unpin(&mut self, caller: Option<Caller>, request: &ConsumerUnpin, out: &mut Outlet<'_>) {
        if !self.config.priority_groups.contains(&request.group) {
            let error = if is_group_name(&request.group) {
                codes::CONSUMER_INVALID_PRIORITY_GROUP.error()
            } else {
                codes::CONSUMER_INVALID_GROUP_NAME.error()
            };
            return self.reply::<ConsumerUnpinResponse>(caller, out, Err(error));
        }
        self.reply(caller, out, Ok(ConsumerUnpinResponse {}));
        if self.pulling.pin.as_mut().is_some_and(|pin| pin.unpin()) {
            self.on_unpinned("admin", out);
        }
    }

    fn on_reset(
        &mut self,
        caller: Option<Caller>,
        request: ConsumerReset,
        out: &mut Outlet<'_>,
        now_ns: i64,
    ) {
        let filter = self.source.filter();
        let past = Past { reader: &self.home.reader, filter: &filter };
        let floor = self.state.floor().stream;
        match reset_to(&self.config, request.seq, floor, &past) {
            Ok(seq) => {
                self.state.reset(seq, now_ns);
                self.picks = None;
                self.replay = None;
                self.ledger.write_picks();
                if self.home.wants_progress() {
                    let rewound = Rewound { consumer: self.seat.id, floor: seq - 1 };
                    let _ = self.home.rewound.send_urgent(rewound);
                }
                self.listening = false;
                self.answer_later(caller, Told::Reset(seq));
            }
            Err(cause) => {
                let error = codes::CONSUMER_INVALID_RESET.with(cause);
                self.reply::<ConsumerResetResponse>(caller, out, Err(error));
            }
        }
    }

    /// Somebody subscribed to the deliver subject, or nobody does any more.
    pub(super) fn on_interest(&mut self, out: &mut Outlet<'_>, now_ns: i64) {
        let Some(pushing) = &mut self.pushing else { return };
        let (subject, group) = (&self.config.deliver_subject, &self.config.deliver_group);
        let group = Some(group.as_bytes()).filter(|group| !group.is_empty());
        let active = out.bound(subject.as_bytes(), group);
        if pushing.push.set_active(active, now_ns) && !active {
            pushing.alone_since_ns = now_ns;
        }
    }

    /// A message found nobody at the deliver subject.
    pub(super) fn on_alone(&mut self, now_ns: i64) {
        if let Some(pushing) = &mut self.pushing
            && pushing.push.set_active(false, now_ns)
        {
            pushing.alone_since_ns = now_ns;
        }
    }

    /// Tells those who wait that the server ends.
    pub(super) fn say_farewell(&mut self, out: &mut Outlet<'_>) {
        let mut block = Vec::new();
        for request in self.pulling.waiting.take_all() {
            block.clear();
            status::server_shutdown(&mut block, request.rest());
            request.say(&block, out);
        }
    }

    /// Tells those who wait that there is nothing to wait for any more.
    pub(super) fn say_goodbye(&mut self, out: &mut Outlet<'_>) {
        for request in self.pulling.waiting.take_all() {
            request.say(status::CONSUMER_DELETED, out);
        }
        self.advise_action("DELETED", "delete", out);
    }
}

/// What decides which request is served.
fn priorities(config: &ConsumerConfig) -> (&[String], impl PartialEq + use<>, i64) {
    (&config.priority_groups, config.priority_policy, config.priority_timeout)
}
