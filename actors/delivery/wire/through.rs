//! The bytes of a link on their way through its codecs.

use std::io::{Error, ErrorKind};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::tcp::OwnedReadHalf;
use vagus_tls::Outgoing;

use super::{Codec, Packing, READ, Wire};

// === impl Wire ===

impl Wire {
    /// Compresses from now on, and expects the other end to do so.
    #[must_use]
    pub fn packed(self, packing: Packing) -> Self {
        Self { packing: Some(Box::new(packing)), ..self }
    }

    /// Goes on through `codec`, next to the socket but for TLS; `early` has come for it already.
    /// `None`: something has come that was written before, and not for it.
    pub(super) fn through(mut self, codec: impl Codec + 'static, early: &[u8]) -> Option<Self> {
        let mut packing = match self.packing.take() {
            None => Packing::of(codec),
            Some(packing) if packing.has_heard_all() && early.is_empty() => packing.over(codec),
            Some(_) => return None,
        };
        packing.heard().extend_from_slice(early);
        Some(self.packed(packing))
    }

    /// The other end is no stranger from here on.
    pub fn known(&mut self) {
        if let Some(packing) = &mut self.packing {
            packing.codec().known();
        }
    }

    /// The same of one who packs: `plain` has room for a block at least.
    pub(super) fn poll_unpacked(
        &mut self,
        packing: &mut Packing,
        io: &mut OwnedReadHalf,
        task: &mut Context<'_>,
        plain: &mut [u8],
    ) -> Poll<std::io::Result<usize>> {
        loop {
            let torn = |torn| Error::new(ErrorKind::InvalidData, torn);
            let count = packing.unpack(plain).map_err(torn)?;
            self.answer(packing, task)?;
            if count > 0 || packing.codec().is_over() {
                return Poll::Ready(Ok(count));
            }
            let heard = packing.heard();
            let start = heard.len();
            heard.resize(start + READ, 0);
            let read = self.poll_opened(io, task, &mut heard[start..]);
            let count = match &read {
                Poll::Ready(Ok(count)) => *count,
                _ => 0,
            };
            heard.truncate(start + count);
            if count == 0 {
                return read;
            }
        }
    }

    /// Sends what a codec has to say by itself.
    fn answer(&mut self, packing: &mut Packing, task: &mut Context<'_>) -> std::io::Result<()> {
        let mut answer = Vec::new();
        packing.codec().answer(&mut answer);
        if answer.is_empty() {
            return Ok(());
        }
        let mut out = Outgoing::new();
        self.seal(&answer, false, &mut out)?;
        self.unsent.extend_from_slice(out.bytes());
        match self.poll_flush(task) {
            Poll::Ready(done) => done,
            Poll::Pending => {
                // The task is woken when the socket takes more, and goes on with it then.
                task.waker().wake_by_ref();
                Ok(())
            }
        }
    }

    /// Packs and seals, as far as that is to be done.
    pub(super) fn wrap(
        &mut self,
        piece: &[u8],
        rtt: Duration,
        clear: bool,
        out: &mut Outgoing,
    ) -> Result<(), Error> {
        let Some(packing) = &mut self.packing else { return self.seal(piece, clear, out) };
        let mut block = Vec::new();
        packing.pack(piece, rtt, &mut block);
        self.seal(&block, clear, out)
    }
}
