//! `vagus bench`: loads any server that speaks the NATS protocol, and measures it.
//!
//! The generator speaks raw NATS over TCP in large batches, so that it is never what limits the
//! figures: a publisher writes precomputed frames of up to 256 KiB at once, a subscriber counts
//! messages by recognising the head of the previous one. It reports what it used itself
//! (`generator_cpu_seconds`), and, given `--pid`, what the server used.
//!
//! One shape of load is one file in `shapes/`; the way of a message through the rest:
//! `frames` -> `publisher` -> (the server) -> `inbound` -> `subscriber` -> `metrics` -> `report`.

mod args;
mod clock;
mod connection;
mod error;
mod flow;
mod frames;
mod inbound;
mod interest;
mod js;
mod metrics;
mod process;
mod progress;
mod publisher;
mod report;
mod shapes;
mod subscriber;
mod swarm;
mod table;
mod target;
mod transport;
mod verify;

use std::process::ExitCode;

pub use args::{
    BenchArgs, CommonArgs, FlowArgs, IdleArgs, PubArgs, PubsubArgs, QueueArgs, RequestArgs,
    ShapeArgs, SubArgs, SubsArgs, TlsArgs,
};
pub use error::BenchError;
pub use js::args as js_args;
pub use metrics::Metrics;
pub use report::Report;
pub use transport::{TlsSetup, TlsStream, Transport};

/// Runs the shape that `args` describe, `--runs` times, and returns the medians.
pub fn run(args: &BenchArgs) -> Result<Report, BenchError> {
    shapes::run(args)
}

/// The `bench` sub-command: runs, prints a table (or one JSON object), and says how it ended.
/// Errors go to stderr and end in exit code 1.
pub fn main(args: &BenchArgs) -> ExitCode {
    match run(args) {
        Ok(report) if args.common.json => {
            println!("{}", report.to_json());
            ExitCode::SUCCESS
        }
        Ok(report) => {
            print!("{}", table::render(&report));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("vagus bench: {error}");
            ExitCode::FAILURE
        }
    }
}
