//! The load generator as a program of its own, without the server around it:
//! `cargo run --release -p vagus-bench --example bench -- pubsub --size 16`.

use std::process::ExitCode;

use clap::Parser;
use vagus_bench::BenchArgs;

#[derive(Parser)]
#[command(name = "bench", about = "Load any server that speaks the NATS protocol")]
struct Cli {
    #[command(flatten)]
    bench: BenchArgs,
}

fn main() -> ExitCode {
    vagus_bench::main(&Cli::parse().bench)
}
