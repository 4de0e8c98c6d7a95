//! A minute of the arena's chats as streams through the gateway, before a stand-in for a model in this process; and one stream that its
//! account cannot pay to the end. What the ledger charges is compared with the upstream's own record.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use headworks_core::record::{Category, Credits, KeyGateway, Name};
use headworks_engine::Engine;
use headworks_gateway::Setup;
use headworks_lab::traces::{Trace, Traced};
use headworks_mock_upstream::{Ended, MockUpstream, Served};
use headworks_terminal::{Client, Failed, Outcome, print, say};
use headworks_wire as wire;
use hyper::{Method, StatusCode};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::people::{grant, name, open};

/// How much faster than in the trace the streams come and are written.
const SPEED: u64 = 4;
const MINUTE_MICROS: u64 = 60_000_000;
/// Tokens a second of a stream in the trace.
const TOKENS_PER_SECOND: u64 = 50;
/// The output that one stream would have: more than a day of the free plan pays for.
const TOO_LONG: u64 = 12_000;
/// So that it takes no longer than the others.
const TOO_LONG_PER_SECOND: u64 = 1_500;

const MANY: &str = "studio";
const ONE: &str = "trial";
const PATH: &str = "/v1/chat/completions";

/// The gateway's file: the models of the catalog, before one upstream.
pub(super) fn setup(upstream: SocketAddr) -> Result<Setup, String> {
    Setup::parse(&format!(
        r#"
[upstreams.stand-in]
base_url = "http://{upstream}"
protocol = "openai"
[models.chat]
feature = "chat.completion"
max_output_tokens = 16_000
targets = [{{ upstream = "stand-in" }}]
[models.trial]
feature = "chat.completion"
dimensions = {{ model = "chat" }}
max_output_tokens = 16_000
targets = [{{ upstream = "stand-in" }}]
"#
    ))
}

/// Calls and their tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    calls: u64,
    input: u64,
    output: u64,
}

/// What became of the streams.
pub(super) struct Streamed {
    /// The keys of its users.
    keys: BTreeMap<u32, String>,
    took: Duration,
    sum: Sum,
    credits: Credits,
    cut: Cut,
}

/// The stream that was cut off.
struct Cut {
    /// Tokens that its caller got, which are those that are charged.
    output: u64,
    credits: Credits,
    /// Tokens that the upstream had written when its connection was closed.
    written: u64,
    why: wire::Decision,
}

/// Makes a key for calls of models.
async fn key(client: &mut Client, account: &str, user: Option<u32>) -> Result<String, Failed> {
    let path = user.map(|user| format!("user:u{user}").parse()).transpose().map_err(|e| format!("{e}"))?;
    let ask = wire::CreateKeyRequest {
        scopes: vec![wire::Scope::Gateway],
        accounts: vec![account.parse().map_err(|e| format!("{e}"))?],
        expires_at: None,
        note: None,
        limits: None,
        gateway: path.map(|path| KeyGateway { path: Some(path), models: None }),
    };
    let once = format!("demo key {account} {}", user.unwrap_or_default());
    let made: wire::KeyCreated = client.post("/v1/keys", Some(&once), &ask).await?;
    made.secret.ok_or_else(|| format!("{account} has a key of an earlier demo; use another --data").into())
}

/// A call, and all that came of its stream.
async fn stream(url: &str, key: String, body: String) -> Result<String, Failed> {
    let mut client = Client::connect(url, Some(key)).await?;
    let (status, answer) =
        client.send(Method::POST, PATH, None, "application/json", body.into_bytes()).await?;
    let answer = String::from_utf8(answer.into())?;
    if status == StatusCode::OK { Ok(answer) } else { Err(format!("{status}: {answer}").into()) }
}

fn body(model: &str, input: u64, output: u64, rate: u64) -> Result<String, Failed> {
    let words = "word ".repeat(usize::try_from(input)?);
    Ok(json!({"model": model, "stream": true, "messages": [{"role": "user", "content": words}],
        "mock": {"input_tokens": input, "output_tokens": output, "tokens_per_second": rate}})
    .to_string())
}

/// Tokens of a stream as its caller sees them.
fn tokens(answer: &str) -> u64 {
    u64::try_from(answer.matches("tok ").count()).unwrap_or(u64::MAX)
}

/// Opens the accounts, sends the streams and compares the ledger with the record of the upstream.
pub(super) async fn run(
    engine: &Engine,
    url: &str,
    upstream: &MockUpstream,
    requests: &[Traced],
) -> Result<Streamed, Failed> {
    let mut client = Client::connect(url, None).await?;
    let (many, one) = (name(MANY)?, name(ONE)?);
    open(&mut client, &many, "workspace").await?;
    grant(&mut client, &many, "50", Category::Purchased, None).await?;
    open(&mut client, &one, "free").await?;
    let begun = Instant::now();
    let cut = {
        let (url, key) = (url.to_owned(), key(&mut client, ONE, None).await?);
        let body = body("trial", 20, TOO_LONG, TOO_LONG_PER_SECOND)?;
        tokio::spawn(async move { stream(&url, key, body).await })
    };
    let keys = minute(&mut client, url, requests).await?;
    let cut = cut.await??;
    let took = begun.elapsed();
    let served = upstream.served();
    let (sum, credits) = charged(engine, &many).await?;
    agree(&many, sum, reported(&served))?;
    let (paid, cut_credits) = charged(engine, &one).await?;
    agree(&one, paid, Sum { calls: 1, output: tokens(&cut), ..paid })?;
    let why: wire::Decision = client.get(&format!("/v1/decisions/{}", decision_id(&cut)?)).await?;
    let written = served.iter().find(|served| served.model == "trial").map_or(0, |it| it.output_tokens);
    let cut = Cut { output: paid.output, credits: cut_credits, written, why };
    Ok(Streamed { keys, took, sum, credits, cut })
}

/// The first minute of the arena, each request as a stream of its user; the keys of the users.
async fn minute(
    client: &mut Client,
    url: &str,
    requests: &[Traced],
) -> Result<BTreeMap<u32, String>, Failed> {
    let begun = Instant::now();
    let mut keys = BTreeMap::new();
    let mut streams = JoinSet::new();
    let minute = requests.iter().filter(|it| it.trace == Trace::Arena && it.at_micros < MINUTE_MICROS);
    for request in minute {
        if let std::collections::btree_map::Entry::Vacant(user) = keys.entry(request.client) {
            user.insert(key(client, MANY, Some(request.client)).await?);
        }
        let key = keys.get(&request.client).cloned().unwrap_or_default();
        let body = body("chat", request.input_tokens, request.output_tokens, TOKENS_PER_SECOND * SPEED)?;
        let (url, output) = (url.to_owned(), request.output_tokens);
        tokio::time::sleep_until(begun + Duration::from_micros(request.at_micros / SPEED)).await;
        streams.spawn(async move {
            let answer = stream(&url, key, body).await?;
            let whole = tokens(&answer) == output && answer.ends_with("data: [DONE]\n\n");
            if whole { Ok(()) } else { Err(Failed::from(format!("a stream is not whole: {answer}"))) }
        });
    }
    while let Some(ended) = streams.join_next().await {
        ended??;
    }
    Ok(keys)
}

/// What the upstream reports of the streams that it ended.
fn reported(served: &[Served]) -> Sum {
    let whole = served.iter().filter(|served| served.model == "chat" && served.ended == Ended::Complete);
    whole.fold(Sum::default(), |sum, served| {
        let field = |name: &str| served.usage.get(name).and_then(serde_json::Value::as_u64).unwrap_or(0);
        Sum {
            calls: sum.calls + 1,
            input: sum.input + field("prompt_tokens"),
            output: sum.output + field("completion_tokens"),
        }
    })
}

/// What the ledger charges an account for.
async fn charged(engine: &Engine, account: &Name) -> Result<(Sum, Credits), Failed> {
    let (mut sum, mut nano, mut next) = (Sum::default(), 0, 1);
    loop {
        let page = engine.records(account, next, 1_000).await?;
        let Some(last) = page.last() else { return Ok((sum, Credits::from_nano(nano))) };
        next = last.seq + 1;
        for stored in &page {
            let record = stored.record().map_err(|e| e.to_string())?;
            let Some(charge) = record.event.charge() else { continue };
            let lines = |meter: &str| {
                let of = charge.usage.lines.iter().filter(|line| line.meter.as_str() == meter);
                of.map(|line| line.quantity).sum::<u64>()
            };
            sum.calls += 1;
            sum.input += lines("input_tokens");
            sum.output += lines("output_tokens");
            nano += charge.price.nano();
        }
    }
}

fn agree(account: &Name, charged: Sum, served: Sum) -> Outcome {
    if charged == served {
        return Ok(());
    }
    Err(format!("{account} is charged for {charged:?}, but was served {served:?}").into())
}

/// The decision that the last comment of a stream names.
fn decision_id(answer: &str) -> Result<&str, Failed> {
    let comment = answer.lines().find(|line| line.starts_with(": headworks: cut off"));
    let id = comment.and_then(|line| line.split_once("decision ")).map(|(_, id)| id.trim());
    let is_ended = answer.contains(r#""finish_reason":"length""#) && answer.ends_with("data: [DONE]\n\n");
    id.filter(|_| is_ended).ok_or_else(|| "a stream was not cut off where its money ended".into())
}

impl Streamed {
    /// The accounts that it opened.
    pub(super) fn accounts() -> Result<[Name; 2], Failed> {
        Ok([name(MANY)?, name(ONE)?])
    }

    pub(super) fn print(&self) -> Outcome {
        let (sum, cut) = (self.sum, &self.cut);
        say!("A minute of the arena as streams through the gateway, at {SPEED} times its speed")?;
        say!(
            "  {} streams of {} users in {} s, each held, metered as it came, and settled",
            sum.calls,
            self.keys.len(),
            self.took.as_secs()
        )?;
        say!(
            "  {} tokens in, {} out: {} credits of `{MANY}`; the ledger and the upstream's record agree to the token",
            sum.input,
            sum.output,
            self.credits
        )?;
        say!("\nA stream of {TOO_LONG} tokens that `{ONE}` could not pay to the end")?;
        say!(
            "  cut off after {} tokens, {} credits: what was charged is what was passed on (the upstream had written {})",
            cut.output,
            cut.credits,
            cut.written
        )?;
        say!("  its caller reads `finish_reason: \"length\"`; why it had no more, as it was stored:\n")?;
        say!("{}", print::decision(&cut.why))
    }

    /// A call to try.
    pub(super) fn print_next_step(&self, url: &str) -> Outcome {
        say!(
            "  curl -sN {url}{PATH} -H 'Authorization: Bearer {}' -d '{{\"model\":\"chat\",\"stream\":true,\"max_tokens\":20,\"messages\":[{{\"role\":\"user\",\"content\":\"hello\"}}]}}'",
            self.keys.values().next().map_or("", String::as_str)
        )
    }
}
