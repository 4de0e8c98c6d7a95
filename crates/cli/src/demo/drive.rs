//! Replaying requests over HTTP: authorize at arrival, settle when the answer has been generated.
//!
//! Time is virtual: the server's clock moves ahead in slices, and everything of a slice is sent at once over a bounded
//! number of connections. A settle is sent in the slice in which its generation ends.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Instant as StdInstant;

use headworks_core::record::{Name, Span};
use headworks_engine::Engine;
use headworks_terminal::values::parsed;
use headworks_terminal::{CallError, Client, Failed};
use headworks_wire as wire;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::mpsc;

use super::people::{People, Person};
use headworks_lab::traces::Traced;

const CONNECTIONS: usize = 64;
const SLICE_MICROS: u64 = 2_000_000;
/// Tokens that a client holds for the answer before it knows its length.
const OUTPUT_ESTIMATE: u64 = 2_048;
/// Generation speed, tokens a second.
const TOKENS_PER_SECOND: u64 = 50;

/// The measurements of the replay.
#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) outcomes: BTreeMap<String, u64>,
    pub(super) reasons: BTreeMap<String, u64>,
    /// Credits and requests by layer and source, as settled.
    pub(super) sources: BTreeMap<(String, String), (i64, u64)>,
    pub(super) split: u64,
    pub(super) settled: u64,
    pub(super) refunded_nano: i64,
    pub(super) authorize_micros: Vec<u64>,
    pub(super) settle_micros: Vec<u64>,
    pub(super) calls: u64,
    pub(super) took: std::time::Duration,
    /// The decision that drew on most sources.
    pub(super) most_split: Option<wire::Decision>,
    /// A denial that says when it ends or what to buy.
    pub(super) denied: Option<wire::Decision>,
}

enum Job {
    Authorize(Box<(wire::AuthorizeRequest, Traced)>),
    Settle(Box<wire::SettleRequest>),
}

enum Done {
    Authorized(Box<(wire::Decision, Traced)>, u64),
    Settled(Box<wire::Charge>, u64),
}

/// Sends every request of the trace and follows up on those allowed.
pub(super) async fn replay(
    engine: &Engine,
    url: &str,
    people: &People,
    requests: &[Traced],
    length: Span,
) -> Result<Run, Failed> {
    let mut connections = Connections::open(url).await?;
    let mut run = Run::default();
    let progress = ProgressBar::new(u64::try_from(requests.len())?)
        .with_style(ProgressStyle::with_template("  {elapsed} {wide_bar} {pos}/{len} requests, {per_sec}")?);
    let started = StdInstant::now();
    let begin = engine.clock().now();
    let mut arrivals = requests.iter().copied().peekable();
    let mut settles: BinaryHeap<Reverse<(u64, u64, String)>> = BinaryHeap::new();
    let mut bodies: BTreeMap<u64, wire::SettleRequest> = BTreeMap::new();
    let mut numbered = 0_u64;
    let mut now = 0;
    while now < length.micros() || !settles.is_empty() {
        now += SLICE_MICROS;
        let mut jobs = Vec::new();
        while let Some(Reverse((_, id, _))) = settles.peek().filter(|Reverse((at, ..))| *at <= now).cloned() {
            settles.pop();
            jobs.extend(bodies.remove(&id).map(|body| Job::Settle(Box::new(body))));
        }
        while let Some(request) = arrivals.next_if(|r| r.at_micros < now) {
            numbered += 1;
            jobs.push(Job::Authorize(Box::new((ask(people.of(&request)?, &request, numbered)?, request))));
            progress.inc(1);
        }
        // The clock shows the slice's end at least; it runs on by itself when the machine is slow.
        let shown = engine.clock().now().since(begin).micros();
        engine.clock().advance(Span::from_micros(now.min(length.micros()).saturating_sub(shown)));
        for done in connections.run(jobs).await? {
            if let Some((at, body)) = run.take(done, now) {
                numbered += 1;
                settles.push(Reverse((at, numbered, body.hold.to_string())));
                bodies.insert(numbered, body);
            }
        }
    }
    progress.finish_and_clear();
    run.took = started.elapsed();
    Ok(run)
}

fn ask(person: Person, request: &Traced, number: u64) -> Result<wire::AuthorizeRequest, Failed> {
    let meter = |text: &str| Name::new(text).map_err(|e| e.to_string());
    // Every second prompt of the workspace is half cached, as repeated contexts are.
    let cached = if number.is_multiple_of(2) { request.input_tokens / 2 } else { 0 };
    let quantities = [
        (meter("input_tokens")?, request.input_tokens - cached),
        (meter("cached_input_tokens")?, cached),
        (meter("output_tokens")?, OUTPUT_ESTIMATE.max(request.output_tokens)),
    ];
    Ok(wire::AuthorizeRequest {
        path: person.path,
        dimensions: [(meter("model")?, person.model)].into_iter().collect(),
        quantities: quantities.into_iter().collect(),
        consent: true,
        idempotency_key: Some(parsed(&format!("demo {number}"))?),
        ..wire::AuthorizeRequest::new(person.account.into(), meter("chat.completion")?)
    })
}

impl Run {
    /// Counts an answer; for an allowed request returns when and how to settle it.
    fn take(&mut self, done: Done, now: u64) -> Option<(u64, wire::SettleRequest)> {
        self.calls += 1;
        match done {
            Done::Settled(charge, micros) => {
                self.settle_micros.push(micros);
                self.settled += 1;
                self.refunded_nano += charge.refunded.nano();
                self.split += u64::from(charge.draws.len() > 1);
                for draw in &charge.draws {
                    let what = draw.category.map_or(draw.source.clone(), |c| c.as_str().to_owned());
                    let sum = self.sources.entry((draw.layer.to_string(), what)).or_default();
                    let credits: headworks_core::record::Credits = draw.amount.parse().unwrap_or_default();
                    sum.0 += credits.nano();
                    sum.1 += 1;
                }
                None
            }
            Done::Authorized(boxed, micros) => {
                let (decision, request) = *boxed;
                self.authorize_micros.push(micros);
                *self.outcomes.entry(decision.outcome.clone()).or_default() += 1;
                *self.reasons.entry(decision.reason.clone()).or_default() += 1;
                let hold = decision.hold.as_ref().map(|h| h.id.clone());
                let quantities = wire::quantities(&decision.usage);
                self.keep_interesting(decision);
                let quantities = quantities.into_iter().map(|(meter, n)| {
                    let n = if meter.as_str() == "output_tokens" { request.output_tokens } else { n };
                    (meter, n)
                });
                let settle = wire::SettleRequest {
                    hold: hold?,
                    quantities: quantities.collect(),
                    dimensions: None,
                    parts: None,
                    idempotency_key: None,
                };
                Some((now + request.output_tokens * 1_000_000 / TOKENS_PER_SECOND, settle))
            }
        }
    }

    fn keep_interesting(&mut self, decision: wire::Decision) {
        let beats = |best: &Option<wire::Decision>| {
            best.as_ref().is_none_or(|b| b.draws.len() < decision.draws.len())
        };
        if decision.draws.len() > 1 && beats(&self.most_split) {
            self.most_split = Some(decision);
        } else if decision.unblock.as_ref().is_some_and(|u| u.at.is_some() || u.purchase.is_some()) {
            self.denied = Some(decision);
        }
    }
}

/// A fixed number of connections, each with a task that sends its jobs.
struct Connections {
    jobs: Arc<tokio::sync::Mutex<mpsc::Receiver<Job>>>,
    give: mpsc::Sender<Job>,
    done: mpsc::Receiver<Result<Done, CallError>>,
}

impl Connections {
    async fn open(url: &str) -> Result<Self, Failed> {
        let (give, jobs) = mpsc::channel(CONNECTIONS);
        let (tell, done) = mpsc::channel(CONNECTIONS);
        let jobs = Arc::new(tokio::sync::Mutex::new(jobs));
        for _ in 0..CONNECTIONS {
            let mut client = Client::connect(url, None).await?;
            let (jobs, tell) = (Arc::clone(&jobs), tell.clone());
            tokio::spawn(async move {
                loop {
                    let job = jobs.lock().await.recv().await;
                    let Some(job) = job else { break };
                    if tell.send(call(&mut client, job).await).await.is_err() {
                        break;
                    }
                }
            });
        }
        Ok(Self { jobs, give, done })
    }

    /// Sends all jobs and waits for all answers.
    async fn run(&mut self, jobs: Vec<Job>) -> Result<Vec<Done>, Failed> {
        let count = jobs.len();
        let give = self.give.clone();
        let giving = tokio::spawn(async move {
            for job in jobs {
                if give.send(job).await.is_err() {
                    break;
                }
            }
        });
        let mut out = Vec::with_capacity(count);
        while out.len() < count {
            match self.done.recv().await {
                Some(done) => out.push(done?),
                None => return Err("the connections have closed".into()),
            }
        }
        giving.await?;
        Ok(out)
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        if let Ok(mut jobs) = self.jobs.try_lock() {
            jobs.close();
        }
    }
}

async fn call(client: &mut Client, job: Job) -> Result<Done, CallError> {
    let started = StdInstant::now();
    let micros = || u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    Ok(match job {
        Job::Authorize(boxed) => {
            let (ask, request) = *boxed;
            let decision = client.post("/v1/authorize", None, &ask).await?;
            Done::Authorized(Box::new((decision, request)), micros())
        }
        Job::Settle(ask) => Done::Settled(Box::new(client.post("/v1/settle", None, &*ask).await?), micros()),
    })
}
