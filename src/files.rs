//! The two files by which other programs find a running server: its process id, and its ports.
//!
//! Both appear complete or not at all (written aside, then renamed), because scripts wait for them.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
};

/// A file that says something about this process, and goes when the process does.
#[derive(Debug)]
pub(crate) struct RunFile {
    path: PathBuf,
    content: String,
}

/// What listens where, as URLs; a list that is empty is left out of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ports {
    pub(crate) nats: Vec<String>,
    pub(crate) monitoring: Vec<String>,
    pub(crate) cluster: Vec<String>,
    pub(crate) profile: Vec<String>,
    pub(crate) websocket: Vec<String>,
}

// === impl RunFile ===

impl RunFile {
    /// Writes the process id, in decimal and without a line feed.
    pub(crate) fn pid(path: &Path) -> io::Result<Self> {
        Self::write(path.to_owned(), std::process::id().to_string(), 0o600)
    }

    /// Writes `<dir>/<program>_<pid>.ports`.
    pub(crate) fn ports(dir: &Path, ports: &Ports) -> io::Result<Self> {
        let program = std::env::current_exe().ok();
        let program = program.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
        let name = format!("{}_{}.ports", program.unwrap_or("vagus"), std::process::id());
        Self::write(dir.join(name), ports.to_json(), 0o644)
    }

    /// Deletes the file, unless another server has put its own there meanwhile.
    pub(crate) fn remove(self) -> io::Result<()> {
        match fs::read_to_string(&self.path) {
            Ok(content) if content == self.content => fs::remove_file(&self.path),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn write(path: PathBuf, content: String, mode: u32) -> io::Result<Self> {
        let mut aside = path.clone().into_os_string();
        aside.push(format!(".{}", std::process::id()));
        let aside = PathBuf::from(aside);
        let written = create(&aside, mode)
            .and_then(|mut file| file.write_all(content.as_bytes()))
            .and_then(|()| fs::rename(&aside, &path));
        if let Err(error) = written {
            // It may not have been made at all; the first error is the one to tell.
            let _ = fs::remove_file(&aside);
            return Err(error);
        }
        Ok(Self { path, content })
    }
}

fn create(path: &Path, mode: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    options.write(true).create(true).truncate(true).open(path)
}

// === impl Ports ===

impl Ports {
    /// The content of the ports file.
    fn to_json(&self) -> String {
        let lists = [
            ("nats", &self.nats),
            ("monitoring", &self.monitoring),
            ("cluster", &self.cluster),
            ("profile", &self.profile),
            ("websocket", &self.websocket),
        ];
        let lists = lists.into_iter().filter(|(_, urls)| !urls.is_empty());
        let map = lists.map(|(name, urls)| (name.to_owned(), urls.clone().into())).collect();
        serde_json::Value::Object(map).to_string()
    }
}

/// The URLs of a listener bound to `bound`: one for each address of this machine when it is bound
/// to any.
pub(crate) fn urls(scheme: &str, bound: SocketAddr) -> Vec<String> {
    let addresses = match bound.ip() {
        ip if !ip.is_unspecified() => vec![ip],
        IpAddr::V4(_) => local_v4(),
        // Bound to any IPv6 address means to any IPv4 address too, unless that is switched off.
        IpAddr::V6(_) => [local_v4(), local_v6()].concat(),
    };
    let port = bound.port();
    addresses.into_iter().map(|ip| format!("{scheme}://{}", SocketAddr::new(ip, port))).collect()
}

/// The IPv4 addresses of this machine, loopback at least.
fn local_v4() -> Vec<IpAddr> {
    let found = fs::read_to_string("/proc/net/fib_trie").map(|trie| parse_fib_trie(&trie));
    found.ok().filter(|ips| !ips.is_empty()).unwrap_or_else(|| vec![Ipv4Addr::LOCALHOST.into()])
}

/// The IPv6 addresses of this machine; none where IPv6 is off.
fn local_v6() -> Vec<IpAddr> {
    fs::read_to_string("/proc/net/if_inet6").map(|list| parse_if_inet6(&list)).unwrap_or_default()
}

/// The addresses that the kernel's routing table calls its own: a line `|-- 127.0.0.1` with a line
/// `/32 host LOCAL` below it.
fn parse_fib_trie(trie: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    let mut last: Option<Ipv4Addr> = None;
    for line in trie.lines().map(str::trim) {
        if let Some(ip) = line.strip_prefix("|-- ") {
            last = ip.parse().ok();
        } else if line == "/32 host LOCAL"
            && let Some(ip) = last.map(IpAddr::V4)
            && !found.contains(&ip)
        {
            found.push(ip);
        }
    }
    found
}

/// One address a line: 32 hexadecimal digits, then what does not matter here.
fn parse_if_inet6(list: &str) -> Vec<IpAddr> {
    let address = |line: &str| {
        let digits = line.split_ascii_whitespace().next().filter(|word| word.len() == 32)?;
        u128::from_str_radix(digits, 16).ok().map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits)))
    };
    list.lines().filter_map(address).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_pid_file_holds_the_pid_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vagus.pid");
        fs::write(&path, "a stale and longer content").unwrap();
        let file = RunFile::pid(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), std::process::id().to_string());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o177, 0);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left aside");
        file.remove().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn another_server_s_file_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vagus.pid");
        let file = RunFile::pid(&path).unwrap();
        fs::write(&path, "1").unwrap();
        file.remove().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "1");
        let file = RunFile::pid(&path).unwrap();
        fs::remove_file(&path).unwrap();
        file.remove().unwrap();
    }

    #[test]
    fn what_can_not_be_written_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let taken = dir.path().join("taken");
        fs::create_dir(&taken).unwrap();
        RunFile::pid(&taken).unwrap_err();
        RunFile::pid(&dir.path().join("no/such/dir.pid")).unwrap_err();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_ports_file_lists_what_is_open() {
        let dir = tempfile::tempdir().unwrap();
        let ports = Ports {
            nats: urls("nats", "127.0.0.1:4222".parse().unwrap()),
            monitoring: urls("http", "[::1]:8222".parse().unwrap()),
            ..Ports::default()
        };
        let file = RunFile::ports(dir.path(), &ports).unwrap();
        let name = file.path.file_name().unwrap().to_str().unwrap();
        assert!(name.ends_with(&format!("_{}.ports", std::process::id())), "{name}");
        let expected = r#"{"nats":["nats://127.0.0.1:4222"],"monitoring":["http://[::1]:8222"]}"#;
        assert_eq!(fs::read_to_string(&file.path).unwrap(), expected);
        file.remove().unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn any_address_means_every_interface() {
        let v4 = urls("nats", "0.0.0.0:1".parse().unwrap());
        assert!(v4.contains(&"nats://127.0.0.1:1".to_owned()), "{v4:?}");
        let both = urls("nats", "[::]:1".parse().unwrap());
        assert!(v4.iter().all(|url| both.contains(url)), "{both:?}");
    }

    #[test]
    fn kernel_tables() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 192.0.2.0\n        /24 link UNICAST\n\
                    Local:\n     |-- 127.0.0.1\n        /32 host LOCAL\n\
                    \x20    |-- 192.0.2.2\n        /32 host LOCAL\n\
                    \x20    |-- 192.0.2.255\n        /32 link BROADCAST\n\
                    \x20    |-- 127.0.0.1\n        /32 host LOCAL\n";
        let expected = ["127.0.0.1", "192.0.2.2"].map(|ip| ip.parse::<IpAddr>().unwrap());
        assert_eq!(parse_fib_trie(trie), expected);
        let list = "00000000000000000000000000000001 01 80 10 80       lo\n\
                    fe8000000000000000fc00fffe000001 02 40 20 80     eth0\n";
        let expected = ["::1", "fe80::fc:ff:fe00:1"].map(|ip| ip.parse::<IpAddr>().unwrap());
        assert_eq!(parse_if_inet6(list), expected);
    }
}
