//! Many connections, watched by one thread: answers their `PING`s and counts what they receive.

use std::io::Read;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::connection::{Connection, is_idle, server_error};
use crate::error::BenchError;
use crate::inbound::{Event, Inbound};
use crate::transport::Transport;

const SCRATCH_BYTES: usize = 256 * 1024;

/// Connections that mostly wait.
#[derive(Debug)]
pub(crate) struct Swarm {
    members: Vec<Member>,
    role: &'static str,
    scratch: Vec<u8>,
    delivered: u64,
}

#[derive(Debug)]
struct Member {
    stream: Transport,
    inbound: Inbound,
}

impl Swarm {
    pub(crate) fn new(role: &'static str) -> Self {
        Self { members: Vec::new(), role, scratch: vec![0; SCRATCH_BYTES], delivered: 0 }
    }

    /// Takes a logged-in connection over.
    pub(crate) fn add(&mut self, connection: Connection) -> Result<(), BenchError> {
        let (mut stream, mut inbound) = connection.into_parts();
        stream.set_nonblocking().map_err(|source| BenchError::Io { role: self.role, source })?;
        inbound.release();
        stream.release();
        self.members.push(Member { stream, inbound });
        Ok(())
    }

    /// Deliveries so far, to all members.
    pub(crate) fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Waits up to `time` for bytes on any connection, and handles them. Returns whether there
    /// were any.
    pub(crate) fn turn(&mut self, time: Duration) -> Result<bool, BenchError> {
        let timeout = Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        };
        let mut waiting: Vec<PollFd<'_>> =
            self.members.iter().map(|member| PollFd::new(&member.stream, PollFlags::IN)).collect();
        let count = match poll(&mut waiting, Some(&timeout)) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => 0,
            Err(error) => return Err(BenchError::Io { role: self.role, source: error.into() }),
        };
        if count == 0 {
            return Ok(false);
        }
        let ready: Vec<usize> = waiting
            .iter()
            .enumerate()
            .filter(|(_, fd)| !fd.revents().is_empty())
            .map(|(index, _)| index)
            .collect();
        for index in ready {
            self.receive(index)?;
        }
        Ok(true)
    }

    fn receive(&mut self, index: usize) -> Result<(), BenchError> {
        let role = self.role;
        let Member { stream, inbound } = &mut self.members[index];
        match stream.read(&mut self.scratch) {
            Ok(0) => return Err(BenchError::Closed { role }),
            Ok(count) => inbound.push(&self.scratch[..count]),
            Err(error) if is_idle(&error) => return Ok(()),
            Err(source) => return Err(BenchError::Io { role, source }),
        }
        loop {
            self.delivered += inbound.take_run();
            match inbound.next()? {
                None => break,
                Some(Event::Msg(_)) => self.delivered += 1,
                // Six bytes always fit the send buffer of a connection that sends nothing else.
                Some(Event::Ping) => std::io::Write::write_all(stream, b"PONG\r\n")
                    .map_err(|source| BenchError::Io { role, source })?,
                Some(Event::Err(text)) => return Err(server_error(text)),
                Some(Event::Pong | Event::Info(_) | Event::Ok) => {}
            }
        }
        inbound.release();
        stream.release();
        Ok(())
    }
}
