//! What keeps a server with plugins from starting.

use std::time::Duration;

use thiserror::Error;

/// Why a plugin can't be taken in.
#[derive(Debug, Error)]
pub enum PluginError {
    /// Its name goes into paths and configuration files.
    #[error("plugin {name:?}: a name is made of letters, digits, - and _")]
    Name { name: &'static str },
    /// Two plugins would share a block of the configuration.
    #[error("plugin {name}: there are two of this name")]
    Twice { name: &'static str },
    /// Its block of the configuration file does not fit.
    #[error("plugin {name}: {}{cause}", place(.field))]
    Config {
        name: &'static str,
        /// The path of the field within the block, where the fault lies in one.
        field: Option<String>,
        cause: String,
    },
    /// Its factory refused, or it failed again and again before it could serve.
    #[error("plugin {name}: {cause}")]
    Failed { name: &'static str, cause: String },
    /// It was not ready in time.
    #[error("plugin {name}: not ready after {within:?}")]
    Late { name: &'static str, within: Duration },
}

fn place(field: &Option<String>) -> String {
    field.as_ref().map_or(String::new(), |field| format!("{field}: "))
}
