//! [`Doorkeeper`]: whoever takes in those who connect to a port for links.

use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tracing::error;
use vagus_runtime::{Actor, Cx};

/// See the module's text.
pub trait Doorkeeper: Actor + Sized {
    /// What the log calls those who come.
    const GUESTS: &'static str;

    /// None: nobody is taken in any more.
    fn socket(&self) -> Option<&TcpListener>;

    /// Hears who has connected.
    fn hear_out(&mut self, socket: TcpStream, peer: SocketAddr, cx: &mut Cx<'_, Self>);
}

/// After an error of `accept`.
const REST: Duration = Duration::from_millis(100);

/// Accepts whoever comes, for as long as there is a socket. For [`Cx::poll_with`].
pub fn accept_all<D: Doorkeeper>(
    keeper: &mut D,
    cx: &mut Cx<'_, D>,
    task: &mut Context<'_>,
) -> Poll<()> {
    loop {
        let Some(socket) = keeper.socket() else { return Poll::Ready(()) };
        match socket.poll_accept(task) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok((socket, peer))) => keeper.hear_out(socket, peer, cx),
            Poll::Ready(Err(problem)) => {
                error!("Error on accept of {} connection: {problem}", D::GUESTS);
                // The end of the rest polls this once more.
                cx.when(tokio::time::sleep(REST), |_, (), cx| {
                    cx.poll_with(accept_all);
                });
                return Poll::Ready(());
            }
        }
    }
}
