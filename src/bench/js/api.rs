//! Requests to the JetStream API, one at a time: what makes, asks about and deletes things.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::connection::{Connection, Patience};
use crate::error::BenchError;
use crate::shapes::Context;

/// Deleting what holds much may take this long, whatever the stall timeout.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);

/// A connection that asks and waits.
#[derive(Debug)]
pub(super) struct Api {
    connection: Connection,
    inbox: String,
    number: u64,
}

/// An inbox as clients name theirs.
pub(super) fn inbox() -> String {
    format!("_INBOX.{}", random_name(22))
}

/// So many random letters and digits.
pub(super) fn random_name(len: usize) -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(len).collect()
}

impl Api {
    pub(super) fn open(context: &Context<'_>) -> Result<Self, BenchError> {
        let mut connection = Connection::open(&context.targets.publish, "the JetStream API")?;
        let inbox = inbox();
        connection.subscribe(&format!("{inbox}.*"), None, 1)?;
        connection.flush(context.stall_timeout(), |_| Ok(()))?;
        Ok(Self { connection, inbox, number: 0 })
    }

    pub(super) fn server_version(&self) -> &str {
        &self.connection.server.version
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The answer to a request to `$JS.API.<what>`; an error if it is one.
    pub(super) fn ask(&mut self, what: &str, body: &Value) -> Result<Value, BenchError> {
        let bytes = self.ask_raw(&format!("$JS.API.{what}"), body.to_string().as_bytes())?;
        let answer: Value = serde_json::from_slice(&bytes)
            .map_err(|error| BenchError::Protocol(format!("answer to {what}: {error}")))?;
        match answer.get("error") {
            None => Ok(answer),
            Some(error) => Err(BenchError::Server(format!("{what}: {}", error_text(error)))),
        }
    }

    fn ask_raw(&mut self, subject: &str, body: &[u8]) -> Result<Vec<u8>, BenchError> {
        self.number += 1;
        let reply = format!("{}.{}", self.inbox, self.number);
        let mut frame = format!("PUB {subject} {reply} {}\r\n", body.len()).into_bytes();
        frame.extend_from_slice(body);
        frame.extend_from_slice(b"\r\n");
        self.connection.write(&frame, &mut Patience::new(ANSWER_WITHIN))?;
        let deadline = Instant::now() + ANSWER_WITHIN;
        let mut answer = None;
        while answer.is_none() {
            self.connection.drain(|msg| {
                if msg.subject == reply.as_bytes() {
                    refuse_no_responders(msg.headers)?;
                    answer = Some(msg.payload.to_vec());
                }
                Ok(())
            })?;
            if answer.is_none() && !self.connection.fill()? && Instant::now() > deadline {
                let seconds = ANSWER_WITHIN.as_secs();
                return Err(BenchError::Protocol(format!("no answer to {subject} in {seconds} s")));
            }
        }
        Ok(answer.unwrap_or_default())
    }
}

/// An error when `headers` say that nobody listens to a request.
pub(super) fn refuse_no_responders(headers: &[u8]) -> Result<(), BenchError> {
    if headers.starts_with(b"NATS/1.0 503") {
        let text = "nobody answers: JetStream is off, or the stream or consumer is not there";
        return Err(BenchError::Server(text.to_owned()));
    }
    Ok(())
}

/// `description (error code)` of the error of an answer.
pub(super) fn error_text(error: &Value) -> String {
    let description = error["description"].as_str().unwrap_or("an error without a description");
    format!("{description} ({})", error["err_code"])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn errors_are_told_with_their_code() {
        let error = json!({"code": 404, "err_code": 10059, "description": "stream not found"});
        assert_eq!(error_text(&error), "stream not found (10059)");
        assert!(refuse_no_responders(b"NATS/1.0 503\r\n\r\n").is_err());
        assert!(refuse_no_responders(b"NATS/1.0\r\nA: 503\r\n\r\n").is_ok());
        assert!(refuse_no_responders(b"").is_ok());
    }

    #[test]
    fn inboxes_differ() {
        assert_eq!(inbox().len(), "_INBOX.".len() + 22);
        assert_ne!(inbox(), inbox());
    }
}
