//! A server process with its own ports, folder and log, gone when the test is.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

use super::client::Client;
use super::http::{self, Page};
use super::process::{self, Run, server_path};
use super::wait::eventually;

/// Everything the server wrote to its standard outputs so far.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<String>>);

impl Log {
    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }

    /// Waits until the log contains `needle`; the whole log so far.
    #[track_caller]
    pub(crate) fn wait_for(&self, needle: &str) -> String {
        let found = super::eventually_within(super::DEADLINE, || {
            Some(self.text()).filter(|text| text.contains(needle))
        });
        found.unwrap_or_else(|| panic!("no {needle:?} in the log:\n{}", self.text()))
    }

    fn follow(&self, pipe: impl Read + Send + 'static) {
        let log = self.clone();
        thread::spawn(move || {
            let mut lines = BufReader::new(pipe);
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line).is_ok_and(|size| size > 0) {
                log.0.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
                line.clear();
            }
        });
    }
}

/// A running server. Dropping it ends the process and removes its folder.
pub(crate) struct Server {
    child: Child,
    pub(crate) dir: TempDir,
    pub(crate) log: Log,
    /// Where it is reached: this machine, unless the test gave it a place in a network of its own.
    host: Ipv4Addr,
    /// The client port.
    pub(crate) port: u16,
    /// What the ports file says: `{"nats": [url], "monitoring": [url]}`.
    pub(crate) ports: Value,
}

/// Every configuration starts with this; what a test adds after it wins.
fn preface(dir: &Path) -> String {
    format!(
        "listen: \"127.0.0.1:-1\"\nhttp: \"127.0.0.1:-1\"\nports_file_dir: \"{}\"\n",
        dir.display()
    )
}

impl Server {
    /// Starts a server whose configuration is the preface and `conf`.
    #[track_caller]
    pub(crate) fn start(conf: &str) -> Server {
        Server::start_with(conf, &[])
    }

    /// The same with arguments beside the configuration file.
    #[track_caller]
    pub(crate) fn start_with(conf: &str, args: &[&str]) -> Server {
        let dir = tempfile::tempdir().unwrap();
        Server::start_in(dir, conf, args)
    }

    /// The same in a folder that the test has already put files into.
    #[track_caller]
    pub(crate) fn start_in(dir: TempDir, conf: &str, args: &[&str]) -> Server {
        let file = dir.path().join("server.conf");
        fs::write(&file, format!("{}{conf}\n", preface(dir.path()))).unwrap();
        let mut command = Command::new(server_path());
        command.arg("-c").arg(&file).args(args);
        Server::spawn(dir, &mut command)
    }

    /// Starts a server from arguments alone.
    #[track_caller]
    pub(crate) fn start_args(args: &[&str]) -> Server {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(server_path());
        command.args(["-a", "127.0.0.1", "-p", "-1", "-m", "-1", "--ports_file_dir"]);
        command.arg(dir.path()).args(args);
        Server::spawn(dir, &mut command)
    }

    /// Runs `command`, which must bring up a server that writes its ports file into `dir`.
    #[track_caller]
    pub(crate) fn spawn(dir: TempDir, command: &mut Command) -> Server {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
        let log = Log::default();
        log.follow(child.stdout.take().unwrap());
        log.follow(child.stderr.take().unwrap());
        let host = Ipv4Addr::LOCALHOST;
        let mut server = Server { child, dir, log, host, port: 0, ports: Value::Null };
        server.wait_until_ready();
        server
    }

    #[track_caller]
    fn wait_until_ready(&mut self) {
        let ready = super::eventually_within(super::DEADLINE * 2, || {
            assert!(self.ended().is_none(), "the server ended at once:\n{}", self.log.text());
            let file = self.ports_file()?;
            serde_json::from_str::<Value>(&fs::read_to_string(file).ok()?).ok()
        });
        let log = self.log.text();
        self.ports = ready.unwrap_or_else(|| panic!("the server is not ready:\n{log}"));
        let first = &self.ports["nats"][0];
        self.port = port_of(first);
        self.host = host_of(first).unwrap_or(self.host);
    }

    fn ports_file(&self) -> Option<PathBuf> {
        let mut entries = fs::read_dir(self.dir.path()).ok()?.flatten().map(|entry| entry.path());
        entries.find(|path| path.extension().is_some_and(|ext| ext == "ports"))
    }

    /// Writes a new configuration in place of the old one; nothing reads it until a reload.
    pub(crate) fn rewrite(&self, conf: &str) {
        let text = format!("{}{conf}\n", preface(self.dir.path()));
        fs::write(self.dir.path().join("server.conf"), text).unwrap();
    }

    /// Runs the program to its end on a configuration it is expected to refuse (or only to check).
    #[track_caller]
    pub(crate) fn run_conf(conf: &str, args: &[&str]) -> Run {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("server.conf");
        fs::write(&file, conf).unwrap();
        process::run(Command::new(server_path()).arg("-c").arg(&file).args(args))
    }

    // === clients ===

    /// A raw connection that has read INFO and sent nothing.
    #[track_caller]
    pub(crate) fn connect(&self) -> Client {
        Client::connect_at((self.host, self.port))
    }

    /// A connection past CONNECT, quiet: not verbose, not pedantic, no headers.
    #[track_caller]
    pub(crate) fn client(&self) -> Client {
        self.client_with("{}")
    }

    /// A connection that may send and receive headers and hears of missing responders.
    #[track_caller]
    pub(crate) fn header_client(&self) -> Client {
        self.client_with(r#"{"headers":true,"no_responders":true}"#)
    }

    /// A quiet connection whose CONNECT carries the fields of the JSON object `fields` too.
    #[track_caller]
    pub(crate) fn client_with(&self, fields: &str) -> Client {
        let mut client = self.connect();
        client.login(fields);
        client
    }

    // === monitoring ===

    pub(crate) fn http_port(&self) -> u16 {
        port_of(&self.ports["monitoring"][0])
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Page {
        http::get((self.host, self.http_port()), path)
    }

    /// The JSON of a page that must be there.
    #[track_caller]
    pub(crate) fn json(&self, path: &str) -> Value {
        self.get(path).json()
    }

    /// Reads a page until `probe` finds what it looks for in it.
    #[track_caller]
    pub(crate) fn wait_json<T>(&self, path: &str, probe: impl Fn(&Value) -> Option<T>) -> T {
        let mut last = Value::Null;
        let found = super::eventually_within(super::DEADLINE, || {
            last = self.json(path);
            probe(&last)
        });
        found.unwrap_or_else(|| panic!("{path} never showed it: {last:#}"))
    }

    /// Waits until a message to `subject` of this account would find `count` entries here: the
    /// server's own subscriptions, and one of each link and group behind it.
    #[track_caller]
    pub(crate) fn wait_interest(&self, account: &str, subject: &str, count: u64) {
        self.wait_json(&format!("/subsz?subs=1&acc={account}&test={subject}"), |page| {
            (page["total"].as_u64() == Some(count)).then_some(())
        });
    }

    // === the process ===

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        process::signal(self.pid(), name);
    }

    /// The exit status, once the process is gone.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for the process to end by itself; its exit code.
    #[track_caller]
    pub(crate) fn wait_exit(&mut self) -> Option<i32> {
        eventually("the server to end", || self.ended()).code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Either may fail only because the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let log = self.log.text();
            let lines: Vec<_> = log.lines().collect();
            let tail = &lines[lines.len().saturating_sub(30)..];
            eprintln!("--- the end of the server's log ---\n{}", tail.join("\n"));
        }
    }
}

/// The address in a URL, where it is one.
fn host_of(url: &Value) -> Option<Ipv4Addr> {
    let (_, place) = url.as_str()?.split_once("://")?;
    let host: Ipv4Addr = place.rsplit_once(':')?.0.parse().ok()?;
    (!host.is_unspecified()).then_some(host)
}

#[track_caller]
fn port_of(url: &Value) -> u16 {
    let text = url.as_str().unwrap_or_else(|| panic!("no such port: {url}"));
    text.rsplit(':').next().unwrap().parse().unwrap()
}
