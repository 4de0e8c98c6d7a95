//! The official SDKs of OpenAI and Anthropic, unmodified, through the gateway: each call that they can make of it is answered as they
//! expect, and the ledger has what the upstream reports. The upstream stands in for a provider; nothing else is simulated.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{Connection, Server, World, headworks};

const PYTHON: [&str; 2] = ["openai==3.57.0", "anthropic==2.14.0"];
const NPM: [&str; 2] = ["openai@7.59.0", "@anthropic-ai/sdk@1.14.0"];
const NODE: &str = "22.23.3";

/// A thousandth of a credit for a token of input, two for one of output; ten times as much for the large model. Images and audio by
/// measures of their own as well.
const CATALOG: &str = r#"
version = "t"

[features.chat]
dimensions = ["usage"]
overshoot = "refund"
prices = [
  { credits = { input_tokens = "0.001", output_tokens = "0.002" } },
  { when = { model = "large" }, like = {}, factor = "10" },
]

[features.pictures]
dimensions = ["model", "usage"]
overshoot = "refund"
prices = [{ credits = { images = "0.01", input_tokens = "0.001", output_tokens = "0.002" } }]

[features.speech]
dimensions = ["model", "usage"]
overshoot = "refund"
prices = [{ credits = { characters = "0.001", input_tokens = "0.001", output_tokens = "0.002" } }]

[features.hearing]
dimensions = ["model", "usage"]
overshoot = "refund"
prices = [{ credits = { audio_seconds = "0.01", input_tokens = "0.001", output_tokens = "0.002" } }]

[plans.open]
features = ["chat", "pictures", "speech", "hearing"]
waterfall = [{ grants = { name = "credits" } }]

[plans.slow]
extends = "open"
guards = [{ name = "pace", window.rate = { limit = 1, period = "2s", burst = 1 } }]

[plans.capped]
extends = "open"
guards = [{ name = "cap", window.spend_cap = { limit = "0.1", every = "month" } }]
"#;

/// The upstream's own name for `alias` is that of another model, by which it is priced.
const GATEWAY: &str = r#"
[upstreams.o]
base_url = "UPSTREAM"
protocol = "openai"
[upstreams.a]
base_url = "UPSTREAM"
protocol = "anthropic"
[models.small]
feature = "chat"
targets = [{ upstream = "o" }, { upstream = "a" }]
[models.large]
feature = "chat"
targets = [{ upstream = "o" }, { upstream = "a" }]
[models.long]
feature = "chat"
targets = [{ upstream = "o" }, { upstream = "a" }]
[models.alias]
feature = "chat"
[[models.alias.targets]]
upstream = "o"
model = "large"
dimensions = { model = "large" }
[[models.alias.targets]]
upstream = "a"
model = "large"
dimensions = { model = "large" }
[models.painter]
feature = "pictures"
targets = [{ upstream = "o" }]
[models.speaker]
feature = "speech"
targets = [{ upstream = "o" }]
[models.listener]
feature = "hearing"
targets = [{ upstream = "o" }]
"#;

pub(crate) fn succeed(command: &mut Command) {
    let done = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}; ./test installs it"));
    let said = [done.stdout, done.stderr].map(|b| String::from_utf8_lossy(&b).into_owned()).concat();
    assert!(done.status.success(), "{command:?}: {said}");
    println!("{said}");
}

/// A directory of packages, kept where builds are.
fn installed(packages: &[&str], install: impl FnOnce(&Path)) -> PathBuf {
    let name = packages.join("+").replace('/', "-");
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if !home.exists() {
        let partial = home.with_extension("partial");
        if partial.exists() {
            std::fs::remove_dir_all(&partial).expect("an installation that was broken off goes");
        }
        std::fs::create_dir_all(&partial).expect("a directory");
        install(&partial);
        std::fs::rename(&partial, &home).expect("renames");
    }
    home
}

static PYTHON_PACKAGES: LazyLock<PathBuf> = LazyLock::new(|| {
    installed(&PYTHON, |home| {
        let pip = ["-m", "pip", "install", "--quiet", "--target"];
        let mut command = Command::new("python3");
        succeed(command.args(pip).arg(home).args(PYTHON).env("PIP_BREAK_SYSTEM_PACKAGES", "1"));
    })
});

/// The package of npm that has Node itself: the SDKs need a newer one than some systems have.
fn node_package() -> String {
    let system = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
    let kind = if (system, machine) == ("darwin", "arm64") { "node-bin" } else { "node" };
    format!("{kind}-{system}-{machine}")
}

static NPM_PACKAGES: LazyLock<PathBuf> = LazyLock::new(|| {
    let node = format!("{}@{NODE}", node_package());
    installed(&[NPM[0], NPM[1], &node], |home| {
        let install =
            ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"];
        succeed(Command::new("npm").args(install).arg(home).args(NPM).arg(&node));
    })
});

/// The binary as a provider of models.
struct Upstream {
    child: Child,
    url: String,
}

impl Upstream {
    fn start() -> Self {
        let mut child = headworks()
            .args([
                "mock-upstream",
                "--listen",
                "127.0.0.1:0",
                "--tokens-per-second",
                "0",
                "--first-token-ms",
                "0",
            ])
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut line = String::new();
        let mut said = BufReader::new(child.stderr.take().expect("its words"));
        said.read_line(&mut line).expect("reads");
        let url = line.split([' ', ';']).find(|word| word.starts_with("http://"));
        let url = url.unwrap_or_else(|| panic!("{line}")).to_owned();
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Self { child, url }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A use by its model: tokens of input and of output, seconds of sound, pictures, characters of speech.
type Use = (String, [u64; 5]);

/// A server with a gateway, and accounts that differ in what stands in their way.
struct Gateway {
    world: World,
    upstream: Upstream,
    server: Server,
    accounts: Vec<String>,
}

/// Accounts that can pay for no more than a part of a long answer.
const POOR: usize = 9;

impl Gateway {
    /// Starts everything, and writes what a script has to know into a file.
    fn start() -> Self {
        let (world, upstream) = (World::new(), Upstream::start());
        std::fs::write(world.path("catalog.toml"), CATALOG).expect("writes");
        std::fs::write(world.path("gateway.toml"), GATEWAY.replace("UPSTREAM", &upstream.url))
            .expect("writes");
        let mut key = headworks();
        key.args(["keys", "create", "--scope", "gateway", "--account", "acme", "--data"])
            .arg(world.path("data"));
        let made = key.output().expect("runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let file = world.path("gateway.toml").display().to_string();
        let server =
            Server::start_with(&world.path("data"), &world.path("catalog.toml"), &["--gateway", &file]);
        let mut gateway = Self { world, upstream, server, accounts: Vec::new() };
        gateway.open("acme", "open", "100000");
        let mut keys = json!({"url": format!("http://{}", gateway.server.address), "rows": rows(),
            "acme": String::from_utf8(made.stdout).expect("text").trim(), "poor": []});
        for (account, plan, credits) in
            [("slow", "slow", "100"), ("capped", "capped", "100"), ("empty", "open", "0")]
        {
            keys[account] = gateway.open_with_key(account, plan, credits);
        }
        let poor: Vec<Value> =
            (0..POOR).map(|n| gateway.open_with_key(&format!("poor{n}"), "open", "2.5")).collect();
        keys["poor"] = poor.into();
        std::fs::write(gateway.world.path("script.json"), keys.to_string()).expect("writes");
        gateway
    }

    fn open(&mut self, account: &str, plan: &str, credits: &str) {
        let (opened, granted) = (format!("open {account}"), format!("grant {account}"));
        self.world.call(&self.server, "POST", "/v1/accounts", &opened, &json!({"id": account, "plan": plan}));
        if credits != "0" {
            let grant = json!({"amount": credits, "category": "purchased"});
            self.world.call(
                &self.server,
                "POST",
                &format!("/v1/accounts/{account}/grants"),
                &granted,
                &grant,
            );
        }
        self.accounts.push(account.to_owned());
    }

    fn open_with_key(&mut self, account: &str, plan: &str, credits: &str) -> Value {
        self.open(account, plan, credits);
        let ask = json!({"scopes": ["gateway"], "accounts": [account]});
        self.world.call(&self.server, "POST", "/v1/keys", &format!("key {account}"), &ask)["secret"].clone()
    }

    fn get(&self, path: &str) -> Value {
        self.world.call(&self.server, "GET", path, "", &json!({}))
    }

    /// The records of an account.
    fn records(&self, account: &str) -> Vec<Value> {
        let mut all = Vec::new();
        loop {
            let page = self.get(&format!("/v1/accounts/{account}/records?from={}&max=1000", all.len() + 1));
            let some = page["records"].as_array().expect("records");
            if some.is_empty() {
                return all;
            }
            all.extend_from_slice(some);
        }
    }

    /// The charges of an account, and how many of its calls were not charged, once none of its holds is open.
    fn charges(&self, account: &str) -> (Vec<Value>, usize) {
        let begun = Instant::now();
        loop {
            let records = self.records(account);
            let of = |kind: &str| records.iter().filter(|record| record["kind"] == kind).count();
            let released = of("released");
            if of("authorized") == of("settled") + released {
                let settled = records.into_iter().filter(|record| record["kind"] == "settled");
                return (settled.map(|mut record| record["charge"].take()).collect(), released);
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "a hold of {account} stays open: {records:?}");
            std::thread::yield_now();
        }
    }

    /// Runs a script, then compares the ledger with what the upstream says.
    fn passes(&self, script: &mut Command) {
        let begun = Instant::now();
        succeed(script);
        println!("all calls: {:.1?}", begun.elapsed());
        let ends: Vec<_> = self.accounts.iter().map(|account| self.charges(account)).collect();
        let charges: Vec<&Value> = ends.iter().flat_map(|(charges, _)| charges).collect();
        let is_reported = |charge: &Value| charge["usage"]["dimensions"]["usage"] == "reported";
        // Pictures and characters are known, whether or not tokens are reported.
        let known = |(_, [.., images, characters]): &Use| images + characters > 0;
        let mut made: Vec<Use> =
            charges.iter().map(|charge| charged(charge)).filter(known).map(measures).collect();
        let (reported, counted): (Vec<&Value>, Vec<&Value>) =
            charges.into_iter().partition(|charge| is_reported(charge));
        let mut ledger: Vec<Use> = reported.into_iter().map(charged).collect();
        let served = self.served();
        let mut upstream: Vec<Use> = served.iter().filter_map(said).collect();
        let released: usize = ends.iter().map(|(_, released)| released).sum();
        assert_eq!(ledger.len() + counted.len() + released, served.len(), "each call ends once");
        // A connection that breaks may take with it all that was sent.
        let failed = served.iter().filter(|call| call["ended"] == "failed").count();
        assert!(released <= failed, "{released} of {failed} that broke off were not charged");
        ledger.sort();
        upstream.sort();
        assert_eq!(ledger, upstream, "the ledger has what the upstream reports");
        // What was made as a whole is charged, and of what broke off no more than was begun.
        for (ending, is_all) in [("complete", true), ("failed", false)] {
            let sent = served.iter().filter(|call| call["ended"] == ending).map(used).filter(known);
            for one in sent.map(measures) {
                let charge = made.iter().position(|made| *made == one);
                assert!(charge.is_some() || !is_all, "{one:?} is not charged: {made:?}");
                charge.map(|charge| made.swap_remove(charge));
            }
        }
        assert!(made.is_empty(), "the upstream has not made {made:?}");
        println!("{} uses reported, {} counted, {released} released", ledger.len(), counted.len());
        for (account, expected) in [("slow", 2), ("capped", 1), ("empty", 0)] {
            assert_eq!(self.charges(account).0.len(), expected, "{account}");
        }
        for n in 0..POOR {
            let balances = self.get(&format!("/v1/accounts/poor{n}/balances"));
            let is_negative = balances["available"].as_str().expect("credits").starts_with('-');
            assert!(!is_negative && self.charges(&format!("poor{n}")).0.len() <= 1, "{balances}");
        }
    }

    /// What the upstream says that it has served.
    fn served(&self) -> Vec<Value> {
        let address = self.upstream.url.trim_start_matches("http://").parse().expect("an address");
        let mut connection = Connection::open(address, "none").expect("connects");
        let (status, served) = connection.call("GET", "/mock/requests", "", "").expect("answers");
        assert_eq!(status, 200);
        served.as_array().expect("a list").clone()
    }
}

/// The use of a charge.
fn charged(charge: &Value) -> Use {
    let usage = &charge["usage"];
    let of = |meter: &str| {
        let lines = usage["lines"].as_array().expect("lines").iter();
        lines.filter(|line| line["meter"] == meter).filter_map(|line| line["quantity"].as_u64()).sum()
    };
    let model = usage["dimensions"]["model"].as_str().expect("a model");
    let meters = ["input_tokens", "output_tokens", "audio_seconds", "images", "characters"];
    (model.to_owned(), meters.map(of))
}

/// The use that the upstream reported, if it did.
fn said(served: &Value) -> Option<Use> {
    served["usage"].is_object().then(|| used(served))
}

/// What the upstream did for a call.
fn used(served: &Value) -> Use {
    let usage = &served["usage"];
    let of = |names: [&str; 2]| names.iter().find_map(|name| usage.get(*name)?.as_u64()).unwrap_or(0);
    let (input, output) = (["prompt_tokens", "input_tokens"], ["completion_tokens", "output_tokens"]);
    let number = |name: &str| served[name].as_u64().expect("a number");
    let model = served["model"].as_str().expect("a model");
    let counts = [of(input), of(output), of(["seconds", "seconds"]), number("images"), number("characters")];
    (model.to_owned(), counts)
}

/// A use without its tokens.
fn measures((model, [_, _, _, images, characters]): Use) -> Use {
    (model, [0, 0, 0, images, characters])
}

/// Tokens of the prompts and answers of the first hundred requests of a public trace.
fn rows() -> Vec<(u64, u64)> {
    let trace = include_str!("../../../lab/traces/vtc_lmsys_arena_27clients.csv");
    let number = |text: &str| text.parse().expect("a number");
    let rows = trace.lines().skip(1).take(100).map(|row| row.split(',').collect::<Vec<_>>());
    rows.map(|row| (number(row[2]), number(row[3]))).collect()
}

fn sources() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/models")
}

fn python(script: &str) {
    let packages = &*PYTHON_PACKAGES;
    let gateway = Gateway::start();
    let mut command = Command::new("python3");
    command.arg(sources().join(script)).arg(gateway.world.path("script.json")).env("PYTHONPATH", packages);
    gateway.passes(&mut command);
}

/// The directory of a Node that is new enough.
pub(crate) fn node_bin() -> PathBuf {
    NPM_PACKAGES.join("node_modules").join(node_package()).join("bin")
}

/// A script for Node reads its packages from where it runs.
fn node_script(script: &str) {
    let home = &*NPM_PACKAGES;
    let gateway = Gateway::start();
    let mut command = Command::new(node_bin().join("node"));
    let source = File::open(sources().join(script)).expect("the script");
    command
        .current_dir(home)
        .args(["--input-type=module", "-"])
        .arg(gateway.world.path("script.json"))
        .stdin(source);
    gateway.passes(&mut command);
}

#[test]
fn the_python_sdk_of_openai_works_through_the_gateway() {
    python("openai_calls.py");
}

#[test]
fn the_python_sdk_of_anthropic_works_through_the_gateway() {
    python("anthropic_calls.py");
}

#[test]
fn the_npm_sdk_of_openai_works_through_the_gateway() {
    node_script("openai_calls.mjs");
}

#[test]
fn the_npm_sdk_of_anthropic_works_through_the_gateway() {
    node_script("anthropic_calls.mjs");
}
