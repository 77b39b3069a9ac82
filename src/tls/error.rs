//! Why a `tls` block can't be put in force.

use std::path::PathBuf;

use thiserror::Error;
use vagus_telemetry::text::IoReason;

/// See the module's text.
#[derive(Debug, Error)]
pub enum TlsError {
    #[error(
        "error parsing X509 certificate/key pair: open {}: {}",
        path.display(),
        IoReason(source)
    )]
    Open { path: PathBuf, source: std::io::Error },
    #[error("open {}: {}", path.display(), IoReason(source))]
    OpenAuthorities { path: PathBuf, source: std::io::Error },
    #[error("error parsing X509 certificate/key pair: no certificate in {}", .0.display())]
    NoCertificate(PathBuf),
    #[error("error parsing X509 certificate/key pair: no private key in {}", .0.display())]
    NoKey(PathBuf),
    #[error("error parsing X509 certificate/key pair: {}", pair(.0))]
    Pair(rustls::Error),
    #[error("failed to parse root ca certificate")]
    Authorities,
    #[error("no authority of the system can be read, and 'ca_file' names none")]
    NoAuthorities,
    #[error("{0:?} is neither the name of a host nor an address")]
    Host(String),
    #[error("error parsing tls config: {0}")]
    Settings(#[from] rustls::Error),
    #[error("error parsing tls config: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

/// As operators know the errors that they meet most.
fn pair(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InconsistentKeys(_) => {
            "tls: private key does not match public key".to_owned()
        }
        error => format!("tls: {error}"),
    }
}
