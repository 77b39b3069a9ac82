//! `cluster status`: asks a server that runs how it and all servers that it is linked with are, and
//! shows them and their links as tables.

mod tables;

use clap::{Parser, Subcommand};
use serde_json::json;

use super::Exit;
use super::ask::{Question, Whom};

/// What is asked, and who.
#[derive(Debug, Parser)]
#[command(name = "vagus cluster", about = "Shows the servers of a cluster, and their links")]
pub(crate) struct ClusterArgs {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    whom: Whom,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Every server and every link, as the asked server and its peers tell of them
    Status,
}

pub(super) fn parse(rest: &[String]) -> Result<ClusterArgs, Exit> {
    let argv = std::iter::once("vagus cluster").chain(rest.iter().map(String::as_str));
    ClusterArgs::try_parse_from(argv).map_err(|error| Exit::of_clap(&error))
}

/// Asks, and tells what to print.
pub(crate) fn cluster(ClusterArgs { what: What::Status, whom }: &ClusterArgs) -> Exit {
    let question = Question {
        path: "/clusterz".to_owned(),
        subject: "$SYS.REQ.SERVER.{id}.CLUSTERZ".to_owned(),
        body: json!({}),
    };
    whom.ask(&question, tables::of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_asks_for_the_status() {
        let parsed =
            |line: &str| parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert!(parsed("status --json --server nats://h:1").unwrap().whom.json);
        for wrong in ["", "list", "status now"] {
            assert_eq!(parsed(wrong).unwrap_err().code, 2, "{wrong}");
        }
        let exit = cluster(&parsed("status --server http://127.0.0.1:1").unwrap());
        assert_eq!(exit.code, 1);
        assert!(exit.stderr.contains("127.0.0.1:1"), "{}", exit.stderr);
    }
}
