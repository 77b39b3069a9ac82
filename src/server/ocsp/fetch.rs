//! One question to a responder over HTTP.

use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Request, Uri};
use tokio::net::TcpStream;

use crate::server::web::exchange;

/// Bytes of an answer.
const ANSWER_MAX: usize = 64 << 10;

/// Posts `question`, and returns the body of the answer.
///
/// # Errors
/// Why there is none `within` this time.
pub(super) async fn post(
    url: &str,
    question: Vec<u8>,
    within: Duration,
) -> Result<Vec<u8>, String> {
    let uri: Uri = url.parse().map_err(|why| format!("{url} is no URL: {why}"))?;
    if uri.scheme_str() != Some("http") {
        return Err("only http:// is spoken to responders".to_owned());
    }
    let host = uri.host().ok_or("the URL of the responder names no host")?;
    let authority = format!("{host}:{}", uri.port_u16().unwrap_or(80));
    let request = Request::post(uri.path())
        .header("Host", &authority)
        .header("Connection", "close")
        .header("Content-Type", "application/ocsp-request")
        .body(Full::<Bytes>::from(question))
        .map_err(|why| why.to_string())?;
    let answer = async {
        let socket = TcpStream::connect(&authority).await.map_err(|why| why.to_string())?;
        exchange(socket, request, ANSWER_MAX).await
    };
    let answer = tokio::time::timeout(within, answer).await;
    answer.map_err(|_| "the responder takes too long".to_owned())?.map(|body| body.to_vec())
}
