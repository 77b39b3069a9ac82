//! Every flag of the server, declared once: its names, its value, its line in the usage.
//!
//! Several fields are flags that NATS has and this server does not honour yet; `load` treats them
//! as it treats the configuration keys that say the same.

use std::any::TypeId;

use clap::{Args, Command, CommandFactory, FromArgMatches, Parser};
use vagus_config::{LogFormat, Secret};

/// All flags, as clap reads them after `dashes` has put them in its form.
#[derive(Debug, Parser)]
#[command(
    name = "vagus",
    about = "A message broker that speaks the NATS protocol",
    long_about = None,
    disable_help_flag = true,
    disable_version_flag = true,
    args_override_self = true,
    override_usage = "vagus [flags] \
                      [serve | check | bench | cluster | explain | config | version | help]",
    after_help = "Names take one dash or two; values follow behind a blank or \"=\".\n\
                  What is given here wins over the configuration file."
)]
pub(super) struct ServeCli {
    #[command(flatten)]
    pub(super) args: ServeArgs,
    #[command(flatten)]
    pub(super) once: Once,
}

/// What is done instead of serving.
#[derive(Debug, Args)]
#[command(next_help_heading = "Instead of serving")]
pub(super) struct Once {
    /// Test the configuration and exit
    #[arg(short = 't')]
    pub(super) test: Option<bool>,
    /// Signal a running server: ldm, stop, quit, term, reopen, reload
    ///
    /// The pid may be a number, a pid file, or the beginning of several pids with a star (12*).
    #[arg(long = "signal", visible_alias = "sl", value_name = "signal[=pid]")]
    pub(super) signal: Option<String>,
    /// Show this message
    #[arg(short = 'h', long = "help")]
    pub(super) help: Option<bool>,
    /// Show how TLS is configured
    #[arg(long = "help_tls")]
    pub(super) help_tls: Option<bool>,
    /// Show the version
    #[arg(short = 'v', long = "version")]
    pub(super) version: Option<bool>,
}

/// The flags that say how to serve. `None`: not given.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) server: ServerFlags,
    #[command(flatten)]
    pub(crate) logging: LoggingFlags,
    #[command(flatten)]
    pub(crate) auth: AuthFlags,
    #[command(flatten)]
    pub(crate) tls: TlsFlags,
    #[command(flatten)]
    pub(crate) jetstream: JetStreamFlags,
    #[command(flatten)]
    pub(crate) cluster: ClusterFlags,
}

#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerFlags {
    /// Bind to this host address (default: 0.0.0.0)
    #[arg(short = 'a', long = "addr", visible_alias = "net", value_name = "host")]
    pub(crate) host: Option<String>,
    /// Port for clients, -1 for a random one (default: 4222)
    #[arg(short = 'p', long = "port", value_name = "port", value_parser = port)]
    pub(crate) port: Option<i32>,
    /// Name of the server (default: its id)
    #[arg(short = 'n', long = "name", visible_alias = "server_name", value_name = "name")]
    pub(crate) name: Option<String>,
    /// File to write the process id to
    #[arg(short = 'P', long = "pid", value_name = "file")]
    pub(crate) pid_file: Option<String>,
    /// Directory for a file that lists the open ports, <program>_<pid>.ports
    #[arg(long = "ports_file_dir", value_name = "dir")]
    pub(crate) ports_file_dir: Option<String>,
    /// Port for monitoring over http
    #[arg(short = 'm', long = "http_port", value_name = "port", value_parser = port)]
    pub(crate) http_port: Option<i32>,
    /// Port for monitoring over https
    #[arg(long = "https_port", visible_alias = "ms", value_name = "port", value_parser = port)]
    pub(crate) https_port: Option<i32>,
    /// Configuration file
    #[arg(short = 'c', long = "config", value_name = "file")]
    pub(crate) config: Option<String>,
    /// Address of this server as clients and other servers should see it
    #[arg(long = "client_advertise", value_name = "host[:port]")]
    pub(crate) client_advertise: Option<String>,
    /// Port for profiling
    #[arg(long = "profile", value_name = "port", value_parser = port)]
    pub(crate) profile: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(next_help_heading = "Logging")]
pub(crate) struct LoggingFlags {
    /// Log to this file instead of stderr
    #[arg(short = 'l', long = "log", value_name = "file")]
    pub(crate) file: Option<String>,
    /// Begin each line with the time (default: true)
    #[arg(short = 'T', long = "logtime")]
    pub(crate) time: Option<bool>,
    /// Print times in UTC instead of local time
    #[arg(long = "logtime_utc")]
    pub(crate) utc: Option<bool>,
    /// Form of the lines: nats or json (default: nats)
    #[arg(long = "log_format", value_name = "form", value_parser = log_format)]
    #[arg(alias = "log-format")]
    pub(crate) format: Option<LogFormat>,
    /// Bytes after which a new log file is begun (default: never)
    #[arg(long = "log_size_limit", value_name = "bytes", value_parser = count)]
    pub(crate) size_limit: Option<u64>,
    /// Log debug messages
    #[arg(short = 'D', long = "debug")]
    pub(crate) debug: Option<bool>,
    /// Trace the protocol
    #[arg(short = 'V', long = "trace")]
    pub(crate) trace: Option<bool>,
    /// Trace the system account as well
    #[arg(long = "VV")]
    pub(crate) trace_verbose: Option<bool>,
    /// Debug and trace
    #[arg(long = "DV")]
    pub(crate) debug_trace: Option<bool>,
    /// Debug, and trace the system account as well
    #[arg(long = "DVV")]
    pub(crate) debug_trace_verbose: Option<bool>,
    /// Bytes of a message that a trace shows (default: all)
    #[arg(long = "max_traced_msg_len", value_name = "bytes", value_parser = count)]
    pub(crate) traced_max: Option<u64>,
    /// Log to syslog
    #[arg(short = 's', long = "syslog")]
    pub(crate) syslog: Option<bool>,
    /// Address of a syslog server, such as udp://localhost:514
    #[arg(short = 'r', long = "remote_syslog", value_name = "url")]
    pub(crate) remote_syslog: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(next_help_heading = "Authorization")]
pub(crate) struct AuthFlags {
    /// User that clients must be
    #[arg(long = "user", value_name = "user")]
    pub(crate) user: Option<String>,
    /// Password of that user
    #[arg(long = "pass", value_name = "password", value_parser = secret)]
    pub(crate) pass: Option<Secret>,
    /// Token that clients must show
    #[arg(long = "auth", value_name = "token", value_parser = secret)]
    pub(crate) token: Option<Secret>,
}

#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TlsFlags {
    /// Use TLS, without asking clients for certificates
    #[arg(long = "tls")]
    pub(crate) tls: Option<bool>,
    /// Certificate of the server
    #[arg(long = "tlscert", value_name = "file")]
    pub(crate) cert: Option<String>,
    /// Private key of that certificate
    #[arg(long = "tlskey", value_name = "file")]
    pub(crate) key: Option<String>,
    /// Use TLS, and verify certificates of clients
    #[arg(long = "tlsverify")]
    pub(crate) verify: Option<bool>,
    /// Authority that certificates of clients are verified with
    #[arg(long = "tlscacert", value_name = "file")]
    pub(crate) ca_cert: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(next_help_heading = "JetStream")]
pub(crate) struct JetStreamFlags {
    /// Switch JetStream on
    #[arg(long = "jetstream", visible_alias = "js")]
    pub(crate) jetstream: Option<bool>,
    /// Directory of the streams
    #[arg(long = "store_dir", visible_alias = "sd", value_name = "dir")]
    pub(crate) store_dir: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterFlags {
    /// Other servers to connect to; may hold passwords
    #[arg(long = "routes", value_name = "url,url..", value_parser = secret)]
    pub(crate) routes: Option<Secret>,
    /// Where to listen for other servers; may hold a password
    #[arg(long = "cluster", value_name = "url", value_parser = secret)]
    pub(crate) cluster: Option<Secret>,
    /// Where to listen for other servers; may hold a password
    #[arg(long = "cluster_listen", value_name = "url", value_parser = secret)]
    pub(crate) cluster_listen: Option<Secret>,
    /// Name of the cluster
    #[arg(long = "cluster_name", value_name = "name")]
    pub(crate) cluster_name: Option<String>,
    /// Do not tell clients about the other servers
    #[arg(long = "no_advertise")]
    pub(crate) no_advertise: Option<bool>,
    /// Address of this server as other servers should see it
    #[arg(long = "cluster_advertise", value_name = "host[:port]")]
    pub(crate) cluster_advertise: Option<String>,
    /// Attempts to connect to servers that were heard of
    #[arg(long = "connect_retries", value_name = "number", value_parser = count)]
    pub(crate) connect_retries: Option<u64>,
}

// === impl ServeCli ===

impl ServeCli {
    /// The declarations above, where every truth value may also be left out.
    pub(super) fn declared() -> Command {
        Self::command().mut_args(|arg| {
            if arg.get_value_parser().type_id() == TypeId::of::<bool>() {
                arg.num_args(0..=1)
                    .require_equals(true)
                    .value_name("bool")
                    .hide_possible_values(true)
            } else {
                arg
            }
        })
    }

    /// Reads arguments of the form `--name=value`.
    pub(super) fn read(argv: impl Iterator<Item = String>) -> Result<Self, clap::Error> {
        Self::from_arg_matches(&Self::declared().try_get_matches_from(argv)?)
    }
}

// === values ===

/// What is said of a number that is none of those a flag can take.
pub(super) const OUT_OF_RANGE: &str = "value out of range";

/// Reads an integer, with Go's words for what is wrong with it.
fn integer<T: TryFrom<i128>>(text: &str) -> Result<T, &'static str> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err("parse error");
    }
    let value: i128 = text.parse().map_err(|_| OUT_OF_RANGE)?;
    T::try_from(value).map_err(|_| OUT_OF_RANGE)
}

fn count(text: &str) -> Result<u64, &'static str> {
    integer(text)
}

/// A port: -1 (random), 0 (not given), or a number.
fn port(text: &str) -> Result<i32, &'static str> {
    match integer(text)? {
        port @ -1..=65535 => Ok(port),
        _ => Err(OUT_OF_RANGE),
    }
}

fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::from(text))
}

fn log_format(text: &str) -> Result<LogFormat, &'static str> {
    match text {
        "nats" | "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("must be nats or json"),
    }
}
