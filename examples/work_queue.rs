//! A durable work queue, from publish to acknowledgement: every job is stored before `publish`
//! succeeds, is done by one worker, and is gone only when that worker says that it is done.
//!
//! ```text
//! cargo run --example work_queue                         # with a server inside
//! cargo run --example work_queue nats://127.0.0.1:4222   # with one that runs, with JetStream on
//! ```
//!
//! Stop it in the middle: what was not acknowledged is done by the next run.

use std::error::Error;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, Consumer, pull};
use async_nats::jetstream::stream::{Config as StreamConfig, RetentionPolicy, Stream};
use async_nats::jetstream::{self, AckKind, Context};
use futures_util::TryStreamExt;
use vagus::{Config, Server};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let (server, url) = match std::env::args().nth(1) {
        Some(url) => (None, url),
        None => {
            let server = start()?;
            let address = server.address().ok_or("no port")?;
            (Some(server), format!("nats://{address}"))
        }
    };
    let js = jetstream::new(async_nats::connect(url).await?);

    let queue = StreamConfig {
        name: "JOBS".to_owned(),
        subjects: vec!["jobs.>".to_owned()],
        // What is acknowledged is removed, and no two consumers get the same job.
        retention: RetentionPolicy::WorkQueue,
        ..Default::default()
    };
    let queue = js.get_or_create_stream(queue).await?;
    publish(&js).await?;
    work(queue).await?;

    if let Some(server) = server {
        server.shutdown(Duration::from_secs(5))?;
    }
    Ok(())
}

/// A server whose streams are in a folder that outlives it.
fn start() -> Result<Server, Box<dyn Error + Send + Sync>> {
    let folder = std::env::temp_dir().join("vagus-work-queue");
    let text = format!("listen: 127.0.0.1:-1, jetstream {{ store_dir: {folder:?} }}");
    let config = Config::parse(&text, "example").map_err(|errors| format!("{errors:?}"))?.config;
    Ok(Server::builder().config(config).start()?)
}

async fn publish(js: &Context) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut stored = Vec::new();
    for number in [360, 97, 1001, 65_536, 999_983] {
        // All are sent before the first answer is waited for: they share a write to the disk.
        stored.push(js.publish("jobs.factor", number.to_string().into()).await?);
    }
    for ack in stored {
        // From here on the job survives a crash of the server.
        println!("stored as number {}", ack.await?.sequence);
    }
    Ok(())
}

async fn work(mut queue: Stream) -> Result<(), Box<dyn Error + Send + Sync>> {
    let workers = pull::Config {
        durable_name: Some("workers".to_owned()),
        ack_policy: AckPolicy::Explicit,
        // A worker that says nothing for so long has died: its job goes to another one.
        ack_wait: Duration::from_secs(30),
        ..Default::default()
    };
    // Any number of programs may do this; each job goes to one of them.
    let workers: Consumer<pull::Config> = queue.get_or_create_consumer("workers", workers).await?;
    let mut jobs = workers.messages().await?;
    while queue.info().await?.state.messages > 0 {
        let Some(job) = jobs.try_next().await? else { break };
        let number: u64 = std::str::from_utf8(&job.payload)?.parse()?;
        let times = job.info()?.delivered;
        if number == 1001 && times == 1 {
            println!("{number}: not now, try again in a second");
            job.ack_with(AckKind::Nak(Some(Duration::from_secs(1)))).await?;
            continue;
        }
        println!("{number} = {}", factors(number));
        // Answered when the acknowledgement is stored: the job is done once and for all.
        job.double_ack().await?;
    }
    println!("nothing left to do");
    Ok(())
}

fn factors(mut number: u64) -> String {
    let mut found = Vec::new();
    let mut divisor = 2;
    while number > 1 {
        while number.is_multiple_of(divisor) {
            found.push(divisor.to_string());
            number /= divisor;
        }
        divisor += 1;
    }
    found.join(" * ")
}
