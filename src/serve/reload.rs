//! SIGHUP, or an order over NATS: the configuration is read again, and put in force whole or not at
//! all.

use tracing::{error, info, warn};
use vagus_config::{Diagnostic, Loaded, plan};
use vagus_telemetry::text::IoReason;

use super::{Process, log};
use crate::files::RunFile;

impl Process<'_> {
    /// The error is why nothing has changed.
    pub(super) fn reload(&mut self) -> Result<(), String> {
        let outcome = self.try_reload();
        match &outcome {
            Ok(digest) => info!("Reloaded server configuration ({digest})"),
            Err(problem) => error!("Failed to reload server configuration: {problem}"),
        }
        outcome.map(drop)
    }

    /// The digest of what is in force now.
    fn try_reload(&mut self) -> Result<String, String> {
        if self.args.config_file().is_none() {
            return Err(
                "can only reload config when a file is provided using -c or --config".into()
            );
        }
        let loaded = self.args.load().map_err(|found| lines(&found))?;
        let old = self.server.config();
        let plan = plan(&old, &loaded.config);
        if let Some(refusal) = plan.refused.first() {
            return Err(refusal.to_string());
        }
        let Loaded { config, warnings, digest, .. } = loaded.clone();
        self.log.apply(log::from_config(&config)).map_err(|problem| problem.to_string())?;
        self.server.reload(loaded).map_err(|problem| problem.to_string())?;
        warnings.iter().for_each(|warning| warn!("{warning}"));
        plan.changes.iter().for_each(|change| info!("{change}"));
        self.renew_files(&old, &config);
        Ok(digest)
    }

    fn renew_files(&mut self, old: &vagus_config::Config, new: &vagus_config::Config) {
        if old.pid_file != new.pid_file
            && let Some(path) = &new.pid_file
            && let Err(problem) = RunFile::pid(path)
        {
            error!("Could not write pidfile: open {}: {}", path.display(), IoReason(&problem));
        }
        if old.ports_file_dir != new.ports_file_dir {
            if let Some(Err(problem)) = self.ports_file.take().map(RunFile::remove) {
                warn!("ports file can't be removed: {}", IoReason(&problem));
            }
            self.write_ports(new);
        }
    }
}

fn lines(found: &[Diagnostic]) -> String {
    let errors = found.iter().filter(|one| one.is_error());
    errors.map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
