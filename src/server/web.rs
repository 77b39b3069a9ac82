//! One request to a web server, and its answer.

use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes};
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// The body of the answer, which has `answer_max` bytes at most.
///
/// # Errors
/// Why there is none: also an answer that is not 200.
pub(super) async fn exchange<S, B>(
    socket: S,
    request: Request<B>,
    answer_max: usize,
) -> Result<Bytes, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + 'static,
{
    let handshake = http1::handshake(TokioIo::new(socket)).await;
    let (mut sender, connection) = handshake.map_err(|why| why.to_string())?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(|why| why.to_string())?;
        if response.status() != StatusCode::OK {
            return Err(format!("the server answered {}", response.status()));
        }
        let body = Limited::new(response.into_body(), answer_max).collect().await;
        Ok(body.map_err(|why| why.to_string())?.to_bytes())
    };
    // The connection moves bytes only while it is polled, too.
    tokio::pin!(connection, answer);
    tokio::select! {
        done = &mut answer => done,
        ended = &mut connection => {
            ended.map_err(|why| why.to_string())?;
            answer.await
        }
    }
}
