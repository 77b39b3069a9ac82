//! Ports are opened before anybody is told of them, so that who can't have one does not start.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

use vagus_config::Port;

use super::StartError;

/// The number of an open port; 0: there is none.
pub(super) fn number_of(address: Option<SocketAddr>) -> u16 {
    address.map_or(0, |address| address.port())
}

/// Opens a port, at the first address that the host has.
pub(super) fn open(host: &str, port: Port) -> Result<TcpListener, StartError> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let failed = |source| StartError::Listen { address: format!("{host}:{port}"), source };
    let mut addresses = (host, port.to_bind()).to_socket_addrs().map_err(failed)?;
    let address =
        addresses.next().ok_or_else(|| failed(std::io::Error::other("the host has no address")))?;
    vagus_actors::listener::open(address).map_err(failed)
}
