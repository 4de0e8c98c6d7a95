//! The ways to the upstream, each a process of its own: none, the bare proxy, the gateway on disk and in memory, and peers.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

use headworks_terminal::{Client, Failed};
use headworks_wire as wire;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::latency::Latencies;
use super::super::process::{Running, headworks};
use crate::arguments::{GatewayBench, Peer};

const CATALOG: &str = r#"
version = "bench"
[features.chat]
overshoot = "goodwill"
prices = [{ when = { model = "m" }, credits = { input_tokens = "0.000001", output_tokens = "0.000005" } }]
[plans.prepaid]
guards = [{ name = "rpm", per = "key", window.rate = { limit = 1_000_000_000, period = "1m" } }]
waterfall = [{ grants = { name = "credits" } }]
"#;

/// A file system whose syncs cost nothing.
const MEMORY: &str = "/dev/shm";

/// The names of the ways that others are compared with.
pub(super) const PASS: &str = "bare proxy";
pub(super) const GATEWAY: &str = "gateway";
pub(super) const GATEWAY_IN_MEMORY: &str = "gateway, ledger in memory";

/// A way to the upstream.
pub(super) struct Way {
    pub(super) name: String,
    pub(super) address: SocketAddr,
    pub(super) key: String,
    pub(super) process: Option<u32>,
}

/// All ways, and what ends with them.
pub(super) struct Ways {
    pub(super) all: Vec<Way>,
    /// Writes and syncs of half a kibibyte where the gateway keeps its ledger.
    pub(super) sync: Latencies,
    _running: Vec<Running>,
    _directories: Vec<TempDir>,
}

impl Ways {
    pub(super) async fn start(options: &GatewayBench) -> Result<Self, Failed> {
        let mut running = Vec::new();
        let upstream = match options.upstream {
            Some(address) => address,
            None => {
                let (process, address) =
                    Running::start(headworks()?.args(["mock-upstream", "--listen", "127.0.0.1:0"]))?;
                running.push(process);
                address
            }
        };
        let to = upstream.to_string();
        let (proxy, at) = Running::start(headworks()?.args(["bench", "pass-through", "--upstream", &to]))?;
        let mut all = vec![way("upstream itself", upstream, None), way(PASS, at, Some(&proxy))];
        running.push(proxy);
        let mut directories = Vec::new();
        let disk = TempDir::new()?;
        let sync = syncs(disk.path())?;
        for (name, dir) in [(GATEWAY, disk), (GATEWAY_IN_MEMORY, TempDir::new_in(MEMORY)?)] {
            let (process, address, key) = gateway(dir.path(), upstream).await?;
            all.push(Way { key, ..way(name, address, Some(&process)) });
            running.push(process);
            directories.push(dir);
        }
        let peer = |peer: &Peer| Way { process: peer.process, ..way(&peer.name, peer.address, None) };
        all.extend(options.peer.iter().map(peer));
        Ok(Self { all, sync, _running: running, _directories: directories })
    }
}

fn way(name: &str, address: SocketAddr, process: Option<&Running>) -> Way {
    Way { name: name.to_owned(), address, key: "none".to_owned(), process: process.map(Running::id) }
}

fn syncs(dir: &Path) -> Result<Latencies, Failed> {
    let (took, mut file) = (Latencies::new(), std::fs::File::create(dir.join("syncs"))?);
    for _ in 0..500 {
        let begun = Instant::now();
        file.write_all(&[7; 512])?;
        file.sync_data()?;
        took.add(begun.elapsed());
    }
    Ok(took)
}

/// Starts a server with a gateway, and makes a key for calls of models.
async fn gateway(dir: &Path, upstream: SocketAddr) -> Result<(Running, SocketAddr, String), Failed> {
    let [data, catalog, file] = ["data", "catalog.toml", "gateway.toml"].map(|name| dir.join(name));
    std::fs::write(&catalog, CATALOG)?;
    std::fs::write(
        &file,
        format!(
            "[upstreams.u]\nbase_url = \"http://{upstream}\"\nprotocol = \"openai\"\n[models.m]\nfeature = \"chat\"\n\
             max_output_tokens = 1000\ntargets = [{{ upstream = \"u\" }}]\n"
        ),
    )?;
    let made = headworks()?.args(["keys", "create", "--scope", "admin", "--data"]).arg(&data).output()?;
    let admin = String::from_utf8_lossy(&made.stdout).trim().to_owned();
    let mut serve = headworks()?;
    serve.args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json", "--data"]).arg(&data);
    serve.arg("--catalog").arg(&catalog).arg("--gateway").arg(&file);
    let (process, address) = Running::start(&mut serve)?;
    let mut client = Client::connect(&format!("http://{address}"), Some(admin)).await?;
    let opened: Result<Value, _> =
        client.post("/v1/accounts", Some("open"), &json!({"id": "acme", "plan": "prepaid"})).await;
    opened?;
    let grant = json!({"amount": "1000000", "category": "purchased"});
    let granted: Result<Value, _> = client.post("/v1/accounts/acme/grants", Some("grant"), &grant).await;
    granted?;
    let ask = json!({"scopes": ["gateway"], "accounts": ["acme"]});
    let made: wire::KeyCreated = client.post("/v1/keys", Some("key"), &ask).await?;
    Ok((process, address, made.secret.ok_or("a new key has a secret")?))
}
