//! `cargo run -p headworks-core --example who_pays`: requests of one account, who pays for each, and what a denial says.

use std::error::Error;

use headworks_core::account::Account;
use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::{self, Command, History, NewGrant, Patch, Step};
use headworks_core::record::{Category, Credits, Decision, HoldId, Instant, Name, Source, Verdict};
use headworks_core::waterfall::{Authorize, Context, Request};

/// A token costs two thousandths of a credit; three credits a month are included, and four requests a minute allowed.
const POLICY: &str = r#"
version = "1"
[meters]
tokens = { unit = "token" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
[[rate_cards.card]]
effective_from = "2026-01-01T00:00:00Z"
prices = [{ feature = "chat", per = 1_000, credits = { tokens = "2" } }]
[plans.pro]
features = ["chat"]
guards = [{ name = "per_minute", window.rate = { limit = 4, period = "1m" } }]
waterfall = [
  { allowance = { name = "included", windows = [{ name = "month", window.fixed = { limit = "3", every = "month" } }] } },
  { grants = { name = "credits" } },
]
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let catalog = Catalog::parse(POLICY, Format::Toml)?;
    let now: Instant = "2026-06-01T12:00:00Z".parse()?;
    let (chat, tokens): (Name, Name) = ("chat".parse()?, "tokens".parse()?);
    let mut acme = Account::empty("acme".parse()?);
    let open = Patch { plan: Some("pro".parse()?), ..Patch::default() };
    run(&mut acme, &catalog, now, &Command::Open(open))?;
    let bought = NewGrant::new("10".parse()?, Category::Purchased);
    run(&mut acme, &catalog, now, &Command::Grant(bought))?;
    println!("acme has bought {} credits", acme.available(acme.tick(now), None));

    // One that slides from the plan into credits, one beyond them, and then more in a minute than the plan allows.
    for asked in [4_000, 9_000, 100, 100, 100, 100] {
        let ask = Authorize::new(Request::new(chat.clone(), [(tokens.clone(), asked)]));
        println!("\nmay acme use {asked} tokens?");
        let step = run(&mut acme, &catalog, now, &Command::Authorize(ask))?;
        let decision = step.decision().ok_or("a request is decided")?;
        explain(decision);
        if decision.outcome.is_granted() {
            let used = asked / 2;
            let quantities = [(tokens.clone(), used)].into_iter().collect();
            let hold = HoldId(acme.seq);
            run(&mut acme, &catalog, now, &Command::settle(hold, quantities))?;
            println!("  used {used}: {} credits are left", acme.available(acme.tick(now), None));
        }
    }
    Ok(())
}

/// Answers a command, and folds the record when there is one. A real log would store its bytes first.
fn run(
    account: &mut Account,
    catalog: &Catalog,
    now: Instant,
    command: &Command,
) -> Result<Step, Box<dyn Error>> {
    let now = account.tick(now);
    let step = command::run(Context::new(account, catalog, now), command, &History::new())?;
    if let Step::Append(draft) = &step {
        let record = draft.clone().into_record(account, now, None, None);
        account.apply_bytes(&record.to_bytes())?;
    }
    Ok(step)
}

fn explain(decision: &Decision) {
    println!("  {}: {}, {} credits", decision.outcome.as_str(), decision.reason.as_str(), decision.price);
    for draw in &decision.draws {
        let credits = Credits::from_nano(draw.amount);
        let from = if draw.source == Source::Allowance { "the plan" } else { "the account" };
        println!("  {credits} from {from} (`{}`)", draw.layer);
    }
    for visit in &decision.visits {
        if let Verdict::Refused(reason) = visit.verdict {
            println!("  `{}`: {}", visit.name, reason.as_str());
        }
    }
    let Some(unblock) = &decision.unblock else { return };
    if let Some(at) = unblock.at() {
        println!("  it would be allowed at {at}");
    }
    if let Some(purchase) = unblock.purchase() {
        println!("  it would be allowed once {purchase} credits are bought");
    }
}
