//! `headworks supplies`: the capacity and use of supplies, and live changes of them.

use std::collections::BTreeMap;

use headworks_core::record::{ClassFigures, Name};
use headworks_terminal::values::encoded;
use headworks_terminal::{Client, Failed, Outcome, print, say, say_part};
use headworks_wire as wire;
use hyper::Method;
use serde_json::Value;

use crate::arguments::{KeyArgument, SuppliesCommand};
use crate::remote::key_of;

pub(crate) async fn run(client: &mut Client, command: SuppliesCommand, as_json: bool) -> Outcome {
    let answer: Value = match command {
        SuppliesCommand::List => client.get("/v1/supplies").await?,
        SuppliesCommand::Sharers { supply, account, max } => {
            let of =
                account.map_or_else(String::new, |account| format!("&account={}", encoded(account.as_str())));
            client.get(&format!("/v1/supplies/{supply}/sharers?max={max}{of}")).await?
        }
        SuppliesCommand::Change { supply, rate, in_flight, weights, priorities, floors, reason, key } => {
            let mut classes: BTreeMap<Name, ClassFigures> = BTreeMap::new();
            for (class, weight) in weights {
                classes.entry(class).or_default().weight =
                    Some(u32::try_from(weight).map_err(|_| "a weight is at most 4294967295")?);
            }
            for (class, priority) in priorities {
                classes.entry(class).or_default().priority =
                    Some(u8::try_from(priority).map_err(|_| "a priority is 0 to 255")?);
            }
            for (class, floor) in floors {
                classes.entry(class).or_default().floor_percent =
                    Some(u8::try_from(floor).map_err(|_| "a percentage is 0 to 100")?);
            }
            let change = wire::SupplyChange { rate, in_flight, classes, reason };
            put(client, &supply, &change, key).await?
        }
        SuppliesCommand::Reset { supply, reason, key } => {
            let change = wire::SupplyChange { reason, ..wire::SupplyChange::default() };
            put(client, &supply, &change, key).await?
        }
    };
    if as_json {
        say!("{}", serde_json::to_string_pretty(&answer)?)?;
        return Ok(());
    }
    if answer.get("sharers").is_some() {
        show_sharers(&serde_json::from_value::<wire::SupplySharers>(answer)?.sharers)?;
        return Ok(());
    }
    let supplies = match answer.get("supplies") {
        Some(_) => serde_json::from_value::<wire::Supplies>(answer)?.supplies,
        None => vec![serde_json::from_value(answer)?],
    };
    show(&supplies)?;
    Ok(())
}

async fn put(
    client: &mut Client,
    supply: &Name,
    change: &wire::SupplyChange,
    key: KeyArgument,
) -> Result<Value, Failed> {
    let key = key_of(key)?;
    Ok(client.call(Method::PUT, &format!("/v1/supplies/{supply}"), Some(key.as_str()), Some(change)).await?)
}

fn milli(n: u64) -> String {
    format!("{}.{:03}", n / 1_000, n % 1_000)
}

fn show_sharers(sharers: &[wire::SupplySharer]) -> Outcome {
    let titles = [
        "account",
        "key",
        "class",
        "weight",
        "in flight",
        "waiting",
        "rate share",
        "flight share",
        "bounded by",
    ]
    .map(str::to_owned);
    let mut rows = vec![titles.to_vec()];
    rows.extend(sharers.iter().map(|sharer| {
        vec![
            sharer.account.to_string(),
            sharer.key.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            sharer.class.to_string(),
            sharer.weight.to_string(),
            sharer.in_flight.to_string(),
            sharer.waiting.to_string(),
            sharer.rate_share.to_string(),
            milli(sharer.in_flight_share_milli),
            sharer.bounded_by.as_str().to_owned(),
        ]
    }));
    say_part!("{}", print::table(&rows, &[false, false, false, true, true, true, true, true]))
}

fn show(supplies: &[wire::Supply]) -> Outcome {
    let limit = |n: Option<u64>| n.map_or_else(|| "-".into(), |n| n.to_string());
    let mut rows = vec![
        ["supply", "class", "rate", "served", "in flight", "most", "waiting", "active", ""]
            .map(str::to_owned)
            .to_vec(),
    ];
    for supply in supplies {
        let changed = if supply.change.is_some() { "changed live" } else { "" };
        rows.push(vec![
            supply.name.to_string(),
            String::new(),
            limit(supply.rate),
            supply.served.to_string(),
            supply.in_flight.to_string(),
            limit(supply.in_flight_max),
            supply.waiting.to_string(),
            supply.active.to_string(),
            changed.into(),
        ]);
        for (name, class) in &supply.classes {
            let weight = class.terms.weight.unwrap_or(1);
            let band = class.terms.priority.unwrap_or(0);
            rows.push(vec![
                String::new(),
                name.to_string(),
                class.rate_share.to_string(),
                String::new(),
                milli(class.in_flight_share_milli),
                String::new(),
                String::new(),
                String::new(),
                format!("band {band}, weight {weight}"),
            ]);
        }
    }
    say_part!("{}", print::table(&rows, &[false, false, true, true, true, true, true, true]))
}
