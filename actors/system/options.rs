//! The options of requests: what each request can say in JSON, and which parameter of the page that
//! is. What is wrong with a request is told in the words of nats-server.

use serde_json::{Map, Value};
use vagus_jetstream::json;

/// What a request can say.
#[derive(Debug)]
pub(super) struct Shape {
    /// What messages call the request, and the part of it that holds its own options.
    name: &'static str,
    part: &'static str,
    fields: &'static [Field],
}

#[derive(Debug, Clone, Copy)]
struct Field {
    name: &'static str,
    kind: Kind,
    /// The parameter of the page; empty for what is no business of the page.
    parameter: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Texts,
    Flag,
    Int,
    Uint,
    /// Open, closed or all connections, as a number.
    State,
    /// A flag that asks for more of what another one asks for.
    Detail,
}

/// What a request says: fields that have the right kind, by the names of [`Shape`].
#[derive(Debug, Default)]
pub(super) struct Fields {
    values: Vec<(Field, Value)>,
}

const fn field(name: &'static str, kind: Kind, parameter: &'static str) -> Field {
    Field { name, kind, parameter }
}

use Kind::{Detail, Flag, Int, State, Text, Texts, Uint};

/// What every request can say of the servers that are to answer it.
const FILTER: [Field; 6] = [
    field("server_name", Text, ""),
    field("cluster", Text, ""),
    field("host", Text, ""),
    field("exact_match", Flag, ""),
    field("tags", Texts, ""),
    field("domain", Text, ""),
];
const FILTER_PART: &str = "EventFilterOptions";

const SUBS: [Field; 2] =
    [field("subscriptions", Flag, "subs"), field("subscriptions_detail", Detail, "subs")];

pub(super) const STATSZ: Shape = Shape { name: "StatszEventOptions", part: "", fields: &[] };
pub(super) const VARZ: Shape = Shape { name: "VarzEventOptions", part: "VarzOptions", fields: &[] };
pub(super) const EXPVARZ: Shape = Shape { name: "ExpvarzEventOptions", part: "", fields: &[] };
pub(super) const RELOAD: Shape = Shape { name: "EventFilterOptions", part: "", fields: &[] };
pub(super) const SUBSZ: Shape = Shape {
    name: "SubszEventOptions",
    part: "SubszOptions",
    fields: &[
        field("offset", Int, "offset"),
        field("limit", Int, "limit"),
        field("subscriptions", Flag, "subs"),
        field("account", Text, "acc"),
        field("test", Text, "test"),
    ],
};
pub(super) const CONNZ: Shape = Shape {
    name: "ConnzEventOptions",
    part: "ConnzOptions",
    fields: &[
        field("sort", Text, "sort"),
        field("auth", Flag, "auth"),
        SUBS[0],
        SUBS[1],
        field("offset", Int, "offset"),
        field("limit", Int, "limit"),
        field("cid", Uint, "cid"),
        field("mqtt_client", Text, "mqtt_client"),
        field("state", State, "state"),
        field("user", Text, "user"),
        field("acc", Text, "acc"),
        field("filter_subject", Text, "filter_subject"),
    ],
};
pub(super) const ROUTEZ: Shape =
    Shape { name: "RoutezEventOptions", part: "RoutezOptions", fields: &SUBS };
pub(super) const GATEWAYZ: Shape = Shape {
    name: "GatewayzEventOptions",
    part: "GatewayzOptions",
    fields: &[
        field("name", Text, "gw_name"),
        field("accounts", Flag, "accs"),
        field("account_name", Text, "acc_name"),
        SUBS[0],
        SUBS[1],
    ],
};
pub(super) const LEAFZ: Shape = Shape {
    name: "LeafzEventOptions",
    part: "LeafzOptions",
    fields: &[SUBS[0], field("account", Text, "acc")],
};
pub(super) const ACCOUNTZ: Shape = Shape {
    name: "AccountzEventOptions",
    part: "AccountzOptions",
    fields: &[field("account", Text, "acc")],
};
pub(super) const ACCOUNT_STATZ: Shape = Shape {
    name: "AccountStatzEventOptions",
    part: "AccountStatzOptions",
    fields: &[field("accounts", Texts, "account"), field("include_unused", Flag, "unused")],
};
pub(super) const JSZ: Shape = Shape {
    name: "JszEventOptions",
    part: "JSzOptions",
    fields: &[
        field("account", Text, "acc"),
        field("accounts", Flag, "accounts"),
        field("streams", Flag, "streams"),
        field("consumer", Flag, "consumers"),
        field("direct_consumer", Flag, "direct-consumers"),
        field("config", Flag, "config"),
        field("leader_only", Flag, "leader-only"),
        field("offset", Int, "offset"),
        field("limit", Int, "limit"),
        field("raft", Flag, "raft"),
        field("stream_leader_only", Flag, "stream-leader-only"),
    ],
};
pub(super) const HEALTHZ: Shape = Shape {
    name: "HealthzEventOptions",
    part: "HealthzOptions",
    fields: &[
        field("js-enabled", Flag, "js-enabled"),
        field("js-enabled-only", Flag, "js-enabled-only"),
        field("js-server-only", Flag, "js-server-only"),
        field("js-meta-only", Flag, "js-meta-only"),
        field("account", Text, "account"),
        field("stream", Text, "stream"),
        field("consumer", Text, "consumer"),
        field("details", Flag, "details"),
    ],
};
pub(super) const PROFILEZ: Shape = Shape {
    name: "ProfilezEventOptions",
    part: "ProfilezOptions",
    fields: &[field("name", Text, ""), field("debug", Int, ""), field("duration", Int, "")],
};
pub(super) const IPQUEUESZ: Shape = Shape {
    name: "IpqueueszEventOptions",
    part: "IpqueueszOptions",
    fields: &[field("all", Flag, "all"), field("filter", Text, "queues")],
};
pub(super) const RAFTZ: Shape = Shape {
    name: "RaftzEventOptions",
    part: "RaftzOptions",
    fields: &[field("account", Text, "acc"), field("group", Text, "group")],
};
/// Of pages that nats-server does not have.
pub(super) const CLUSTERZ: Shape =
    Shape { name: "ClusterzEventOptions", part: "ClusterzOptions", fields: &[] };
pub(super) const EXPLAIN: Shape = Shape {
    name: "ExplainEventOptions",
    part: "ExplainOptions",
    fields: &[
        field("account", Text, "account"),
        field("stream", Text, "stream"),
        field("consumer", Text, "consumer"),
        field("peer", Text, "peer"),
        field("offset", Int, "offset"),
        field("limit", Int, "limit"),
    ],
};

/// Reads a request. Fields that it can't have don't count, and no body says nothing.
pub(super) fn read(body: &[u8], shape: &Shape) -> Result<Fields, String> {
    if body.is_empty() {
        return Ok(Fields::default());
    }
    let given = json::fields(body, shape.name)?;
    let mut values = Vec::new();
    let parts = [(shape.part, shape.fields), (FILTER_PART, &FILTER[..])];
    for (part, fields) in parts {
        for field in fields {
            let Some(value) = last_of(&given, field.name) else { continue };
            check(value, *field).map_err(|why| why.words(shape.name, part, field.name))?;
            values.push((*field, value.clone()));
        }
    }
    Ok(Fields { values })
}

/// Of names that differ in case alone the last one counts; `null` says nothing.
fn last_of<'a>(given: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let mut same = given.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
    same.next_back().map(|(_, value)| value).filter(|value| !value.is_null())
}

/// A value of another kind than the field's.
struct WrongKind {
    given: String,
    wanted: &'static str,
}

fn check(value: &Value, field: Field) -> Result<(), WrongKind> {
    let (fits, wanted) = match field.kind {
        Text => (value.is_string(), if field.name == "sort" { "server.SortOpt" } else { "string" }),
        Texts => (
            value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
            if field.name == "tags" { "jwt.TagList" } else { "[]string" },
        ),
        Flag | Detail => (value.is_boolean(), "bool"),
        Int => (value.is_i64(), "int"),
        State => (value.is_i64(), "server.ConnState"),
        Uint => (value.is_u64(), "uint64"),
    };
    let text = value.to_string();
    let number = matches!(field.kind, Int | Uint | State) && value.is_number();
    let given = if number { format!("number {text}") } else { json::kind(text.as_bytes()).into() };
    if fits { Ok(()) } else { Err(WrongKind { given, wanted }) }
}

// === impl WrongKind ===

impl WrongKind {
    fn words(self, name: &str, part: &str, field: &str) -> String {
        let Self { given, wanted } = self;
        let part = if part.is_empty() { String::new() } else { format!("{part}.") };
        format!(
            "json: cannot unmarshal {given} into Go struct field {name}.{part}{field} \
             of type {wanted}"
        )
    }
}

// === impl Fields ===

impl Fields {
    fn value(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|(field, _)| field.name == name).map(|(_, value)| value)
    }

    /// Empty when not said.
    pub(super) fn text(&self, name: &str) -> String {
        self.value(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        let list = self.value(name).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.value(name).and_then(Value::as_bool).unwrap_or_default()
    }

    /// The parameters of the page. The first of a name counts, so what asks for more stands first.
    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
        let mut parameters = Vec::new();
        for (field, value) in self.values.iter().filter(|(field, _)| !field.parameter.is_empty()) {
            let name = field.parameter;
            match (field.kind, value) {
                (Detail, Value::Bool(true)) => parameters.insert(0, (name, "detail".to_owned())),
                (Detail, _) => {}
                (State, value) => parameters.push((name, state(value))),
                (_, Value::String(text)) => parameters.push((name, text.clone())),
                (_, Value::Array(list)) => {
                    let texts = list.iter().filter_map(Value::as_str);
                    parameters.extend(texts.map(|text| (name, text.to_owned())));
                }
                (_, other) => parameters.push((name, other.to_string())),
            }
        }
        parameters
    }
}

fn state(value: &Value) -> String {
    match value.as_i64() {
        Some(0) => "open".to_owned(),
        Some(1) => "closed".to_owned(),
        Some(2) => "all".to_owned(),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(body: &str, shape: &Shape) -> Vec<(&'static str, String)> {
        read(body.as_bytes(), shape).unwrap().parameters()
    }

    #[test]
    fn options_become_parameters() {
        let body = r#"{"subscriptions":true,"subscriptions_detail":true,"LIMIT":5,"state":1,
            "cid":7,"server_name":"x","nobody":"knows","acc":null}"#;
        let given = parameters(body, &CONNZ);
        let expected = [("subs", "detail"), ("subs", "true"), ("limit", "5"), ("cid", "7")];
        let shown: Vec<_> = given.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(shown[..4], expected);
        assert_eq!(shown[4..], [("state", "closed")]);
        let given = parameters(r#"{"accounts":["A","B"],"include_unused":true}"#, &ACCOUNT_STATZ);
        let shown: Vec<_> = given.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(shown, [("account", "A"), ("account", "B"), ("unused", "true")]);
        assert!(parameters("", &JSZ).is_empty());
        assert!(parameters("null", &JSZ).is_empty());
    }

    #[test]
    fn what_is_wrong_is_said_as_nats_servers_say_it() {
        let why = |body: &str| read(body.as_bytes(), &CONNZ).unwrap_err();
        let field = "json: cannot unmarshal string into Go struct field ConnzEventOptions.";
        assert_eq!(why(r#"{"limit":"xx"}"#), format!("{field}ConnzOptions.limit of type int"));
        assert_eq!(
            why(r#"{"exact_match":"xx"}"#),
            format!("{field}EventFilterOptions.exact_match of type bool")
        );
        assert_eq!(
            why(r#"{"limit":1.5}"#),
            "json: cannot unmarshal number 1.5 into Go struct field \
             ConnzEventOptions.ConnzOptions.limit of type int"
        );
        assert!(why("xx").starts_with("invalid character 'x'"));
    }
}
