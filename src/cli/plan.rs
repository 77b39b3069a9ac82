//! `config plan CURRENT NEW`: what a reload would do to a server, before anything is applied.

use std::fmt::Write as _;

use clap::Parser;
use serde_json::json;
use vagus_config::{Effect, Verdict, effects};

use super::check::configure;
use super::{Exit, ServeArgs};

/// The two configurations.
#[derive(Debug, Parser)]
#[command(
    name = "vagus config plan",
    about = "Says what a reload would change, and for whom; ends with 2 where it needs a restart"
)]
pub(crate) struct PlanArgs {
    /// The file that the server goes by
    current: String,
    /// The file that it is to go by
    new: String,
    /// Print the plan as JSON
    #[arg(long)]
    json: bool,
}

/// The exit code when a reload would be refused.
const NEEDS_RESTART: u8 = 2;

pub(super) fn parse(rest: &[String]) -> Result<PlanArgs, Exit> {
    let argv = std::iter::once("vagus config plan").chain(rest.iter().map(String::as_str));
    PlanArgs::try_parse_from(argv).map_err(|error| Exit::of_clap(&error))
}

/// Reads both files and compares them.
pub(crate) fn plan(args: &PlanArgs) -> Exit {
    let read = |file: &str| {
        let mut serve = ServeArgs::default();
        serve.server.config = Some(file.to_owned());
        configure(&serve).map(|loaded| loaded.config)
    };
    let (current, new) = match (read(&args.current), read(&args.new)) {
        (Ok(current), Ok(new)) => (current, new),
        (Err(exit), _) | (_, Err(exit)) => return exit,
    };
    let effects = effects(&current, &new);
    let refused = effects.iter().any(|effect| effect.verdict == Verdict::Restart);
    let stdout = if args.json { as_json(&effects) } else { as_table(&effects) };
    Exit { code: if refused { NEEDS_RESTART } else { 0 }, stdout, ..Exit::default() }
}

fn as_json(effects: &[Effect]) -> String {
    let one = |effect: &Effect| {
        json!({
            "key": effect.key,
            "verdict": effect.verdict.text(),
            "who": effect.who,
            "what": effect.what,
        })
    };
    let all: Vec<_> = effects.iter().map(one).collect();
    format!("{:#}\n", json!(all))
}

fn as_table(effects: &[Effect]) -> String {
    if effects.is_empty() {
        return "nothing changes\n".to_owned();
    }
    let width =
        |of: fn(&Effect) -> &str| effects.iter().map(|one| of(one).len()).max().unwrap_or(0);
    let (keys, verdicts) = (width(|one| &one.key), width(|one| one.verdict.text()));
    let whos = width(|one| &one.who);
    let mut out = String::new();
    for Effect { key, verdict, who, what } in effects {
        let verdict = verdict.text();
        // Writing to a string can't fail.
        let _ = writeln!(out, "{key:keys$}  {verdict:verdicts$}  {who:whos$}  {what}");
    }
    let restarts = effects.iter().filter(|one| one.verdict == Verdict::Restart).count();
    if restarts > 0 {
        out.push_str("\na reload would be refused as a whole: ");
        let _ = writeln!(out, "{restarts} of {} need a restart of the server", effects.len());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(current: &str, new: &str, more: &str) -> Exit {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let mut words = vec![file("a.conf", current), file("b.conf", new)];
        words.extend(more.split_whitespace().map(str::to_owned));
        plan(&parse(&words).unwrap())
    }

    #[test]
    fn equal_files_change_nothing() {
        let exit = planned("port: 4222", "listen: 0.0.0.0:4222", "");
        assert_eq!((exit.code, &*exit.stdout), (0, "nothing changes\n"));
    }

    #[test]
    fn each_difference_says_whom_it_concerns() {
        let exit = planned(
            "accounts { A { users [{user: a, password: one}, {user: b, password: x}] }
                        C { users [{user: c, password: x}] } }",
            "max_payload: 2MB
             accounts { A { users [{user: a, password: two}, {user: d, password: x}]
                            limits { max_connections: 5 } }
                        B { users [{user: e, password: x}] } }",
            "--json",
        );
        assert_eq!(exit.code, 0, "{}{}", exit.stdout, exit.stderr);
        let told: serde_json::Value = serde_json::from_str(&exit.stdout).unwrap();
        let line = |key: &str| {
            let found = told.as_array().unwrap().iter().find(|one| one["key"] == key);
            let one = found.unwrap_or_else(|| panic!("{key} in {told}"));
            format!("{} {}: {}", one["who"], one["verdict"], one["what"]).replace('"', "")
        };
        assert_eq!(line("max_payload"), "every connection changes: 1048576 -> 2097152");
        assert_eq!(line("accounts.B"), "/server/accounts/B starts: with 1 user");
        assert_eq!(line("accounts.C"), "/server/accounts/C ends: the connections of 1 user end");
        assert_eq!(line("accounts.A.limits"), "/server/accounts/A changes: changed");
        let users = line("accounts.A.users");
        assert!(users.ends_with("gone or changed: a, b; new: d"), "{users}");
        assert!(!exit.stdout.contains("two"), "a password is shown");
    }

    #[test]
    fn what_needs_a_restart_is_said_and_ends_with_another_code() {
        let exit = planned("server_name: a", "server_name: b\ndebug: true", "");
        assert_eq!(exit.code, NEEDS_RESTART);
        for part in ["server_name", "needs a restart", "a -> b", "1 of 2 need", "the log"] {
            assert!(exit.stdout.contains(part), "{part}: {}", exit.stdout);
        }
    }

    #[test]
    fn a_file_that_is_wrong_is_no_plan() {
        let exit = planned("port: 4222", "port: [", "");
        assert!(exit.code == 1 && exit.stderr.contains("b.conf:1"), "{}", exit.stderr);
        assert_eq!(parse(&["one".to_owned()]).unwrap_err().code, 2);
    }
}
