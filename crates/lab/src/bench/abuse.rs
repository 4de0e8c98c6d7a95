//! `headworks bench abuse`: real clients under abuse rules, and the memory that made-up callers leave behind.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant as StdInstant};

use headworks_api::{Api, Signer};
use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::{Command, Patch};
use headworks_core::record::{Label, Name};
use headworks_core::waterfall::{Authorize, Refusal, Request};
use headworks_engine::{Answer, Caller, Clock, Engine, EngineError, Idempotency, Limits, check_code};
use headworks_server::{App, Peer, app};
use headworks_store::{Embedded, Options};
use headworks_terminal::{Failed, Outcome, print, say, say_part};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::service::Service;
use hyper::{StatusCode, header};
use hyper_util::service::TowerToHyperService;
use serde::Serialize;
use serde_json::json;

use super::figures::{memory, seconds};
use super::load::{key, run_command};
use crate::arguments::AbuseBench;
use crate::simulate::clients::{self, Held, Tables};
use crate::simulate::trace::text;
use crate::simulate::traffic::name;

/// The most memory that fabricated keys may leave behind.
const LEFT_MAX_KIB: u64 = 64 * 1_024;

const CATALOG: &str = r#"
version = "unauthenticated"
default_plan = "api"
[meters]
tokens = { unit = "token" }
[supplies.model]
rate = 1_000_000_000
[features.chat]
meters = ["tokens"]
supply = "model"
ledger = false
[abuse]
default_tier = "verified"
rules = { sub_keys = "enforce", sharing = "enforce", penalty = "enforce", velocity = "enforce" }
[plans.api]
features = ["chat"]
guards = [{ name = "rpm", per = "key", window.rate = { limit = 60, period = "1m", burst = 10 } }]
"#;

/// The memory that one kind of fabricated callers left behind.
#[derive(Debug, Serialize)]
struct Left {
    what: &'static str,
    asked: u64,
    seconds: f64,
    /// The growth of the process's memory since before all of them.
    more_kib: u64,
}

pub(super) async fn run(options: &AbuseBench, as_json: bool) -> Outcome {
    let read = |path: &Path| {
        let hint = "run this from the root of the sources, or name the tables with --windows and --lengths";
        text(path).map_err(|e| format!("{e}; {hint}"))
    };
    let tables = Tables { windows: read(&options.windows)?, lengths: read(&options.lengths)? };
    let left = unauthenticated(options.keys).await?;
    let held = clients::measure(&tables, options.model.as_deref(), options.tier)?;
    if as_json {
        say!("{}", serde_json::to_string_pretty(&json!({ "unauthenticated": left, "clients": held }))?)?;
    } else {
        show_left(&left)?;
        show_held(&held)?;
    }
    let most = left.iter().map(|l| l.more_kib).max().unwrap_or(0);
    if most > LEFT_MAX_KIB {
        return Err(format!(
            "callers nobody knows left {most} KiB behind; at most {LEFT_MAX_KIB} are wanted"
        )
        .into());
    }
    match held.first().filter(|h| h.blocked > 0 || h.clamped * 1_000 > h.windows * 2) {
        Some(_) => Err("real clients were blocked, or clamped in more than 0.2 % of their windows".into()),
        None => Ok(()),
    }
}

fn show_left(left: &[Left]) -> Outcome {
    let titles = ["callers nobody knows", "asked", "s", "more memory, KiB"].map(str::to_owned);
    let mut rows = vec![titles.to_vec()];
    rows.extend(left.iter().map(|l| {
        vec![l.what.to_owned(), l.asked.to_string(), format!("{:.1}", l.seconds), l.more_kib.to_string()]
    }));
    say!("{}", print::table(&rows, &[false, true, true, true]))
}

fn show_held(held: &[Held]) -> Outcome {
    let row = |what: &str, of: &dyn Fn(&Held) -> String| {
        let mut cells = vec![what.to_owned()];
        cells.extend(held.iter().map(of));
        cells
    };
    let mut rows = vec![
        row("real clients", &|h| h.policy.clone()),
        row("clients", &|h| h.clients.to_string()),
        row("windows of ten minutes", &|h| h.windows.to_string()),
        row("of them nothing let through", &|h| h.blocked.to_string()),
        row("of them something held off", &|h| format!("{} ({})", h.clamped, percent(h.clamped, h.windows))),
        row("clients that had such a window", &|h| h.clients_clamped.to_string()),
        row("clamps begun", &|h| h.clamps.to_string()),
        row("requests", &|h| h.requests.to_string()),
        row("served one class lower", &|h| percent(h.demoted, h.requests)),
        row("held off", &|h| percent(h.held_off, h.requests)),
    ];
    let mut reasons: Vec<&str> = held.iter().flat_map(|h| h.reasons.keys().copied()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let of = |h: &Held, reason| percent(h.reasons.get(reason).copied().unwrap_or(0), h.requests);
    rows.extend(reasons.into_iter().map(|reason| row(&format!("held off: {reason}"), &|h| of(h, reason))));
    say_part!("{}", print::table(&rows, &[false, true, true]))
}

/// A part in percent, with three digits after the point.
fn percent(part: u64, of: u64) -> String {
    let millis = u128::from(part) * 100_000 / u128::from(of.max(1));
    format!("{}.{:03} %", millis / 1_000, millis % 1_000)
}

/// Memory of the process now, in KiB.
fn resident() -> Result<u64, Failed> {
    let told = memory("VmRSS").ok_or("the system does not report VmRSS")?;
    Ok(told.trim_end_matches(" kB").parse()?)
}

/// The memory that unknown callers leave behind: this many of each kind.
async fn unauthenticated(asked: u64) -> Result<Vec<Left>, Failed> {
    let dir = tempfile::tempdir()?;
    let catalog = Catalog::parse(CATALOG, Format::Toml).map_err(|e| e.to_string())?;
    let store = Arc::new(Embedded::open(dir.path(), Options::default())?);
    let engine = Engine::start(store, catalog, Arc::new(Clock::new()), Limits::default())?;
    run_command(&engine, &name("acme")?, &key("open")?, &Command::Open(Patch::default())).await?;
    let check_key = engine.check_key([7; 32]).await?;
    let signer = Arc::new(Signer::ephemeral()?);
    let api = Arc::new(Api::new(Arc::clone(&engine), signer, false));
    let router = app(App::new(api, Duration::from_secs(10)));
    let router = TowerToHyperService::new(router);
    let fabricated = async |i| knock(&router, i, &format!("{i:012x}_{i:064x}{i:016x}")).await;
    let absent = async |i| {
        let text = format!("{i:012x}_{i:064x}");
        knock(&router, i, &format!("{text}{}", check_code(&check_key, &text))).await
    };
    let nobody = async |i| {
        let account = name(&format!("nobody-{i}"))?;
        match authorize(&engine, &account, i).await {
            Err(EngineError::Refused(Refusal::UnknownAccount(_))) => Ok(()),
            other => Err(format!("an account that is not there: {other:?}").into()),
        }
    };
    let acme = name("acme")?;
    let named = async |i| Ok(authorize(&engine, &acme, i).await.map(drop)?);
    // Memory allocated at the first call is not due to unauthenticated callers.
    fabricated(0).await?;
    absent(0).await?;
    nobody(0).await?;
    named(0).await?;
    let before = resident()?;
    let left = vec![
        measure("API keys without a check code", asked, before, fabricated).await?,
        measure("API keys that are not in force", asked, before, absent).await?,
        measure("accounts that do not exist", asked, before, nobody).await?,
        measure("keys in the path of one account", asked, before, named).await?,
    ];
    engine.close();
    Ok(left)
}

/// Asks `asked` times, and weighs the process.
async fn measure(
    what: &'static str,
    asked: u64,
    before: u64,
    each: impl AsyncFn(u64) -> Result<(), Failed>,
) -> Result<Left, Failed> {
    let started = StdInstant::now();
    for i in 0..asked {
        each(i).await?;
    }
    let more_kib = resident()?.saturating_sub(before);
    Ok(Left { what, asked, seconds: seconds(started.elapsed()), more_kib })
}

/// An address of its own for each, from all networks.
fn address(i: u64) -> IpAddr {
    // Multiplying by an odd number visits every address once.
    let [.., a, b, c, d] = i.wrapping_mul(2_654_435_761).to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

/// A request over HTTP with an invalid API key.
async fn knock<S, B>(router: &S, i: u64, key: &str) -> Result<(), Failed>
where
    S: Service<hyper::Request<Empty<Bytes>>, Response = hyper::Response<B>, Error = Infallible>,
{
    let mut request = hyper::Request::builder()
        .uri("/v1/accounts/acme")
        .header(header::HOST, "bench")
        .header(header::AUTHORIZATION, format!("Bearer hw_{key}"))
        .body(Empty::<Bytes>::new())?;
    request.extensions_mut().insert(Peer(address(i)));
    match router.call(request).await?.status() {
        StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS => Ok(()),
        other => Err(format!("a fabricated key was answered with {other}").into()),
    }
}

/// A request of a key that the account has not used before.
async fn authorize(engine: &Engine, account: &Name, i: u64) -> Result<Answer, EngineError> {
    let word = |text: &str| name(text).unwrap_or_else(|_| unreachable!("words and digits make a name"));
    let text = Label::new(&format!("once {i}")).unwrap_or_else(|_| unreachable!("words and digits"));
    let ask = Authorize {
        settle_now: true,
        ..Authorize::new(Request {
            path: format!("key:k{i}").parse().unwrap_or_else(|_| unreachable!("a level and a name")),
            ..Request::new(word("chat"), [(word("tokens"), 100)])
        })
    };
    let caller = Caller { source: Some(address(i)), ..Caller::default() };
    let key = Idempotency { text, digest: [7; 16] };
    engine.run(account, Some(&key), caller, &Command::Authorize(ask)).await
}
