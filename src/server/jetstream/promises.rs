//! What the configuration promises to accounts, which the server has to have.

use vagus_actors::jetstream::Settings;
use vagus_actors::jetstream::accounts::limits_of;
use vagus_config::Config;
use vagus_jetstream::{ApiError, codes};

/// Whether there is as much as accounts are to have.
///
/// # Errors
/// When there is not.
pub(in crate::server) fn check(config: &Config, settings: &Settings) -> Result<(), ApiError> {
    let promised = |in_memory| {
        let limits = config.accounts.iter().filter_map(|account| limits_of(&account.rules));
        let bytes = limits.filter_map(|limits| limits.bytes(in_memory));
        u64::try_from(bytes.fold(0_i64, i64::saturating_add)).unwrap_or(0)
    };
    if promised(true) > settings.memory_max {
        return Err(codes::MEMORY_RESOURCES_EXCEEDED.into());
    }
    if promised(false) > settings.storage_max {
        return Err(codes::STORAGE_RESOURCES_EXCEEDED.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<(), ApiError> {
        let config = Config::parse(text, "test").unwrap().config;
        let mut settings = super::super::settings(&config);
        (settings.memory_max, settings.storage_max) = (1000, 1000);
        check(&config, &settings)
    }

    #[test]
    fn no_more_is_promised_than_there_is() {
        let two = |file: u32, memory: u32| {
            let limits = format!("jetstream {{ max_file: {file}, max_mem: {memory} }}");
            checked(&format!("accounts {{ A {{ {limits} }}, B {{ {limits} }}, C {{ }} }}"))
        };
        assert_eq!(two(500, 500), Ok(()));
        assert_eq!(two(600, 500), Err(codes::STORAGE_RESOURCES_EXCEEDED.into()));
        assert_eq!(two(500, 600), Err(codes::MEMORY_RESOURCES_EXCEEDED.into()));
        assert_eq!(checked("accounts { A { jetstream: enabled } }"), Ok(()));
    }
}
