//! An engine with a gateway before a stand-in upstream.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use headworks_api::{Access, Api, Call, Signer, create_key};
use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::{Command, NewGrant, Patch};
use headworks_core::record::{Category, Event, KeyGateway, Label, Name, Record};
use headworks_engine::{Caller, Clock, Engine, Idempotency, Limits};
use headworks_gateway::{Body, Gateway, Setup};
use headworks_mock_upstream::{MockUpstream, Options};
use headworks_store::{Memory, Store as _, wait};
use headworks_wire::{CreateKeyRequest, Scope};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

/// A thousandth of a credit for a token of input, two for one of output, a ten-thousandth for one from the cache.
pub(crate) const CATALOG: &str = r#"
version = "t"

[features.chat]
dimensions = ["usage"]
overshoot = "refund"
prices = [
  { credits = { input_tokens = "0.001", cached_input_tokens = "0.0001", cache_write_1h_tokens = "0.002", output_tokens = "0.002" } },
  { when = { model = "dear" }, like = {}, factor = "10" },
  { when = { service_tier = "priority" }, like = {}, factor = "2" },
  { when = { model = "dear", service_tier = "priority" }, like = {}, factor = "20" },
]

[plans.prepaid]
features = ["chat"]
guards = [
  { name = "rpm", per = "key", window.rate = { limit = 6_000, period = "1m", burst = 6_000 } },
  { name = "team", per = "team", window.spend_cap = { limit = "1000", every = "month" } },
]
waterfall = [{ grants = { name = "credits" } }]
"#;

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect(text)
}

pub(crate) fn once(text: &str) -> Idempotency {
    Idempotency { text: Label::new(text).expect(text), digest: [0; 16] }
}

pub(crate) struct World {
    pub(crate) store: Arc<Memory>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) api: Arc<Api>,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) upstream: MockUpstream,
    pub(crate) key: String,
}

/// The set-up of a gateway before one upstream, which speaks both protocols.
pub(crate) fn setup(address: &str, more: &str) -> String {
    format!(
        r#"
drain = "1s"
[upstreams.o]
base_url = "http://{address}"
protocol = "openai"
[upstreams.a]
base_url = "http://{address}"
protocol = "anthropic"
[models.m]
feature = "chat"
max_output_tokens = 1000
targets = [{{ upstream = "o", model = "m-2026" }}, {{ upstream = "a" }}]
[models.dear]
feature = "chat"
max_output_tokens = 1000
targets = [{{ upstream = "o" }}, {{ upstream = "a" }}]
{more}
"#
    )
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(CATALOG, |address| setup(address, "")).await
    }

    pub(crate) async fn with(catalog: &str, setup: impl FnOnce(&str) -> String) -> Self {
        let store = Arc::new(Memory::new());
        let catalog = Catalog::parse(catalog, Format::Toml).unwrap_or_else(|e| panic!("{e}"));
        let engine =
            Engine::start(store.clone(), catalog, Arc::new(Clock::new()), Limits::default()).expect("starts");
        let upstream =
            MockUpstream::start(([127, 0, 0, 1], 0).into(), Options::default()).await.expect("listens");
        let api =
            Arc::new(Api::new(Arc::clone(&engine), Arc::new(Signer::ephemeral().expect("a key")), false));
        let setup = Setup::parse(&setup(&upstream.address.to_string())).expect("a set-up");
        let gateway = Gateway::new(Arc::clone(&api), setup);
        let mut world = Self { store, engine, api, gateway, upstream, key: String::new() };
        world.run("acme", "open", Command::Open(Patch::default())).await;
        world.grant("1000").await;
        world.key = world.new_key(None).await;
        world
    }

    pub(crate) async fn run(&self, account: &str, text: &str, command: Command) {
        self.engine.run(&name(account), Some(&once(text)), Caller::default(), &command).await.expect(text);
    }

    pub(crate) async fn grant(&self, credits: &str) {
        let grant = NewGrant::new(credits.parse().expect("credits"), Category::Purchased);
        self.run("acme", &format!("grant {credits}"), Command::Grant(grant)).await;
    }

    pub(crate) async fn new_key(&self, gateway: Option<KeyGateway>) -> String {
        self.key_of("acme", gateway).await
    }

    pub(crate) async fn key_of(&self, account: &str, gateway: Option<KeyGateway>) -> String {
        let ask = CreateKeyRequest {
            scopes: vec![Scope::Gateway],
            accounts: vec![account.parse().expect("a name")],
            expires_at: None,
            note: None,
            limits: None,
            gateway,
        };
        let made = create_key(&self.engine, &ask, None, None).await.expect("makes a key");
        made.secret.expect("a new key has a secret")
    }

    pub(crate) async fn send(&self, path: &str, body: impl Into<Bytes>) -> Response<Body> {
        self.send_as(&self.key, path, &[], body).await
    }

    pub(crate) async fn send_as(
        &self,
        key: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Response<Body> {
        let access = match self.api.access(Some(key), Call::default()) {
            Ok(access) => access,
            Err(problem) => return Gateway::refuse(path, &HeaderMap::new(), &problem),
        };
        let body: Bytes = body.into();
        let method = if body.is_empty() { "GET" } else { "POST" };
        self.call(access, (method, path), headers, body).await
    }

    async fn call(
        &self,
        access: Access,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(path);
        if headers.iter().all(|(name, _)| *name != "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.gateway.answer(access, request.body(body).expect("a request")).await
    }

    /// A call without a body.
    pub(crate) async fn ask(&self, method: &str, path: &str) -> Response<Body> {
        let access = self.api.access(Some(&self.key), Call::default()).expect("has access");
        self.call(access, (method, path), &[], Bytes::new()).await
    }

    /// Gives a call up once the upstream has it, which does not answer.
    pub(crate) async fn give_up<T: std::fmt::Debug>(&self, call: impl Future<Output = T>) {
        let has_come = async {
            while self.upstream.served().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            answered = call => panic!("{answered:?}"),
            () = has_come => {}
        }
    }

    /// The records of the account from the first that the gateway made.
    pub(crate) fn records(&self) -> Vec<Record> {
        let log = wait(self.store.read(&name("acme"), 3, 100_000)).expect("reads");
        log.iter().map(|stored| stored.record().expect("a record")).collect()
    }

    /// The only charge: its quantities, and its price.
    pub(crate) async fn charge(&self) -> (BTreeMap<String, u64>, String) {
        self.idle().await;
        let mut charges = self.charges();
        assert_eq!(charges.len(), 1, "{charges:?}");
        charges.remove(0)
    }

    pub(crate) fn charges(&self) -> Vec<(BTreeMap<String, u64>, String)> {
        let records = self.records();
        let charges = records.iter().filter_map(|record| {
            let Event::Settled { charge, .. } = &record.event else { return None };
            let lines = charge.usage.lines.iter().filter(|line| line.quantity > 0);
            let lines = lines.map(|line| (line.meter.to_string(), line.quantity)).collect();
            let credits: i64 = charge.draws.iter().map(|draw| draw.amount).sum();
            assert_eq!(credits, charge.price.nano(), "draws add up to the price");
            Some((lines, charge.price.to_string()))
        });
        charges.collect()
    }

    /// The records by their kinds.
    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        self.records().iter().map(|record| record.event.kind()).collect()
    }

    /// What is neither spent nor held.
    pub(crate) async fn available(&self) -> String {
        self.engine
            .view(&name("acme"), |ctx| Ok(ctx.account.available(ctx.now, None).to_string()))
            .await
            .expect("is seen")
    }

    /// Waits until no hold is open.
    pub(crate) async fn idle(&self) {
        for _ in 0..2_000 {
            let open =
                self.engine.view(&name("acme"), |ctx| Ok(ctx.account.holds.len())).await.expect("is seen");
            if open == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("a hold stays open");
    }
}

/// A whole answer as text.
pub(crate) async fn text(response: Response<Body>) -> (StatusCode, String) {
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    (head.status, String::from_utf8(body.into()).expect("UTF-8"))
}

/// A whole answer as JSON.
pub(crate) async fn answer(response: Response<Body>) -> (StatusCode, Value) {
    let (status, text) = text(response).await;
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// The surfaces with an output.
pub(crate) const WRITING: [&str; 4] =
    ["/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages"];

/// A request for a surface; `mock` says how it is served.
pub(crate) fn request(path: &str, is_stream: bool, output_max: u64, mock: Value) -> String {
    let mut request = json!({"model": "m", "mock": mock});
    let limit = match path {
        "/v1/responses" => {
            request["input"] = "hello there".into();
            "max_output_tokens"
        }
        "/v1/completions" => {
            request["prompt"] = "hello there".into();
            "max_tokens"
        }
        "/v1/embeddings" => {
            request["input"] = "hello there".into();
            return request.to_string();
        }
        _ => {
            request["messages"] = json!([{"role": "user", "content": "hello there"}]);
            "max_tokens"
        }
    };
    request[limit] = output_max.into();
    if is_stream {
        request["stream"] = true.into();
    }
    request.to_string()
}

/// The content type of [`form`], and of the same with another boundary.
pub(crate) const FORM: (&str, &str) = ("content-type", "multipart/form-data; boundary=b0undary");
pub(crate) const OTHER_FORM: (&str, &str) = ("content-type", "multipart/form-data; boundary=0ther");

/// A form: fields as texts, and files by name.
pub(crate) fn form(fields: &Value, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    let mut part = |head: &str, content: &[u8]| {
        body.extend_from_slice(
            format!("--b0undary\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes(),
        );
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    };
    for (name, value) in fields.as_object().expect("fields") {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        part(&format!("name=\"{name}\""), text.as_bytes());
    }
    for (name, content) in files {
        part(&format!("name=\"{name}\"; filename=\"a\"\r\nContent-Type: application/octet-stream"), content);
    }
    body.extend_from_slice(b"--b0undary--\r\n");
    body
}
