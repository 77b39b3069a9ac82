//! Streams from before: those in the store at the start, and those that a client brings back from
//! a snapshot.

use std::sync::Arc;

use vagus_jetstream::api::{LEVEL, Restore};
use vagus_jetstream::stream::StreamConfig;
use vagus_jetstream::{ApiError, codes, json, metadata};
use vagus_runtime::Cx;
use vagus_store::GroupInfo;

use super::requests::required;
use super::{GivenUp, Known, Meta, Phase};
use crate::delivery::{Outlet, Post};
use crate::jetstream::{Caller, keys};
use crate::stream::messages::{RESTORING, Request};

impl Meta {
    /// Brings to life what the store has. A stream serves as soon as its own log is read.
    pub(super) fn recover(&mut self, cx: &mut Cx<'_, Self>) {
        let mut groups = self.js.store.groups();
        groups.retain(|group| *group.account == *self.js.account());
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        let js = Arc::clone(&self.js);
        let account = js.account();
        for group in groups {
            if self.is_half_restored(&group) {
                tracing::warn!("stream '{account} > {}' was not restored to its end", group.name);
                self.js.store.delete(group.id, Box::new(|_| {}));
                continue;
            }
            match self.stored_config(&group) {
                Ok(config) => {
                    self.awaited.insert(group.name.clone());
                    let handle = self.spawn(&group.name, group.id, cx);
                    let phase = Phase::Living { group: group.id, handle };
                    let known = Known { config: Arc::new(config), phase, restoring: false };
                    self.streams.insert(group.name, known);
                }
                Err(cause) => {
                    let name = &group.name;
                    tracing::warn!("JetStream stream '{account} > {name}' is offline: {cause}");
                    self.offline.insert(group.name, cause);
                }
            }
        }
    }

    /// Whether the server ended while a client filled this stream: it never held more than a copy.
    fn is_half_restored(&self, group: &GroupInfo) -> bool {
        self.js.store.table(group.id).is_ok_and(|table| table.get(RESTORING).is_some())
    }

    /// The configuration of a stream in the store, unless a newer server wrote it: what this one
    /// does not know it can't keep to.
    fn stored_config(&self, group: &GroupInfo) -> Result<StreamConfig, String> {
        let table = self.js.store.table(group.id).map_err(|error| error.to_string())?;
        let value = table.get(keys::CONFIG).ok_or("its configuration is lost")?;
        let config: StreamConfig =
            json::parse(&value.base, true).map_err(|error| unsupported(&error))?;
        let level = config.required_level().max(metadata::required_level(&config.metadata));
        if level > LEVEL {
            return Err(format!(
                "unsupported - required API level: {level}, current API level: {LEVEL}"
            ));
        }
        Ok(config)
    }

    /// `STREAM.RESTORE`: room for the stream is made here, what is in it comes to itself.
    pub(super) fn restore(
        &mut self,
        caller: &Caller,
        name: &str,
        _: &mut Outlet<'_>,
        cx: &mut Cx<'_, Self>,
    ) -> Result<(), ApiError> {
        let mut ask: Restore = required(caller.body(), self.js.settings().strict)?;
        if ask.config.name.is_empty() {
            ask.config.name = name.to_owned();
        }
        if ask.config.name != name {
            return Err(codes::STREAM_MISMATCH.error());
        }
        if self.streams.contains_key(name) || self.offline.contains_key(name) {
            return Err(codes::STREAM_NAME_EXIST_RESTORE_FAILED.error());
        }
        let sealed = std::mem::take(&mut ask.config.sealed);
        let mut config = self.with_rules(false, |rules| ask.config.for_create(name, rules))?;
        config.sealed = sealed;
        self.begin(caller, config, Request::Restore(Box::new(ask.state)), cx)
    }

    /// A restore failed half way: nothing of it stays. Who waits is told when that is so.
    pub(super) fn give_up(
        &mut self,
        name: String,
        answer: Option<(Vec<u8>, Vec<u8>)>,
        cx: &mut Cx<'_, Self>,
    ) {
        let Some(known) = self.streams.get_mut(&name) else { return };
        let Phase::Living { group, handle } = std::mem::replace(&mut known.phase, Phase::Leaving)
        else {
            return;
        };
        handle.stop();
        cx.when(handle.ended(), move |me, _, cx| {
            let meta = cx.handle();
            let done = Box::new(move |_| {
                // A parent that is gone tells nobody.
                let _ = meta.send_urgent(GivenUp { name, answer });
            });
            me.js.store.delete(group, done);
        });
    }

    pub(super) fn given_up(&mut self, given_up: GivenUp, out: &mut Outlet<'_>) {
        self.streams.remove(&given_up.name);
        if let Some((subject, payload)) = &given_up.answer {
            out.publish(Post { subject, reply: None, headers: None, payload });
        }
    }
}

fn unsupported(error: &ApiError) -> String {
    let text = error.description.trim_start_matches("invalid JSON: ");
    format!("unsupported - config error: {text}")
}
