//! What the server writes: control lines and deliveries.

/// Appends a decimal number.
pub fn number(out: &mut Vec<u8>, value: usize) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut left = value;
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// `-ERR '<text>'`.
#[must_use]
pub fn error(text: &str) -> Vec<u8> {
    format!("-ERR '{text}'\r\n").into_bytes()
}

/// One delivery, written from its parts. `head` is `HMSG <subject> <sid> `; the `H` is left out
/// for a message without headers. `header_len` is `None` for such a message.
pub fn message(
    out: &mut Vec<u8>,
    head: &[u8],
    reply: Option<&[u8]>,
    header_len: Option<usize>,
    payload: &[u8],
) {
    out.extend_from_slice(if header_len.is_some() { head } else { &head[1..] });
    tail(out, reply, header_len, payload);
}

/// What follows the head of a delivery: `[reply ][header length ]size`, CR LF, and the content.
pub fn tail(out: &mut Vec<u8>, reply: Option<&[u8]>, header_len: Option<usize>, payload: &[u8]) {
    if let Some(reply) = reply {
        out.extend_from_slice(reply);
        out.push(b' ');
    }
    if let Some(len) = header_len {
        number(out, len);
        out.push(b' ');
    }
    number(out, payload.len());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}

/// The 503 that tells a requester at once that nobody listens: the header block alone.
#[must_use]
pub fn no_responders_headers(subject: &[u8]) -> Vec<u8> {
    let mut block = Vec::with_capacity(32 + subject.len());
    block.extend_from_slice(b"NATS/1.0 503\r\nNats-Subject: ");
    block.extend_from_slice(subject);
    block.extend_from_slice(b"\r\n\r\n");
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_deliveries() {
        let mut out = Vec::new();
        message(&mut out, b"HMSG a 1 ", Some(b"r"), None, b"hi");
        message(&mut out, b"HMSG a 1 ", None, Some(12), b"NATS/1.0\r\n\r\nx");
        assert_eq!(out, b"MSG a 1 r 2\r\nhi\r\nHMSG a 1 12 13\r\nNATS/1.0\r\n\r\nx\r\n");
        assert_eq!(no_responders_headers(b"foo").len(), 32 + 3);
        let mut digits = Vec::new();
        number(&mut digits, 0);
        number(&mut digits, 1_234_567);
        assert_eq!(digits, b"01234567");
    }
}
