//! The end of a process whose server can't go on.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use vagus_config::Config;
use vagus_telemetry::logging::{LogConfig, Logging};

use super::*;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// No supervisor of actors is left to help: that is left to the one of the process.
#[test]
fn a_server_that_can_not_go_on_ends_its_process_with_code_1_and_the_cause() {
    let _held =
        crate::signals::ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let (dir, lines) = (tempfile::tempdir().unwrap(), Lines::default());
    let text = format!("listen: \"127.0.0.1:-1\"\nports_file_dir: {:?}", dir.path());
    let loaded = Config::parse(&text, "test").unwrap();
    let (subscriber, log) =
        Logging::subscriber_to(LogConfig::default(), Box::new(lines.clone())).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let signals = runtime.block_on(async { Signals::new() }).unwrap();
    let args = ServeArgs::default();
    let code = tracing::subscriber::with_default(subscriber, || {
        let process = Process::start(&args, loaded, log).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "the file of ports");
        assert!(process.server.actors().drill("/server", "fire drill"));
        runtime.block_on(process.run(signals))
    });
    // An exit code can't be compared, but shown.
    assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::FAILURE));
    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("[FTL] /server failed: panicked: fire drill"), "{log}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "the file of ports is gone");
}
