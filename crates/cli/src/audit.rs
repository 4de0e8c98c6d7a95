//! `headworks audit`: the audit log of a server, newest first.

use headworks_core::record::Name;
use headworks_terminal::print::table;
use headworks_terminal::values::encoded;
use headworks_terminal::{Failed, Outcome, say, say_part, tell};
use headworks_wire as wire;

use crate::arguments::{AuditArguments, Remote};
use crate::remote::connect;

/// The most entries of one page.
const PAGE: u16 = 1_000;

pub(crate) async fn run(what: AuditArguments, remote: &Remote, as_json: bool) -> Outcome {
    let AuditArguments { from, to, kind, of_key, account, mut before, max, all } = what;
    let mut client = connect(remote).await?;
    let of_key = of_key.as_ref().map(|key| encoded(key.as_str()));
    let account = account.as_ref().map(|account| encoded(account.as_str()));
    loop {
        let mut path = format!("/v1/audit?max={}", if all { PAGE } else { max });
        for (name, value) in [
            ("from", from.map(|at| at.to_string())),
            ("to", to.map(|at| at.to_string())),
            ("kind", kind.map(|kind| kind.as_str().to_owned())),
            ("key", of_key.clone()),
            ("account", account.clone()),
            ("before", before.map(|n: u64| n.to_string())),
        ] {
            if let Some(value) = value {
                path.push_str(&format!("&{name}={value}"));
            }
        }
        let page: wire::AuditLog = client.get(&path).await?;
        show(&page.entries, as_json)?;
        match page.next {
            Some(next) if all => before = Some(next),
            Some(next) => {
                tell!("there is more: pass --before {next} for the next page, or --all");
                return Ok(());
            }
            None => return Ok(()),
        }
    }
}

fn show(entries: &[wire::AuditEntry], as_json: bool) -> Result<(), Failed> {
    if as_json {
        for entry in entries {
            say!("{}", serde_json::to_string(entry)?)?;
        }
        return Ok(());
    }
    let of = |name: &Option<Name>| name.as_ref().map_or_else(|| "-".to_owned(), Name::to_string);
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|e| {
            vec![
                e.last_at.to_string(),
                e.count.to_string(),
                e.kind.as_str().to_owned(),
                e.outcome.as_str().to_owned(),
                of(&e.key),
                e.network.as_ref().map_or("-", |network| network.as_str()).to_owned(),
                of(&e.account.clone().map(Name::from)),
                match (&e.incident, &e.cause) {
                    (Some(incident), Some(cause)) => format!("incident {incident}: {cause}"),
                    _ => e.call.as_ref().map_or("others", |call| call.as_str()).to_owned(),
                },
            ]
        })
        .collect();
    say_part!("{}", table(&rows, &[false, true]))
}
