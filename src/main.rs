//! `vagus`: command line -> configuration -> server -> wait for signals -> drain.

mod cli;
mod files;
mod serve;
mod signals;

use std::process::ExitCode;

use cli::Command;

/// A fifth less memory for each idle connection than the system's allocator takes, measured by
/// `vagus bench idle`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let command = match cli::parse(std::env::args_os().skip(1)) {
        Ok(command) => command,
        Err(exit) => return exit.end(),
    };
    match command {
        Command::Serve(args) => serve::serve(&args),
        Command::Check(args) => cli::check(&args).end(),
        Command::Signal { order, target } => match signals::send(&order, &target) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => cli::Exit::failure(&error.to_string()).end(),
        },
        Command::Bench(args) => vagus_bench::main(&args),
        Command::Cluster(args) => cli::cluster(&args).end(),
        Command::Explain(args) => cli::explain(&args).end(),
        Command::ConfigPlan(args) => cli::plan(&args).end(),
        Command::ConfigDocs => cli::config_docs().end(),
        Command::Version => cli::version().end(),
        Command::Help => cli::help().end(),
        Command::HelpTls => cli::help_tls().end(),
    }
}
