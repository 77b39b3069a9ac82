//! The PROXY protocol, versions 1 and 2: what a proxy says before a client's first byte, so that
//! the server knows where the client really comes from.
//!
//! Source: the specification of HAProxy. Errors read as those of nats-server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;

/// What the first bytes of a connection turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// A header of `len` bytes. Without a source the proxy speaks for itself.
    Header { len: usize, source: Option<SocketAddr> },
    /// Too few bytes to tell.
    Incomplete,
    /// The client's own bytes.
    Absent,
}

/// Why a header can't be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProxyError {
    #[error("invalid PROXY protocol header: {0}")]
    Invalid(&'static str),
    #[error("invalid PROXY protocol header: invalid protocol {0}")]
    Protocol(String),
    #[error("invalid PROXY protocol header: invalid version {0:#04x}")]
    Version(u8),
    #[error("invalid PROXY protocol header: invalid command {0:#04x}")]
    Command(u8),
    #[error("unsupported PROXY protocol feature: only STREAM protocol supported")]
    NotStream,
    #[error("unsupported PROXY protocol feature: unsupported address family {0:#04x}")]
    Family(u8),
    #[error("{family} address data too short: {len} bytes")]
    Short { family: &'static str, len: usize },
}

/// The longest header that is read, in bytes.
pub const HEADER_MAX: usize = 4096;

const V1: &[u8] = b"PROXY ";
const V1_MAX: usize = 107;
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const V2_FIXED: usize = 16;

/// Reads the first bytes of a connection.
///
/// # Errors
/// When they are a header that is broken, or of a kind that is not for streams over IP.
pub fn parse(bytes: &[u8]) -> Result<Parsed, ProxyError> {
    if begins(bytes, V1) {
        if bytes.len() < V1.len() { Ok(Parsed::Incomplete) } else { text(bytes) }
    } else if begins(bytes, V2) {
        if bytes.len() < V2_FIXED { Ok(Parsed::Incomplete) } else { binary(bytes) }
    } else {
        Ok(Parsed::Absent)
    }
}

/// Whether `bytes` may be, or go on to be, what starts with `signature`.
fn begins(bytes: &[u8], signature: &[u8]) -> bool {
    let common = bytes.len().min(signature.len());
    bytes[..common] == signature[..common]
}

fn text(bytes: &[u8]) -> Result<Parsed, ProxyError> {
    let end = bytes.windows(2).take(V1_MAX - 1).position(|two| two == b"\r\n");
    let Some(end) = end else {
        return match bytes.len() {
            V1_MAX.. => Err(ProxyError::Invalid("v1 line too long")),
            _ => Ok(Parsed::Incomplete),
        };
    };
    let line = std::str::from_utf8(&bytes[V1.len()..end])
        .map_err(|_| ProxyError::Invalid("invalid address"))?;
    let len = end + 2;
    let fields: Vec<&str> = line.split(' ').collect();
    let (protocol, addresses) = fields.split_first().unwrap_or((&"", &[]));
    let is_right: fn(&IpAddr) -> bool = match *protocol {
        "UNKNOWN" => return Ok(Parsed::Header { len, source: None }),
        "TCP4" => IpAddr::is_ipv4,
        "TCP6" => IpAddr::is_ipv6,
        other => return Err(ProxyError::Protocol(other.to_owned())),
    };
    let [from, to, port, to_port] = addresses else {
        return Err(ProxyError::Invalid("invalid v1 format"));
    };
    let address = |text: &str| text.parse::<IpAddr>().ok().filter(is_right);
    match (address(from), address(to), port.parse(), to_port.parse::<u16>()) {
        (Some(from), Some(_), Ok(port), Ok(_)) => {
            Ok(Parsed::Header { len, source: Some(SocketAddr::new(from, port)) })
        }
        (None, ..) | (_, None, ..) => Err(ProxyError::Invalid("invalid address")),
        _ => Err(ProxyError::Invalid("invalid port")),
    }
}

fn binary(bytes: &[u8]) -> Result<Parsed, ProxyError> {
    const PROXY: u8 = 1;
    let (version, command) = (bytes[12] & 0xf0, bytes[12] & 0x0f);
    let (family, transport) = (bytes[13] & 0xf0, bytes[13] & 0x0f);
    let data = usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
    let len = V2_FIXED + data;
    if version != 0x20 {
        return Err(ProxyError::Version(version));
    }
    if command > PROXY {
        return Err(ProxyError::Command(command));
    }
    if len > HEADER_MAX {
        return Err(ProxyError::Invalid("v2 header too long"));
    }
    if bytes.len() < len {
        return Ok(Parsed::Incomplete);
    }
    if command != PROXY {
        return Ok(Parsed::Header { len, source: None });
    }
    if transport != 1 {
        return Err(ProxyError::NotStream);
    }
    let data = &bytes[V2_FIXED..len];
    let source = match family {
        0x10 => v4(data).ok_or(ProxyError::Short { family: "IPv4", len: data.len() })?,
        0x20 => v6(data).ok_or(ProxyError::Short { family: "IPv6", len: data.len() })?,
        other => return Err(ProxyError::Family(other)),
    };
    Ok(Parsed::Header { len, source: Some(source) })
}

fn v4(data: &[u8]) -> Option<SocketAddr> {
    let ip: [u8; 4] = data.get(..4)?.try_into().ok()?;
    let port: [u8; 2] = data.get(8..10)?.try_into().ok()?;
    data.get(..12)?;
    Some(SocketAddr::new(Ipv4Addr::from(ip).into(), u16::from_be_bytes(port)))
}

fn v6(data: &[u8]) -> Option<SocketAddr> {
    let ip: [u8; 16] = data.get(..16)?.try_into().ok()?;
    let port: [u8; 2] = data.get(32..34)?.try_into().ok()?;
    data.get(..36)?;
    Some(SocketAddr::new(Ipv6Addr::from(ip).into(), u16::from_be_bytes(port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(bytes: &[u8]) -> Option<String> {
        let more = [bytes, b"CONNECT {}\r\n"].concat();
        for cut in 0..bytes.len() {
            assert_eq!(parse(&bytes[..cut]), Ok(Parsed::Incomplete), "{cut}");
        }
        match parse(&more) {
            Ok(Parsed::Header { len, source }) if len == bytes.len() => {
                source.map(|source| source.to_string())
            }
            other => panic!("{other:?}"),
        }
    }

    fn v2(kind: [u8; 2], data: &[u8]) -> Vec<u8> {
        let len = u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes();
        [V2, &kind, &len, data].concat()
    }

    #[test]
    fn both_versions_name_the_source() {
        let four = source(b"PROXY TCP4 1.2.3.4 127.0.0.1 5678 4222\r\n");
        assert_eq!(four.as_deref(), Some("1.2.3.4:5678"));
        let six = source(b"PROXY TCP6 2001:db8::1 ::1 5678 4222\r\n");
        assert_eq!(six.as_deref(), Some("[2001:db8::1]:5678"));
        assert_eq!(source(b"PROXY UNKNOWN\r\n"), None);
        let data = [9, 8, 7, 6, 127, 0, 0, 1, 4, 87, 16, 126];
        assert_eq!(source(&v2([0x21, 0x11], &data)).as_deref(), Some("9.8.7.6:1111"));
        let extra = [&data[..], &[0; 8]].concat();
        assert_eq!(source(&v2([0x21, 0x11], &extra)).as_deref(), Some("9.8.7.6:1111"));
        let mut data = [0; 36];
        (data[15], data[32], data[33]) = (5, 4, 87);
        assert_eq!(source(&v2([0x21, 0x21], &data)).as_deref(), Some("[::5]:1111"));
        assert_eq!(source(&v2([0x20, 0x00], &[])), None);
    }

    #[test]
    fn other_bytes_are_the_clients_own() {
        for bytes in
            [&b"CONNECT {}\r\n"[..], b"PROX_", b"PUB a 1\r\n", b"\r\nPING\r\n", b"\x16\x03"]
        {
            assert_eq!(parse(bytes), Ok(Parsed::Absent));
        }
        assert_eq!(parse(b""), Ok(Parsed::Incomplete));
    }

    #[test]
    fn broken_headers_are_told_from_others() {
        let why = |bytes: &[u8]| parse(bytes).unwrap_err().to_string();
        let invalid = "invalid PROXY protocol header: ";
        let unsupported = "unsupported PROXY protocol feature: ";
        let bad = b"PROXY TCP4 1.2.3 127.0.0.1 5678 4222\r\n";
        assert_eq!(why(bad), format!("{invalid}invalid address"));
        let bad = b"PROXY TCP4 ::1 127.0.0.1 5678 4222\r\n";
        assert_eq!(why(bad), format!("{invalid}invalid address"));
        let bad = b"PROXY TCP4 1.2.3.4 127.0.0.1 99999 4222\r\n";
        assert_eq!(why(bad), format!("{invalid}invalid port"));
        assert_eq!(why(b"PROXY TCP4 1.2.3.4\r\n"), format!("{invalid}invalid v1 format"));
        assert_eq!(why(b"PROXY TCP9 a b c d\r\n"), format!("{invalid}invalid protocol TCP9"));
        let long = [&b"PROXY TCP4 "[..], &[b'1'; 120], b"\r\n"].concat();
        assert_eq!(why(&long), format!("{invalid}v1 line too long"));
        assert_eq!(why(&v2([0x31, 0x11], &[0; 12])), format!("{invalid}invalid version 0x30"));
        assert_eq!(why(&v2([0x22, 0x11], &[0; 12])), format!("{invalid}invalid command 0x02"));
        assert_eq!(why(&v2([0x21, 0x11], &[0; 4])), "IPv4 address data too short: 4 bytes");
        let family = why(&v2([0x21, 0x31], &[0; 216]));
        assert_eq!(family, format!("{unsupported}unsupported address family 0x30"));
        let stream = why(&v2([0x21, 0x12], &[0; 12]));
        assert_eq!(stream, format!("{unsupported}only STREAM protocol supported"));
        let long = v2([0x21, 0x11], &[0; 5000]);
        assert_eq!(why(&long), format!("{invalid}v2 header too long"));
    }
}
