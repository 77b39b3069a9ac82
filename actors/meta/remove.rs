//! Streams end.

use std::sync::Arc;

use serde::Serialize;
use vagus_jetstream::api::{Request, StreamDeleteResponse};
use vagus_jetstream::{ApiError, codes};
use vagus_runtime::{Cx, Handle};
use vagus_store::GroupId;

use super::requests::must_be_empty;
use super::{Erased, Meta, Phase};
use crate::delivery::Outlet;
use crate::jetstream::Caller;
use crate::stream::Stream;
use crate::stream::messages::Doom;

/// A stream was made, changed or deleted.
#[derive(Serialize)]
struct StreamAction<'a> {
    r#type: &'static str,
    id: String,
    timestamp: String,
    stream: &'a str,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<&'a str>,
}

impl Meta {
    /// `STREAM.DELETE`: the stream ends first, then what it stored is given up, then it is said so.
    pub(super) fn delete(
        &mut self,
        caller: &Caller,
        name: &str,
        cx: &mut Cx<'_, Self>,
    ) -> Result<(), ApiError> {
        must_be_empty(caller.body())?;
        let missing = self.missing(name);
        let Some(known) = self.streams.get_mut(name) else {
            return self.delete_offline(caller, name, missing, cx);
        };
        let Phase::Living { group, handle } = &known.phase else { return Err(missing) };
        let (group, handle) = (*group, handle.clone());
        known.phase = Phase::Leaving;
        // One that can't even take this is stopped all the same.
        let _ = handle.send_urgent(Doom);
        handle.stop();
        self.erase(group, &handle, name.to_owned(), Some(caller.clone()), cx);
        Ok(())
    }

    /// All streams end.
    pub(super) fn purge(&mut self, cx: &mut Cx<'_, Self>) {
        let mut ending = Vec::new();
        for (name, known) in &mut self.streams {
            if let Phase::Living { group, handle } = &known.phase {
                ending.push((name.clone(), *group, handle.clone()));
                known.phase = Phase::Leaving;
            }
        }
        for (name, group, handle) in ending {
            let _ = handle.send_urgent(Doom);
            handle.stop();
            self.erase(group, &handle, name, None, cx);
        }
        for group in self.js.store.groups() {
            if *group.account == *self.js.account() && self.offline.contains_key(&group.name) {
                self.js.store.delete(group.id, Box::new(|_| {}));
                self.offline.remove(&group.name);
            }
        }
    }

    /// Gives up what a stream stored, once it has ended.
    fn erase(
        &self,
        group: GroupId,
        handle: &Handle<Stream>,
        name: String,
        caller: Option<Caller>,
        cx: &mut Cx<'_, Self>,
    ) {
        cx.when(handle.ended(), move |me, _, cx| {
            let meta = cx.handle();
            let done = Box::new(move |outcome| {
                // A parent that is gone answers nobody.
                let _ = meta.send_urgent(Erased { name, caller, outcome });
            });
            me.js.store.delete(group, done);
        });
    }

    /// What this server can't serve it can still give up.
    fn delete_offline(
        &self,
        caller: &Caller,
        name: &str,
        missing: ApiError,
        cx: &Cx<'_, Self>,
    ) -> Result<(), ApiError> {
        let mut groups = self.js.store.groups().into_iter();
        let group = groups.find(|group| {
            *group.account == *self.js.account()
                && group.name == name
                && self.offline.contains_key(name)
        });
        let group = group.ok_or(missing)?;
        let (meta, caller, name) = (cx.handle(), Some(caller.clone()), name.to_owned());
        let done = Box::new(move |outcome| {
            // A parent that is gone answers nobody.
            let _ = meta.send_urgent(Erased { name, caller, outcome });
        });
        self.js.store.delete(group.id, done);
        Ok(())
    }

    pub(super) fn erased(&mut self, erased: Erased, out: &mut Outlet<'_>) {
        let Erased { name, caller, outcome } = erased;
        if let Err(error) = outcome {
            let Some(caller) = caller else {
                return tracing::error!("stream '{name}' can't be deleted: {error}");
            };
            let error = codes::STREAM_DELETE.with(error);
            return self.refuse(&caller, Request::StreamDelete(&name), error, out);
        }
        self.streams.remove(&name);
        self.offline.remove(&name);
        let js = Arc::clone(&self.js);
        let event = StreamAction {
            r#type: "io.nats.jetstream.advisory.v1.stream_action",
            id: js.new_id(),
            timestamp: js.timestamp(),
            stream: &name,
            action: "delete",
            domain: js.domain(),
        };
        js.advise(out, format!("$JS.EVENT.ADVISORY.STREAM.DELETED.{name}").as_bytes(), &event);
        if let Some(caller) = caller {
            self.reply(&caller, StreamDeleteResponse { success: true }, out);
        }
    }
}
