//! Where finished lines go: stderr, a writer given by a test, or a file.

use std::io::{self, IsTerminal, Write};

use super::{LogError, LogOutput, file::LogFile, line::Stamp};

pub(super) struct Sink {
    /// Stands in for stderr.
    writer: Option<Box<dyn Write + Send>>,
    /// When set, lines go here instead.
    file: Option<LogFile>,
}

impl Sink {
    pub(super) fn new(writer: Option<Box<dyn Write + Send>>) -> Self {
        Self { writer, file: None }
    }

    /// Changes where lines go. An open file whose path stays keeps its handle.
    pub(super) fn set_output(&mut self, output: &LogOutput) -> Result<(), LogError> {
        match output {
            LogOutput::Stderr => self.file = None,
            LogOutput::File { path, size_limit_bytes, files_max } => match &mut self.file {
                Some(file) if file.path() == path => file.set_limits(*size_limit_bytes, *files_max),
                _ => self.file = Some(LogFile::open(path, *size_limit_bytes, *files_max)?),
            },
        }
        Ok(())
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.file.is_none() && self.writer.is_none() && io::stderr().is_terminal()
    }

    pub(super) fn reopen(&mut self) -> Result<bool, LogError> {
        match &mut self.file {
            Some(file) => file.reopen().map(|()| true),
            None => Ok(false),
        }
    }

    pub(super) fn write(&mut self, line: &[u8], stamp: &Stamp<'_>) -> io::Result<()> {
        match (&mut self.file, &mut self.writer) {
            (Some(file), _) => file.write(line, stamp),
            (None, Some(writer)) => writer.write_all(line),
            // Unbuffered: the line leaves in one write(2).
            (None, None) => io::stderr().lock().write_all(line),
        }
    }
}
