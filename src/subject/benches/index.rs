//! How fast the index answers, and what it costs to keep: `cargo bench -p vagus-subject`.

use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use vagus_subject::{
    Interested, Literals, Wildcards, hash, is_valid_subscription, matches, shard_of,
};

const MILLION: usize = 1_000_000;
const SHARDS: usize = 64;

struct Sub(Box<[u8]>);

#[derive(Clone)]
struct Handle(Arc<Sub>);

impl Interested for Handle {
    fn subject(&self) -> &[u8] {
        &self.0.0
    }
    fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
    fn identity(&self) -> Option<u64> {
        Some(Arc::as_ptr(&self.0).addr() as u64)
    }
}

fn sub(subject: String) -> Handle {
    Handle(Arc::new(Sub(subject.into_bytes().into())))
}

/// Literal subscriptions as the server keeps them: one table a shard.
fn sharded(subs: &[(u64, Handle)]) -> Vec<Literals<Handle>> {
    let mut tables: Vec<_> = (0..SHARDS).map(|_| Literals::new()).collect();
    for (hash, sub) in subs {
        assert!(tables[shard_of(*hash, SHARDS)].insert(*hash, sub.clone()));
    }
    tables
}

/// Resident memory of this process, in bytes; 0 where `/proc` has no answer.
fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|n| n.parse::<usize>().ok()).unwrap_or(0) * 4096
}

fn million() -> Vec<(u64, Handle)> {
    (0..MILLION)
        .map(|i| sub(format!("device.{}.sensor.{i}", i % 977)))
        .map(|sub| (hash(sub.subject()), sub))
        .collect()
}

fn literals(c: &mut Criterion) {
    let subs = million();
    let before = resident_bytes();
    let tables = sharded(&subs);
    let heap: usize = tables.iter().map(Literals::heap_bytes).sum();
    println!(
        "{MILLION} literal subscriptions in {SHARDS} shards: {:.1} bytes each \
         ({:.1} of resident memory)",
        heap as f64 / MILLION as f64,
        resident_bytes().saturating_sub(before) as f64 / MILLION as f64,
    );
    let mut one = Literals::new();
    for (hash, sub) in &subs {
        one.insert(*hash, sub.clone());
    }
    println!("the same in one table: {:.1} bytes each", one.heap_bytes() as f64 / MILLION as f64);

    let mut group = c.benchmark_group("literals");
    // A step that is coprime to the count visits all entries in an order no prefetcher follows.
    let next = Cell::new(0);
    let any = || {
        next.set((next.get() + 611_953) % MILLION);
        next.get()
    };
    group.bench_function("hash 24 bytes", |b| {
        b.iter(|| hash(black_box(b"device.123.sensor.456789")));
    });
    group.bench_function("find, 1M, hash known, cold", |b| {
        b.iter(|| {
            let (hash, sub) = &subs[any()];
            tables[shard_of(*hash, SHARDS)].matching(*hash, sub.subject()).len()
        });
    });
    group.bench_function("find, 1M, one subject, hot", |b| {
        let (hash, sub) = &subs[4711];
        let table = &tables[shard_of(*hash, SHARDS)];
        b.iter(|| table.matching(black_box(*hash), black_box(sub.subject())).len());
    });
    group.bench_function("miss, 1M", |b| {
        b.iter(|| {
            let hash = subs[any()].0 ^ 0x5555_5555_5555;
            tables[shard_of(hash, SHARDS)].matching(hash, b"device.none").len()
        });
    });
    let mut tables = tables;
    group.bench_function("remove and insert, 1M", |b| {
        b.iter(|| {
            let (hash, sub) = &subs[any()];
            let table = &mut tables[shard_of(*hash, SHARDS)];
            table.remove(*hash, sub) && table.insert(*hash, sub.clone())
        });
    });
    group.sample_size(10);
    group.bench_function("insert 1M from empty", |b| {
        b.iter_batched(|| (), |()| sharded(&subs), BatchSize::PerIteration);
    });
    group.bench_function("insert and remove 10,000 of one subject", |b| {
        let crowd: Vec<_> = (0..10_000).map(|_| sub("news".into())).collect();
        let news = hash(b"news");
        b.iter(|| {
            let mut table = Literals::new();
            crowd.iter().for_each(|sub| assert!(table.insert(news, sub.clone())));
            crowd.iter().for_each(|sub| assert!(table.remove(news, sub)));
        });
    });
}

fn tree(patterns: impl Iterator<Item = String>) -> (Wildcards<Handle>, Vec<Handle>) {
    let subs: Vec<_> = patterns.map(sub).collect();
    let mut tree = Wildcards::new();
    subs.iter().for_each(|sub| assert!(tree.insert(sub.clone())));
    (tree, subs)
}

fn count(tree: &Wildcards<Handle>, subject: &[u8]) -> usize {
    let mut count = 0;
    tree.visit(subject, &mut |_| count += 1);
    count
}

fn wildcards(c: &mut Criterion) {
    let mixed = |i: usize| match i % 4 {
        0 => format!("orders.r{}.*.c{i}", i % 50),
        1 => format!("orders.*.eu.c{i}.>"),
        2 => format!("telemetry.d{i}.>"),
        _ => format!("*.r{}.us.*.c{i}", i % 50),
    };
    let (mixed_tree, subs) = tree((0..10_000).map(mixed));
    println!(
        "10000 patterns: {:.1} bytes each",
        mixed_tree.heap_bytes() as f64 / mixed_tree.len() as f64
    );

    let mut group = c.benchmark_group("wildcards");
    for (name, subject, wanted) in [
        ("10k, one of three branches", &b"orders.r0.eu.c1000"[..], 1),
        ("10k, tail", b"telemetry.d2002.temperature.celsius", 1),
        ("10k, behind two stars", b"orders.r3.us.any.c103", 1),
        ("10k, nobody", b"billing.r77.asia.c9", 0),
        ("10k, nobody from the first token on", b"billing", 0),
    ] {
        assert_eq!(count(&mixed_tree, subject), wanted, "{name}");
        group.bench_function(name, |b| b.iter(|| count(&mixed_tree, black_box(subject))));
    }

    let (wide, _) = tree((0..10_000).map(|i| format!("*.*.*.k{i}.>")));
    group.bench_function("10k, wide behind three stars", |b| {
        b.iter(|| count(&wide, black_box(b"a.b.c.k4711.x")));
    });
    let (stars, _) = tree((0..1u32 << 10).map(|bits| {
        let pieces: Vec<_> = (0..10).map(|i| if bits >> i & 1 == 0 { "a" } else { "*" }).collect();
        pieces.join(".")
    }));
    let same = ["a"; 10].join(".");
    assert_eq!(count(&stars, same.as_bytes()), 1 << 10);
    group.bench_function("1024 patterns over {a, *}, all match", |b| {
        b.iter(|| count(&stars, black_box(same.as_bytes())));
    });

    let mut mixed_tree = mixed_tree;
    let mut next = 0;
    group.bench_function("10k, remove and insert", |b| {
        b.iter(|| {
            next = (next + 6_113) % subs.len();
            mixed_tree.remove(&subs[next]) && mixed_tree.insert(subs[next].clone())
        });
    });
}

fn functions(c: &mut Criterion) {
    let mut group = c.benchmark_group("functions");
    let subject: &[u8] = b"orders.europe.42.shipped";
    group.bench_function("is_valid_subscription, 24 bytes", |b| {
        b.iter(|| is_valid_subscription(black_box(subject)));
    });
    group.bench_function("matches, 4 tokens", |b| {
        b.iter(|| matches(black_box(b"orders.*.42.>"), black_box(subject)));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(30);
    targets = functions, literals, wildcards
}
criterion_main!(benches);
