//! A client of the API over one connection.

use std::fmt;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, LINK};
use hyper::http::response::Parts;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

/// Why a call has no answer.
#[derive(Debug)]
pub enum CallError {
    /// The server's address is not `http://host:port`.
    BadUrl(String),
    /// The server is not reached, or the connection broke.
    Connection(String, String),
    /// The server refused.
    Problem(Box<headworks_wire::Problem>),
    /// The answer is not what this release understands.
    Unreadable(String),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadUrl(url) => write!(f, "`{url}` is not a server address; write http://127.0.0.1:8080"),
            Self::Connection(at, why) => {
                write!(
                    f,
                    "cannot reach {at}: {why}; is the server running? (--server or HEADWORKS_URL names another)"
                )
            }
            Self::Problem(p) => {
                write!(f, "{} ({}): {}", p.title, p.status, p.detail)?;
                for c in &p.problems {
                    write!(f, "\n  ")?;
                    if let Some(line) = c.line {
                        write!(f, "line {line}: ")?;
                    }
                    write!(f, "{}: {}; {}", c.at, c.what, c.fix)?;
                }
                let more = p.problems_count.map_or(0, |n| n.saturating_sub(p.problems.len()));
                if more > 0 { write!(f, "\n  and {more} more") } else { Ok(()) }
            }
            Self::Unreadable(what) => write!(f, "cannot understand the server's answer: {what}"),
        }
    }
}

impl std::error::Error for CallError {}

/// A connection to a server.
pub struct Client {
    host: String,
    key: Option<String>,
    sender: SendRequest<Full<Bytes>>,
}

impl Client {
    /// Connects to `http://host:port`.
    ///
    /// # Errors
    /// When the address is not valid, or nobody listens there.
    pub async fn connect(url: &str, key: Option<String>) -> Result<Self, CallError> {
        let host = url.strip_prefix("http://").map(|h| h.trim_end_matches('/')).filter(|h| !h.is_empty());
        let host = host.ok_or_else(|| CallError::BadUrl(url.to_owned()))?.to_owned();
        let failed = |e: &dyn fmt::Display| CallError::Connection(host.clone(), e.to_string());
        let address = if host.contains(':') { host.clone() } else { format!("{host}:80") };
        let stream = TcpStream::connect(&address).await.map_err(|e| failed(&e))?;
        stream.set_nodelay(true).map_err(|e| failed(&e))?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| failed(&e))?;
        // The connection ends with the client, and a broken one shows at the next call.
        tokio::spawn(connection);
        Ok(Self { host, key, sender })
    }

    /// Sends bytes and returns status and body.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        idempotency_key: Option<&str>,
        kind: &str,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Bytes), CallError> {
        let (head, body) = self.exchange(method, path, idempotency_key, kind, body).await?;
        Ok((head.status, body))
    }

    async fn exchange(
        &mut self,
        method: Method,
        path: &str,
        idempotency_key: Option<&str>,
        kind: &str,
        body: Vec<u8>,
    ) -> Result<(Parts, Bytes), CallError> {
        let failed = |e: &dyn fmt::Display| CallError::Connection(self.host.clone(), e.to_string());
        let mut request =
            Request::builder().method(method).uri(path).header(HOST, &self.host).header(CONTENT_TYPE, kind);
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        if let Some(key) = idempotency_key {
            request = request.header("idempotency-key", format!("\"{key}\""));
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(|e| failed(&e))?;
        self.sender.ready().await.map_err(|e| failed(&e))?;
        let response = self.sender.send_request(request).await.map_err(|e| failed(&e))?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|e| failed(&e))?.to_bytes();
        Ok((head, body))
    }

    /// Calls a route and reads its answer.
    ///
    /// # Errors
    /// When the connection breaks, or the server answers with a problem.
    pub async fn call<T: DeserializeOwned>(
        &mut self,
        method: Method,
        path: &str,
        idempotency_key: Option<&str>,
        body: Option<&impl Serialize>,
    ) -> Result<T, CallError> {
        let body = match body {
            Some(body) => serde_json::to_vec(body).map_err(|e| CallError::Unreadable(e.to_string()))?,
            None => Vec::new(),
        };
        let (status, answer) = self.send(method, path, idempotency_key, "application/json", body).await?;
        read(status, &answer)
    }

    /// Posts a request and reads its answer.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn post<T: DeserializeOwned>(
        &mut self,
        path: &str,
        key: Option<&str>,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        self.call(Method::POST, path, key, Some(body)).await
    }

    /// A page of a list as text, and the `after` of the next one.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn page(&mut self, path: &str) -> Result<(String, Option<String>), CallError> {
        let (head, body) = self.exchange(Method::GET, path, None, "application/json", Vec::new()).await?;
        if !head.status.is_success() {
            read::<serde_json::Value>(head.status, &body)?;
        }
        let link = head.headers.get(LINK).and_then(|link| link.to_str().ok()).unwrap_or_default();
        let next = link.split_once("after=").and_then(|(_, rest)| rest.split(['&', '>']).next());
        Ok((String::from_utf8_lossy(&body).into_owned(), next.map(ToOwned::to_owned)))
    }

    /// Gets a text that is not JSON from a route.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn plain(&mut self, path: &str) -> Result<String, CallError> {
        let (status, body) = self.send(Method::GET, path, None, "text/plain", Vec::new()).await?;
        if !status.is_success() {
            read::<serde_json::Value>(status, &body)?;
        }
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Gets the answer of a route.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, CallError> {
        self.call(Method::GET, path, None, None::<&()>).await
    }
}

/// The answer of a call.
///
/// # Errors
/// The problem that the server reports, or an answer that this release does not understand.
pub fn read<T: DeserializeOwned>(status: StatusCode, body: &[u8]) -> Result<T, CallError> {
    if status.is_success() {
        let body = if body.is_empty() { b"null" } else { body };
        return serde_json::from_slice(body).map_err(|e| CallError::Unreadable(e.to_string()));
    }
    match serde_json::from_slice(body) {
        Ok(problem) => Err(CallError::Problem(problem)),
        Err(_) => Err(CallError::Unreadable(format!("status {status}"))),
    }
}
