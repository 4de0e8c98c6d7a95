//! `headworks incident`: part by part, until no account is left.

use headworks_core::record::Credits;
use headworks_terminal::print::counted;
use headworks_terminal::{Client, Failed, Outcome, say};
use headworks_wire as wire;

use crate::arguments::IncidentArguments;

pub(crate) async fn run(client: &mut Client, arguments: IncidentArguments, as_json: bool) -> Outcome {
    let mut ask = arguments.into_wire();
    let mut all: wire::IncidentAnswer = client.post("/v1/incidents", None, &ask).await?;
    while let Some(next) = all.next.take() {
        ask.after = Some(next);
        add(&mut all, client.post("/v1/incidents", None, &ask).await?)?;
    }
    if as_json {
        return say!("{}", serde_json::to_string_pretty(&all)?);
    }
    show(&all)
}

/// Adds the next part.
fn add(all: &mut wire::IncidentAnswer, part: wire::IncidentAnswer) -> Result<(), Failed> {
    all.accounts.extend(part.accounts);
    all.before += part.before;
    all.skipped.extend(part.skipped);
    all.next = part.next;
    for (unit, more) in part.granted {
        let sum = all.granted.entry(unit).or_insert_with(|| "0".to_owned());
        let total = sum.parse::<Credits>()?.checked_add(more.parse()?);
        *sum = total.ok_or("the credits of all accounts are too many to add")?.to_string();
    }
    Ok(())
}

fn show(all: &wire::IncidentAnswer) -> Outcome {
    let got = if all.applied { "got it" } else { "would get it" };
    let (accounts, id) = (counted(all.accounts.len(), "account"), &all.id);
    say!("incident {id}: {accounts} {got}, {} before, {} cannot", all.before, all.skipped.len())?;
    for (unit, sum) in &all.granted {
        say!("granted: {sum} {unit}")?;
    }
    for account in &all.accounts {
        say!("  {account}")?;
    }
    for skipped in &all.skipped {
        say!("  {}: {}", skipped.account, skipped.why)?;
    }
    if !all.applied {
        say!("a dry run: to do it, repeat the command with --apply {}", all.digest)?;
    }
    Ok(())
}
