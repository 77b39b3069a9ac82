//! The words are those that nats-server 2.14.5 sent.
use proptest::prelude::*;

use super::*;
use crate::api::{
    ConsumerCreate, ConsumerPause, ConsumerUnpin, MsgGet, Purge, Restore, StreamCreate,
    StreamInfoRequest, StreamsRequest,
};

fn stream(body: &str) -> Result<StreamCreate, String> {
    StreamCreate::parse(body.as_bytes(), true).map_err(|error| {
        let text = error.description.into_owned();
        text.strip_prefix("invalid JSON: ").map(str::to_owned).unwrap()
    })
}

fn words<T: Named + DeserializeOwned>(body: &str, strict: bool) -> String {
    let Err(error) = parse::<T>(body.as_bytes(), strict) else { return "well".to_owned() };
    error.description.strip_prefix("invalid JSON: ").map(str::to_owned).unwrap()
}

#[test]
fn broken_syntax() {
    for (body, words) in [
        ("{", "unexpected EOF"),
        ("{\"name\":", "unexpected EOF"),
        ("{\"name\":}", "invalid character '}' looking for beginning of value at offset 9"),
        ("nul", "unexpected EOF"),
        (
            "{\"name\":\"S1\",}",
            "invalid character '}' looking for beginning of object key string at offset 14",
        ),
        (
            "{\"name\":\"S1\"} x",
            "invalid character 'x' looking for beginning of value at offset 15",
        ),
        ("{\"name\":\"S1\"}{", "unexpected EOF"),
        ("{\"name\":\"a\nb\"}", "invalid character '\\n' in string literal at offset 11"),
        ("{\"name\":\"\\x\"}", "invalid character 'x' in string escape code at offset 11"),
        (
            "{\"name\":\"\\u12g\"}",
            "invalid character 'g' in \\u hexadecimal character escape at offset 14",
        ),
        ("{a:1}", "invalid character 'a' looking for beginning of object key string at offset 2"),
        ("{\"a\" 1}", "invalid character '1' after object key at offset 6"),
        ("{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair at offset 8"),
        ("{\"subjects\":[1 2]}", "invalid character '2' after array element at offset 16"),
        (
            "{\"subjects\":[1,]}",
            "invalid character ']' looking for beginning of value at offset 16",
        ),
        ("{\"a\":tru}", "invalid character '}' in literal true (expecting 'e') at offset 9"),
        ("{\"a\":truex}", "invalid character 'x' after object key:value pair at offset 10"),
        ("{\"a\":-}", "invalid character '}' in numeric literal at offset 7"),
        ("{\"a\":1.}", "invalid character '}' after decimal point in numeric literal at offset 8"),
        ("{\"a\":1ex}", "invalid character 'x' in exponent of numeric literal at offset 8"),
        ("{\"a\":01}", "invalid character '1' after object key:value pair at offset 7"),
        ("\0", "invalid character '\\x00' looking for beginning of value at offset 1"),
    ] {
        assert_eq!(stream(body), Err(words.to_owned()), "{body}");
    }
    let plain = |body| self::words::<ConsumerUnpin>(body, false);
    assert_eq!(plain(""), "unexpected end of JSON input");
    assert_eq!(plain("x"), "invalid character 'x' looking for beginning of value");
    assert_eq!(plain("{\"group\":\"g\"} x"), "invalid character 'x' after top-level value");
}

#[test]
fn wrong_kinds_in_a_stream() {
    let go = "json: cannot unmarshal";
    let top = "into Go struct field StreamConfigRequest.StreamConfig";
    for (body, words) in [
        ("[]", format!("{go} array into Go value of type server.StreamConfigRequest")),
        ("1", format!("{go} number into Go value of type server.StreamConfigRequest")),
        ("{} 1", format!("{go} number into Go value of type server.StreamConfigRequest")),
        ("{\"name\":1}", format!("{go} number {top}.name of type string")),
        ("{\"name\":{}}", format!("{go} object {top}.name of type string")),
        ("{\"max_msgs\":\"x\"}", format!("{go} string {top}.max_msgs of type int64")),
        ("{\"max_msgs\":1.5}", format!("{go} number 1.5 {top}.max_msgs of type int64")),
        ("{\"max_msgs\":1e3}", format!("{go} number 1e3 {top}.max_msgs of type int64")),
        (
            "{\"max_msgs\":99999999999999999999}",
            format!("{go} number 99999999999999999999 {top}.max_msgs of type int64"),
        ),
        (
            "{\"max_msg_size\":99999999999}",
            format!("{go} number 99999999999 {top}.max_msg_size of type int32"),
        ),
        ("{\"retention\":\"foo\"}", "can not unmarshal \"\\\"foo\\\"\"".to_owned()),
        ("{\"retention\":1}", "can not unmarshal \"1\"".to_owned()),
        ("{\"compression\":\"foo\"}", "unknown compression algorithm".to_owned()),
        ("{\"subjects\":\"x\"}", format!("{go} string {top}.subjects of type []string")),
        ("{\"subjects\":[1]}", format!("{go} number {top}.subjects of type string")),
        ("{\"sources\":[[]]}", format!("{go} array {top}.sources of type server.StreamSource")),
        ("{\"mirror\":[]}", format!("{go} array {top}.mirror of type server.StreamSource")),
        (
            "{\"mirror\":{\"name\":1}}",
            format!(
                "{go} number into Go struct field StreamSource.StreamConfig.mirror.name \
                 of type string"
            ),
        ),
        ("{\"mirror\":{\"foo\":1}}", "json: unknown field \"foo\"".to_owned()),
        (
            "{\"mirror\":{\"opt_start_time\":1}}",
            "Time.UnmarshalJSON: input is not a JSON string".to_owned(),
        ),
        (
            "{\"sources\":[{\"external\":{\"api\":1}}]}",
            format!(
                "{go} number into Go struct field ExternalStream.StreamConfig.sources.external.api \
                 of type string"
            ),
        ),
        ("{\"metadata\":{\"a\":1}}", format!("{go} number {top}.metadata of type string")),
        ("{\"metadata\":[]}", format!("{go} array {top}.metadata of type map[string]string")),
        ("{\"no_ack\":1}", format!("{go} number {top}.no_ack of type bool")),
        ("{\"first_seq\":-1}", format!("{go} number -1 {top}.first_seq of type uint64")),
        ("{\"max_age\":\"1s\"}", format!("{go} string {top}.max_age of type time.Duration")),
        (
            "{\"consumer_limits\":{\"max_ack_pending\":\"x\"}}",
            format!(
                "{go} string into Go struct field StreamConsumerLimits.StreamConfig.\
                 consumer_limits.max_ack_pending of type int"
            ),
        ),
        (
            "{\"pedantic\":1}",
            format!("{go} number into Go struct field StreamConfigRequest.pedantic of type bool"),
        ),
        ("{\"bogus\":1,\"max_msgs\":\"x\"}", "json: unknown field \"bogus\"".to_owned()),
        ("{\"max_msgs\":\"x\",\"bogus\":1}", format!("{go} string {top}.max_msgs of type int64")),
        ("{\"republish\":1}", format!("{go} number {top}.republish of type server.RePublish")),
        (
            "{\"placement\":{\"tags\":[1]}}",
            format!(
                "{go} number into Go struct field Placement.StreamConfig.placement.tags \
                 of type string"
            ),
        ),
    ] {
        assert_eq!(stream(body).map(drop), Err(words), "{body}");
    }
}

#[test]
fn wrong_kinds_elsewhere() {
    let go = "json: cannot unmarshal";
    let field = "into Go struct field";
    let consumer = words::<ConsumerCreate>;
    for (body, words) in [
        (r#"{"config":{"ack_policy":"x"}}"#, r#"can not unmarshal "\"x\"""#.to_owned()),
        (
            r#"{"stream_name":1}"#,
            format!("{go} number {field} CreateConsumerRequest.stream_name of type string"),
        ),
        (r#"{"config":{"priority_policy":"x"}}"#, r#"unknown priority policy: "x""#.to_owned()),
        (
            r#"{"config":{"backoff":["x"]}}"#,
            format!("{go} string {field} ConsumerConfig.config.backoff of type time.Duration"),
        ),
        (
            r#"{"config":{"opt_start_seq":-4}}"#,
            format!("{go} number -4 {field} ConsumerConfig.config.opt_start_seq of type uint64"),
        ),
        (
            r#"{"config":1}"#,
            format!(
                "{go} number {field} CreateConsumerRequest.config of type server.ConsumerConfig"
            ),
        ),
        (r#"{"action":"foo"}"#, r#"unknown consumer action: "foo""#.to_owned()),
        (r#"{"action":1}"#, "unknown consumer action: 1".to_owned()),
        (
            r#"{"config":{"metadata":{"a":1}}}"#,
            format!("{go} number {field} ConsumerConfig.config.metadata of type string"),
        ),
        (r#"{"config":{"foo":1}}"#, r#"json: unknown field "foo""#.to_owned()),
    ] {
        assert_eq!(consumer(body, true), words, "{body}");
    }
    assert_eq!(
        words::<StreamsRequest>(r#"{"offset":"x"}"#, true),
        format!("{go} string {field} JSApiStreamNamesRequest.ApiPagedRequest.offset of type int")
    );
    assert_eq!(
        words::<StreamInfoRequest>(r#"{"deleted_details":1}"#, true),
        format!("{go} number {field} JSApiStreamInfoRequest.deleted_details of type bool")
    );
    assert_eq!(
        words::<Purge>(r#"{"seq":-1}"#, true),
        format!("{go} number -1 {field} JSApiStreamPurgeRequest.seq of type uint64")
    );
    assert_eq!(
        words::<Restore>(r#"{"config":1}"#, true),
        format!("{go} number {field} JSApiStreamRestoreRequest.config of type server.StreamConfig")
    );
}

#[test]
fn wrong_times() {
    let layout = "\"2006-01-02T15:04:05Z07:00\"";
    for (time, words) in [
        ("x", format!("parsing time \"x\" as {layout}: cannot parse \"x\" as \"2006\"")),
        (
            "2024-01-01",
            format!("parsing time \"2024-01-01\" as {layout}: cannot parse \"\" as \"T\""),
        ),
        (
            "2024-13-01T00:00:00Z",
            "parsing time \"2024-13-01T00:00:00Z\": month out of range".to_owned(),
        ),
        (
            "2023-02-29T00:00:00Z",
            "parsing time \"2023-02-29T00:00:00Z\": day out of range".to_owned(),
        ),
        (
            "2024-01-01T00:00:00",
            format!(
                "parsing time \"2024-01-01T00:00:00\" as {layout}: cannot parse \"\" as \"Z07:00\""
            ),
        ),
        (
            "2024-01-01T00:00:00Zx",
            "parsing time \"2024-01-01T00:00:00Zx\": extra text: \"x\"".to_owned(),
        ),
    ] {
        let body = format!("{{\"pause_until\":\"{time}\"}}");
        assert_eq!(self::words::<ConsumerPause>(&body, true), words, "{time}");
    }
}

#[test]
fn what_go_takes_is_taken() {
    let config = |body: &str| stream(body).unwrap().config;
    assert_eq!(config("{\"NAME\":\"S1\",\"Max_Msgs\":5}").max_msgs, 5);
    assert_eq!(config("{\"NAME\":\"S1\"}").name, "S1");
    assert_eq!(config("{\"name\":null,\"subjects\":null,\"mirror\":null}").name, "");
    assert_eq!(config("{\"name\":\"a\",\"name\":\"b\"}").name, "b");
    assert_eq!(config("null").name, "");
    assert_eq!(config("").name, "");
    assert_eq!(config(" \n").name, "");
    assert_eq!(config("{\"name\":\"a\"}{\"max_msgs\":7}").max_msgs, 7);
    assert_eq!(
        config("{\"mirror\":{\"NAME\":\"m\"}}").mirror.map(|mirror| mirror.name).unwrap(),
        "m"
    );
    assert!(stream("{\"pedantic\":true}").unwrap().pedantic);
    assert!(!stream("{\"metadata\":{\"pedantic\":\"true\"}}").unwrap().pedantic);
    let invalid_utf8 = StreamCreate::parse(b"{\"description\":\"\xff\"}", true).unwrap();
    assert_eq!(invalid_utf8.config.description, "\u{fffd}");
    assert_eq!(stream("{\"Bogus\":1}").map(drop), Err("json: unknown field \"Bogus\"".to_owned()));
    assert!(StreamCreate::parse(b"{\"bogus\":1}", false).is_ok());
    assert!(parse::<MsgGet>(b"{\"bogus\":1,\"seq\":4}", false).is_ok_and(|get| get.seq == 4));
}

#[test]
fn requests_with_any_fields_are_objects() {
    let read = |body: &str| fields(body.as_bytes(), "ConnzEventOptions");
    assert_eq!(read("{\"a\":[1],\"b\":null}").unwrap().len(), 2);
    assert!(read("null").unwrap().is_empty());
    for (body, words) in [
        ("xx", "invalid character 'x' looking for beginning of value"),
        ("{", "unexpected end of JSON input"),
        ("[1]", "json: cannot unmarshal array into Go value of type server.ConnzEventOptions"),
        ("7", "json: cannot unmarshal number into Go value of type server.ConnzEventOptions"),
    ] {
        assert_eq!(read(body).unwrap_err(), words, "{body}");
    }
}

proptest! {
    #[test]
    fn any_body_is_survived(body in "[{}\\[\\]\",:a-z0-9\\\\ ]{0,40}") {
        let _ = stream(&body).is_ok();
        let _ = words::<ConsumerCreate>(&body, false);
    }

    #[test]
    fn any_bytes_are_survived(body in proptest::collection::vec(any::<u8>(), 0..40)) {
        let _ = StreamCreate::parse(&body, true);
    }

    #[test]
    fn the_scanner_and_the_reader_agree(body in "[{}\\[\\]\",:ab01.e+ -]{0,30}") {
        let ours = scan::documents(body.as_bytes(), false).is_ok();
        let theirs = serde_json::from_str::<serde_json::Value>(&body);
        // A number can be well spelled and too large.
        let too_large = |e: serde_json::Error| e.to_string().contains("out of range");
        let theirs = theirs.map_or_else(too_large, |_| true);
        prop_assert_eq!(ours, theirs, "{}", body);
    }
}
