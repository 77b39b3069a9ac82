//! TLS as bytes: what a configuration means to rustls, and a session that does no input or output.
//!
//! ```text
//! vagus_config::Tls --(files are read: at the start, and at each reload)--> ServerTls, ClientTls
//! ServerTls.session() -> Session, ClientTls.session(host) -> Session
//! Session.receive(wire bytes) -> plain bytes, and bytes to answer with
//! Session.seal(plain bytes)   -> wire bytes
//! Session.peer()              -> what the certificates of the other end say
//! ```
//!
//! What goes wrong is told in the words of nats-server where it has them.

mod chains;
mod choice;
mod client;
mod error;
mod files;
mod link;
mod name;
mod ocsp;
mod outgoing;
mod peer;
mod rate;
mod server;
mod session;
mod suites;

pub use chains::{Certificate, Chains, Link};
pub use client::ClientTls;
pub use error::TlsError;
pub use link::LinkTls;
pub use ocsp::{Answer, Status, StatusError, Subject};
pub use outgoing::Outgoing;
pub use peer::{Peer, PeerCertificate};
pub use rate::{Admission, Rate};
pub use rustls::pki_types::CertificateDer;
pub use server::{OwnCertificate, ServerTls};
pub use session::{Broken, Progress, Session};
pub use suites::{suite_name, version_name};
