//! A server in this process, a plugin that does what its test says, and a service.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::Value;
use vagus::plugin::{
    Answer, Batch, Cx, Endpoint, Error, Message, Plugin, Response, Service, ServiceError,
    Subscription,
};
use vagus::{Builder, Config, Server};

#[allow(dead_code)]
#[path = "../blackbox/harness/client.rs"]
mod client;
#[allow(dead_code)]
#[path = "../blackbox/harness/wait.rs"]
mod wait;

pub(crate) use client::Client;
pub(crate) use wait::{DEADLINE, block_on, eventually};

/// A configuration with a port of the system's choice.
pub(crate) fn config() -> Config {
    Config::parse("listen: \"127.0.0.1:-1\"\nno_system_account: true", "test")
        .expect("a good configuration")
        .config
}

/// Starts what was built, with [`config`].
pub(crate) fn start(builder: Builder) -> Server {
    builder.config(config()).start().expect("the server starts")
}

pub(crate) fn port(server: &Server) -> u16 {
    server.address().expect("a port").port()
}

pub(crate) fn client(server: &Server) -> Client {
    let mut client = Client::connect(port(server));
    client.login(r#"{"headers":true,"no_responders":true}"#);
    client
}

pub(crate) async fn connect(server: &Server) -> async_nats::Client {
    async_nats::connect(format!("nats://127.0.0.1:{}", port(server))).await.unwrap()
}

/// What the server tells about an actor.
pub(crate) fn observe(server: &Server, path: &str) -> Value {
    let actors = server.actors();
    block_on(async move { actors.observe(path).await.expect("a living actor") })
}

pub(crate) fn restarts(server: &Server, path: &str) -> u32 {
    server.actors().get(path).expect("a living actor").restarts()
}

// === a plugin ===

/// Tells the test of every message, after it did with it what the test wants.
pub(crate) struct Tap {
    subscriptions: Vec<Subscription>,
    act: Act,
    seen: Sender<Message>,
}

pub(crate) type Act = Arc<dyn Fn(&Message, &mut Cx<'_, Tap>) + Send + Sync>;

/// A factory of taps, and where their messages can be seen.
pub(crate) fn tap(
    subscriptions: &[Subscription],
    act: impl Fn(&Message, &mut Cx<'_, Tap>) + Send + Sync + 'static,
) -> (impl FnMut(()) -> Result<Tap, Error> + Send + 'static, Receiver<Message>) {
    let (seen, sight) = channel();
    let (subscriptions, act): (_, Act) = (subscriptions.to_vec(), Arc::new(act));
    let make = move |()| {
        let (subscriptions, act) = (subscriptions.clone(), Arc::clone(&act));
        Ok(Tap { subscriptions, act, seen: seen.clone() })
    };
    (make, sight)
}

impl Plugin for Tap {
    const NAME: &'static str = "tap";
    const PENDING_MAX: usize = 1 << 20;
    type Config = ();

    fn subscriptions(&self) -> Vec<Subscription> {
        self.subscriptions.clone()
    }

    fn on_messages(&mut self, batch: &mut Batch, cx: &mut Cx<'_, Self>) {
        for message in batch {
            (self.act)(&message, cx);
            // A test that has seen enough no longer looks.
            let _ = self.seen.send(message);
        }
    }

    fn observe(&self) -> Value {
        Value::from("a tap")
    }
}

/// The next message a tap has seen.
#[track_caller]
pub(crate) fn next(sight: &Receiver<Message>) -> Message {
    sight.recv_timeout(DEADLINE).expect("the plugin gets a message")
}

// === a service ===

/// Doubles numbers, and does strange things when asked to.
pub(crate) struct Doubler {
    asked: u64,
}

impl Doubler {
    pub(crate) fn new((): ()) -> Result<Self, Error> {
        Ok(Self { asked: 0 })
    }
}

impl Service for Doubler {
    const NAME: &'static str = "doubler";
    const VERSION: &'static str = "1.0.0";
    const DESCRIPTION: &'static str = "doubles numbers";
    type Config = ();

    fn endpoints(&self) -> Vec<Endpoint> {
        vec![
            Endpoint::new("double").subject("math.double").metadata("takes", "a number"),
            Endpoint::new("slow").subject("math.slow"),
            Endpoint::new("asked").no_queue_group(),
        ]
    }

    fn on_request(
        &mut self,
        endpoint: &str,
        request: &Message,
        _: &mut Cx<'_, Self>,
    ) -> Result<Answer, ServiceError> {
        self.asked += 1;
        let text = request.payload_text().into_owned();
        match endpoint {
            "asked" => Ok(self.asked.to_string().into()),
            "slow" => Ok(Answer::later(async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                Ok(Response::new(text).header("Slow", "yes")?)
            })),
            _ if text == "panic" => panic!("asked to"),
            _ => match text.parse::<i64>() {
                Ok(number) => Ok((2 * number).to_string().into()),
                Err(_) => Err(ServiceError::new(400, "not a number").payload(text)),
            },
        }
    }
}
