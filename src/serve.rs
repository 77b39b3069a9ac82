//! The life of a server process: start, signals, end.

mod lame_duck;
mod log;
mod reload;
#[cfg(test)]
mod tests;

use std::process::ExitCode;
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use tracing::{error, info, warn};
use vagus::server::Identity;
use vagus::{Server, StartError};
use vagus_config::Loaded;
use vagus_telemetry::logging::LogControl;
use vagus_telemetry::text::IoReason;

use crate::cli::{self, ServeArgs};
use crate::files::{self, Ports, RunFile};
use crate::signals::{Signal, Signals};

/// How long a server that stops waits for what is queued for its clients, and for its actors.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// A server, and what belongs to its process.
struct Process<'a> {
    args: &'a ServeArgs,
    server: Server,
    log: LogControl,
    ports_file: Option<RunFile>,
}

/// Runs a server until a signal ends it. Exit code 0 after a signal, 1 when it can't start or go
/// on.
pub(crate) fn serve(args: &ServeArgs) -> ExitCode {
    let loaded = match cli::configure(args) {
        Ok(loaded) => loaded,
        Err(exit) => return exit.end(),
    };
    let log = match log::start(&loaded.config) {
        Ok(log) => log,
        Err(problem) => return cli::Exit::failure(&problem.to_string()).end(),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(problem) => return fatal(&problem),
    };
    raise_open_files();
    // From here on signals are heard, so that none is lost while the server starts.
    let signals = {
        let _entered = runtime.enter();
        Signals::new()
    };
    let signals = match signals {
        Ok(signals) => signals,
        Err(problem) => return fatal(&problem),
    };
    match Process::start(args, loaded, log) {
        Ok(process) => runtime.block_on(process.run(signals)),
        Err(code) => code,
    }
}

/// Files and connections may be as many as the system lets this process have: the limit that it is
/// started with is for programs that count on few.
fn raise_open_files() {
    let mut limits = getrlimit(Resource::Nofile);
    limits.current = limits.maximum;
    if let Err(problem) = setrlimit(Resource::Nofile, limits) {
        warn!("the limit of open files can't be raised: {problem}");
    }
}

fn fatal(problem: &dyn std::fmt::Display) -> ExitCode {
    error!(fatal = true, "{problem}");
    ExitCode::FAILURE
}

impl<'a> Process<'a> {
    fn start(args: &'a ServeArgs, loaded: Loaded, log: LogControl) -> Result<Self, ExitCode> {
        let config = loaded.config.clone();
        let identity = Identity::new(&config);
        announce(args, &loaded, &identity);
        if let Some(path) = &config.pid_file {
            RunFile::pid(path).map_err(|problem| {
                let shown = path.display();
                fatal(&format_args!(
                    "Could not write pidfile: open {shown}: {}",
                    IoReason(&problem)
                ))
            })?;
        }
        let builder = Server::builder().identity(identity).loaded(loaded);
        let server = builder.start().map_err(|problem| match problem {
            StartError::Listen { .. } => fatal(&format_args!("Error listening on port: {problem}")),
            problem => fatal(&problem),
        })?;
        let mut process = Self { args, server, log, ports_file: None };
        process.write_ports(&config);
        info!("Server is ready");
        Ok(process)
    }

    fn write_ports(&mut self, config: &vagus_config::Config) {
        let Some(dir) = &config.ports_file_dir else { return };
        let urls = |scheme, address: Option<std::net::SocketAddr>| {
            address.map(|address| files::urls(scheme, address)).unwrap_or_default()
        };
        let scheme = if config.https_port.is_some() { "https" } else { "http" };
        let ports = Ports {
            nats: urls("nats", self.server.address()),
            monitoring: urls(scheme, self.server.monitor_address()),
            cluster: urls("nats", self.server.cluster_address()),
            ..Ports::default()
        };

        match RunFile::ports(dir, &ports) {
            Ok(file) => self.ports_file = Some(file),
            Err(problem) => {
                let why = IoReason(&problem);
                error!("Error writing ports file ({}): {why}", dir.display());
            }
        }
    }

    async fn run(mut self, mut signals: Signals) -> ExitCode {
        let mut failed = Box::pin(self.server.failed());
        let mut orders = self.server.reload_orders();
        loop {
            let signal = tokio::select! {
                signal = signals.next() => signal,
                Some(order) = orders.recv() => {
                    order.finish(self.reload());
                    continue;
                }
                cause = &mut failed => {
                    error!(fatal = true, "{cause}");
                    self.stop();
                    return ExitCode::FAILURE;
                }
            };
            info!("Trapped \"{signal}\" signal");
            match signal {
                Signal::Quit | Signal::Term => break,
                Signal::Reopen => self.reopen_log(),
                // What came of it is in the log.
                Signal::Reload => drop(self.reload()),
                Signal::LameDuck => {
                    self.lame_duck(&mut signals).await;
                    break;
                }
            }
        }
        self.stop();
        ExitCode::SUCCESS
    }

    fn reopen_log(&self) {
        match self.log.reopen() {
            Ok(true) => info!("File log re-opened"),
            Ok(false) => info!("File log re-open ignored, not a file logger"),
            Err(problem) => error!("{problem}"),
        }
    }

    fn stop(self) {
        info!("Initiating Shutdown...");
        if let Some(file) = self.ports_file
            && let Err(problem) = file.remove()
        {
            warn!("ports file can't be removed: {}", IoReason(&problem));
        }
        if let Err(problem) = self.server.shutdown(STOP_WITHIN) {
            error!("{problem}");
        }
        info!("Server Exiting..");
    }
}

/// The first lines of the log.
fn announce(args: &ServeArgs, loaded: &Loaded, identity: &Identity) {
    let config = &loaded.config;
    info!("Starting vagus");
    info!("  Version:  {}", env!("CARGO_PKG_VERSION"));
    info!(
        "  Git:      [{}]",
        Some(Identity::revision()).filter(|r| !r.is_empty()).unwrap_or("not set")
    );
    info!("  Name:     {}", identity.name);
    info!("  ID:       {}", identity.id);
    if config.has_plaintext_passwords() {
        warn!("Plaintext passwords detected, use nkeys or bcrypt");
    }
    if let Some(file) = args.config_file() {
        info!("Using configuration file: {file} ({})", loaded.digest);
    }
    for warning in &loaded.warnings {
        warn!("{warning}");
    }
}
