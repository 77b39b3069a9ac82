//! From a file or a text to a [`Config`]: parse, check, build, validate.

use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::diagnostic::{Diagnostic, Severity};
use crate::parser::{Document, Env, parse_file, parse_text};
use crate::{convert, digest, schema, validate};

/// A configuration that can be used, and what is worth saying about it.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub config: Config,
    pub warnings: Vec<Diagnostic>,
    /// `sha256:<hex>` of what was parsed.
    pub digest: String,
    /// Every file that was read, the first one first.
    pub files: Vec<PathBuf>,
}

/// Looks a variable up in the environment of the process; for the `env` argument of
/// [`Config::load`].
pub fn process_env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Config {
    /// Reads a file and what it includes. On failure all errors, and the warnings before them.
    pub fn load(path: impl AsRef<Path>, env: Env<'_>) -> Result<Loaded, Vec<Diagnostic>> {
        let path = path.as_ref();
        finish(parse_file(path, env), &path.display().to_string())
    }

    /// Reads text, in which neither includes nor environment variables are possible.
    pub fn parse(text: &str, name: &str) -> Result<Loaded, Vec<Diagnostic>> {
        finish(parse_text(text.as_bytes(), name, &|_| None), name)
    }
}

fn finish(document: Result<Document, Diagnostic>, name: &str) -> Result<Loaded, Vec<Diagnostic>> {
    let document = document.map_err(|error| vec![error])?;
    let mut found = Vec::new();
    if document.root.is_empty() {
        found.push(Diagnostic {
            severity: Severity::Warning,
            at: None,
            message: format!("{name}: config has no values or is empty"),
        });
    }
    found.extend(schema::check::check(&document.root));
    let (config, more) = convert::convert(&document.root);
    found.extend(more);
    // In the order of the file, and what belongs to no place last.
    found.sort_by(|a, b| a.at.is_none().cmp(&b.at.is_none()).then_with(|| a.at.cmp(&b.at)));
    // Rules across keys mean little while single keys are wrong.
    if !found.iter().any(Diagnostic::is_error) {
        found.extend(validate::validate(&config));
    }
    if found.iter().any(Diagnostic::is_error) {
        return Err(found);
    }
    let digest = digest::digest(&document.root);
    Ok(Loaded { config, warnings: found, digest, files: document.files })
}
