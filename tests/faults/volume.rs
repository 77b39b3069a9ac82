//! A file system of its own that can lose its power, in a mount namespace of its own: any other
//! namespace that held the mount would pin the dead file system. Needs root and Debian's tools.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::harness::{Server, eventually};

/// Makes the file system at the path forget what it did not write yet, and refuse everything from
/// now on: the ioctl "shutdown" of ext4 and xfs, without a flush of its journal.
const SHUTDOWN: &str = concat!(
    r#"open(D, "<", $ARGV[0]) or die $!; $how = pack("L", 2); "#,
    r#"ioctl(D, 0x8004587d, $how) or die $!"#
);

pub(crate) struct Volume {
    /// Keeps the namespace alive.
    holder: Child,
    dir: TempDir,
    /// Counts the times the power was lost.
    generation: u32,
}

// === impl Volume ===

impl Volume {
    /// An empty volume of so many MiB. `None`, with a line that says so, where that can't be had.
    pub(crate) fn new(mib: u64) -> Option<Volume> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("mount")).unwrap();
        let holder = Command::new("unshare")
            .args(["-m", "--propagation", "private", "sh", "-c", "echo; exec sleep 3600"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut volume = Volume { holder, dir, generation: 0 };
        let mut line = [0; 1];
        let out = volume.holder.stdout.take().unwrap();
        let begun = std::io::Read::read_exact(&mut { out }, &mut line).is_ok();
        let image = volume.image();
        let made = || {
            let file = std::fs::File::create(&image).and_then(|file| file.set_len(mib << 20));
            file.is_ok() && done(Command::new("mkfs.ext4").arg("-q").arg(&image))
        };
        if begun && made() && volume.mount() {
            return Some(volume);
        }
        let _ = writeln!(
            std::io::stderr(),
            "skipped: a volume needs root, mkfs.ext4 and a loop device"
        );
        None
    }

    fn image(&self) -> PathBuf {
        self.dir.path().join(format!("image-{}", self.generation))
    }

    /// Where it is mounted, for those inside.
    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("mount")
    }

    /// A program inside.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg("-m").arg("-t").arg(self.holder.id().to_string()).arg("--").arg(program);
        command
    }

    fn mount(&self) -> bool {
        let mut command = self.command("mount");
        done(command.args(["-o", "loop"]).arg(self.image()).arg(self.path()))
    }

    /// Nothing can be read or written any more.
    #[track_caller]
    pub(crate) fn shut_down(&self) {
        assert!(done(self.command("perl").args(["-e", SHUTDOWN]).arg(self.path())));
    }

    /// The server stops where it is, the power goes, and comes back.
    #[track_caller]
    pub(crate) fn lose_power(&mut self, server: Server) {
        server.signal("STOP");
        self.shut_down();
        drop(server);
        self.come_back();
    }

    /// What was written is there again. Nobody may use the volume.
    #[track_caller]
    pub(crate) fn come_back(&mut self) {
        eventually("the volume to be free", || {
            done(self.command("umount").arg(self.path())).then_some(())
        });
        let before = self.image();
        self.generation += 1;
        let copied = done(Command::new("cp").arg("--sparse=always").arg(&before).arg(self.image()));
        assert!(copied && self.mount());
        std::fs::remove_file(before).unwrap();
    }

    /// Makes a file that takes all the room there is.
    #[track_caller]
    pub(crate) fn fill(&self, name: &str) -> PathBuf {
        let file = self.path().join(name);
        // It ends when there is no more room.
        let script = format!("dd if=/dev/zero of={} bs=64k; sync", file.display());
        assert!(done(self.command("sh").args(["-c", &script])));
        file
    }

    #[track_caller]
    pub(crate) fn remove(&self, file: &Path) {
        assert!(done(self.command("rm").arg(file)));
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        done(self.command("umount").arg(self.path()));
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

fn done(command: &mut Command) -> bool {
    let output = command.stdin(Stdio::null()).output();
    output.is_ok_and(|output| output.status.success())
}
