//! Certificates made at test time, and a client that speaks TLS.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto, version,
};

use crate::harness::{DEADLINE, Server};

/// An authority, in a folder with what it has signed.
pub(crate) struct Authority {
    pub(crate) dir: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate with its key, in files.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Test Authority");
        Self::of(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn of(issuer: CertifiedIssuer<'static, KeyPair>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { dir, issuer }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    fn sign(
        &self,
        name: &str,
        mut params: CertificateParams,
        uses: &[ExtendedKeyUsagePurpose],
    ) -> Pair {
        params.extended_key_usages = uses.to_vec();
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        let pair = Pair {
            cert: self.dir.path().join(format!("{name}.pem")),
            key: self.dir.path().join(format!("{name}.key")),
        };
        fs::write(&pair.cert, cert.pem()).unwrap();
        fs::write(&pair.key, key.serialize_pem()).unwrap();
        pair
    }

    /// For a server of this host name, and of 127.0.0.1.
    pub(crate) fn server(&self, file: &str, host: &str) -> Pair {
        let names = vec![host.to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.not_after = rcgen::date_time_ymd(2041, 5, 7);
        self.sign(file, params, &[ExtendedKeyUsagePurpose::ServerAuth])
    }

    /// For a server at this host that has links to others.
    pub(crate) fn peer(&self, file: &str, host: &str) -> Pair {
        let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        let uses = [ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(file, params, &uses)
    }

    /// For a server called localhost, with this serial number and these extensions.
    pub(crate) fn server_with(&self, serial: u64, extensions: Vec<CustomExtension>) -> Pair {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.serial_number = Some(serial.into());
        params.custom_extensions = extensions;
        self.sign("server", params, &[ExtendedKeyUsagePurpose::ServerAuth])
    }

    /// The authority's own key, in a file.
    pub(crate) fn key_file(&self) -> PathBuf {
        let path = self.dir.path().join("ca.key");
        fs::write(&path, self.issuer.key().serialize_pem()).unwrap();
        path
    }

    /// Signed by this authority, to sign others.
    pub(crate) fn branch(&self, serial: u64, extensions: Vec<CustomExtension>) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Branch");
        params.serial_number = Some(serial.into());
        params.custom_extensions = extensions;
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::signed_by(params, key, &self.issuer).unwrap();
        Self::of(issuer)
    }

    /// For a client of this common name, with this serial number and these extensions.
    pub(crate) fn client_with(
        &self,
        name: &str,
        serial: u64,
        extensions: Vec<CustomExtension>,
    ) -> Pair {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.serial_number = Some(serial.into());
        params.custom_extensions = extensions;
        self.sign(name, params, &[ExtendedKeyUsagePurpose::ClientAuth])
    }

    /// For a client of this common name and e-mail address (none where it is empty).
    pub(crate) fn client(&self, name: &str, email: &str) -> Pair {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::OrganizationName, "Users");
        params.distinguished_name.push(DnType::CommonName, name);
        if !email.is_empty() {
            params.subject_alt_names = vec![SanType::Rfc822Name(email.try_into().unwrap())];
        }
        self.sign(name, params, &[ExtendedKeyUsagePurpose::ClientAuth])
    }

    /// The keys of a `tls` block for a server with this certificate.
    pub(crate) fn keys(&self, pair: &Pair) -> String {
        format!(
            "cert_file: \"{}\", key_file: \"{}\", ca_file: \"{}\"",
            pair.cert.display(),
            pair.key.display(),
            self.file().display()
        )
    }

    /// A client that trusts this authority, and shows `own` when asked.
    pub(crate) fn trusting(&self, own: Option<&Pair>) -> Arc<ClientConfig> {
        self.trusting_with(own, version::TLS13.version)
    }

    pub(crate) fn trusting_with(
        &self,
        own: Option<&Pair>,
        only: tokio_rustls::rustls::ProtocolVersion,
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let only = if only == version::TLS13.version { &version::TLS13 } else { &version::TLS12 };
        let builder =
            ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
                .with_protocol_versions(&[only])
                .unwrap()
                .with_root_certificates(roots);
        Arc::new(match own {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let chain = CertificateDer::pem_file_iter(&pair.cert).unwrap();
                let key = PrivateKeyDer::from_pem_file(&pair.key).unwrap();
                builder.with_client_auth_cert(chain.map(Result::unwrap).collect(), key).unwrap()
            }
        })
    }
}

/// A server whose `tls` block has the keys of a fresh certificate and `keys` besides, and whose
/// configuration ends with `rest`.
pub(crate) fn server(authority: &Authority, keys: &str, rest: &str) -> Server {
    let own = authority.keys(&authority.server("server", "localhost"));
    Server::start(&format!("debug: true\ntls {{ {own}, {keys} }}\n{rest}"))
}

/// A client over TLS that reads line by line.
pub(crate) struct TlsClient {
    pub(crate) stream: StreamOwned<ClientConnection, TcpStream>,
    read: Vec<u8>,
    pub(crate) info: Value,
}

impl TlsClient {
    /// Reads `INFO` in clear, and then begins TLS.
    pub(crate) fn connect(server: &Server, config: &Arc<ClientConfig>) -> std::io::Result<Self> {
        let plain = server.connect();
        let info = plain.info.clone();
        let mut client = Self::over(plain.socket, config, "localhost")?;
        client.info = info;
        Ok(client)
    }

    /// Begins TLS before anything is said; then `INFO` comes.
    pub(crate) fn first(server: &Server, config: &Arc<ClientConfig>) -> std::io::Result<Self> {
        let socket = TcpStream::connect(("127.0.0.1", server.port))?;
        socket.set_read_timeout(Some(DEADLINE))?;
        let mut client = Self::over(socket, config, "localhost")?;
        let line = client.line()?;
        client.info = serde_json::from_str(line.strip_prefix("INFO ").unwrap()).unwrap();
        Ok(client)
    }

    pub(crate) fn over(
        socket: TcpStream,
        config: &Arc<ClientConfig>,
        host: &'static str,
    ) -> std::io::Result<Self> {
        let name = ServerName::try_from(host).unwrap();
        let connection = ClientConnection::new(Arc::clone(config), name).unwrap();
        let mut stream = StreamOwned::new(connection, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self { stream, read: Vec::new(), info: Value::Null })
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    /// The next line, without its end.
    pub(crate) fn line(&mut self) -> std::io::Result<String> {
        loop {
            if let Some(end) = self.read.windows(2).position(|two| two == b"\r\n") {
                let rest = self.read.split_off(end + 2);
                let line = std::mem::replace(&mut self.read, rest);
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            let mut piece = [0; 16 << 10];
            match self.stream.read(&mut piece)? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                count => self.read.extend_from_slice(&piece[..count]),
            }
        }
    }

    /// The next line that is neither `PING` nor `INFO`.
    pub(crate) fn reply(&mut self) -> std::io::Result<String> {
        loop {
            let line = self.line()?;
            if line != "PING" && !line.starts_with("INFO ") {
                return Ok(line);
            }
        }
    }

    /// Logs in, and answers what came of it.
    pub(crate) fn login(&mut self, fields: &str) -> std::io::Result<String> {
        self.stream.write_all(format!("CONNECT {{{fields}}}\r\nPING\r\n").as_bytes())?;
        self.reply()
    }

    #[track_caller]
    pub(crate) fn quiet(mut self) -> Self {
        assert_eq!(self.login(r#""verbose":false"#).unwrap(), "PONG");
        self
    }

    pub(crate) fn ping_pong(&mut self) {
        self.send("PING\r\n");
        assert_eq!(self.reply().unwrap(), "PONG");
    }

    /// One whole message: its payload.
    pub(crate) fn payload(&mut self) -> String {
        let head = self.reply().unwrap();
        assert!(head.starts_with("MSG "), "{head}");
        self.reply().unwrap()
    }
}
