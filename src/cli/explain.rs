//! `explain stream NAME`, `explain consumer STREAM NAME`: asks a server that runs, over its
//! monitoring port or over NATS, why one gets on or does not, and puts the answer in words.

mod ask;
mod nats;
mod words;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use serde_json::{Value, json};

use self::ask::Page;
use super::Exit;

/// What is to be explained, and who is asked.
#[derive(Debug, Parser)]
#[command(
    name = "vagus explain",
    about = "Says why a stream or a consumer gets on, or does not, in the server's own words"
)]
pub(crate) struct ExplainArgs {
    #[command(subcommand)]
    what: What,
    /// The server: its monitoring port, or nats://user:password@host:port
    #[arg(long, visible_alias = "url", global = true, default_value = "http://127.0.0.1:8222")]
    server: String,
    /// The account of the stream; may be left out when one account alone has such a stream. Over
    /// NATS only users of the system's account may name another than their own
    #[arg(long, global = true)]
    account: Option<String>,
    /// A file with the credentials of a user, for nats:// servers
    #[arg(long, global = true)]
    creds: Option<PathBuf>,
    /// Print the server's answer as it is
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// A stream, and in short its consumers
    Stream { name: String },
    /// A consumer of a stream
    Consumer { stream: String, name: String },
}

pub(super) fn parse(rest: &[String]) -> Result<ExplainArgs, Exit> {
    let argv = std::iter::once("vagus explain").chain(rest.iter().map(String::as_str));
    ExplainArgs::try_parse_from(argv).map_err(|error| Exit::of_clap(&error))
}

/// Asks, and tells what to print.
pub(crate) fn explain(args: &ExplainArgs) -> Exit {
    match args.server.starts_with("nats://") {
        true => over_nats(args),
        false => over_http(args),
    }
}

fn over_nats(args: &ExplainArgs) -> Exit {
    let account = args.account.as_deref().unwrap_or("PING");
    let subject = format!("$SYS.REQ.ACCOUNT.{account}.EXPLAIN");
    let body = match &args.what {
        What::Stream { name } => json!({ "stream": name }),
        What::Consumer { stream, name } => json!({ "stream": stream, "consumer": name }),
    };
    match nats::ask(&args.server, args.creds.as_deref(), &subject, &body) {
        Err(problem) => Exit::failure(&problem.to_string()),
        Ok(told) if args.json => Exit::text(format!("{told:#}\n")),
        Ok(told) => Exit::text(words::of(&told)),
    }
}

fn over_http(args: &ExplainArgs) -> Exit {
    let mut path = match &args.what {
        What::Stream { name } => format!("/explain?stream={}", encoded(name)),
        What::Consumer { stream, name } => {
            format!("/explain?stream={}&consumer={}", encoded(stream), encoded(name))
        }
    };
    if let Some(account) = &args.account {
        path.push_str("&account=");
        path.push_str(&encoded(account));
    }
    match ask::get(&args.server, &path) {
        Err(problem) => Exit::failure(&problem.to_string()),
        Ok(Page { status: 200, body }) if args.json => {
            Exit::text(body.trim_end().to_owned() + "\n")
        }
        Ok(Page { status: 200, body }) => match serde_json::from_str::<Value>(&body) {
            Ok(told) => Exit::text(words::of(&told)),
            Err(error) => Exit::failure(&format!("the server's answer is not JSON: {error}")),
        },
        Ok(Page { status: 404, body }) if body.starts_with("404") => {
            Exit::failure("this server does not explain (it is no vagus, or too old)")
        }
        Ok(Page { status: 404, body }) => Exit::failure(body.trim()),
        Ok(Page { status, body }) => {
            Exit::failure(&format!("the server answered with {status}: {}", body.trim()))
        }
    }
}

/// As a value in a query: all but letters and digits is escaped.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<ExplainArgs, Exit> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&words)
    }

    #[test]
    fn one_names_a_stream_or_a_consumer() {
        let args = parsed("stream S --json --server http://h:1").unwrap();
        assert!(args.json && args.server == "http://h:1");
        assert!(matches!(args.what, What::Stream { name } if name == "S"));
        assert!(matches!(parsed("consumer S C").unwrap().what, What::Consumer { .. }));
        for wrong in ["", "consumer S", "stream", "actor A"] {
            assert_eq!(parsed(wrong).unwrap_err().code, 2, "{wrong}");
        }
        let help = parsed("--help").unwrap_err();
        assert!(help.code == 0 && help.stdout.contains("consumer"), "{}", help.stdout);
    }

    #[test]
    fn names_are_escaped() {
        assert_eq!(encoded("a_B-9"), "a_B-9");
        assert_eq!(encoded("a&b=é"), "a%26b%3D%C3%A9");
    }

    #[test]
    fn nobody_there_is_said() {
        let exit = explain(&parsed("stream S --server http://127.0.0.1:1").unwrap());
        assert_eq!(exit.code, 1);
        assert!(exit.stderr.contains("127.0.0.1:1"), "{}", exit.stderr);
    }
}
