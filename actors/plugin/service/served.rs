//! [`Served`]: a service as a plugin, which is how the server hosts it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Instant;

use futures_util::FutureExt;
use jiff::Timestamp;
use serde_json::json;

use super::answer::When;
use super::discovery::{self, Card, Counts, Verb};
use super::{Answer, Endpoint, Response, Service, ServiceError, definition};
use crate::{Batch, Cx, Error, Headers, Message, Outgoing, Plugin, PublishError, Subscription};

/// See the module's text.
pub struct Served<S: Service> {
    service: S,
    /// Tells instances apart.
    id: String,
    endpoints: Vec<Endpoint>,
    /// One for each endpoint.
    counts: Vec<Counts>,
    started: Timestamp,
    /// Answers under way.
    pending: usize,
}

/// A request whose answer is due.
struct Due {
    request: Message,
    endpoint: usize,
    since: Instant,
}

const ERROR: &str = "Nats-Service-Error";
const ERROR_CODE: &str = "Nats-Service-Error-Code";

impl<S: Service> Served<S> {
    /// Takes over an instance of a service.
    ///
    /// # Errors
    /// When it says something of itself that discovery can't tell.
    pub fn new(service: S, id: String) -> Result<Self, Error> {
        let endpoints = service.endpoints();
        definition::check::<S>(&endpoints)?;
        let counts = endpoints.iter().map(|_| Counts::default()).collect();
        Ok(Self { service, id, endpoints, counts, started: Timestamp::now(), pending: 0 })
    }

    /// A name for an instance, unlike that of any other: 22 letters and digits.
    #[must_use]
    pub fn new_id() -> String {
        (0..22).map(|_| fastrand::alphanumeric()).collect()
    }

    pub(crate) fn service_mut(&mut self) -> &mut S {
        &mut self.service
    }

    fn card(&self) -> Card<'_> {
        Card {
            name: S::NAME,
            id: &self.id,
            version: S::VERSION,
            description: S::DESCRIPTION,
            metadata: self.service.metadata(),
            endpoints: &self.endpoints,
            counts: &self.counts,
            started: self.started,
        }
    }

    fn tell(&self, verb: Verb, question: &Message, cx: &mut Cx<'_, Self>) {
        let document = self.card().document(verb).to_string();
        // Who did not say where to answer gets none.
        let _ = cx.respond(question, document);
    }

    fn ask(&mut self, endpoint: usize, request: Message, cx: &mut Cx<'_, Self>) {
        let due = Due { request, endpoint, since: Instant::now() };
        self.counts[endpoint].requests += 1;
        let name = &self.endpoints[endpoint].name;
        let service = &mut self.service;
        let asked =
            AssertUnwindSafe(|| cx.with_service(|cx| service.on_request(name, &due.request, cx)));
        match catch_unwind(asked) {
            Ok(Ok(Answer(When::Now(response)))) => self.settle(&due, Ok(response), cx),
            Ok(Ok(Answer(When::Later(_)))) if self.pending >= S::ANSWERS_MAX => {
                let busy = ServiceError::new(503, "too many requests under way");
                self.settle(&due, Err(busy), cx);
            }
            Ok(Ok(Answer(When::Later(answer)))) => {
                self.pending += 1;
                cx.when(AssertUnwindSafe(answer).catch_unwind(), move |me, answer, cx| {
                    me.pending -= 1;
                    match answer {
                        Ok(answer) => me.settle(&due, answer, cx),
                        Err(panic) => me.fail(&due, panic, cx),
                    }
                });
            }
            Ok(Err(error)) => self.settle(&due, Err(error), cx),
            Err(panic) => self.fail(&due, panic, cx),
        }
    }

    /// The service panicked. Who asked is told, and then it goes the way of every panic.
    fn fail(&mut self, due: &Due, panic: Box<dyn Any + Send>, cx: &mut Cx<'_, Self>) {
        self.settle(due, Err(ServiceError::new(500, "internal error")), cx);
        resume_unwind(panic)
    }

    /// Sends the answer and counts the request as done.
    fn settle(&mut self, due: &Due, answer: Result<Response, ServiceError>, cx: &mut Cx<'_, Self>) {
        let sent = match &answer {
            Ok(response) => respond(due, response, cx).map_err(|error| match error {
                PublishError::NoReply => None,
                error => Some(ServiceError::new(500, error.to_string())),
            }),
            Err(error) => Err(Some(error.clone())),
        };
        let counts = &mut self.counts[due.endpoint];
        if let Err(Some(error)) = sent {
            let mut headers = Headers::new();
            // Neither a number nor a text without line breaks is refused.
            let _ = headers.add(ERROR, &error.text);
            let _ = headers.add(ERROR_CODE, error.code.to_string());
            let refusal = Response { payload: error.payload.clone(), headers };
            // There is nobody else to be told.
            let _ = respond(due, &refusal, cx);
            counts.errors += 1;
            counts.last_error = Some(error);
        }
        counts.time += due.since.elapsed();
    }
}

fn respond<S: Service>(
    due: &Due,
    response: &Response,
    cx: &mut Cx<'_, Served<S>>,
) -> Result<usize, PublishError> {
    let reply = due.request.reply().ok_or(PublishError::NoReply)?;
    cx.send(&Outgoing::new(reply, &response.payload).headers(&response.headers))
}

// === impl Plugin ===

impl<S: Service> Plugin for Served<S> {
    const NAME: &'static str = S::NAME;
    const PENDING_MAX: usize = S::PENDING_MAX;
    type Config = S::Config;

    fn subscriptions(&self) -> Vec<Subscription> {
        let own = self.endpoints.iter().map(Endpoint::subscription);
        own.chain(discovery::subscriptions(S::NAME, &self.id)).collect()
    }

    fn started(&mut self, cx: &mut Cx<'_, Self>) {
        cx.with_service(|cx| self.service.started(cx));
    }

    fn on_messages(&mut self, batch: &mut Batch, cx: &mut Cx<'_, Self>) {
        for message in batch {
            let place = message.subscription();
            match place.checked_sub(self.endpoints.len()) {
                None => self.ask(place, message, cx),
                Some(place) => {
                    if let Some(verb) = Verb::of(place) {
                        self.tell(verb, &message, cx);
                    }
                }
            }
        }
    }

    fn stopping(&mut self, cx: &mut Cx<'_, Self>) {
        cx.with_service(|cx| self.service.stopping(cx));
    }

    fn observe(&self) -> serde_json::Value {
        json!({
            "service": self.card().document(Verb::Stats),
            "answers_under_way": self.pending,
            "own": self.service.observe(),
        })
    }
}

#[cfg(test)]
#[path = "served_tests.rs"]
mod tests;
