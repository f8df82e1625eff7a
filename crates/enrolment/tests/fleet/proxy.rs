//! An HTTP proxy that does nothing but CONNECT, for those with a password.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufStream, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

pub(crate) struct TestProxy {
    address: SocketAddr,
    tunnels: Arc<AtomicUsize>,
}

impl TestProxy {
    pub(crate) async fn start(authorization: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tunnels = Arc::new(AtomicUsize::new(0));
        let counted = tunnels.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(tunnel(socket, authorization, counted.clone()));
            }
        });
        Self { address, tunnels }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn tunnels(&self) -> usize {
        self.tunnels.load(Ordering::SeqCst)
    }
}

async fn tunnel(
    socket: TcpStream,
    authorization: &str,
    tunnels: Arc<AtomicUsize>,
) -> io::Result<()> {
    let mut client = BufStream::new(socket);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        client.read_line(&mut line).await?;
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let target = head[0].strip_prefix("CONNECT ").and_then(|rest| rest.strip_suffix(" HTTP/1.1"));
    let target = target.expect("it is asked for a tunnel").to_owned();
    assert!(head.contains(&format!("Host: {target}")));
    if !head.contains(&format!("Proxy-Authorization: {authorization}")) {
        client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await?;
        return client.flush().await;
    }
    let mut server = TcpStream::connect(target).await?;
    tunnels.fetch_add(1, Ordering::SeqCst);
    client.write_all(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n").await?;
    client.flush().await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}
