//! Requests of the API that this stream answers.

use std::sync::Arc;

use vagus_jetstream::api::{
    ConsumerPauseResponse, ConsumerResetResponse, ConsumerUnpinResponse, Response, RestoreResponse,
    StreamCreateResponse,
};
use vagus_jetstream::{ApiError, codes};
use vagus_runtime::Cx;

use super::messages::{Call, Request};
use super::{Life, Stream};
use crate::consumer::messages::What;
use crate::delivery::Outlet;
use crate::jetstream::Caller;

impl Life {
    pub(super) fn call(&mut self, call: Call, out: &mut Outlet<'_>, cx: &mut Cx<'_, Stream>) {
        let Call { caller, request } = call;
        match request {
            Request::Create => self.created(&caller, out),
            // It is there already, and serves.
            Request::Restore(_) => self.answer_with::<RestoreResponse>(
                &caller,
                Err(codes::STREAM_NAME_EXIST_RESTORE_FAILED.error()),
                out,
            ),
            Request::Info(ask) => self.tell_info(&caller, &ask, out),
            Request::Update(config) => self.update(caller, *config, out),
            Request::Purge(ask) => self.purge(caller, &ask, out),
            // What is still on its way to the disk was told of already, and can be read then.
            Request::Get(ask) if self.state.reader.committed() < self.state.log.last_seq() => {
                self.open.then.push(Box::new(move |life, _, out, cx| {
                    life.get(caller, ask, out, cx);
                }));
            }
            Request::Get(ask) => self.get(caller, ask, out, cx),
            Request::Delete(ask) => self.delete(caller, ask, out),
            Request::Snapshot(ask) => self.begin_snapshot(&caller, &ask, out, cx),
            Request::CreateConsumer(ask) => self.create_consumer(&caller, *ask, out, cx),
            Request::DeleteConsumer(name) => self.delete_consumer(caller, &name, out),
            Request::ConsumerInfo(name) => self.consumer_info(&caller, &name, out),
            Request::ConsumerNames(ask) => self.consumer_names(&caller, ask, out),
            Request::ConsumerList(ask) => self.consumer_list(caller, ask, cx),
            Request::PauseConsumer(name, ask) => {
                self.pass_on::<ConsumerPauseResponse>(&name, &caller, What::Pause(ask), out);
            }
            Request::UnpinConsumer(name, ask) => {
                self.pass_on::<ConsumerUnpinResponse>(&name, &caller, What::Unpin(ask), out);
            }
            Request::ResetConsumer(name, ask) => {
                self.pass_on::<ConsumerResetResponse>(&name, &caller, What::Reset(ask), out);
            }
        }
    }

    fn pass_on<T: Response>(&self, name: &str, caller: &Caller, what: What, out: &mut Outlet<'_>) {
        if let Err(error) = self.ask_consumer(name, caller, what) {
            self.answer_with::<T>(caller, Err(error), out);
        }
    }

    pub(super) fn answer_with<T: Response>(
        &self,
        caller: &Caller,
        answer: Result<T, ApiError>,
        out: &mut Outlet<'_>,
    ) {
        caller.answer(&self.js, out, answer);
    }

    fn created(&mut self, caller: &Caller, out: &mut Outlet<'_>) {
        let js = Arc::clone(&self.js);
        let answer = StreamCreateResponse { info: self.info(), did_create: true };
        caller.answer(&js, out, Ok(answer));
        if !std::mem::replace(&mut self.announced, true) {
            self.tell_action("create", out);
        }
    }
}
