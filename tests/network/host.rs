//! A host: a network namespace of its own, and a device by which it reaches others.
//!
//! A small process holds both. It ends when its input does, however the test ends, and with the
//! last process inside the namespace is gone: nothing has a name that could be left behind.

use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

const PUMP: &str = include_str!("pump.pl");

pub(crate) struct Host {
    pub(crate) address: Ipv4Addr,
    holder: Child,
    /// What it is to be sent.
    input: Mutex<Option<ChildStdin>>,
}

// === impl Host ===

impl Host {
    /// A namespace with one device.
    pub(crate) fn inside(address: Ipv4Addr) -> Option<(Host, ChildStdout)> {
        Host::start(Command::new("unshare").args(["-n", "perl"]), "wire", address)
    }

    /// A device of this name where the test itself runs, unless there is one already.
    pub(crate) fn outside(device: &str, address: Ipv4Addr) -> Option<(Host, ChildStdout)> {
        Host::start(&mut Command::new("perl"), device, address)
    }

    fn start(perl: &mut Command, device: &str, address: Ipv4Addr) -> Option<(Host, ChildStdout)> {
        let mut holder = perl
            .args(["-e", PUMP, device, &format!("{address}/24")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let input = Mutex::new(holder.stdin.take());
        let mut output = holder.stdout.take()?;
        let host = Host { address, holder, input };
        output.read_exact(&mut [0]).ok()?;
        Some((host, output))
    }

    /// A program inside. It ends with the test's thread, should that not end it.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-n", "-t", &self.holder.id().to_string()]);
        command.args(["setpriv", "--pdeathsig", "KILL"]).arg(program);
        command
    }

    pub(crate) fn send(&self, packet: &[u8]) {
        let Ok(size) = u16::try_from(packet.len()) else { return };
        let framed = [&size.to_be_bytes()[..], packet].concat();
        if let Some(input) = &mut *self.input.lock().unwrap() {
            // A host that is gone gets nothing.
            let _ = input.write_all(&framed);
        }
    }

    /// Nothing is sent any more, and the device goes.
    pub(crate) fn end(&self) {
        drop(self.input.lock().unwrap().take());
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.end();
        let _ = self.holder.wait();
    }
}
