//! A server on loopback, and HTTP written by hand, so that nothing of the code under test speaks for the client.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use headworks_api::{Signer, create_key};
use headworks_core::catalog::{Catalog, Format};
use headworks_engine::{Clock, Engine, Limits};
use headworks_server::{ServeOptions, Serving, serve};
use headworks_store::Memory;
use headworks_wire::{CreateKeyRequest, Scope};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) const CATALOG: &str = r#"
version = "t"
default_plan = "p"
[meters]
tokens = { unit = "token" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
dimensions = ["duration_ms"]
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", when = { model = "m" }, credits = { tokens = "1" } }]
[plans.p]
features = ["chat"]
waterfall = [{ grants = { name = "credits" } }]
"#;

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) engine: Arc<Engine>,
    serving: Serving,
    pub(crate) admin: String,
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Reply {
    pub(crate) fn problem(&self) -> &str {
        self.body
            .get("type")
            .and_then(Value::as_str)
            .and_then(|t| t.strip_prefix("urn:headworks:problem:"))
            .unwrap_or("")
    }
}

/// The answer of a call that succeeds.
pub(crate) async fn post(s: &Server, path: &str, key: &str, body: Value) -> Value {
    let answer = s.call("POST", path, key, &body.to_string()).await;
    assert!(answer.status < 300, "{path}: {} {}", answer.status, answer.body);
    answer.body
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_on(Arc::new(Memory::new())).await
    }

    /// Stops answering and sending, as a process that ends does; the store stays.
    pub(crate) async fn stop(self) {
        self.serving.shut_down().await;
        self.engine.close();
    }

    pub(crate) async fn start_on(store: Arc<Memory>) -> Self {
        Self::start_with(store, Limits::default(), ServeOptions::default(), None).await
    }

    /// Starts with bounds, and with the secret of an admin's key that is in the store.
    pub(crate) async fn start_with(
        store: Arc<Memory>,
        limits: Limits,
        options: ServeOptions,
        secret: Option<String>,
    ) -> Self {
        let engine = engine(store, Clock::new(), limits);
        Self::serve(engine, options, secret).await
    }

    /// Starts with a test clock that shows this instant.
    pub(crate) async fn start_at(store: Arc<Memory>, at: &str) -> Self {
        let at = at.parse().expect("an instant");
        let engine = engine(store, Clock::test(at), Limits::default());
        engine.begin_test_clock(at).await.expect("begins");
        Self::serve(engine, ServeOptions::default(), None).await
    }

    /// Starts with a clock of the test's own.
    pub(crate) async fn start_by(clock: Clock) -> Self {
        let engine = engine(Arc::new(Memory::new()), clock, Limits::default());
        Self::serve(engine, ServeOptions::default(), None).await
    }

    async fn serve(engine: Arc<Engine>, options: ServeOptions, secret: Option<String>) -> Self {
        let admin = match secret {
            Some(secret) => secret,
            None => key(&engine, &[Scope::Admin], &[]).await,
        };
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let stripe_key = Some("sk_test_1".to_owned());
        // Receivers are on loopback, and their secrets outlive a restart.
        let webhooks_allow = vec!["127.0.0.1/32".parse().expect("a block")];
        let signing_key = Some(signing_key());
        let options = ServeOptions { listen, stripe_key, webhooks_allow, signing_key, ..options };
        let serving = serve(Arc::clone(&engine), options).await;
        let serving = serving.expect("listens");
        Self { address: serving.address, engine, serving, admin }
    }

    /// Sends a request as the admin.
    pub(crate) async fn call(&self, method: &str, path: &str, key: &str, body: &str) -> Reply {
        let key = if key.is_empty() { String::new() } else { format!("Idempotency-Key: {key}\r\n") };
        let auth = format!("Authorization: Bearer {}\r\n{key}", self.admin);
        self.raw(method, path, &auth, body.as_bytes()).await
    }

    pub(crate) async fn raw(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Reply {
        send(self.address, method, path, headers, body).await
    }

    pub(crate) async fn open(&self, account: &str, credits: &str) {
        let opened = self.call("POST", "/v1/accounts", "o", &format!(r#"{{"id":"{account}"}}"#)).await;
        assert_eq!(opened.status, 200, "{}", opened.body);
        let grant = format!(r#"{{"amount":"{credits}","category":"purchased"}}"#);
        let granted = self.call("POST", &format!("/v1/accounts/{account}/grants"), "g", &grant).await;
        assert_eq!(granted.status, 200, "{}", granted.body);
    }

    pub(crate) async fn balances(&self, account: &str) -> Value {
        let mut body = self.call("GET", &format!("/v1/accounts/{account}/balances"), "", "").await.body;
        body.as_object_mut().expect("balances").remove("at");
        body
    }
}

/// The signing key of all servers of these tests.
fn signing_key() -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let path = MADE.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("signing.key");
        Signer::in_file(&path).expect("reads or makes it");
        path
    });
    path.clone()
}

pub(crate) fn engine(store: Arc<Memory>, clock: Clock, limits: Limits) -> Arc<Engine> {
    let catalog = Catalog::parse(CATALOG, Format::Toml).unwrap_or_else(|e| panic!("{e}"));
    Engine::start(store, catalog, Arc::new(clock), limits).expect("starts")
}

pub(crate) async fn key(engine: &Engine, scopes: &[Scope], accounts: &[&str]) -> String {
    let accounts = accounts.iter().map(|a| a.parse().expect("a pattern")).collect();
    let ask = CreateKeyRequest {
        scopes: scopes.to_vec(),
        accounts,
        expires_at: None,
        note: None,
        limits: None,
        gateway: None,
    };
    let made = create_key(engine, &ask, None, None).await.expect("makes a key");
    made.secret.expect("a new key has a secret")
}

pub(crate) async fn send(address: SocketAddr, method: &str, path: &str, headers: &str, body: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.expect("writes");
    // The server may answer and close before it has read an oversized body.
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    Reply {
        status,
        head: head.to_lowercase(),
        body: serde_json::from_str(body).unwrap_or(Value::String(body.into())),
    }
}
