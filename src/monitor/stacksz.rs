//! `/stacksz`: what runs, as text: the threads of the process and the actors of the server.

use std::fmt::Write as _;
use std::fs;

use super::actorz::by_depth;
use super::context::Context;
use super::query::LIMIT;
use super::reply::{self, Reply};

pub(super) fn page(context: &Context) -> Reply {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = threads(&mut text);
    let _ = actors(context, &mut text);
    reply::open(text)
}

fn threads(text: &mut String) -> std::fmt::Result {
    let entries = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let mut ids: Vec<u32> =
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    ids.sort_unstable();
    writeln!(text, "threads: {}", ids.len())?;
    for id in ids {
        let read = |file| fs::read_to_string(format!("/proc/self/task/{id}/{file}"));
        // A thread may end meanwhile.
        let (Ok(name), Ok(stat)) = (read("comm"), read("stat")) else { continue };
        let Some((state, cpu_ms)) = state_of(&stat) else { continue };
        writeln!(text, "\nthread {id} [{state}]:\n{}\n\tcpu {cpu_ms}ms", name.trim_end())?;
    }
    Ok(())
}

/// What a thread does, and its time on the processor in milliseconds.
fn state_of(stat: &str) -> Option<(&'static str, u64)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = match fields.next()? {
        "R" => "running",
        "S" => "sleeping",
        "D" => "waiting for the disk",
        "T" | "t" => "stopped",
        _ => "ending",
    };
    let mut ticks = fields.skip(10).map(str::parse::<u64>);
    // A tick is a hundredth of a second.
    Some((state, 10 * (ticks.next()?.ok()? + ticks.next()?.ok()?)))
}

fn actors(context: &Context, text: &mut String) -> std::fmt::Result {
    let mut actors = context.actors.snapshot();
    by_depth(&mut actors);
    writeln!(text, "\nactors: {}", actors.len())?;
    for actor in actors.iter().take(LIMIT) {
        let state = format!("{:?}", actor.state).to_lowercase();
        let (path, kind, arbiter) = (&actor.path, actor.kind, &actor.arbiter);
        writeln!(text, "\nactor {path} [{state}]:\n{kind} on {arbiter}")?;
        let (depth, bytes, age) =
            (actor.mailbox.depth, actor.mailbox.bytes, actor.mailbox.oldest_ms);
        writeln!(text, "\tmailbox {depth} messages, {bytes} bytes, oldest {age}ms")?;
        writeln!(text, "\thandled {}, restarts {}", actor.handled, actor.restarts)?;
        if let Some(cause) = &actor.last_cause {
            writeln!(text, "\tlast failure: {cause}")?;
        }
    }
    if actors.len() > LIMIT {
        writeln!(text, "\n... and {} more", actors.len() - LIMIT)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_read_whatever_their_name() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 9 0 1 2 3";
        assert_eq!(state_of(stat), Some(("sleeping", 3000)));
        assert_eq!(state_of("42 (x) R 1"), None);
    }
}
