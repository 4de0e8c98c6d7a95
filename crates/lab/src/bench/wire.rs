//! The cheapest client and the cheapest server over HTTP/1.1 that there are, which keep nothing between two requests but their
//! connection. What the client costs is not the server's; what many connections cost the cheapest server they cost every other.

use std::net::SocketAddr;

use headworks_terminal::Failed;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// The longest answer that it reads.
const ANSWER_MAX: usize = 8 << 10;

/// A connection that is kept.
pub(super) struct Wire(TcpStream);

impl Wire {
    pub(super) async fn connect(address: SocketAddr) -> Result<Self, Failed> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    /// Sends a whole request and reads the whole answer; its status.
    pub(super) async fn send(&self, request: &[u8]) -> Result<u16, Failed> {
        let mut rest = request;
        while !rest.is_empty() {
            self.0.writable().await?;
            match self.0.try_write(rest) {
                Ok(n) => rest = rest.get(n..).unwrap_or_default(),
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(e.into()),
            }
        }
        let mut answer = Vec::new();
        loop {
            self.0.readable().await?;
            // On the stack: the next client reads into the same memory.
            let mut part = [0; ANSWER_MAX];
            let part = match self.0.try_read(&mut part) {
                Ok(0) => return Err("the server closed the connection".into()),
                Ok(n) => part.get(..n).unwrap_or_default(),
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => continue,
                Err(e) => return Err(e.into()),
            };
            if answer.is_empty()
                && let Some(status) = whole(part)?
            {
                return Ok(status);
            }
            answer.extend_from_slice(part);
            if let Some(status) = whole(&answer)? {
                return Ok(status);
            }
            if answer.len() > ANSWER_MAX {
                return Err(format!("an answer of more than {ANSWER_MAX} bytes").into());
            }
        }
    }
}

/// A server that reads no request: it answers everything that comes in one piece. It runs until it is aborted.
pub(super) async fn bare_server() -> Result<(SocketAddr, JoinHandle<()>), Failed> {
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(answer_all(stream));
        }
    });
    Ok((address, server))
}

async fn answer_all(stream: TcpStream) -> std::io::Result<()> {
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    stream.set_nodelay(true)?;
    loop {
        stream.readable().await?;
        let mut request = [0; ANSWER_MAX];
        match stream.try_read(&mut request) {
            Ok(0) => return Ok(()),
            // So short an answer fits into the socket's empty buffer.
            Ok(_) => drop(stream.try_write(ANSWER)?),
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
    }
}

/// The status of an answer that is all there.
fn whole(answer: &[u8]) -> Result<Option<u16>, Failed> {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(answer.get(..end).unwrap_or_default())?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.ok_or("an answer without a length")?.parse()?;
    if answer.len() < end + 4 + length {
        return Ok(None);
    }
    let status = head.split(' ').nth(1).ok_or("an answer without a status")?;
    Ok(Some(status.parse()?))
}
