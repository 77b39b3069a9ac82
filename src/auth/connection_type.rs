//! Kinds of connection, which a user may be limited to.

use std::fmt;

/// How a client is connected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum ConnectionType {
    /// A client on the plain port.
    #[default]
    Standard,
    WebSocket,
    LeafNode,
    LeafNodeWs,
    Mqtt,
    MqttWs,
    /// A client in the process of the server.
    InProcess,
}

/// A set of kinds; the empty one allows all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ConnectionTypes(u8);

// === impl ConnectionType ===

impl ConnectionType {
    const ALL: [(Self, &str); 7] = [
        (Self::Standard, "STANDARD"),
        (Self::WebSocket, "WEBSOCKET"),
        (Self::LeafNode, "LEAFNODE"),
        (Self::LeafNodeWs, "LEAFNODE_WS"),
        (Self::Mqtt, "MQTT"),
        (Self::MqttWs, "MQTT_WS"),
        (Self::InProcess, "IN_PROCESS"),
    ];

    /// The kind of this name, in any case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|known| known.1.eq_ignore_ascii_case(name)).map(|known| known.0)
    }
}

impl fmt::Display for ConnectionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL[*self as usize].1)
    }
}

// === impl ConnectionTypes ===

impl ConnectionTypes {
    /// The kinds of these names, in any case, and the names that are unknown.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> (Self, Vec<&'a str>) {
        let (mut types, mut unknown) = (Self::default(), Vec::new());
        for name in names {
            match ConnectionType::parse(name) {
                Some(kind) => types.0 |= kind.bit(),
                None => unknown.push(name),
            }
        }
        (types, unknown)
    }

    pub fn allow(self, kind: ConnectionType) -> bool {
        self.0 == 0 || self.0 & kind.bit() != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl ConnectionType {
    fn bit(self) -> u8 {
        1 << (self as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_case() {
        for (kind, name) in ConnectionType::ALL {
            assert_eq!(ConnectionType::parse(&name.to_lowercase()), Some(kind));
            assert_eq!(kind.to_string(), name);
        }
        let (types, unknown) = ConnectionTypes::parse(["mqtt", "Standard", "foo"]);
        assert_eq!(unknown, ["foo"]);
        assert!(types.allow(ConnectionType::Mqtt) && types.allow(ConnectionType::Standard));
        assert!(!types.allow(ConnectionType::MqttWs));
        assert!(ConnectionTypes::default().allow(ConnectionType::InProcess));
    }
}
