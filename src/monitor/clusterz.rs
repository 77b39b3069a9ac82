//! `/clusterz`: every server that this one is linked with, and their links, as they tell of
//! themselves. No page of nats-server.

use std::time::Duration;

use serde::Serialize;
use vagus_actors::control::{Heard, Standing, survey};

use super::context::{Context, now};
use super::reply::{self, Reply};

#[derive(Serialize)]
struct Clusterz {
    server_id: String,
    now: String,
    /// The asked server first.
    servers: Vec<Server>,
}

#[derive(Serialize)]
struct Server {
    #[serde(skip_serializing_if = "Option::is_none")]
    standing: Option<Standing>,
    id: String,
    name: String,
    /// Why it has not told how it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    silent: Option<String>,
    /// Until it had answered, or was given up.
    took_us: u64,
}

/// For each server, all asked at once.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) async fn page(context: &Context) -> Reply {
    let broker = &context.broker;
    let own = Standing::of(broker);
    let (id, name) = (own.id.clone(), own.name.clone());
    let mut servers = vec![Server { standing: Some(own), id, name, silent: None, took_us: 0 }];
    servers.extend(survey(broker, PATIENCE).await.into_iter().map(Server::of));
    reply::page(&Clusterz { server_id: context.server_id(), now: now(), servers })
}

// === impl Server ===

impl Server {
    fn of(heard: Heard) -> Self {
        let Heard { id, name, told, took } = heard;
        let (standing, silent) = match told {
            Ok(standing) => (Some(standing), None),
            Err(why) => (None, Some(why)),
        };
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        Self { standing, id, name, silent, took_us }
    }
}
