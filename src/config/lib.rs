//! The NATS configuration language, what its keys mean, and what a change of them asks for.
//!
//! `lexer` and `parser` turn text into a tree of [`Value`]s that know where they were written;
//! [`schema`] knows every key; [`Config`] holds what this server acts upon, typed; [`diff`] says
//! what a reload would change. Nothing here prints, and files are only read.

mod config;
mod convert;
mod diagnostic;
pub mod diff;
mod digest;
pub use vagus_wire::duration;
mod fuzz;
mod lexer;
mod load;
mod overrides;
mod parser;
mod reference;
pub mod schema;
mod secret;
mod validate;
mod value;

pub use config::{
    Account, Authorization, BatchLimits, Cipher, CipherSuite, Cluster, Compression, Config, Curve,
    Directory, Gateway, HandshakeFirst, JS_ACK_FC_V2, JetStream, JetStreamLimits, LeafNodes,
    LeafProxy, LeafRemote, LeafUrl, LeafUser, LogFormat, MapDestination, Mapping, Ocsp, OcspCache,
    OcspMode, Operator, PeerStatus, Port, RemoteGateway, Resolver, RouteUrl, SYSTEM_ACCOUNT,
    SyncInterval, Tls, TlsFiles, TlsVersion, Trust, User, Vagus, WriteTimeout,
};
pub use diagnostic::{Diagnostic, Position, Severity};
pub use diff::{Change, Effect, Kind, Plan, Refusal, Verdict, effects, plan};
pub use digest::digest;
pub use fuzz::fuzz_one;
pub use load::{Loaded, process_env};
pub use overrides::{Overrides, TlsOverrides};
pub use parser::{Document, Env, NESTING_MAX, VALUES_MAX, parse_file, parse_text};
pub use reference::reference;
pub use secret::Secret;
pub use value::{Map, Node, Value};
