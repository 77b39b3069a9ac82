//! Streams end.

use std::sync::Arc;

use serde::Serialize;
use vagus_jetstream::api::{Request, StreamDeleteResponse};
use vagus_jetstream::{ApiError, codes};
use vagus_runtime::Cx;

use super::requests::must_be_empty;
use super::{Erased, Meta, Phase};
use crate::delivery::Outlet;
use crate::jetstream::Caller;
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
        let (caller, name) = (caller.clone(), name.to_owned());
        cx.when(handle.ended(), move |me, _, cx| {
            let meta = cx.handle();
            let done = Box::new(move |outcome| {
                // A parent that is gone answers nobody.
                let _ = meta.send_urgent(Erased { name, caller, outcome });
            });
            me.js.store.delete(group, done);
        });
        Ok(())
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
        let group = groups.find(|group| group.name == name && self.offline.contains_key(name));
        let group = group.ok_or(missing)?;
        let (meta, caller, name) = (cx.handle(), caller.clone(), name.to_owned());
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
        self.reply(&caller, StreamDeleteResponse { success: true }, out);
    }
}
