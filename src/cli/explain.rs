//! `explain stream NAME`, `explain consumer STREAM NAME`, `explain peer NAME`: asks a server that
//! runs, over its monitoring port or over NATS, why one gets on or does not, and puts the answer in
//! words.

mod words;

use clap::{Parser, Subcommand};
use serde_json::json;

use super::Exit;
use super::ask::{Question, Whom};

/// What is to be explained, and who is asked.
#[derive(Debug, Parser)]
#[command(
    name = "vagus explain",
    about = "Says why a stream, a consumer or another server gets on, or does not, in words"
)]
pub(crate) struct ExplainArgs {
    #[command(subcommand)]
    what: What,
    /// The account of the stream; may be left out when one account alone has such a stream. Over
    /// NATS only users of the system's account may name another than their own
    #[arg(long, global = true)]
    account: Option<String>,
    #[command(flatten)]
    whom: Whom,
}

#[derive(Debug, Subcommand)]
enum What {
    /// A stream, and in short its consumers
    Stream { name: String },
    /// A consumer of a stream
    Consumer { stream: String, name: String },
    /// Another server: by its name, or where it is looked for
    Peer { name: String },
}

pub(super) fn parse(rest: &[String]) -> Result<ExplainArgs, Exit> {
    let argv = std::iter::once("vagus explain").chain(rest.iter().map(String::as_str));
    ExplainArgs::try_parse_from(argv).map_err(|error| Exit::of_clap(&error))
}

/// Asks, and tells what to print.
pub(crate) fn explain(args: &ExplainArgs) -> Exit {
    args.whom.ask(&question(args), words::of)
}

fn question(args: &ExplainArgs) -> Question {
    let (mut path, body) = match &args.what {
        What::Stream { name } => {
            (format!("/explain?stream={}", encoded(name)), json!({ "stream": name }))
        }
        What::Consumer { stream, name } => (
            format!("/explain?stream={}&consumer={}", encoded(stream), encoded(name)),
            json!({ "stream": stream, "consumer": name }),
        ),
        What::Peer { name } => {
            (format!("/explain?peer={}", encoded(name)), json!({ "peer": name }))
        }
    };
    if let What::Peer { .. } = &args.what {
        let subject = "$SYS.REQ.SERVER.{id}.EXPLAIN".to_owned();
        return Question { path, subject, body };
    }
    if let Some(account) = &args.account {
        path.push_str("&account=");
        path.push_str(&encoded(account));
    }
    let account = args.account.as_deref().unwrap_or("PING");
    Question { path, subject: format!("$SYS.REQ.ACCOUNT.{account}.EXPLAIN"), body }
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
        assert!(args.whom.json && args.whom.server == "http://h:1");
        assert!(matches!(args.what, What::Stream { name } if name == "S"));
        assert!(matches!(parsed("consumer S C").unwrap().what, What::Consumer { .. }));
        let peer = question(&parsed("peer b:1").unwrap());
        assert_eq!((&*peer.path, &peer.body), ("/explain?peer=b%3A1", &json!({"peer": "b:1"})));
        assert_eq!(peer.subject, "$SYS.REQ.SERVER.{id}.EXPLAIN");
        for wrong in ["", "peer", "consumer S", "stream", "actor A"] {
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
