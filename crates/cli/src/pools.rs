//! `headworks pools`: what capacity pools have and who uses it, and live changes of them.

use std::collections::BTreeMap;

use headworks_core::record::{ClassFigures, Name};
use headworks_terminal::{Client, Failed, Outcome, print, say, say_part};
use headworks_wire as wire;
use hyper::Method;
use serde_json::Value;

use crate::arguments::{KeyArgument, PoolsCommand};
use crate::remote::key_of;

pub(crate) async fn run(client: &mut Client, command: PoolsCommand, as_json: bool) -> Outcome {
    let answer: Value = match command {
        PoolsCommand::List => client.get("/v1/pools").await?,
        PoolsCommand::Seats { pool, account, max } => {
            let of = account.map_or_else(String::new, |account| format!("&account={account}"));
            client.get(&format!("/v1/pools/{pool}/seats?max={max}{of}")).await?
        }
        PoolsCommand::Change { pool, rate, in_flight, weights, priorities, floors, reason, key } => {
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
            let change = wire::PoolChange { rate, in_flight, classes, reason };
            put(client, &pool, &change, key).await?
        }
        PoolsCommand::Reset { pool, reason, key } => {
            let change = wire::PoolChange { reason, ..wire::PoolChange::default() };
            put(client, &pool, &change, key).await?
        }
    };
    if as_json {
        say!("{}", serde_json::to_string_pretty(&answer)?)?;
        return Ok(());
    }
    if answer.get("seats").is_some() {
        show_seats(&serde_json::from_value::<wire::PoolSeats>(answer)?.seats)?;
        return Ok(());
    }
    let pools = match answer.get("pools") {
        Some(_) => serde_json::from_value::<wire::Pools>(answer)?.pools,
        None => vec![serde_json::from_value(answer)?],
    };
    show(&pools)?;
    Ok(())
}

async fn put(
    client: &mut Client,
    pool: &Name,
    change: &wire::PoolChange,
    key: KeyArgument,
) -> Result<Value, Failed> {
    let key = key_of(key)?;
    Ok(client.call(Method::PUT, &format!("/v1/pools/{pool}"), Some(key.as_str()), Some(change)).await?)
}

fn milli(n: u64) -> String {
    format!("{}.{:03}", n / 1_000, n % 1_000)
}

fn show_seats(seats: &[wire::PoolSeat]) -> Outcome {
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
    rows.extend(seats.iter().map(|seat| {
        vec![
            seat.account.to_string(),
            seat.key.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            seat.class.to_string(),
            seat.weight.to_string(),
            seat.in_flight.to_string(),
            seat.waiting.to_string(),
            seat.rate_share.to_string(),
            milli(seat.in_flight_share_milli),
            seat.bounded_by.as_str().to_owned(),
        ]
    }));
    say_part!("{}", print::table(&rows, &[false, false, false, true, true, true, true, true]))
}

fn show(pools: &[wire::Pool]) -> Outcome {
    let limit = |n: Option<u64>| n.map_or_else(|| "-".into(), |n| n.to_string());
    let mut rows = vec![
        ["pool", "class", "rate", "served", "in flight", "most", "waiting", "active", ""]
            .map(str::to_owned)
            .to_vec(),
    ];
    for pool in pools {
        let changed = if pool.change.is_some() { "changed live" } else { "" };
        rows.push(vec![
            pool.name.to_string(),
            String::new(),
            limit(pool.rate),
            pool.served.to_string(),
            pool.in_flight.to_string(),
            limit(pool.in_flight_max),
            pool.waiting.to_string(),
            pool.active.to_string(),
            changed.into(),
        ]);
        for (name, class) in &pool.classes {
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
