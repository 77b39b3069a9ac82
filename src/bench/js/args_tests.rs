//! What the command line of `js` takes and refuses.

use clap::Parser;

use super::*;
use crate::args::{BenchArgs, ShapeArgs};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    bench: BenchArgs,
}

fn parse(line: &str) -> Result<JsShapeArgs, clap::Error> {
    let cli = Cli::try_parse_from(["bench", "js"].into_iter().chain(line.split(' ')))?;
    match cli.bench.shape {
        ShapeArgs::Js(js) => Ok(js.shape),
        other => panic!("not js: {other:?}"),
    }
}

#[test]
fn every_shape_has_defaults() {
    for shape in
        ["pub", "fast", "consume", "get", "kv-get", "kv-put", "consumers", "streams", "subjects"]
    {
        assert!(parse(shape).is_ok(), "{shape}");
    }
    assert!(parse("disk").is_err(), "a disk has no default");
    assert!(parse("disk --dir /tmp").is_ok());
}

#[test]
fn a_stream_is_made_or_there() {
    assert!(parse("pub --existing").is_err(), "which?");
    assert!(parse("pub --keep").is_err(), "under what name?");
    assert!(parse("pub --existing --stream s --storage memory").is_err());
    let Ok(JsShapeArgs::Pub(args)) = parse("pub --stream s --storage memory --keep --window 1")
    else {
        panic!("not pub")
    };
    assert_eq!((args.stream.storage, args.window, args.stream.keep), (Storage::Memory, 1, true));
}

#[test]
fn time_and_count_exclude_each_other() {
    assert!(parse("get --msgs 5 --seconds 1").is_err());
    let Ok(JsShapeArgs::Get(args)) = parse("get --seconds 1.5 --by subject") else {
        panic!("not get")
    };
    assert_eq!((args.amount.msgs_total(), args.by), (None, GetBy::Subject));
    assert!(matches!(args.amount.quota(), Ok(Quota::Time(time)) if time.as_millis() == 1500));
}

#[test]
fn nonsense_is_refused() {
    for bad in ["pub --window 0", "consume --batch 0", "consume --ack some", "kv-put --keys 0"] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}
