//! Pairs of servers, and waiting until they are linked and know what the other wants.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Server, available, run, server_path};

/// Whose server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Make {
    Ours,
    Nats,
}

/// Whose servers are the hub and the leaf node.
pub(crate) type Pair = (Make, Make);

fn nats_server() -> Option<PathBuf> {
    let named = std::env::var_os("VAGUS_TEST_NATS_SERVER").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut known = std::env::split_paths(&path).map(|dir| dir.join("nats-server"));
    let found = named.or_else(|| known.find(|file| file.is_file()));
    let what = "nats-server, on the PATH or named by VAGUS_TEST_NATS_SERVER";
    available(what, found.is_some()).then_some(found).flatten()
}

/// Whether the nats-server that was found is of release 2.`minor` or later.
pub(crate) fn nats_is_at_least(minor: u32) -> bool {
    let Some(program) = nats_server() else { return false };
    let told = Command::new(program).arg("--version").output().expect("it tells its release");
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let release = told.rsplit('v').next().unwrap_or_default();
    let known = release.split('.').nth(1).and_then(|text| text.parse::<u32>().ok());
    known.is_some_and(|known| known >= minor)
}

/// Both ends ours, and where there is a nats-server, that at each end.
pub(crate) fn pairs() -> Vec<Pair> {
    let mut pairs = vec![(Make::Ours, Make::Ours)];
    if nats_server().is_some() {
        pairs.extend([(Make::Ours, Make::Nats), (Make::Nats, Make::Ours)]);
    }
    pairs
}

/// Those where the hub is ours.
pub(crate) fn our_hubs() -> Vec<Pair> {
    pairs().into_iter().filter(|(hub, _)| *hub == Make::Ours).collect()
}

/// Those where the leaf node is ours.
pub(crate) fn our_leafs() -> Vec<Pair> {
    pairs().into_iter().filter(|(_, leaf)| *leaf == Make::Ours).collect()
}

/// Ours, and that of others where there is one.
pub(crate) fn makes() -> Vec<Make> {
    let nats = nats_server().is_some().then_some(Make::Nats);
    std::iter::once(Make::Ours).chain(nats).collect()
}

fn program(make: Make) -> PathBuf {
    match make {
        Make::Ours => server_path(),
        Make::Nats => nats_server().expect("the pairs know whether there is one"),
    }
}

/// A server does not start with this configuration, and says so.
#[track_caller]
pub(crate) fn refuses(make: Make, conf: &str, text: &str) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("server.conf");
    std::fs::write(&file, format!("{}{conf}\n", preface(&dir))).unwrap();
    run(Command::new(program(make)).arg("-c").arg(&file)).refused_with(text);
}

/// A server of this make.
#[track_caller]
pub(crate) fn start(make: Make, conf: &str) -> Server {
    start_in(tempfile::tempdir().unwrap(), make, conf)
}

/// The same in a folder that has files in it already.
#[track_caller]
pub(crate) fn start_in(dir: TempDir, make: Make, conf: &str) -> Server {
    let file = dir.path().join("server.conf");
    std::fs::write(&file, format!("{}{conf}\n", preface(&dir))).unwrap();
    let mut command = Command::new(program(make));
    command.arg("-c").arg(&file);
    Server::spawn(dir, &mut command)
}

fn preface(dir: &TempDir) -> String {
    let dir = dir.path().display();
    format!("listen: \"127.0.0.1:-1\"\nhttp: \"127.0.0.1:-1\"\nports_file_dir: \"{dir}\"\n")
}

/// Has a server read another configuration.
pub(crate) fn reload(server: &Server, conf: &str) {
    let file = server.dir.path().join("server.conf");
    std::fs::write(file, format!("{}{conf}\n", preface(&server.dir))).unwrap();
    server.signal("HUP");
}

/// A hub called `hub`; `more` goes into its block of leaf nodes, `around` beside it.
#[track_caller]
pub(crate) fn hub(make: Make, more: &str, around: &str) -> Server {
    start(make, &format!("server_name: hub\n{}{around}", leafnodes(more)))
}

/// The block of one who takes leaf nodes in.
pub(crate) fn leafnodes(more: &str) -> String {
    format!("leafnodes {{ listen: \"127.0.0.1:-1\", {more} }}\n")
}

/// Servers of a cluster, linked; `more` says what each of them has besides, by its number. Where no
/// name is given, they agree on one.
#[track_caller]
pub(crate) fn cluster_of<const N: usize>(
    make: Make,
    cluster: &str,
    names: [&str; N],
    more: impl Fn(usize) -> String,
) -> [Server; N] {
    let mut servers: Vec<Server> = Vec::new();
    let cluster = if cluster.is_empty() { String::new() } else { format!("name: {cluster},") };
    for (n, name) in names.into_iter().enumerate() {
        let routes: Vec<_> = servers.iter().map(|one| one.ports["cluster"][0].clone()).collect();
        let routes = serde_json::Value::from(routes);
        servers.push(start(
            make,
            &format!(
                "server_name: {name}\n\
                 cluster {{ {cluster} listen: \"127.0.0.1:-1\", routes: {routes} }}\n{}",
                more(n)
            ),
        ));
    }
    for server in &servers {
        server.wait_json("/varz", |page| (page["remotes"] == N - 1).then_some(()));
    }
    servers.try_into().unwrap_or_else(|_| unreachable!())
}

/// A leaf node called `leaf`; `more` goes into what it says of the hub.
#[track_caller]
pub(crate) fn leaf(make: Make, hub: &Server, more: &str, around: &str) -> Server {
    let remote = remote(hub, more);
    start(make, &format!("server_name: leaf\nleafnodes {{ remotes: [ {remote} ] }}\n{around}"))
}

/// A remote that leads to `hub`.
pub(crate) fn remote(hub: &Server, more: &str) -> String {
    format!("{{ url: \"nats-leaf://127.0.0.1:{}\", {more} }}", leaf_port(hub))
}

#[track_caller]
pub(crate) fn leaf_port(hub: &Server) -> u16 {
    u16::try_from(hub.json("/varz")["leaf"]["port"].as_u64().expect("it takes nobody in")).unwrap()
}

/// A hub and its leaf node, linked.
#[track_caller]
pub(crate) fn linked((hub_make, leaf_make): Pair) -> (Server, Server) {
    let hub = hub(hub_make, "", "");
    let leaf = leaf(leaf_make, &hub, "", "");
    links(&hub, 1);
    links(&leaf, 1);
    (hub, leaf)
}

/// Waits until a server has this many links.
#[track_caller]
pub(crate) fn links(server: &Server, count: u64) {
    server.wait_json("/leafz", |page| (page["leafnodes"] == count).then_some(()));
}

/// Waits until a server knows that somebody at the other end of a link wants `subject`.
#[track_caller]
pub(crate) fn knows(server: &Server, subject: &str) {
    server.wait_json("/leafz?subs=1", |page| wanted(page, subject).then_some(()));
}

/// Whether a `/leafz` page lists this interest.
pub(crate) fn wanted(page: &Value, subject: &str) -> bool {
    let leafs = page["leafs"].as_array().into_iter().flatten();
    let lists = leafs.filter_map(|leaf| leaf["subscriptions_list"].as_array());
    lists.flatten().any(|known| known == subject)
}

/// Sends large and small messages from one end to the other.
#[track_caller]
pub(crate) fn carries(from: &Server, to: &Server) {
    let mut reader = to.client();
    reader.send("SUB carried 1\r\n");
    reader.ping_pong();
    knows(from, "carried");
    let mut writer = from.client();
    let large = "x".repeat(300_000);
    writer.publish("carried", &large);
    (0..1000).for_each(|n| writer.publish("carried", n.to_string()));
    assert!(reader.payload() == large);
    (0..1000).for_each(|n| assert_eq!(reader.payload(), n.to_string()));
}
