//! The configuration of plugins: typed, and wrong in ways that are told.

use serde::Deserialize;
use serde_json::Value;
use vagus::plugin::{Batch, Cx, Error, Plugin, Subscription};
use vagus::{Config, Server, StartError};

use crate::kit::{client, observe, tap};

struct Audit(AuditConfig);

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct AuditConfig {
    subject: String,
    limits: Limits,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Limits {
    size: u32,
    names: Vec<String>,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self { subject: "audit".to_owned(), limits: Limits::default() }
    }
}

impl Audit {
    fn new(config: AuditConfig) -> Result<Self, Error> {
        if config.limits.size > 1000 {
            return Err(format!("size {} is too much", config.limits.size).into());
        }
        Ok(Self(config))
    }
}

impl Plugin for Audit {
    const NAME: &'static str = "audit";
    type Config = AuditConfig;

    fn subscriptions(&self) -> Vec<Subscription> {
        vec![Subscription::new(&self.0.subject)]
    }

    fn on_messages(&mut self, batch: &mut Batch, cx: &mut Cx<'_, Self>) {
        for message in batch {
            let _ = cx.respond(&message, format!("{:?}", self.0.limits));
        }
    }

    fn observe(&self) -> Value {
        self.0.subject.clone().into()
    }
}

/// Starts a server with a file that holds `block`.
fn start(block: &str) -> Result<Server, StartError> {
    let text = format!("listen: \"127.0.0.1:-1\"\n{block}");
    let config = Config::parse(&text, "test").expect("good syntax").config;
    Server::builder().plugin(Audit::new).config(config).start()
}

#[track_caller]
fn refusal(block: &str) -> String {
    start(block).err().expect("it does not start").to_string()
}

#[test]
fn a_block_becomes_the_plugins_own_type() {
    let server =
        start(r#"plugins { audit { subject: "a.b", limits { size: 7, names: ["x", "y"] } } }"#)
            .unwrap();
    let mut client = client(&server);
    client.subscribe("re", "1");
    client.send("PUB a.b re 0\r\n\r\n");
    assert_eq!(client.payload(), r#"Limits { size: 7, names: ["x", "y"] }"#);
}

#[test]
fn without_a_block_the_default_holds() {
    let server = start("").unwrap();
    assert_eq!(observe(&server, "/server/plugins/audit")["plugin"], "audit");
}

#[test]
fn errors_name_plugin_and_field() {
    assert_eq!(
        refusal("plugins { audit { limits { size: many } } }"),
        "plugin audit: limits.size: invalid type: string \"many\", expected u32"
    );
    assert_eq!(
        refusal("plugins { audit { limits { names: [a, 2] } } }"),
        "plugin audit: limits.names[1]: invalid type: integer `2`, expected a string"
    );
    let unknown = refusal("plugins { audit { subjcet: a } }");
    assert!(unknown.starts_with("plugin audit: "), "{unknown}");
    assert!(unknown.contains("unknown field `subjcet`, expected `subject`"), "{unknown}");
    let shape = refusal("plugins { audit: 5 }");
    assert!(shape.starts_with("plugin audit: invalid type: integer `5`"), "{shape}");
}

#[test]
fn a_factory_may_refuse() {
    assert_eq!(
        refusal("plugins { audit { limits { size: 1001 } } }"),
        "plugin audit: size 1001 is too much"
    );
}

#[test]
fn a_subscription_to_nonsense_keeps_the_server_from_starting() {
    let text = refusal("plugins { audit { subject: \"a..b\" } }");
    assert!(text.starts_with("plugin audit: invalid subscription"), "{text}");
    assert!(text.contains("a..b"), "{text}");
}

#[test]
fn names_are_taken_once() {
    let (one, two) = (tap(&[], |_, _| {}).0, tap(&[], |_, _| {}).0);
    let built = Server::builder().plugin(one).plugin(two).config(crate::kit::config());
    let error = built.start().err().expect("two of one name");
    assert_eq!(error.to_string(), "plugin tap: there are two of this name");
}
