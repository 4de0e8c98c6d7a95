//! The canary: a small, steady load of good requests, measured against its schedule, so that a stall counts for every request
//! that it holds up.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::target::CANARY;

/// What a canary saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    latencies: Vec<Duration>,
    pub(super) failures: Vec<String>,
}

impl Seen {
    /// How many requests were answered as they should.
    pub(super) fn good(&self) -> usize {
        self.latencies.len()
    }

    /// Adds what another saw.
    pub(super) fn join(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.failures.extend(other.failures);
    }

    /// The time within which so many thousandths were answered.
    pub(super) fn within(&mut self, thousandths: usize) -> Duration {
        self.latencies.sort_unstable();
        let at = self.latencies.len() * thousandths / 1_000;
        self.latencies.get(at.min(self.latencies.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

/// A running canary.
pub(super) struct Canary {
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Canary {
    /// Authorizes so often a second, each charged at once.
    pub(super) fn start(address: SocketAddr, key: &str, name: &str, a_second: u32) -> Self {
        let (seen, stop) = (Arc::<Mutex<Seen>>::default(), Arc::<AtomicBool>::default());
        let (to, ends, key, name) = (Arc::clone(&seen), Arc::clone(&stop), key.to_owned(), name.to_owned());
        let thread = std::thread::spawn(move || {
            let (mut connection, begun) = (None, Instant::now());
            for n in 1_u32.. {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                let due = begun + Duration::from_secs(1) * n / a_second;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                let asked = ask(&mut connection, address, &key, &format!("{name}-{n}"));
                let mut seen = to.lock().unwrap_or_else(PoisonError::into_inner);
                match asked {
                    Ok(()) => seen.latencies.push(due.elapsed()),
                    Err(why) => {
                        connection = None;
                        seen.failures.push(why);
                    }
                }
            }
        });
        Self { seen, stop, thread: Some(thread) }
    }

    /// What it has seen since it was last asked.
    pub(super) fn take(&self) -> Seen {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// One request on a connection that is kept, or on a new one.
fn ask(connection: &mut Option<TcpStream>, address: SocketAddr, key: &str, once: &str) -> Result<(), String> {
    let stream = match connection {
        Some(stream) => stream,
        None => {
            let stream =
                TcpStream::connect_timeout(&address, Duration::from_secs(5)).map_err(|e| e.to_string())?;
            stream.set_nodelay(true).map_err(|e| e.to_string())?;
            stream.set_read_timeout(Some(Duration::from_secs(10))).map_err(|e| e.to_string())?;
            connection.insert(stream)
        }
    };
    let body = format!(
        r#"{{"account":"{CANARY}","feature":"chat","settle":"now","quantities":{{"input_tokens":10,"output_tokens":5}}}}"#
    );
    let request = format!(
        "POST /v1/authorize HTTP/1.1\r\nHost: target\r\nAuthorization: Bearer {key}\r\nIdempotency-Key: {once}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).map_err(|e| e.to_string())?;
    let mut answer = Vec::new();
    loop {
        let mut part = [0; 4096];
        let length = stream.read(&mut part).map_err(|e| e.to_string())?;
        answer.extend_from_slice(part.get(..length).unwrap_or_default());
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let says = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if says.and_then(|n| n.parse::<usize>().ok()).is_some_and(|n| body.len() >= n) {
                let is_good = head.starts_with("HTTP/1.1 200") && body.contains(r#""outcome":"allow""#);
                return if is_good {
                    Ok(())
                } else {
                    Err(head.lines().next().unwrap_or_default().to_owned())
                };
            }
        }
        if length == 0 {
            return Err("the connection was closed".to_owned());
        }
    }
}
