//! The server under attack: a process of its own, with accounts, and HTTP by hand.

use std::net::SocketAddr;
use std::path::Path;

use headworks_terminal::Failed;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::super::figures::memory_of;
use super::super::load::CATALOG;
use super::super::process::{Running, headworks};

/// The account whose log is long.
pub(super) const BIG: &str = "acme-big";
/// The account of the canary.
pub(super) const CANARY: &str = "canary";

/// A server, and the keys of its callers.
pub(super) struct Target {
    /// The id of its process.
    process: u32,
    pub(super) address: SocketAddr,
    pub(super) admin: String,
    /// A key that reads accounts `acme*` and no other.
    pub(super) reader: String,
    /// A key that records for them.
    pub(super) recorder: String,
    /// A key that checks catalogs.
    pub(super) checker: String,
}

impl Target {
    /// Starts a server on a fresh ledger, with an account of so many records.
    pub(super) async fn start(dir: &Path, records: u32) -> Result<(Self, Running), Failed> {
        let (data, catalog) = (dir.join("data"), dir.join("catalog.toml"));
        std::fs::write(&catalog, CATALOG)?;
        let made = headworks()?.args(["keys", "create", "--scope", "admin", "--data"]).arg(&data).output()?;
        let admin = String::from_utf8_lossy(&made.stdout).trim().to_owned();
        let (running, address) = Running::start(
            headworks()?
                .args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json"])
                .args(["--webhooks-allow", "127.0.0.1"])
                .arg("--data")
                .arg(&data)
                .arg("--catalog")
                .arg(&catalog),
        )?;
        let none = String::new;
        let process = running.id();
        let mut target = Self { process, address, admin, reader: none(), recorder: none(), checker: none() };
        target.reader = target.key(&["read"], &["acme*"]).await?;
        target.recorder = target.key(&["record"], &["acme*"]).await?;
        target.checker = target.key(&["catalog"], &[]).await?;
        for account in [CANARY, BIG] {
            target.must("POST", "/v1/accounts", &json!({"id": account})).await?;
            let grant = json!({"amount": "1000000", "category": "purchased", "idempotency_key": "g"});
            target.must("POST", &format!("/v1/accounts/{account}/grants"), &grant).await?;
        }
        for batch in 0..records.div_ceil(1_000) {
            let item = |n: u32| {
                json!({"authorize": {"account": BIG, "feature": "chat", "settle": "now", "path": format!("user:u{}", n % 50),
                    "quantities": {"input_tokens": 12, "output_tokens": 3}, "idempotency_key": format!("{batch}-{n}")}})
            };
            let items: Vec<Value> = (0..1_000).map(item).collect();
            target.must("POST", "/v1/batch", &json!({ "items": items })).await?;
        }
        Ok((target, running))
    }

    async fn key(&self, scopes: &[&str], accounts: &[&str]) -> Result<String, Failed> {
        let mut ask = json!({ "scopes": scopes });
        if !accounts.is_empty()
            && let Some(ask) = ask.as_object_mut()
        {
            ask.insert("accounts".into(), json!(accounts));
        }
        let made = self.must("POST", "/v1/keys", &ask).await?;
        Ok(made.get("secret").and_then(Value::as_str).ok_or("no secret")?.to_owned())
    }

    async fn must(&self, method: &str, path: &str, body: &Value) -> Result<Value, Failed> {
        let (status, answer) = self.ask(&self.admin, method, path, body.to_string().as_bytes()).await?;
        if status != 200 {
            return Err(format!("{method} {path}: {status} {}", String::from_utf8_lossy(&answer)).into());
        }
        Ok(serde_json::from_slice(&answer)?)
    }

    /// One request on a connection of its own: its status and body.
    pub(super) async fn ask(
        &self,
        key: &str,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> Result<(u16, Vec<u8>), Failed> {
        let mut stream = TcpStream::connect(self.address).await?;
        let unique = format!("{:?}", std::time::Instant::now());
        let once: String = unique.chars().filter(char::is_ascii_digit).collect();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: target\r\nAuthorization: Bearer {key}\r\nIdempotency-Key: {once}\r\n\
             Connection: close\r\nContent-Type: application/cloudevents-batch+json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        // A server that refuses early does not take the rest.
        let sent = stream.write_all(body).await;
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer).await;
        let status = answer.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        let Some(status) = status else {
            sent?;
            read?;
            return Err("no answer".into());
        };
        let at = answer.windows(4).position(|w| w == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
        Ok((status, answer.split_off(at)))
    }

    /// Resident memory of the server's process in MiB; `None` if it has ended.
    pub(super) fn resident_mib(&self) -> Option<u64> {
        let memory = memory_of(&self.process.to_string(), "VmRSS")?;
        Some(memory.split_whitespace().next()?.parse::<u64>().ok()? >> 10)
    }
}
