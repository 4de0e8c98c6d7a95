//! The cheapest client over HTTP/1.1 that there is: what it costs is not the server's. It keeps nothing between its requests but its
//! connection, so that thousands of them leave the caches to the server.

use std::net::SocketAddr;

use headworks_terminal::Failed;
use tokio::net::TcpStream;

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
