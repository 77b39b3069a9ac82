//! Why a text is not a point in time, in Go's words.

use crate::time::Time;

const LAYOUT: &str = "2006-01-02T15:04:05Z07:00";

/// The elements of the layout, how many digits each has, and how it is called if it is too large.
const ELEMENTS: [(&str, usize, &str); 11] = [
    ("2006", 4, ""),
    ("-", 0, ""),
    ("01", 2, "month"),
    ("-", 0, ""),
    ("02", 2, "day"),
    ("T", 0, ""),
    ("15", 2, "hour"),
    (":", 0, ""),
    ("04", 2, "minute"),
    (":", 0, ""),
    ("05", 2, "second"),
];

/// Of a text that [`Time::parse`] refuses.
pub(super) fn why_no_time(text: &str) -> String {
    let mut rest = text;
    for (element, digits, name) in ELEMENTS {
        let taken = if digits == 0 {
            rest.strip_prefix(element)
        } else {
            let number = rest.get(..digits).filter(|n| n.bytes().all(|byte| byte.is_ascii_digit()));
            if number.is_some_and(|number| is_out_of_range(name, number)) {
                return format!("parsing time {text:?}: {name} out of range");
            }
            number.map(|_| &rest[digits..])
        };
        match taken {
            Some(behind) => rest = behind,
            None => return cannot_parse(text, rest, element),
        }
    }
    if let Some(fraction) = rest.strip_prefix('.') {
        rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    let zone = match rest.as_bytes() {
        [b'Z', ..] => 1,
        [b'+' | b'-', ..] => 6,
        _ => return cannot_parse(text, rest, "Z07:00"),
    };
    match (rest.get(..zone), rest.get(zone..)) {
        (Some(_), Some(behind)) if !behind.is_empty() => {
            format!("parsing time {text:?}: extra text: {behind:?}")
        }
        // All elements are there, so that it is the day that its month does not have.
        (Some(_), _) if Time::parse(&format!("1970-01-01T00:00:00{rest}")).is_some() => {
            format!("parsing time {text:?}: day out of range")
        }
        _ => cannot_parse(text, rest, "Z07:00"),
    }
}

fn is_out_of_range(name: &str, number: &str) -> bool {
    let number: u32 = number.parse().unwrap_or(0);
    match name {
        "month" => !(1..=12).contains(&number),
        "day" => !(1..=31).contains(&number),
        "hour" => number > 23,
        "minute" | "second" => number > 59,
        _ => false,
    }
}

fn cannot_parse(text: &str, rest: &str, element: &str) -> String {
    format!("parsing time {text:?} as {LAYOUT:?}: cannot parse {rest:?} as {element:?}")
}
