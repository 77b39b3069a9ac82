//! The shape of the code: what every file looks like, and who may depend on whom.
//!
//! A rule that a reader relies on and a compiler does not check is checked here. A file that breaks
//! one is named with its line; all of them are, so that one run shows everything there is to do.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 500;
/// In characters.
const COLUMNS_MAX: usize = 100;

/// What a package may use of ours, in whatever kind of dependency. Pure code knows nothing of
/// actors; actors know nothing of the assembly; nobody knows more than it has to.
const MAY_USE: [(&str, &[&str]); 13] = [
    ("src/wire", &[]),
    ("src/subject", &[]),
    ("src/telemetry", &[]),
    ("src/store", &["subject", "telemetry"]),
    ("src/tls", &["config", "telemetry"]),
    ("src/bench", &[]),
    ("src/auth", &["subject"]),
    ("src/config", &["auth", "subject", "wire"]),
    ("src/jetstream", &["subject", "wire"]),
    ("actors/runtime", &["telemetry"]),
    ("actors/plugin", &["runtime", "subject", "wire"]),
    (
        "actors",
        &[
            "auth",
            "config",
            "jetstream",
            "plugin",
            "runtime",
            "store",
            "subject",
            "telemetry",
            "tls",
            "wire",
        ],
    ),
    (
        ".",
        &[
            "actors",
            "auth",
            "bench",
            "config",
            "jetstream",
            "plugin",
            "runtime",
            "store",
            "subject",
            "telemetry",
            "tls",
            "wire",
        ],
    ),
];

/// Packages that neither wait nor run anything.
const PURE: [&str; 5] = ["src/wire", "src/subject", "src/auth", "src/config", "src/jetstream"];
/// What only they may not know who wait or run things.
const ALIVE: [&str; 5] = ["actix", "actix-rt", "tokio", "tokio-util", "futures-util"];

/// What all roles stand on, which is no role itself.
const COMMON: [&str; 6] = ["lib", "broker", "delivery", "jetstream", "link", "realm"];

/// A source file of ours, relative to the top.
struct Source {
    path: String,
    text: String,
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file that is ours: not what was built or generated or belongs to an editor.
fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(top().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = folder.join(&name);
            if entry.file_type().unwrap().is_dir() {
                if !name.starts_with('.') && name != "target" && name != "node_modules" {
                    folders.push(path);
                }
            } else if name.ends_with(".rs") {
                let text = fs::read_to_string(entry.path()).unwrap();
                found.push(Source { path: path.to_str().unwrap().to_owned(), text });
            }
        }
    }
    assert!(found.len() > 100, "only {} files found", found.len());
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn none(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

/// Applies `rule` to each line; what it returns is what is wrong with the line.
fn each_line(rule: impl Fn(&Source, &str) -> Option<String>) {
    let mut broken = Vec::new();
    for source in sources() {
        for (n, line) in source.text.lines().enumerate() {
            if let Some(why) = rule(&source, line) {
                broken.push(format!("{}:{}: {why}", source.path, n + 1));
            }
        }
    }
    none(&broken);
}

// === files ===

#[test]
fn a_file_says_what_it_is() {
    let silent = sources().into_iter().filter(|source| !source.text.starts_with("//! "));
    none(&silent.map(|source| format!("{}: no `//!` header", source.path)).collect::<Vec<_>>());
}

#[test]
fn a_file_is_read_in_one_sitting() {
    let mut broken = Vec::new();
    for Source { path, text } in sources() {
        let lines = text.lines().count();
        if lines > LINES_MAX {
            broken.push(format!("{path}: {lines} lines, {LINES_MAX} at most"));
        }
    }
    none(&broken);
}

#[test]
fn a_module_is_named_by_its_file() {
    let broken = sources().into_iter().filter(|source| source.path.ends_with("mod.rs"));
    none(&broken.map(|s| format!("{}: `x.rs` and `x/` instead", s.path)).collect::<Vec<_>>());
}

// === lines ===

#[test]
fn a_line_fits() {
    each_line(|_, line| {
        let columns = line.chars().count();
        (columns > COLUMNS_MAX).then(|| format!("{columns} columns, {COLUMNS_MAX} at most"))
    });
}

#[test]
fn nothing_is_left_unfinished() {
    // Put together here, so that this file does not name them.
    let macros = ["todo", "dbg", "unimplemented"].map(|name| format!("{name}!("));
    let marks = [["TO", "DO"], ["FIX", "ME"], ["XX", "X"], ["HA", "CK"]].map(|mark| mark.concat());
    each_line(|_, line| {
        let left = macros.iter().find(|name| line.contains(*name)).cloned();
        left.or_else(|| marks.iter().find(|mark| has_open_mark(line, mark)).cloned())
    });
}

/// Whether `mark` is in the line, but not as `MARK(reason): text`.
fn has_open_mark(line: &str, mark: &str) -> bool {
    line.match_indices(mark).any(|(at, _)| {
        let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let rest = &line[at + mark.len()..];
        if is_part(line[..at].chars().next_back()) || is_part(rest.chars().next()) {
            return false;
        }
        let reason = rest.strip_prefix('(').and_then(|rest| rest.split_once("): "));
        reason.is_none_or(|(reason, text)| reason.trim().is_empty() || text.trim().is_empty())
    })
}

#[test]
fn marks_need_a_reason() {
    let open = |line: &str| has_open_mark(line, "NOTE");
    assert!(open("// NOTE") && open("// NOTE: later") && open("// NOTE(): x") && open("(NOTE)"));
    assert!(!open("// NOTE(needs the log): x") && !open("KEYNOTE") && !open("NOTES"));
}

// === who knows whom ===

/// The names under the dependency tables of a manifest.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in manifest.lines() {
        if let Some(table) = line.strip_prefix('[') {
            let table = table.trim_end_matches(']');
            inside = table.ends_with("dependencies") && !table.starts_with("workspace");
            // A dependency may have a table of its own.
            found.extend(table.split_once("dependencies.").map(|(_, name)| name.to_owned()));
        } else if inside && let Some((name, _)) = line.split_once(['=', '.']) {
            found.push(name.trim().to_owned());
        }
    }
    found
}

fn dependencies_of(package: &str) -> Vec<String> {
    let manifest = top().join(package).join("Cargo.toml");
    let found = dependencies(&fs::read_to_string(manifest).unwrap());
    assert!(!found.is_empty(), "no dependencies of {package} found");
    found
}

#[test]
fn packages_use_only_what_is_below_them() {
    let mut broken = Vec::new();
    for (package, allowed) in MAY_USE {
        for name in dependencies_of(package) {
            let ours = name.strip_prefix("vagus").map(|name| name.trim_start_matches('-'));
            if ours.is_some_and(|name| !allowed.contains(&name)) {
                broken.push(format!("{package}/Cargo.toml: may not use {name}"));
            }
        }
    }
    none(&broken);
}

#[test]
fn every_package_has_its_place() {
    let manifest = fs::read_to_string(top().join("Cargo.toml")).unwrap();
    let members = manifest.split_once("members = [").and_then(|(_, rest)| rest.split_once(']'));
    let (members, _) = members.expect("a list of members");
    let listed: BTreeSet<&str> = members.split('"').skip(1).step_by(2).chain(["."]).collect();
    let known: BTreeSet<&str> = MAY_USE.iter().map(|(package, _)| *package).collect();
    assert_eq!(listed, known);
}

#[test]
fn pure_packages_run_nothing() {
    let mut broken = Vec::new();
    for package in PURE {
        for name in dependencies_of(package) {
            if ALIVE.contains(&name.as_str()) {
                broken.push(format!("{package}/Cargo.toml: is pure, and uses {name}"));
            }
        }
    }
    none(&broken);
}

/// The role a file of `actors/` belongs to: `actors/shard/messages.rs` is of `shard`.
fn role_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("actors/")?;
    let role = rest.split(['/', '.']).next()?;
    (role != "runtime" && role != "plugin").then_some(role)
}

fn roles() -> BTreeSet<String> {
    let names = sources().into_iter().filter_map(|source| {
        let name = source.path.strip_prefix("actors/")?.strip_suffix(".rs")?.to_owned();
        (!name.contains('/') && !COMMON.contains(&name.as_str())).then_some(name)
    });
    names.collect()
}

/// The paths `crate::role::next` of a file, groups taken apart, each with the line it starts in.
fn paths(text: &str) -> Vec<(usize, String, String)> {
    let mut found = Vec::new();
    for (at, head) in text.match_indices("crate::") {
        let line = text[..at].lines().count().max(1);
        let mut ends = Vec::new();
        take_apart(&text[at + head.len()..], &mut Vec::new(), &mut ends);
        found.extend(ends.into_iter().map(|(role, next)| (line, role, next)));
    }
    found
}

/// Reads one path or group of paths behind `before`; returns what follows it. Of a path only the
/// first two names count.
fn take_apart<'a>(
    text: &'a str,
    before: &mut Vec<&'a str>,
    ends: &mut Vec<(String, String)>,
) -> &'a str {
    let depth = before.len();
    let mut rest = text.trim_start();
    if let Some(group) = rest.strip_prefix('{') {
        rest = group.trim_start();
        while !rest.starts_with('}') && !rest.is_empty() {
            rest = take_apart(rest, before, ends).trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
        return rest.strip_prefix('}').unwrap_or(rest);
    }
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let name;
    (name, rest) = rest.split_at(end);
    before.push(name);
    if let Some(deeper) = rest.strip_prefix("::") {
        rest = take_apart(deeper, before, ends);
    } else {
        if let [role, next, ..] = before[..] {
            ends.push((role.to_owned(), next.to_owned()));
        }
        if rest.starts_with(|c: char| !",}".contains(c)) {
            // A rename, or what is no path: on to what ends it.
            rest = &rest[rest.find([',', '}', ';', '\n']).unwrap_or(rest.len())..];
        }
        if let Some(over) = rest.strip_prefix(';') {
            rest = over;
        }
    }
    before.truncate(depth);
    rest
}

#[test]
fn groups_are_taken_apart() {
    let text =
        "x\nuse crate::{\n    a::b::C,\n    d::{E, f::{G, H}},\n};\nlet _ = crate::i::j(1);\n";
    let found: Vec<String> =
        paths(text).iter().map(|(line, role, next)| format!("{line} {role} {next}")).collect();
    assert_eq!(found, ["2 a b", "2 d E", "2 d f", "2 d f", "6 i j"]);
}

/// Of another role one sees the messages, and the types that its one file shows; what lies in its
/// other files is its own business.
#[test]
fn a_role_knows_only_the_messages_of_another() {
    let roles = roles();
    assert!(roles.contains("connection") && roles.contains("shard"), "{roles:?}");
    let mut broken = Vec::new();
    for Source { path, text } in sources() {
        let Some(own) = role_of(&path) else { continue };
        for (line, role, next) in paths(&text) {
            let inside = next.starts_with(|c: char| c.is_lowercase()) && next != "messages";
            if role != own && roles.contains(&role) && inside {
                broken.push(format!("{path}:{line}: {own} looks into {role}: {next}"));
            }
        }
    }
    none(&broken);
}

#[test]
fn the_machinery_of_delivery_knows_no_role() {
    let roles = roles();
    let mut broken = Vec::new();
    for Source { path, text } in sources() {
        if role_of(&path) != Some("delivery") || path.contains("tests") {
            continue;
        }
        for (line, role, _) in paths(&text) {
            if roles.contains(&role) {
                broken.push(format!("{path}:{line}: delivery knows {role}"));
            }
        }
    }
    none(&broken);
}
