//! A server with a service of one's own in it: an actor that answers requests, is restarted when
//! it panics, and is found by every NATS tool that looks for services.
//!
//! ```text
//! cargo run --example plugin_service
//! ```

use std::time::Duration;

use serde::Deserialize;
use vagus::plugin::{Answer, Cx, Endpoint, Error, Message, Response, Service, ServiceError};
use vagus::{Config, Server};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let text = "listen: 127.0.0.1:4222, plugins { greeter { greeting: Hello } }";
    let config = Config::parse(text, "example").map_err(|errors| format!("{errors:?}"))?.config;
    let server = Server::builder().config(config).service(Greeter::new).start()?;
    println!("Ask the service, and who is there:\n{TRY}");
    // Only if a part that it can't do without failed for good; Ctrl-C ends it as well.
    Err(server.failed().await.to_string().into())
}

const TRY: &str =
    "  (printf 'SUB re 1\\r\\nPUB greet.now re 5\\r\\nworld\\r\\n'; sleep 1) | nc 127.0.0.1 4222
  (printf 'SUB re 1\\r\\nPUB greet.later re 5\\r\\nworld\\r\\n'; sleep 1) | nc 127.0.0.1 4222
  (printf 'SUB re 1\\r\\nPUB $SRV.INFO re 0\\r\\n\\r\\n'; sleep 1) | nc 127.0.0.1 4222
With the nats tool: `nats req greet.now world`, `nats micro list`, `nats micro stats greeter`.";

/// The service: whatever state it needs. It is used by one thread alone.
struct Greeter {
    config: GreeterConfig,
    greeted: u64,
}

/// Its block of the configuration file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GreeterConfig {
    greeting: String,
}

/// What holds where the file has no such block.
impl Default for GreeterConfig {
    fn default() -> Self {
        Self { greeting: "Good day".to_owned() }
    }
}

impl Greeter {
    /// Called at the start, and again after each panic.
    fn new(config: GreeterConfig) -> Result<Self, Error> {
        Ok(Self { config, greeted: 0 })
    }
}

impl Service for Greeter {
    const NAME: &'static str = "greeter";
    const VERSION: &'static str = "1.0.0";
    const DESCRIPTION: &'static str = "greets";
    type Config = GreeterConfig;

    fn endpoints(&self) -> Vec<Endpoint> {
        vec![
            Endpoint::new("now").subject("greet.now"),
            Endpoint::new("later").subject("greet.later").metadata("takes", "a fifth of a second"),
        ]
    }

    fn on_request(
        &mut self,
        endpoint: &str,
        request: &Message,
        _: &mut Cx<'_, Self>,
    ) -> Result<Answer, ServiceError> {
        if request.payload().is_empty() {
            return Err(ServiceError::new(400, "whom?"));
        }
        self.greeted += 1;
        let (greeting, who) = (&self.config.greeting, request.payload_text());
        let text = format!("{greeting} {who}, you are number {}", self.greeted);
        if endpoint == "now" {
            return Ok(text.into());
        }
        // What takes time is a future: other requests are answered meanwhile.
        Ok(Answer::later(async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            Ok(Response::new(text))
        }))
    }
}
