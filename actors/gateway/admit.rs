//! Those who connect: servers of other clusters are taken in, all others are told why not.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tracing::{debug, error};
use vagus_runtime::Cx;
use vagus_runtime::cluster::hello::{self, Guest, HelloError, Introduction};

use super::Gateway;
use crate::delivery::wire::Stream;
use crate::link::Doorkeeper;

/// Connections that may be strangers at one time. More are closed at once.
const STRANGERS_MAX: usize = 64;

// === impl Doorkeeper ===

impl Doorkeeper for Gateway {
    const GUESTS: &'static str = "gateway";

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
        let (me, settings) = (self.introduction(None), self.settings.clone());
        let tls = self.broker.settings().gateway_tls.own.clone();
        let talk = async move {
            socket.set_nodelay(true)?;
            let stream = Stream::accepted(socket, tls).await?;
            hello::receive(stream, &me, &settings.secret, settings.auth_timeout).await
        };
        cx.when(talk, move |gateway, heard, cx| {
            gateway.strangers -= 1;
            match heard {
                Ok(guest) => gateway.judge(guest, peer, cx),
                Err(problem) => gateway.turn_away(peer, &problem),
            }
        });
    }
}

// === impl Gateway ===

impl Gateway {
    fn turn_away(&mut self, peer: SocketAddr, problem: &HelloError) {
        self.refused += 1;
        match problem {
            HelloError::Tls(_) => error!("{peer} - no gateway: {problem}"),
            HelloError::Unauthorized => error!("{peer} - Authorization Violation of a gateway"),
            problem => debug!("{peer} - no gateway: {problem}"),
        }
    }

    fn judge(&mut self, guest: Guest<Stream>, peer: SocketAddr, cx: &mut Cx<'_, Self>) {
        let introduction = guest.introduction.clone();
        if let Err(why) = self.is_welcome(&introduction) {
            self.refused += 1;
            let from = &introduction.cluster;
            error!("{peer} - Rejecting connection from gateway {from:?}: {why}");
            cx.when(async move { guest.refuse(&why).await }, |_, _, _| ());
            return;
        }
        let cid = self.link(&introduction, peer, false);
        cx.when(guest.welcome(), move |gateway, stream, cx| match stream {
            Ok(stream) => gateway.serve(cid, stream, cx),
            Err(_) => gateway.forget(cid),
        });
    }

    /// Whether a link of the server that introduces itself so may be. Says why not, in the words
    /// that the other server is told.
    fn is_welcome(&self, other: &Introduction) -> Result<(), String> {
        let (own, from) = (&self.settings.name, &other.cluster);
        match &other.wanted {
            Some(wanted) if wanted != own => {
                return Err(format!(
                    "Connection from {from:?} rejected, wanted to connect to {wanted:?}, \
                     this is {own:?}"
                ));
            }
            _ if from == own => return Err("the two servers are of one cluster".to_owned()),
            _ => {}
        }
        let known = self.remotes.get(from.as_str()).is_some_and(|remote| remote.is_configured());
        if self.settings.reject_unknown && !known {
            return Err(format!("Connection to gateway {own:?} rejected"));
        }
        Ok(())
    }
}
