//! A plugin that breaks the protocol on demand, written straight onto HTTP/2 because nothing better
//! would let it. It announces no extension, so it also stands for plugins of old.

mod call;
mod cases;
mod crash;
mod deafness;
mod family;
mod server;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    server::run().await
}
