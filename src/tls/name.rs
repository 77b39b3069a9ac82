//! Distinguished names as texts, in the form that nats-server shows and compares.
//!
//! RFC 2253 writes a name backwards: the most special part comes first. Parts of a kind that Go's
//! library does not know come last, by number.

use data_encoding::HEXLOWER;
use x509_parser::der_parser::asn1_rs::Any;
use x509_parser::oid_registry as oid;
use x509_parser::prelude::{AttributeTypeAndValue, X509Name};

/// One part of a name: what it is (`CN`), and its value as it reads without escapes.
pub(crate) type Part = (String, String);

/// The kinds that have a name of their own, in the order in which they are written.
fn kinds() -> [(oid::Oid<'static>, &'static str); 9] {
    [
        (oid::OID_X509_SERIALNUMBER, "SERIALNUMBER"),
        (oid::OID_X509_COMMON_NAME, "CN"),
        (oid::OID_X509_POSTAL_CODE, "POSTALCODE"),
        (oid::OID_X509_STREET_ADDRESS, "STREET"),
        (oid::OID_X509_STATE_OR_PROVINCE_NAME, "ST"),
        (oid::OID_X509_LOCALITY_NAME, "L"),
        (oid::OID_X509_ORGANIZATIONAL_UNIT, "OU"),
        (oid::OID_X509_ORGANIZATION_NAME, "O"),
        (oid::OID_X509_COUNTRY_NAME, "C"),
    ]
}

/// The whole name as RFC 2253 and Go write it.
pub(crate) fn text(name: &X509Name<'_>) -> String {
    let mut groups = known(name);
    let others = name.iter_attributes().filter(|part| short(part).is_none());
    let mut others: Vec<_> = others
        .map(|part| format!("{}=#{}", part.attr_type().to_id_string(), hex(part.attr_value())))
        .collect();
    others.reverse();
    groups.extend(others);
    groups.join(",")
}

/// The parts with names of their own, and the domain components behind them. `None` where there are
/// no such.
pub(crate) fn with_domain(name: &X509Name<'_>) -> Option<String> {
    let mut groups = known(name);
    let domain = name.iter_attributes().filter(|part| is_domain(part));
    let mut domain: Vec<_> = domain.map(|part| format!("DC={}", value(part))).collect();
    domain.reverse();
    if domain.is_empty() {
        return None;
    }
    groups.extend(domain);
    Some(groups.join(","))
}

/// The parts with names of their own, those of a kind in one piece.
fn known(name: &X509Name<'_>) -> Vec<String> {
    let mut groups: Vec<String> = Vec::new();
    for (kind, short) in kinds() {
        let same = name.iter_attributes().filter(|part| *part.attr_type() == kind);
        let same: Vec<_> = same.map(|part| format!("{short}={}", escape(&value(part)))).collect();
        if !same.is_empty() {
            groups.push(same.join("+"));
        }
    }
    groups
}

/// The parts of the name from the most special one on, `DC` among them.
pub(crate) fn parts(name: &X509Name<'_>) -> Vec<Part> {
    let mut parts: Vec<Part> = name.iter_attributes().map(part).collect();
    parts.reverse();
    parts
}

fn part(part: &AttributeTypeAndValue<'_>) -> Part {
    let kind = match short(part) {
        Some(short) => short.to_owned(),
        None if is_domain(part) => "DC".to_owned(),
        None => part.attr_type().to_id_string(),
    };
    (kind, value(part))
}

fn is_domain(part: &AttributeTypeAndValue<'_>) -> bool {
    *part.attr_type() == oid::OID_DOMAIN_COMPONENT
}

fn short(part: &AttributeTypeAndValue<'_>) -> Option<&'static str> {
    kinds().into_iter().find(|(kind, _)| kind == part.attr_type()).map(|(_, short)| short)
}

fn value(part: &AttributeTypeAndValue<'_>) -> String {
    match part.as_str() {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(part.as_slice()).into_owned(),
    }
}

/// The DER of a value.
fn hex(any: &Any<'_>) -> String {
    let mut der = vec![u8::try_from(any.header.tag().0).unwrap_or(0)];
    match any.data.len() {
        short @ 0..=0x7f => der.push(short as u8),
        short @ 0x80..=0xff => der.extend([0x81, short as u8]),
        long => {
            let [.., high, low] = long.to_be_bytes();
            der.extend([0x82, high, low]);
        }
    }
    der.extend_from_slice(any.data);
    HEXLOWER.encode(&der)
}

fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (at, letter) in value.chars().enumerate() {
        let special = match letter {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => true,
            '#' => at == 0,
            ' ' => at == 0 || at == last,
            _ => false,
        };
        if special {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn special_letters_are_escaped() {
        assert_eq!(escape("plain text"), "plain text");
        assert_eq!(escape(" a,b+c\\ "), "\\ a\\,b\\+c\\\\\\ ");
        assert_eq!(escape("#1#"), "\\#1#");
    }
}
