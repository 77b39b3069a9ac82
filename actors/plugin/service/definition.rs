//! What a service may say of itself.

use thiserror::Error;

use super::{Endpoint, Service};
use crate::host::is_valid_name;

/// Why a service can't be offered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DefinitionError {
    /// Names are made of letters, digits, `-` and `_`.
    #[error("invalid service name {0:?}")]
    Name(String),
    /// Versions are semantic ones, such as `1.0.2`.
    #[error("service version {0:?} is not a semantic version")]
    Version(String),
    /// As names of services.
    #[error("invalid endpoint name {0:?}")]
    EndpointName(String),
    /// Its subject or its queue group can't be subscribed to.
    #[error("endpoint {name:?} has an invalid subject {subject:?} or queue group")]
    EndpointSubject { name: String, subject: String },
}

pub(crate) fn check<S: Service>(endpoints: &[Endpoint]) -> Result<(), DefinitionError> {
    if !is_valid_name(S::NAME) {
        return Err(DefinitionError::Name(S::NAME.to_owned()));
    }
    if !is_semantic(S::VERSION) {
        return Err(DefinitionError::Version(S::VERSION.to_owned()));
    }
    for endpoint in endpoints {
        let (name, subject) = (&endpoint.name, &endpoint.subject);
        if !is_valid_name(name) {
            return Err(DefinitionError::EndpointName(name.clone()));
        }
        if !endpoint.subscription().is_valid() {
            let (name, subject) = (name.clone(), subject.clone());
            return Err(DefinitionError::EndpointSubject { name, subject });
        }
    }
    Ok(())
}

/// `major.minor.patch[-pre.release][+build]`, see <https://semver.org>.
fn is_semantic(version: &str) -> bool {
    let (version, build) = split(version, '+');
    let (core, release) = split(version, '-');
    let numbers: Vec<&str> = core.split('.').collect();
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let all_digits = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    let no_zero_first = |word: &str| word.len() == 1 || !word.starts_with('0');
    numbers.len() == 3
        && numbers.iter().all(|n| !n.is_empty() && all_digits(n) && no_zero_first(n))
        && release.is_none_or(|words| {
            words.split('.').all(|word| is_word(word) && (!all_digits(word) || no_zero_first(word)))
        })
        && build.is_none_or(|words| words.split('.').all(is_word))
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, behind)| (before, Some(behind)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_semantic() {
        for good in ["0.0.0", "1.20.3", "1.0.0-rc.1", "1.0.0-0a.b-c+001.x", "1.0.0+5"] {
            assert!(is_semantic(good), "{good}");
        }
        for bad in
            ["", "1", "1.0", "v1.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0+", "1.0.x", "1.0.0.0"]
        {
            assert!(!is_semantic(bad), "{bad}");
        }
    }
}
