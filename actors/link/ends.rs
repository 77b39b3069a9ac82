//! [`Ends`]: a socket on the thread that is to serve it, as the two ways that a link has.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;

use crate::delivery::wire::{Packing, Parts};
use crate::delivery::{Outbound, Slot, Wire};

/// See the module's text.
pub struct Ends {
    /// The way out: publishers and shards write to it.
    pub out: Arc<Outbound>,
    /// What the other end has said already.
    pub unread: Vec<u8>,
    pub(super) io: OwnedReadHalf,
    pub(super) wire: Option<Box<Wire>>,
}

// === impl Ends ===

impl Ends {
    /// Takes over link `cid`, with at most `pending_max` bytes that wait for the other end. With
    /// `packing`, all from here on is compressed, in both directions.
    ///
    /// # Errors
    /// When the socket can't be registered with this thread.
    pub fn of(
        parts: Parts,
        cid: u64,
        slot: Slot,
        pending_max: usize,
        packing: Option<Packing>,
    ) -> io::Result<Self> {
        let Parts { socket, wire, unread } = parts;
        let (io, write) = TcpStream::from_std(socket)?.into_split();
        let out = Outbound::new(cid, slot, write, pending_max);
        let wire = match (wire, packing) {
            (None, None) => None,
            (wire, packing) => out.seal().map(|write| {
                let wire = match wire {
                    Some(wire) => wire.over(write),
                    None => Wire::new(write),
                };
                Box::new(match packing {
                    Some(packing) => wire.packed(packing),
                    None => wire,
                })
            }),
        };
        Ok(Self { out: Arc::new(out), unread, io, wire })
    }

    /// The other end is no stranger.
    pub fn known(&mut self) {
        if let Some(wire) = &mut self.wire {
            wire.known();
        }
    }
}
