//! Go's way of writing flags, translated for clap.
//!
//! One dash or two mean the same, names of any length take either, a value follows behind `=` or as
//! the next argument (even one that begins with a dash), a switch takes `=true` or `=false` and
//! never the next argument, and the first argument that is no flag ends the flags. What comes out
//! is
//! `--name=value` for each flag, with the names that [`ServeCli`] declares: the declarations there
//! are the only list of flags.

use std::{collections::HashMap, sync::LazyLock};

use clap::error::ContextKind;

use super::{
    Exit,
    flags::{OUT_OF_RANGE, ServeCli},
    help,
};

/// The flags of a command line, ready for clap.
#[derive(Debug, Default)]
pub(super) struct Split {
    /// The name as clap knows it (with its dashes), as it was written, and the value.
    flags: Vec<(String, String, String)>,
}

struct Known {
    /// `--port`; `-t` for the few flags that have a letter only.
    canonical: String,
    switch: bool,
}

/// Every name of every flag, aliases and single letters included.
static KNOWN: LazyLock<HashMap<String, Known>> = LazyLock::new(|| {
    let mut command = ServeCli::declared();
    command.build();
    let mut known = HashMap::new();
    for arg in command.get_arguments() {
        let (long, short) = (arg.get_long(), arg.get_short());
        let canonical = match (long, short) {
            (Some(long), _) => format!("--{long}"),
            (None, Some(short)) => format!("-{short}"),
            (None, None) => continue,
        };
        let switch = arg.get_num_args().is_some_and(|n| n.min_values() == 0);
        let aliases = arg.get_all_aliases().unwrap_or_default();
        let names = long.into_iter().chain(aliases).map(str::to_owned);
        for name in names.chain(short.map(String::from)) {
            known.insert(name, Known { canonical: canonical.clone(), switch });
        }
    }
    known
});

impl Split {
    pub(super) fn is_empty(&self) -> bool {
        self.flags.is_empty()
    }

    /// Adds `-t` as if it had been written.
    pub(super) fn test(&mut self) {
        self.flags.push(("-t".to_owned(), "t".to_owned(), "true".to_owned()));
    }

    /// Takes flags off the front; returns what follows them.
    pub(super) fn take<'a>(&mut self, mut args: &'a [String]) -> Result<&'a [String], Exit> {
        while let Some((arg, rest)) = args.split_first() {
            let Some(flag) = arg.strip_prefix('-').filter(|flag| !flag.is_empty()) else { break };
            args = rest;
            if arg == "--" {
                break;
            }
            let flag = flag.strip_prefix('-').unwrap_or(flag);
            if flag.starts_with(['-', '=']) {
                return Err(misuse(&format!("bad flag syntax: {arg}")));
            }
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (flag, None),
            };
            let Some(known) = KNOWN.get(name) else {
                return Err(misuse(&format!("flag provided but not defined: -{name}")));
            };
            let value = match value {
                Some(value) if known.switch => switch_value(name, value)?,
                Some(value) => value.to_owned(),
                None if known.switch => "true".to_owned(),
                None => {
                    let Some((next, rest)) = args.split_first() else {
                        return Err(misuse(&format!("flag needs an argument: -{name}")));
                    };
                    args = rest;
                    next.clone()
                }
            };
            self.flags.push((known.canonical.clone(), name.to_owned(), value));
        }
        Ok(args)
    }

    /// An argument vector for clap, program name first.
    pub(super) fn for_clap(&self) -> impl Iterator<Item = String> + '_ {
        let flags = self.flags.iter().map(|(name, _, value)| format!("{name}={value}"));
        std::iter::once(super::PROGRAM.to_owned()).chain(flags)
    }

    /// Says in Go's words which value clap did not take.
    pub(super) fn explain(&self, error: &clap::Error) -> Exit {
        let context = |kind| error.get(kind).map(ToString::to_string);
        let (Some(arg), Some(value)) =
            (context(ContextKind::InvalidArg), context(ContextKind::InvalidValue))
        else {
            return misuse(error.render().to_string().trim_end());
        };
        // clap names the argument as in its usage, `--port <port>`.
        let canonical = arg.split([' ', '=', '[']).next().unwrap_or(&arg);
        let written = self.flags.iter().rev().find(|(name, ..)| *name == canonical);
        let name = written.map_or(canonical.trim_start_matches('-'), |(_, written, _)| written);
        let why =
            std::error::Error::source(error).map_or("parse error".into(), ToString::to_string);
        let exit = misuse(&format!("invalid value {value:?} for flag -{name}: {why}"));
        // NATS takes any number, and fails when it comes to use it.
        Exit { code: u8::from(why == OUT_OF_RANGE), ..exit }
    }
}

/// The spellings that Go takes for a truth value.
fn switch_value(name: &str, value: &str) -> Result<String, Exit> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok("true".to_owned()),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok("false".to_owned()),
        _ => Err(misuse(&format!("invalid boolean value {value:?} for -{name}: parse error"))),
    }
}

/// What NATS does about a flag it can't make sense of: say so, show the usage, and call it success.
fn misuse(message: &str) -> Exit {
    Exit { code: 0, stdout: help::usage(), stderr: format!("{message}\n") }
}
