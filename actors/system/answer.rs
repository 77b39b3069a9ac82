//! Answers: the envelope that all of them have.

use serde::Serialize;
use vagus_telemetry::json;

use super::server_info::ServerInfo;

/// What an answer holds besides the server that gives it.
pub(super) enum Body<'a> {
    /// JSON, under this name.
    Data(&'static str, &'a [u8]),
    /// Done; there is nothing to tell.
    Done,
    /// The request can't be read, or can't be done.
    Failed { code: u16, why: &'a str },
    /// There is no page.
    NoData { why: &'a str },
}

#[derive(Serialize)]
struct Failure<'a> {
    code: u16,
    description: &'a str,
}

/// The status of a page that can't be made.
const NO_PAGE: u16 = 500;

/// `{"server": ..., "data": ...}`.
pub(super) fn envelope(server: &ServerInfo<'_>, body: &Body<'_>) -> Vec<u8> {
    let mut out = b"{\"server\":".to_vec();
    out.extend(json::compact(server));
    match body {
        Body::Done => {}
        Body::Data(name, data) => {
            out.extend_from_slice(format!(",\"{name}\":").as_bytes());
            out.extend_from_slice(data);
        }
        Body::Failed { code, why } => failure(&mut out, *code, why),
        Body::NoData { why } => {
            out.extend_from_slice(b",\"data\":null");
            failure(&mut out, NO_PAGE, why);
        }
    }
    out.push(b'}');
    out
}

fn failure(out: &mut Vec<u8>, code: u16, description: &str) {
    out.extend_from_slice(b",\"error\":");
    out.extend(json::compact(&Failure { code, description }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::Profile;

    #[test]
    fn envelopes_say_what_went_wrong() {
        let profile = Profile::default();
        let written = |body: Body<'_>| {
            let json: serde_json::Value =
                serde_json::from_slice(&envelope(&profile.info(7), &body)).unwrap();
            let mut fields = json.as_object().unwrap().clone();
            assert_eq!(fields.shift_remove("server").unwrap()["seq"], 7);
            serde_json::to_string(&fields).unwrap()
        };
        assert_eq!(written(Body::Done), "{}");
        assert_eq!(written(Body::Data("statsz", b"{\"a\":1}")), r#"{"statsz":{"a":1}}"#);
        assert_eq!(
            written(Body::Failed { code: 400, why: "<no>" }),
            r#"{"error":{"code":400,"description":"<no>"}}"#
        );
        assert_eq!(
            written(Body::NoData { why: "x" }),
            r#"{"data":null,"error":{"code":500,"description":"x"}}"#
        );
    }
}
