//! Values given on the command line. They win over the file, when it is read first and whenever
//! it is read again.

use std::path::PathBuf;

use crate::config::{Cluster, Config, Port, RouteUrl, Tls, TlsFiles};
use crate::secret::Secret;

/// What the command line says; `None` where it says nothing. An empty string, and zero, count as
/// nothing too. `trace_verbose` switches tracing on as well, as the key of that name does.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    pub host: Option<String>,
    pub port: Option<Port>,
    pub server_name: Option<String>,
    pub client_advertise: Option<String>,
    pub cluster_name: Option<String>,
    /// Where to listen for other servers: a URL, with what they must know.
    pub cluster_listen: Option<Secret>,
    pub cluster_advertise: Option<String>,
    pub no_advertise: Option<bool>,
    pub connect_retries: Option<u64>,
    /// URLs of other servers, with commas between them.
    pub routes: Option<Secret>,
    pub jetstream: Option<bool>,
    pub store_dir: Option<PathBuf>,
    pub pid_file: Option<PathBuf>,
    pub ports_file_dir: Option<PathBuf>,
    pub http_port: Option<Port>,
    pub https_port: Option<Port>,
    pub log_file: Option<PathBuf>,
    pub log_size_limit: Option<u64>,
    pub max_traced_msg_len: Option<u64>,
    pub debug: Option<bool>,
    pub trace: Option<bool>,
    pub trace_verbose: Option<bool>,
    pub logtime: Option<bool>,
    pub logtime_utc: Option<bool>,
    pub tls: TlsOverrides,
    pub user: Option<String>,
    pub password: Option<Secret>,
    pub token: Option<Secret>,
}

/// TLS of the client port. Nothing of it counts unless one of the switches is on; then it stands in
/// place of the whole `tls` block.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TlsOverrides {
    pub on: Option<bool>,
    /// As `on`, and clients must show a certificate.
    pub verify: Option<bool>,
    pub cert_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
}

impl TlsOverrides {
    fn block(&self) -> Option<Tls> {
        let verify = self.verify == Some(true);
        let path = |given: &Option<PathBuf>| given.clone().unwrap_or_default();
        (verify || self.on == Some(true)).then(|| Tls {
            // What is missing is found when the whole is looked at.
            certificates: vec![TlsFiles {
                cert_file: path(&self.cert_file),
                key_file: path(&self.key_file),
            }],
            ca_file: self.ca_file.clone().filter(|path| !path.as_os_str().is_empty()),
            verify,
            ..Tls::default()
        })
    }
}

impl Config {
    /// Lays command-line values over those of the file. [`Config::validate`] should follow.
    pub fn apply(&mut self, over: &Overrides) {
        let text = |given: &Option<String>| given.clone().filter(|text| !text.is_empty());
        let path = |given: &Option<PathBuf>| given.clone().filter(|p| !p.as_os_str().is_empty());
        let port = |given: Option<Port>| given.filter(|port| *port != Port::Fixed(0));
        let number = |given: Option<u64>| given.filter(|number| *number != 0);
        let secret = |given: &Option<Secret>| given.clone().filter(|secret| !secret.is_empty());

        set(&mut self.host, text(&over.host));
        set(&mut self.port, port(over.port));
        set_some(&mut self.server_name, text(&over.server_name));
        set_some(&mut self.client_advertise, text(&over.client_advertise));
        self.cluster.apply(over);
        set(&mut self.jetstream.enabled, over.jetstream);
        set_some(&mut self.jetstream.store_dir, path(&over.store_dir));
        set_some(&mut self.pid_file, path(&over.pid_file));
        set_some(&mut self.ports_file_dir, path(&over.ports_file_dir));
        set_some(&mut self.http_port, port(over.http_port));
        set_some(&mut self.https_port, port(over.https_port));
        set_some(&mut self.log_file, path(&over.log_file));
        set(&mut self.log_size_limit, number(over.log_size_limit));
        set(&mut self.max_traced_msg_len, number(over.max_traced_msg_len));
        set(&mut self.debug, over.debug);
        set(&mut self.trace, over.trace_verbose);
        set(&mut self.trace, over.trace);
        set(&mut self.trace_verbose, over.trace_verbose);
        set(&mut self.logtime, over.logtime);
        set(&mut self.logtime_utc, over.logtime_utc);
        set_some(&mut self.tls, over.tls.block());
        let auth = &mut self.authorization;
        set_some(&mut auth.user, text(&over.user));
        set_some(&mut auth.password, secret(&over.password));
        set_some(&mut auth.token, secret(&over.token));
    }
}

impl Cluster {
    fn apply(&mut self, over: &Overrides) {
        let text = |given: &Option<String>| given.clone().filter(|text| !text.is_empty());
        set_some(&mut self.name, text(&over.cluster_name));
        set_some(&mut self.advertise, text(&over.cluster_advertise));
        set(&mut self.no_advertise, over.no_advertise);
        set(&mut self.connect_retries, over.connect_retries);
        if let Some(routes) = &over.routes {
            let urls = routes.expose().split(',').filter(|url| !url.trim().is_empty());
            self.routes = urls.filter_map(RouteUrl::parse).collect();
        }
        let Some(listen) = &over.cluster_listen else { return };
        let listen = listen.expose();
        let whole = if listen.contains("://") { listen } else { &format!("nats://{listen}") };
        let Some(url) = RouteUrl::parse(whole) else { return };
        if let Some((host, port)) = url.listen() {
            set(&mut self.host, Some(host.to_owned()).filter(|host| !host.is_empty()));
            self.port = Some(port);
        }
        set_some(&mut self.user, url.user);
        set_some(&mut self.password, url.password);
    }
}

fn set<T>(place: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *place = given;
    }
}

fn set_some<T>(place: &mut Option<T>, given: Option<T>) {
    if given.is_some() {
        *place = given;
    }
}
