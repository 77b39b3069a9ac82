//! Those who connect: servers of the cluster are taken in, all others are told why not.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tracing::{debug, error};
use vagus_runtime::Cx;
use vagus_runtime::cluster::hello::{self, Guest, HelloError};
use vagus_runtime::cluster::sharing::Share;

use super::{Cluster, STRANGERS_MAX};
use crate::delivery::wire::Stream;
use crate::link::Doorkeeper;

// === impl Doorkeeper ===

impl Doorkeeper for Cluster {
    const GUESTS: &'static str = "route";

    fn socket(&self) -> Option<&TcpListener> {
        self.socket.as_ref()
    }

    fn hear_out(&mut self, socket: TcpStream, peer: SocketAddr, cx: &mut Cx<'_, Self>) {
        if self.strangers >= STRANGERS_MAX || self.leaving {
            // Closed by being dropped.
            self.refused += 1;
            return;
        }
        self.strangers += 1;
        let (me, settings) = (self.introduction(Share::MAIN), self.settings.clone());
        let tls = self.broker.settings().route_tls.clone();
        let talk = async move {
            socket.set_nodelay(true)?;
            let stream = Stream::accepted(socket, tls).await?;
            hello::receive(stream, &me, &settings.secret, settings.auth_timeout).await
        };
        cx.when(talk, move |cluster, heard, cx| {
            cluster.strangers -= 1;
            match heard {
                Ok(guest) => cluster.judge(guest, peer, cx),
                Err(problem) => cluster.turn_away(peer, &problem),
            }
        });
    }
}

// === impl Cluster ===

impl Cluster {
    fn turn_away(&mut self, peer: SocketAddr, problem: &HelloError) {
        self.refused += 1;
        match problem {
            HelloError::Tls(_) => error!("{peer} - no route: {problem}"),
            HelloError::Unauthorized => error!("{peer} - Authorization Violation of a route"),
            problem => debug!("{peer} - no route: {problem}"),
        }
    }

    fn judge(&mut self, guest: Guest<Stream>, peer: SocketAddr, cx: &mut Cx<'_, Self>) {
        let introduction = guest.introduction.clone();
        if let Err(why) = self.is_welcome(&introduction, &introduction.share, false, cx) {
            self.refused += 1;
            debug!("{peer} - no route: {why}");
            cx.when(async move { guest.refuse(&why).await }, |_, _, _| ());
            return;
        }
        let cid = self.link(&introduction, peer, None);
        cx.when(guest.welcome(), move |cluster, stream, cx| match stream {
            Ok(stream) => cluster.serve(cid, stream, cx),
            Err(_) => cluster.forget(cid, cx),
        });
    }
}
