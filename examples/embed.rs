//! A server inside a program, and a client that talks to it.
//!
//! ```text
//! cargo run --example embed
//! ```

use std::error::Error;
use std::time::Duration;

use futures_util::StreamExt;
use vagus::{Config, Server};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Another way to a configuration is `Config::load`, which reads a file.
    let config = Config { host: "127.0.0.1".to_owned(), ..Config::default() };
    let server = Server::builder().config(config).start()?;
    let address = server.address().ok_or("no port")?;

    let client = async_nats::connect(format!("nats://{address}")).await?;
    let mut greetings = client.subscribe("greet.*").await?;
    client.publish("greet.world", "hello from inside".into()).await?;

    println!("The server listens on {address}. Say something from outside:");
    println!(
        "  (printf 'PUB greet.you 5\\r\\nhello\\r\\n'; sleep 1) | nc 127.0.0.1 {}",
        address.port()
    );
    println!("Ctrl-C ends both.");
    loop {
        tokio::select! {
            Some(message) = greetings.next() => {
                println!("{}: {}", message.subject, String::from_utf8_lossy(&message.payload));
            }
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    // Lets clients have what is queued for them, then ends every actor.
    server.shutdown(Duration::from_secs(5))?;
    Ok(())
}
