//! A receiver on loopback that fails as it is asked to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::common::Server;

/// What a receiver does with the next request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Act {
    /// 204.
    Accept,
    /// This status.
    Refuse(u16),
    /// 503 with this `Retry-After`.
    Later(&'static str),
    /// 204, after so many milliseconds.
    Slowly(u64),
    /// Takes the request and closes the connection.
    HangUp,
}

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: String,
    pub(crate) accepted: bool,
}

pub(crate) struct Receiver {
    pub(crate) url: String,
    pub(crate) acts: Arc<Mutex<VecDeque<Act>>>,
    /// Requests with this text are answered with this status, before anything else.
    pub(crate) refuses: Arc<Mutex<Option<(String, u16)>>>,
    got: Arc<Mutex<Vec<Request>>>,
}

impl Receiver {
    pub(crate) async fn start(acts: &[Act]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let url = format!("http://{}", listener.local_addr().expect("address"));
        let acts = Arc::new(Mutex::new(acts.iter().copied().collect::<VecDeque<_>>()));
        let got = Arc::new(Mutex::new(Vec::new()));
        let refuses = Arc::new(Mutex::new(None::<(String, u16)>));
        let (todo, requests) = (Arc::clone(&acts), Arc::clone(&got));
        let refused = Arc::clone(&refuses);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (todo, requests) = (Arc::clone(&todo), Arc::clone(&requests));
                let refused = Arc::clone(&refused);
                tokio::spawn(async move {
                    let mut bytes = Vec::new();
                    loop {
                        let text = String::from_utf8_lossy(&bytes).into_owned();
                        let Some((head, body)) = text.split_once("\r\n\r\n") else {
                            let mut piece = [0; 4096];
                            match stream.read(&mut piece).await {
                                Ok(n) if n > 0 => bytes.extend_from_slice(&piece[..n]),
                                _ => return,
                            }
                            continue;
                        };
                        let head = head.to_lowercase();
                        let length = head.lines().find_map(|l| l.strip_prefix("content-length: "));
                        let length: usize = length.map_or(0, |n| n.trim().parse().expect("length"));
                        if body.len() < length {
                            let mut piece = [0; 4096];
                            match stream.read(&mut piece).await {
                                Ok(n) if n > 0 => bytes.extend_from_slice(&piece[..n]),
                                _ => return,
                            }
                            continue;
                        }
                        let refused = refused.lock().expect("lock").clone();
                        let act = match refused.filter(|(text, _)| body.contains(text)) {
                            Some((_, status)) => Act::Refuse(status),
                            None => todo.lock().expect("lock").pop_front().unwrap_or(Act::Accept),
                        };
                        let accepted = matches!(act, Act::Accept | Act::Slowly(_));
                        if let Act::Slowly(ms) = act {
                            tokio::time::sleep(Duration::from_millis(ms)).await;
                        }
                        let request = Request { head, body: body.to_owned(), accepted };
                        requests.lock().expect("lock").push(request);
                        let (status, more) = match act {
                            Act::Accept | Act::Slowly(_) => (204, String::new()),
                            Act::Refuse(status) => (status, String::new()),
                            Act::Later(after) => (503, format!("retry-after: {after}\r\n")),
                            Act::HangUp => return,
                        };
                        let error = r#"{"error":{"message":"No such customer"}}"#;
                        let answer = format!(
                            "HTTP/1.1 {status} X\r\n{more}content-length: {}\r\nconnection: close\r\n\r\n",
                            if status == 204 { 0 } else { error.len() }
                        );
                        let answer = if status == 204 { answer } else { answer + error };
                        let _ = stream.write_all(answer.as_bytes()).await;
                        return;
                    }
                });
            }
        });
        Self { url, acts, refuses, got }
    }

    pub(crate) fn all(&self) -> Vec<Request> {
        self.got.lock().expect("lock").clone()
    }

    /// Waits until so many requests have been accepted.
    pub(crate) async fn accepted(&self, many: usize) -> Vec<Request> {
        for _ in 0..600 {
            let accepted: Vec<_> = self.all().into_iter().filter(|r| r.accepted).collect();
            if accepted.len() >= many {
                return accepted;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("only {:?}", self.all());
    }
}

pub(crate) fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    let line = request.head.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {name} in {}", request.head))
}

pub(crate) async fn hook(s: &Server, name: &str, body: Value) -> Value {
    let made =
        s.call("PUT", &format!("/v1/webhooks/{name}"), &format!("hook {name}"), &body.to_string()).await;
    assert_eq!(made.status, 200, "{}", made.body);
    made.body
}

pub(crate) async fn spend(s: &Server, key: &str, tokens: u64) {
    let ask = json!({"account": "acme", "feature": "chat", "dimensions": {"model": "m"}, "quantities": {"tokens": tokens}});
    let answer = s.call("POST", "/v1/record", key, &ask.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}
