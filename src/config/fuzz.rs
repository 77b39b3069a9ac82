//! An entry for fuzzers: everything that reads hostile bytes, without touching a file.

use crate::config::Config;
use crate::parser::parse_text;
use crate::{convert, digest, schema, validate};

/// Parses the bytes and, if they are a configuration, goes through all that is done with one.
/// Includes are refused; one environment variable exists, whose text is the bytes themselves.
pub fn fuzz_one(data: &[u8]) {
    let own = String::from_utf8_lossy(data);
    let env = |name: &str| (name == "FUZZ").then(|| own.clone().into_owned());
    let Ok(document) = parse_text(data, "fuzz", &env) else { return };
    let _ = digest::digest(&document.root);
    let findings = schema::check::check(&document.root);
    let (config, more) = convert::convert(&document.root);
    for finding in findings.iter().chain(&more).chain(&validate::validate(&config)) {
        let _ = finding.to_string();
    }
    let _ = crate::diff::plan(&Config::default(), &config);
    let _ = format!("{config:?}");
}
