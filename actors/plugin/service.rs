//! [`Service`]: an actor that answers requests.

mod answer;
mod definition;
mod discovery;
mod endpoint;
mod served;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

pub use self::answer::{Answer, Response, ServiceError};
pub use self::definition::DefinitionError;
pub use self::endpoint::Endpoint;
pub use self::served::Served;
use crate::{Cx, Message};

/// A custom actor that answers requests, as the services of NATS do ([ADR-32]): tools and clients
/// discover it on `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS`, and it shares its requests with all
/// other instances of the same queue groups, wherever they run.
///
/// ```
/// use vagus_plugin::{Answer, Cx, Endpoint, Error, Message, Service, ServiceError};
///
/// struct Calculator;
///
/// impl Calculator {
///     fn new((): ()) -> Result<Self, Error> {
///         Ok(Self)
///     }
/// }
///
/// impl Service for Calculator {
///     const NAME: &'static str = "calculator";
///     const VERSION: &'static str = "1.0.0";
///     type Config = ();
///
///     fn endpoints(&self) -> Vec<Endpoint> {
///         vec![Endpoint::new("double").subject("calculator.double")]
///     }
///
///     fn on_request(
///         &mut self,
///         _endpoint: &str,
///         request: &Message,
///         _cx: &mut Cx<'_, Self>,
///     ) -> Result<Answer, ServiceError> {
///         let number: i64 = request
///             .payload_text()
///             .parse()
///             .map_err(|_| ServiceError::new(400, "a number is needed"))?;
///         Ok(Answer::from((2 * number).to_string()))
///     }
/// }
/// ```
///
/// It moves in with `vagus::Server::builder().service(Calculator::new)`.
///
/// [ADR-32]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-32.md
pub trait Service: Sized + 'static {
    /// What it is called, by discovery as by the configuration file. Letters, digits, `-` and `_`.
    const NAME: &'static str;

    /// A semantic version.
    const VERSION: &'static str;

    /// What it does, for people.
    const DESCRIPTION: &'static str = "";

    /// As [`Plugin::PENDING_MAX`](crate::Plugin::PENDING_MAX).
    const PENDING_MAX: usize = 64 << 20;

    /// Most answers under way ([`Answer::later`]); further requests are answered with error 503.
    const ANSWERS_MAX: usize = 1024;

    /// As [`Plugin::Config`](crate::Plugin::Config).
    type Config: DeserializeOwned + Default;

    /// What can be asked for.
    fn endpoints(&self) -> Vec<Endpoint>;

    /// Free-form facts about this instance, shown by discovery.
    fn metadata(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    /// Called once, before any request.
    fn started(&mut self, cx: &mut Cx<'_, Self>) {
        let _ = cx;
    }

    /// A request came to the endpoint of this name. What is returned is sent to who asked; the
    /// answer to a message without reply subject is thrown away.
    ///
    /// # Errors
    /// Whatever the service wants to refuse: the error's code and text are sent as the headers
    /// `Nats-Service-Error-Code` and `Nats-Service-Error`. (After a panic that is done too, with
    /// code 500, before the service is made anew.)
    fn on_request(
        &mut self,
        endpoint: &str,
        request: &Message,
        cx: &mut Cx<'_, Self>,
    ) -> Result<Answer, ServiceError>;

    /// Called last, when the server ends in good order.
    fn stopping(&mut self, cx: &mut Cx<'_, Self>) {
        let _ = cx;
    }

    /// What an operator should see of it, besides what discovery shows.
    fn observe(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
}
