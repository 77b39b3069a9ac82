//! Pull requests: the body of `CONSUMER.MSG.NEXT`, and what may follow `+NXT`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::json;

/// What a client that pulls asks for. Times are nanoseconds; 0 and empty mean "not said".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PullRequest {
    /// How long to wait; for ever if not said.
    #[serde(skip_serializing_if = "json::is_default")]
    pub expires: i64,
    /// Messages; at least one.
    #[serde(skip_serializing_if = "json::is_default")]
    pub batch: i64,
    /// Bytes.
    #[serde(skip_serializing_if = "json::is_default")]
    pub max_bytes: i64,
    /// Only what is there.
    #[serde(skip_serializing_if = "json::is_default")]
    pub no_wait: bool,
    #[serde(rename = "idle_heartbeat", skip_serializing_if = "json::is_default")]
    pub heartbeat: i64,
    #[serde(skip_serializing_if = "json::is_default")]
    pub group: String,
    /// Only if at least so many messages wait.
    #[serde(skip_serializing_if = "json::is_default")]
    pub min_pending: i64,
    /// Only if at least so many are not acknowledged.
    #[serde(skip_serializing_if = "json::is_default")]
    pub min_ack_pending: i64,
    /// Of the pin the client holds.
    #[serde(skip_serializing_if = "json::is_default")]
    pub id: String,
    /// 0 to 9, and 0 is first.
    #[serde(skip_serializing_if = "json::is_default")]
    pub priority: i64,
}

// === impl PullRequest ===

impl PullRequest {
    /// Reads a body: nothing (one message), a number of messages, or JSON. What is none of these
    /// asks for one message. The error is the reason to give in a status.
    pub fn parse(body: &[u8]) -> Result<Self, Cow<'static, str>> {
        let text = body.trim_ascii();
        if text.first() == Some(&b'{') {
            let mut request: PullRequest = json::parse_plain(text)?;
            request.batch = request.batch.max(1);
            return request.checked();
        }
        let batch = std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok());
        Ok(PullRequest { batch: batch.unwrap_or(1).max(1), ..PullRequest::default() })
    }

    fn checked(self) -> Result<Self, Cow<'static, str>> {
        if self.heartbeat > 0 && self.heartbeat.saturating_mul(2) > self.expires {
            return Err("heartbeat value too large".into());
        }
        if !(0..=9).contains(&self.priority) {
            return Err("Priority must be between 0 and 9".into());
        }
        Ok(self)
    }
}

// === impl Default ===

impl Default for PullRequest {
    fn default() -> Self {
        PullRequest {
            expires: 0,
            batch: 1,
            max_bytes: 0,
            no_wait: false,
            heartbeat: 0,
            group: String::new(),
            min_pending: 0,
            min_ack_pending: 0,
            id: String::new(),
            priority: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bodies_have_three_forms() {
        let batch = |body: &str| PullRequest::parse(body.as_bytes()).unwrap().batch;
        for (body, expected) in [
            ("", 1),
            ("5", 5),
            (" 5", 5),
            ("0", 1),
            ("-3", 1),
            ("x", 1),
            ("2x", 1),
            ("[]", 1),
            ("null", 1),
            ("{}", 1),
            ("{\"batch\":0}", 1),
            ("{\"batch\":7,\"foo\":1}", 7),
        ] {
            assert_eq!(batch(body), expected, "{body}");
        }
    }

    #[test]
    fn reasons_are_those_clients_know() {
        let go = "into Go struct field JSApiConsumerGetNextRequest.";
        for (body, reason) in [
            ("{", "unexpected end of JSON input".to_owned()),
            ("{\"batch\":\"x\"}", format!("json: cannot unmarshal string {go}batch of type int")),
            ("{\"batch\":1e2}", format!("json: cannot unmarshal number 1e2 {go}batch of type int")),
            (
                "{\"expires\":\"x\"}",
                format!("json: cannot unmarshal string {go}expires of type time.Duration"),
            ),
            ("{\"no_wait\":1}", format!("json: cannot unmarshal number {go}no_wait of type bool")),
            (
                "{\"group\":1}",
                format!("json: cannot unmarshal number {go}PriorityGroup.group of type string"),
            ),
            ("{} x", "invalid character 'x' after top-level value".to_owned()),
            ("{\"idle_heartbeat\":100}", "heartbeat value too large".to_owned()),
            ("{\"idle_heartbeat\":60,\"expires\":100}", "heartbeat value too large".to_owned()),
            ("{\"priority\":10}", "Priority must be between 0 and 9".to_owned()),
            ("{\"priority\":-1}", "Priority must be between 0 and 9".to_owned()),
        ] {
            assert_eq!(PullRequest::parse(body.as_bytes()), Err(reason.into()), "{body}");
        }
    }

    proptest! {
        #[test]
        fn written_requests_are_read_back(
            batch in 1i64..,
            expires in 0i64..1_000_000_000_000_000,
            group in "\\PC{0,8}",
            no_wait: bool,
            priority in 0i64..10,
        ) {
            let heartbeat = expires / 2;
            let request = PullRequest {
                batch, expires, group, no_wait, priority, heartbeat, ..PullRequest::default()
            };
            let json = json::to_vec(&request);
            prop_assert_eq!(PullRequest::parse(&json), Ok(request));
        }

        #[test]
        fn any_body_is_survived(body in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = PullRequest::parse(&body);
            let _ = PullRequest::parse(&[b"{", &body[..]].concat());
        }
    }
}
