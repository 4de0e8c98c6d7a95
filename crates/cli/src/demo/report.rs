//! The demo's report at the end.

use headworks_core::account::Account;
use headworks_core::record::Credits;
use headworks_engine::Engine;
use headworks_terminal::{Client, Failed, Outcome, print, say, say_part};
use headworks_wire as wire;

use super::drive::Run;
use super::people::People;
use super::streams::Streamed;

/// The result of checking the ledger.
#[derive(Debug, Default)]
pub(super) struct Checked {
    accounts: u64,
    records: u64,
    differing: Vec<String>,
}

/// Folds every account's log from its first record and compares the result with the server's answers over HTTP.
pub(super) async fn check_ledger(engine: &Engine, url: &str, people: &People) -> Result<Checked, Failed> {
    let mut client = Client::connect(url, None).await?;
    let mut checked = Checked::default();
    for name in people.accounts() {
        let mut folded = Account::empty(name.clone());
        let (shown, balances) = loop {
            fold(engine, &mut folded, &mut checked).await?;
            let balances: wire::Balances = client.get(&format!("/v1/accounts/{name}/balances")).await?;
            let shown: wire::Account = client.get(&format!("/v1/accounts/{name}")).await?;
            // Denials are recorded later than they are answered: records written since are folded as well.
            if shown.seq == folded.seq {
                break (shown, balances);
            }
        };
        let chain: String = folded.chain.iter().map(|b| format!("{b:02x}")).collect();
        let (now, of) = (balances.at, &balances.first);
        let same = (shown.seq, &shown.hash, of.available, of.held, of.spent, of.issued)
            == (
                folded.seq,
                &chain,
                folded.available(now, None),
                folded.held(None),
                folded.books.spent,
                folded.books.issued,
            );
        if !same || folded.check().is_err() {
            checked.differing.push(name.to_string());
        }
        checked.accounts += 1;
    }
    Ok(checked)
}

/// Folds the records of the log beyond an account's state.
async fn fold(engine: &Engine, account: &mut Account, checked: &mut Checked) -> Result<(), Failed> {
    loop {
        let page = engine.records(&account.id, account.seq + 1, 1_000).await?;
        if page.is_empty() {
            return Ok(());
        }
        for stored in page {
            let hash = account.apply_bytes(&stored.bytes).map_err(|e| e.to_string())?;
            if hash != stored.hash {
                return Err(format!("{}: the chain breaks at record {}", account.id, stored.seq).into());
            }
            checked.records += 1;
        }
    }
}

fn percentile(sorted: &[u64], per_mille: usize) -> String {
    let at = sorted.len().saturating_sub(1) * per_mille / 1_000;
    let micros = sorted.get(at).copied().unwrap_or(0);
    format!("{}.{:02} ms", micros / 1_000, micros % 1_000 / 10)
}

fn latencies(name: &str, mut micros: Vec<u64>) -> Vec<String> {
    micros.sort_unstable();
    let mut row = vec![name.to_owned(), micros.len().to_string()];
    row.extend([500, 950, 990, 999].map(|p| percentile(&micros, p)));
    row
}

fn counts(title: &str, counts: &std::collections::BTreeMap<String, u64>) -> Outcome {
    say!("\n{title}")?;
    let mut rows: Vec<_> = counts.iter().collect();
    rows.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    let rows: Vec<Vec<String>> =
        rows.into_iter().map(|(name, n)| vec![name.clone(), n.to_string()]).collect();
    say_part!("{}", print::table(&rows, &[false, true]))
}

pub(super) async fn print(run: &Run, checked: &Checked, url: &str) -> Result<(), Failed> {
    counts("Decisions by outcome", &run.outcomes)?;
    counts("Decisions by reason", &run.reasons)?;
    say!("\nCredits by source, as settled")?;
    let mut rows = vec![["layer", "source", "credits", "draws"].map(str::to_owned).to_vec()];
    for ((layer, source), (nano, draws)) in &run.sources {
        let credits = Credits::from_nano(*nano).to_string();
        rows.push(vec![layer.clone(), source.clone(), credits, draws.to_string()]);
    }
    say_part!("{}", print::table(&rows, &[false, false, true, true]))?;
    say!("\n{} of {} settled requests were paid by more than one source", run.split, run.settled)?;
    say!("{} credits of overshoot were refunded", Credits::from_nano(run.refunded_nano))?;
    let millis = u64::try_from(run.took.as_millis())?.max(1);
    say!(
        "\n{} calls in {millis} ms: {} calls/s over HTTP, every one durable",
        run.calls,
        run.calls * 1_000 / millis
    )?;
    let mut rows = vec![["call", "count", "p50", "p95", "p99", "p99.9"].map(str::to_owned).to_vec()];
    rows.push(latencies("authorize", run.authorize_micros.clone()));
    rows.push(latencies("settle", run.settle_micros.clone()));
    say_part!("{}", print::table(&rows, &[false, true, true, true, true, true]))?;
    if checked.differing.is_empty() {
        say!(
            "\nEvery balance equals the fold of its log: {} accounts, {} records",
            checked.accounts,
            checked.records
        )?;
    } else {
        return Err(format!(
            "these balances differ from the fold of their log: {}",
            checked.differing.join(", ")
        )
        .into());
    }
    if let Some(id) = interesting(run).and_then(|d| d.decision_id.clone()) {
        let mut client = Client::connect(url, None).await?;
        let explained: wire::Decision = client.get(&format!("/v1/decisions/{id}")).await?;
        say!("\nOne decision, explained as it was stored:\n\n{}", print::decision(&explained))?;
    }
    Ok(())
}

fn interesting(run: &Run) -> Option<&wire::Decision> {
    run.most_split.as_ref().or(run.denied.as_ref())
}

pub(super) fn print_next_steps(url: &str, run: &Run, streamed: &Streamed) -> Outcome {
    say!("The server stays up until Ctrl-C. Try:\n")?;
    say!("  curl -s {url}/v1/accounts/acme/balances")?;
    say!("  curl -s {url}/v1/accounts/acme/windows")?;
    if let Some(id) = interesting(run).and_then(|d| d.decision_id.as_ref()) {
        say!("  curl -s {url}/v1/decisions/{id}")?;
    }
    say!(
        "  curl -s {url}/v1/authorize -H 'Idempotency-Key: try-1' -d '{{\"account\":\"arena-0\",\"feature\":\"chat.completion\",\"dimensions\":{{\"model\":\"chat\"}},\"quantities\":{{\"input_tokens\":1200,\"cached_input_tokens\":0,\"output_tokens\":800}}}}'"
    )?;
    streamed.print_next_step(url)?;
    say!("  curl -s {url}/metrics | grep headworks_decisions")?;
    say!("  cargo run --release -- --server {url} account windows acme")
}
