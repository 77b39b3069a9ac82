//! The command line: what NATS operators type, and sub-commands of our own.
//!
//! ```text
//! argv -> dashes (Go's habits: -sl reload, -T=false, -DVV) -> flags (clap) -> Command
//! ```
//!
//! Nothing here prints or exits: a [`Command`] says what to do, an [`Exit`] what to print and which
//! code to end with, so that both can be tested as values.

mod ask;
mod check;
mod cluster;
mod dashes;
mod explain;
mod flags;
mod help;
mod load;
mod plan;

use std::{ffi::OsString, io::Write, process::ExitCode};

use clap::Parser;
use vagus_bench::BenchArgs;

pub(crate) use self::{
    check::{check, configure},
    cluster::{ClusterArgs, cluster},
    explain::{ExplainArgs, explain},
    flags::ServeArgs,
    plan::{PlanArgs, plan},
};
use self::{dashes::Split, flags::ServeCli};

/// The program's name in texts.
pub(crate) const PROGRAM: &str = "vagus";

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Command {
    /// Run the server.
    Serve(Box<ServeArgs>),
    /// `-t`, `check`: read the configuration and say whether it is valid.
    Check(Box<ServeArgs>),
    /// `-sl order[=target]`: signal servers that run.
    Signal { order: String, target: String },
    /// `bench ...`: load a server and measure it.
    Bench(Box<BenchArgs>),
    /// `explain ...`: ask a server why a stream or consumer gets on, or does not.
    Explain(ExplainArgs),
    /// `cluster status`: ask a server how all servers are.
    Cluster(ClusterArgs),
    /// `config docs`: print the reference of configuration keys.
    ConfigDocs,
    /// `config plan`: say what a reload would do.
    ConfigPlan(PlanArgs),
    /// `-v`, `version`.
    Version,
    /// `-h`, `help`.
    Help,
    /// `--help_tls`.
    HelpTls,
}

/// How a run that does not serve ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Exit {
    pub(crate) code: u8,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Understands the arguments behind the program's name.
///
/// Flags may stand before and behind the word; the last one of a kind wins. As in NATS, a flag that
/// is not understood prints the usage and ends with code 0, a word that is not understood with 1.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, Exit> {
    let args = args
        .into_iter()
        .map(|arg| arg.into_string().map_err(|arg| Exit::failure(&format!("bad argument {arg:?}"))))
        .collect::<Result<Vec<_>, _>>()?;
    let mut flags = Split::default();
    let rest = flags.take(&args)?;
    let Some((word, rest)) = rest.split_first() else {
        return served(&flags);
    };
    match word.to_ascii_lowercase().as_str() {
        "version" => Ok(Command::Version),
        "help" => Ok(Command::Help),
        "bench" | "cluster" | "config" | "explain" if !flags.is_empty() => {
            Err(Exit::failure(&format!("flags before {word:?} are not understood")))
        }
        "bench" => bench(rest),
        "cluster" => cluster::parse(rest).map(Command::Cluster),
        "explain" => explain::parse(rest).map(Command::Explain),
        "config" if rest == ["docs"] => Ok(Command::ConfigDocs),
        "config" => match rest.split_first() {
            Some((word, rest)) if word == "plan" => plan::parse(rest).map(Command::ConfigPlan),
            _ => Err(Exit::failure("usage: vagus config docs | plan CURRENT NEW")),
        },
        "serve" => served_with(flags, rest),
        "check" => {
            flags.test();
            served_with(flags, rest)
        }
        _ => Err(unrecognized(word)),
    }
}

/// The text of `--version`.
pub(crate) fn version() -> Exit {
    Exit::text(format!("{PROGRAM}: v{}\n", env!("CARGO_PKG_VERSION")))
}

/// The text of `--help`.
pub(crate) fn help() -> Exit {
    Exit::text(help::usage())
}

/// The text of `--help_tls`.
pub(crate) fn help_tls() -> Exit {
    Exit::text(help::tls())
}

/// The text of `config docs`.
pub(crate) fn config_docs() -> Exit {
    Exit::text(vagus_config::reference())
}

fn served_with(mut flags: Split, rest: &[String]) -> Result<Command, Exit> {
    match flags.take(rest)? {
        [] => served(&flags),
        [word, ..] => Err(unrecognized(word)),
    }
}

fn served(flags: &Split) -> Result<Command, Exit> {
    let cli = ServeCli::read(flags.for_clap()).map_err(|error| flags.explain(&error))?;
    let on = |flag: Option<bool>| flag.unwrap_or(false);
    let ServeCli { args, once } = cli;
    if on(once.version) {
        return Ok(Command::Version);
    }
    if on(once.help) {
        return Ok(Command::Help);
    }
    if on(once.help_tls) {
        return Ok(Command::HelpTls);
    }
    if let Some(signal) = once.signal.filter(|signal| !signal.is_empty()) {
        let (order, target) = signal.split_once('=').unwrap_or((&signal, ""));
        return Ok(Command::Signal { order: order.to_owned(), target: target.to_owned() });
    }
    let args = Box::new(args);
    Ok(if on(once.test) { Command::Check(args) } else { Command::Serve(args) })
}

fn bench(rest: &[String]) -> Result<Command, Exit> {
    #[derive(Parser)]
    #[command(name = "vagus bench", about = "Loads a NATS server and measures it")]
    struct Bench {
        #[command(flatten)]
        args: BenchArgs,
    }
    let argv = std::iter::once("vagus bench").chain(rest.iter().map(String::as_str));
    let bench = Bench::try_parse_from(argv).map_err(|error| Exit::of_clap(&error))?;
    Ok(Command::Bench(Box::new(bench.args)))
}

fn unrecognized(word: &str) -> Exit {
    Exit::failure(&format!("unrecognized command: {word:?}"))
}

// === impl Exit ===

impl Exit {
    /// Success, with something to read.
    pub(crate) fn text(stdout: String) -> Self {
        Self { stdout, ..Self::default() }
    }

    /// Help that was asked for, or what is wrong with the arguments of a sub-command.
    fn of_clap(error: &clap::Error) -> Self {
        let text = error.render().to_string();
        let code = u8::try_from(error.exit_code()).unwrap_or(1);
        let (stdout, stderr) =
            if error.use_stderr() { (String::new(), text) } else { (text, String::new()) };
        Self { code, stdout, stderr }
    }

    /// Failure: `vagus: <message>` on stderr and code 1.
    pub(crate) fn failure(message: &str) -> Self {
        Self { code: 1, stderr: format!("{PROGRAM}: {message}\n"), ..Self::default() }
    }

    /// Prints, and turns into the exit code of the process.
    pub(crate) fn end(self) -> ExitCode {
        // A reader that has gone away is no reason to end otherwise.
        let _ = std::io::stderr().write_all(self.stderr.as_bytes());
        let _ = std::io::stdout().write_all(self.stdout.as_bytes());
        ExitCode::from(self.code)
    }
}

#[cfg(test)]
mod tests;
