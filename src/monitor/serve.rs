//! Accepting: a task a connection, and a bound on everything.
//!
//! Beyond [`CONNECTIONS_MAX`] nobody is accepted: who comes then waits in the kernel's queue. A
//! connection that is silent is let go of after [`HEADER_WITHIN`], and the oldest make room after
//! [`AGE_MAX`], so that tools that never read can't keep others out for ever.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, error};

use super::context::Context;
use super::router;

/// Connections served at a time.
const CONNECTIONS_MAX: usize = 256;
/// Time for the head of a request, and for a TLS handshake.
const HEADER_WITHIN: Duration = Duration::from_secs(5);
/// A connection older than this is closed after its answer.
const AGE_MAX: Duration = Duration::from_mins(5);
/// Time for the last answer of a connection that is too old.
const LAST_ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Time for answers under way when the monitor stops.
const STOP_WITHIN: Duration = Duration::from_secs(1);
/// After an error of `accept`, such as no file descriptor left.
const REST: Duration = Duration::from_millis(100);
/// Bytes of the head of a request.
const HEAD_MAX: usize = 64 << 10;

/// Serves until `stop` turns true.
pub(super) async fn serve(
    listener: TcpListener,
    context: Arc<Context>,
    mut stop: watch::Receiver<bool>,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            let permit = Arc::clone(&room).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            next = next => next,
            // An error means that the monitor is gone.
            _ = stop.wait_for(|stop| *stop) => break,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((socket, _)) => {
                let (context, stop) = (Arc::clone(&context), stop.clone());
                connections.spawn(async move {
                    let _permit = permit;
                    welcome(socket, context, stop).await;
                });
            }
            Err(problem) => {
                error!("monitoring: accept error: {problem}");
                sleep(REST).await;
            }
        }
    }
    drop(listener);
    // Who is not done by then is dropped with the set.
    let _ = timeout(STOP_WITHIN, async { while connections.join_next().await.is_some() {} }).await;
}

/// One connection, after its TLS handshake if it has one.
async fn welcome(socket: TcpStream, context: Arc<Context>, stop: watch::Receiver<bool>) {
    // Without it answers only take longer.
    let _ = socket.set_nodelay(true);
    if context.https_port == 0 {
        return converse(socket, context, stop).await;
    }
    // The certificate of this moment: a reload may have brought another.
    let Some(tls) = context.broker.settings().tls.as_ref().map(|tls| tls.https()) else {
        return debug!("monitoring: there is no certificate any more");
    };
    let peer = socket.peer_addr();
    match timeout(HEADER_WITHIN, TlsAcceptor::from(tls).accept(socket)).await {
        Ok(Ok(stream)) => converse(stream, context, stop).await,
        Ok(Err(problem)) => match peer {
            Ok(peer) => error!("monitoring: TLS handshake error from {peer}: {problem}"),
            Err(_) => debug!("monitoring: client left during the TLS handshake"),
        },
        Err(_) => debug!("monitoring: TLS handshake took too long"),
    }
}

/// Requests and answers over one connection, to its end.
async fn converse(
    io: impl AsyncRead + AsyncWrite + Unpin,
    context: Arc<Context>,
    mut stop: watch::Receiver<bool>,
) {
    let service = service_fn(|request| {
        let context = Arc::clone(&context);
        async { Ok::<_, Infallible>(router::answer(context, request).await) }
    });
    let mut builder = http1::Builder::new();
    // As NATS writes them, for scripts that compare without folding case.
    builder.title_case_headers(true);
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_WITHIN).max_buf_size(HEAD_MAX);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(io), service));
    let patience = tokio::select! {
        ended = connection.as_mut() => {
            if let Err(problem) = ended {
                debug!("monitoring: connection ended: {problem}");
            }
            return;
        }
        _ = stop.wait_for(|stop| *stop) => STOP_WITHIN,
        () = sleep(AGE_MAX) => LAST_ANSWER_WITHIN,
    };
    connection.as_mut().graceful_shutdown();
    let _ = timeout(patience, connection).await;
}
