//! `-t`, and the same reading of the configuration before the server starts.

use vagus_config::{Diagnostic, Loaded};

use super::{Exit, PROGRAM, ServeArgs};

/// Reads the configuration and says whether it is valid. As in NATS, warnings about a line
/// count as failures here, and the verdict goes to stderr.
pub(crate) fn check(args: &ServeArgs) -> Exit {
    let Some(file) = args.config_file() else {
        return Exit::failure(
            "must specify [-c, --config] option to check configuration file syntax",
        );
    };
    match configure(args) {
        Ok(Loaded { warnings, .. }) if warnings.iter().any(|one| one.at.is_some()) => {
            Exit::failure(&findings(&warnings))
        }
        Ok(Loaded { warnings, digest, .. }) => {
            // What has no place in the file is advice about what it adds up to.
            let advice = warnings.iter().map(|one| format!("{PROGRAM}: warning: {one}\n"));
            let mut stderr = advice.collect::<String>();
            stderr.push_str(&format!("{PROGRAM}: configuration file {file} is valid ({digest})\n"));
            Exit { stderr, ..Exit::default() }
        }
        Err(exit) => exit,
    }
}

/// Reads the configuration for a start, or says why there can be none. Its warnings are for the
/// caller to show; they do not keep a server from starting.
pub(crate) fn configure(args: &ServeArgs) -> Result<Loaded, Exit> {
    args.load().map_err(|found| Exit::failure(&findings(&found)))
}

/// Findings as NATS prints them: one a line.
fn findings(found: &[Diagnostic]) -> String {
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
