//! From the flags to a configuration: the file if there is one, and the flags laid over it.

use vagus_config::{
    Config, Diagnostic, Loaded, Overrides, Port, Severity, TlsOverrides, process_env,
    schema::{self, State},
};

use vagus_tls::ServerTls;

use super::flags::ServeArgs;

impl ServeArgs {
    /// Reads the configuration, at the start and again at each reload. On failure all errors, and
    /// the warnings with them.
    pub(crate) fn load(&self) -> Result<Loaded, Vec<Diagnostic>> {
        let mut loaded = match self.config_file() {
            Some(path) => Config::load(path, &process_env)?,
            None => Loaded {
                config: Config::default(),
                warnings: Vec::new(),
                digest: String::new(),
                files: Vec::new(),
            },
        };
        loaded.config.apply(&self.overrides());
        if let Some(format) = self.logging.format {
            loaded.config.vagus.log_format = format;
        }
        let mut found = std::mem::take(&mut loaded.warnings);
        found.extend(self.unbuilt());
        for diagnostic in loaded.config.validate() {
            // The file alone was validated before, and may have said the same.
            if !found.contains(&diagnostic) {
                found.push(diagnostic);
            }
        }
        if !found.iter().any(Diagnostic::is_error)
            && let Some(tls) = &loaded.config.tls
            && let Err(problem) = ServerTls::load(tls, loaded.config.allow_non_tls)
        {
            found.push(Diagnostic {
                severity: Severity::Error,
                at: None,
                message: problem.to_string(),
            });
        }
        if found.iter().any(Diagnostic::is_error) {
            return Err(found);
        }
        loaded.warnings = found;
        Ok(loaded)
    }

    /// The configuration file, if one is named.
    pub(crate) fn config_file(&self) -> Option<&str> {
        self.server.config.as_deref().filter(|path| !path.is_empty())
    }

    /// The flags that stand for configuration keys this server honours.
    pub(crate) fn overrides(&self) -> Overrides {
        let Self { server, logging, auth, tls, jetstream, cluster, .. } = self;
        let any = |flags: &[Option<bool>]| {
            // Combined switches only ever switch on.
            flags.iter().copied().find(|flag| *flag == Some(true)).unwrap_or(flags[0])
        };
        let port = |flag: Option<i32>| {
            flag.map(|port| u16::try_from(port).map_or(Port::Random, Port::Fixed))
        };
        Overrides {
            host: server.host.clone(),
            port: port(server.port),
            server_name: server.name.clone(),
            client_advertise: server.client_advertise.clone(),
            cluster_name: cluster.cluster_name.clone(),
            cluster_listen: cluster.cluster.clone().or_else(|| cluster.cluster_listen.clone()),
            cluster_advertise: cluster.cluster_advertise.clone(),
            no_advertise: cluster.no_advertise,
            connect_retries: cluster.connect_retries,
            routes: cluster.routes.clone(),
            jetstream: jetstream.jetstream,
            store_dir: jetstream.store_dir.as_ref().map(Into::into),
            pid_file: server.pid_file.as_ref().map(Into::into),
            ports_file_dir: server.ports_file_dir.as_ref().map(Into::into),
            http_port: port(server.http_port),
            https_port: port(server.https_port),
            log_file: logging.file.as_ref().map(Into::into),
            log_size_limit: logging.size_limit,
            max_traced_msg_len: logging.traced_max,
            debug: any(&[logging.debug, logging.debug_trace, logging.debug_trace_verbose]),
            trace: any(&[logging.trace, logging.debug_trace]),
            trace_verbose: any(&[logging.trace_verbose, logging.debug_trace_verbose]),
            logtime: logging.time,
            logtime_utc: logging.utc,
            tls: TlsOverrides {
                on: tls.tls,
                verify: tls.verify,
                cert_file: tls.cert.as_ref().map(Into::into),
                key_file: tls.key.as_ref().map(Into::into),
                ca_file: tls.ca_cert.as_ref().map(Into::into),
            },
            user: auth.user.clone(),
            password: auth.pass.clone(),
            token: auth.token.clone(),
        }
    }

    /// Flags that [`Overrides`] has no place for, with the key that says the same, and whether each
    /// is given.
    fn without_override(&self) -> [(&'static str, &'static str, bool); 5] {
        fn on(flag: Option<bool>) -> bool {
            flag.unwrap_or(false)
        }
        let Self { server, logging, cluster, .. } = self;
        [
            ("syslog", "syslog", on(logging.syslog)),
            ("remote_syslog", "remote_syslog", logging.remote_syslog.is_some()),
            ("profile", "prof_port", server.profile.is_some_and(|port| port != 0)),
            ("https_port", "https_port", server.https_port.is_some_and(|port| port != 0)),
            ("cluster_name", "cluster.name", cluster.cluster_name.is_some()),
        ]
    }

    /// Says of each flag that is given and not honoured what is said of its key.
    fn unbuilt(&self) -> impl Iterator<Item = Diagnostic> {
        let given = self.without_override().into_iter().filter(|(.., given)| *given);
        given.filter_map(|(flag, path, _)| {
            let (severity, rest) = match state(path) {
                State::Built => return None,
                State::Ignored => (Severity::Warning, ", ignored"),
                State::Refused => (
                    Severity::Error,
                    "; refusing to start less protected than the command line says",
                ),
            };
            let message = format!("\"--{flag}\" is not implemented yet{rest}");
            Some(Diagnostic { severity, at: None, message })
        })
    }
}

/// How far the key at `path` is honoured: no further than the blocks around it.
fn state(path: &str) -> State {
    let ends = path.match_indices('.').map(|(at, _)| at).chain([path.len()]);
    ends.map(|end| schema::find(&path[..end]).map_or(State::Ignored, |key| key.state))
        .find(|state| *state != State::Built)
        .unwrap_or(State::Built)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_without_an_override_has_a_key_that_is_not_built() {
        for (flag, path, _) in ServeArgs::default().without_override() {
            assert!(schema::find(path).is_some(), "{flag}: no key {path}");
            // The last two do have a place in the overrides.
            if !["https_port", "cluster_name"].contains(&flag) {
                assert_ne!(state(path), State::Built, "{flag}: {path} is built now, so hand it on");
            }
        }
    }
}
