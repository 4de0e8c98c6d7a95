//! A caller of models that keeps its connection and counts the events of its streams.

use std::time::{Duration, Instant};

use headworks_terminal::Failed;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::super::latency::Latencies;
use super::ways::Way;

/// The text of a token.
const TOKEN: &[u8] = b"tok ";
/// How a body in chunks ends.
const END: &[u8] = b"\r\n0\r\n\r\n";

pub(super) struct Caller {
    stream: TcpStream,
    request: Vec<u8>,
}

/// What came of a call so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Until the first token.
    pub(super) first: Option<Duration>,
    pub(super) events: u64,
}

impl Caller {
    /// A caller of streams of so many tokens, at so many a second; 0: as fast as they can be sent.
    pub(super) async fn connect(way: &Way, tokens: u64, rate: u64) -> Result<Self, Failed> {
        let stream = TcpStream::connect(way.address).await?;
        stream.set_nodelay(true)?;
        let body = format!(
            r#"{{"model":"m","stream":true,"max_tokens":{tokens},"messages":[{{"role":"user","content":"hello"}}],"mock":{{"input_tokens":8,"output_tokens":{tokens},"tokens_per_second":{rate},"first_token_ms":0}}}}"#
        );
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            way.key,
            body.len()
        );
        Ok(Self { stream, request: request.into_bytes() })
    }

    /// Makes a call and reads its answer to the end; `gaps` takes the time between each two events.
    pub(super) async fn call(&mut self, seen: &mut Seen, gaps: Option<&Latencies>) -> Result<(), Failed> {
        let begun = Instant::now();
        self.stream.write_all(&self.request).await?;
        let (mut part, mut tail, mut last) = (vec![0; 64 << 10], Vec::new(), None::<Instant>);
        loop {
            let read = self.stream.read(&mut part).await?;
            let now = Instant::now();
            let bytes =
                part.get(..read).filter(|bytes| !bytes.is_empty()).ok_or("the connection was closed")?;
            if tail.is_empty() && seen.events == 0 && !bytes.starts_with(b"HTTP/1.1 200") {
                return Err(String::from_utf8_lossy(bytes).into());
            }
            tail.extend_from_slice(bytes);
            let found = tail.windows(TOKEN.len()).filter(|four| *four == TOKEN).count();
            for _ in 0..found {
                seen.first.get_or_insert(now.duration_since(begun));
                if let (Some(gaps), Some(last)) = (gaps, last) {
                    gaps.add(now.duration_since(last));
                }
                last = Some(now);
                seen.events += 1;
            }
            if tail.ends_with(END) {
                return Ok(());
            }
            // Enough for a token or an end that is cut, and too little to be counted twice.
            let rest = tail.split_off(tail.len().saturating_sub(END.len()));
            tail = if rest.windows(TOKEN.len()).any(|four| four == TOKEN) { Vec::new() } else { rest };
        }
    }
}
