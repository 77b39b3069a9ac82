//! Requests that are about one connection: to end it, to send it to another server, to tell it who
//! it is.

use std::sync::Arc;
use std::time::SystemTime;

use serde::Deserialize;
use tokio::sync::oneshot;
use vagus_auth::Identity;
use vagus_runtime::{Cx, Handle};
use vagus_telemetry::json;

use super::System;
use super::answer::Body;
use super::inquiry::Inquiry;
use super::user_info::UserInfo;
use crate::broker::Broker;
use crate::census::messages::Find;
use crate::connection::Connection;
use crate::connection::messages::{End, Introduce, SendAway};
use crate::delivery::Reason;

#[derive(Deserialize)]
struct Which {
    cid: u64,
}

// === impl System ===

impl System {
    /// Ends a connection.
    pub(super) fn kick(&mut self, inquiry: Inquiry, cx: &mut Cx<'_, Self>) {
        self.order(inquiry, "no such client or leafnode id", cx, |client| {
            client.send_urgent(End(Reason::Kicked)).is_ok()
        });
    }

    /// Tells a client to look for another server.
    pub(super) fn send_away(&mut self, inquiry: Inquiry, cx: &mut Cx<'_, Self>) {
        self.order(inquiry, "no such client id", cx, |client| client.send_urgent(SendAway).is_ok());
    }

    /// Does something to the connection that the request names. A request that names none is not
    /// answered.
    fn order(
        &mut self,
        inquiry: Inquiry,
        missing: &'static str,
        cx: &mut Cx<'_, Self>,
        order: fn(Handle<Connection>) -> bool,
    ) {
        let Ok(Which { cid }) = serde_json::from_slice(inquiry.body()) else { return };
        let found = find(Arc::clone(&self.office.broker), cid);
        cx.when(found, move |me, client, cx| match client.is_some_and(order) {
            true => me.answer(&inquiry, &me.office.envelope(&Body::Done), cx),
            false => me.fail(&inquiry, 500, missing, cx),
        });
    }

    /// Who asks, and what it may do.
    pub(super) fn introduce(&mut self, inquiry: Inquiry, cx: &mut Cx<'_, Self>) {
        let Some(origin) = inquiry.origin() else { return };
        let Some(cid) = origin.id else { return };
        let identity = identity_of(Arc::clone(&self.office.broker), cid);
        cx.when(identity, move |me, identity, cx| {
            // Who is gone by now reads no answer.
            let Some(identity) = identity else { return };
            let realm = me.office.broker.realms.get(&origin.acc);
            let label = realm.and_then(|realm| realm.rules().stated.label.clone());
            let (label, now) = (label.as_deref(), SystemTime::now());
            let user = UserInfo::of(identity.as_ref(), &origin.acc, label, now);
            let body = json::compact(&user);
            me.answer(&inquiry, &me.office.envelope(&Body::Data("data", &body)), cx);
        });
    }
}

async fn find(broker: Arc<Broker>, cid: u64) -> Option<Handle<Connection>> {
    let (reply, found) = oneshot::channel();
    broker.cast()?.census.send(Find { cid, reply }).ok()?;
    found.await.ok()?
}

/// `Some(None)`: it had to prove nothing.
async fn identity_of(broker: Arc<Broker>, cid: u64) -> Option<Option<Identity>> {
    let client = find(broker, cid).await?;
    let (reply, told) = oneshot::channel();
    client.send(Introduce { reply }).ok()?;
    told.await.ok()
}
