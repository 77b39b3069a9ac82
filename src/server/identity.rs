//! Who this server is.

use std::sync::Arc;

use vagus_actors::callout::ServerKeys;
use vagus_config::Config;

/// The release of nats-server whose behaviour this server has. Clients choose features by it.
pub(super) const COMPATIBLE: &str = "2.14.5";

/// Names and keys of a server, the same for as long as it runs.
#[derive(Debug, Clone)]
pub struct Identity {
    /// A public server key (`N...`), new at every start.
    pub id: String,
    pub name: String,
    /// Public curve key (`X...`), to which secrets for this server can be sealed.
    pub xkey: String,
    pub keys: Arc<ServerKeys>,
}

impl Identity {
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let keys = Arc::new(ServerKeys::new());
        let (id, xkey) = (keys.signing.public_key(), keys.sealing.public_key());
        let name = config.server_name.clone().unwrap_or_else(|| id.clone());
        Self { id, name, xkey, keys }
    }

    /// Revision of the source, where the build knew it.
    #[must_use]
    pub fn revision() -> &'static str {
        option_env!("VAGUS_REVISION").unwrap_or_default()
    }

    /// What stands where nats-server names the version of Go.
    #[must_use]
    pub fn language() -> &'static str {
        concat!("rust, vagus ", env!("CARGO_PKG_VERSION"))
    }
}
