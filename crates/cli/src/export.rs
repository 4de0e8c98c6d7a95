//! `headworks export`: the linked datasets as rows, for spreadsheets and warehouses.
//!
//! Never computes: every value stands in a record. The column `record` links the datasets: a usage event, its charge lines,
//! its draws and its movements have the same one.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use headworks_core::audit::statement::{Entry, Statement};
use headworks_core::record::{CREDITS, Charge, Event, Instant, Name, Record};
use headworks_store::Store;
use serde_json::{Map, Value, json};

use crate::arguments::{Dataset, ExportArguments, ExportFormat};
use crate::outcome::{Failed, Outcome};
use crate::output::Output;
use crate::table::Table;

type Row = Vec<(&'static str, Value)>;

/// Where rows go.
enum Sink<W: Write + Send> {
    Csv(Box<csv::Writer<W>>, bool),
    Lines(W),
    Parquet(Box<Table<W>>),
}

impl<W: Write + Send> Sink<W> {
    fn put(&mut self, row: Row) -> Result<(), Failed> {
        match self {
            Self::Csv(out, has_head) => {
                if !std::mem::replace(has_head, true) {
                    out.write_record(row.iter().map(|(name, _)| *name))?;
                }
                out.write_record(row.iter().map(|(_, value)| match value {
                    Value::Null => String::new(),
                    Value::String(text) => text.clone(),
                    Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                        value.to_string()
                    }
                }))?;
            }
            Self::Lines(out) => {
                let object: Map<String, Value> =
                    row.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
                serde_json::to_writer(&mut *out, &object)?;
                out.write_all(b"\n")?;
            }
            Self::Parquet(table) => table.put(row)?,
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Failed> {
        match self {
            Self::Csv(mut out, _) => out.flush()?,
            Self::Lines(mut out) => out.flush()?,
            Self::Parquet(table) => table.finish()?,
        }
        Ok(())
    }
}

/// `headworks export`.
pub(crate) fn run(what: &ExportArguments) -> Outcome {
    let store = crate::ledger::open(&what.data)?;
    match &what.to {
        None => export(&store, what, Output),
        Some(path) => {
            // An interrupted export leaves no file that looks whole.
            let partial = path.with_extension("partial");
            let at = |path: &Path| {
                let path = path.display().to_string();
                move |e: std::io::Error| format!("{path}: {e}")
            };
            let file = std::fs::File::create(&partial).map_err(at(&partial))?;
            export(&store, what, std::io::BufWriter::new(file))?;
            std::fs::rename(&partial, path).map_err(at(path))?;
            Ok(())
        }
    }
}

fn export(store: &dyn Store, what: &ExportArguments, out: impl Write + Send) -> Outcome {
    let mut sink = match what.format {
        ExportFormat::Csv => Sink::Csv(Box::new(csv::Writer::from_writer(out)), false),
        ExportFormat::Ndjson | ExportFormat::Cloudevents => Sink::Lines(out),
        ExportFormat::Parquet => Sink::Parquet(Box::new(Table::new(out))),
    };
    let is_events = matches!(what.format, ExportFormat::Cloudevents);
    if is_events != matches!(what.dataset, Dataset::Charges) && !is_shared(what.dataset) {
        return Err("`charges` are CloudEvents, `lines` and `draws` are rows; choose another --format".into());
    }
    let (from, to) = (what.from.unwrap_or_default(), what.to_instant.unwrap_or(Instant::NEVER));
    let mut after = None;
    loop {
        let accounts = match &what.account {
            Some(one) if after.is_none() => vec![one.clone()],
            Some(_) => Vec::new(),
            None => store.accounts(after.as_ref(), 256)?,
        };
        let Some(last) = accounts.last().cloned() else {
            return sink.finish();
        };
        for account in &accounts {
            if matches!(what.dataset, Dataset::Statements) {
                statements(store, account, (from, to), is_events)?
                    .into_iter()
                    .try_for_each(|row| sink.put(row))?;
                continue;
            }
            each_record(store, account, |record| {
                if record.recorded_at >= from && record.recorded_at < to {
                    let rows = if is_events {
                        cloudevents(what.dataset, account, record)
                    } else {
                        rows(what.dataset, account, record)
                    };
                    rows.into_iter().try_for_each(|row| sink.put(row))?;
                }
                Ok(())
            })?;
        }
        after = Some(last);
    }
}

/// Whether a dataset has both forms: rows and events.
fn is_shared(dataset: Dataset) -> bool {
    matches!(dataset, Dataset::Usage | Dataset::Movements | Dataset::Statements)
}

/// The events of a record that belong to the dataset.
fn cloudevents(dataset: Dataset, account: &Name, record: &Record) -> Vec<Row> {
    let wanted = match dataset {
        Dataset::Usage => "usage",
        Dataset::Charges => "charge",
        Dataset::Movements => "movement",
        Dataset::Lines | Dataset::Draws | Dataset::Statements => return Vec::new(),
    };
    let events = headworks_server::events(account, record).into_iter().filter(|e| e.kind == wanted);
    let fields = ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data"];
    let row = |e: headworks_server::Outgoing| {
        fields.iter().map(|name| (*name, e.event.get(*name).cloned().unwrap_or_default())).collect()
    };
    events.map(row).collect()
}

fn each_record(
    store: &dyn Store,
    account: &Name,
    mut take: impl FnMut(&Record) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let mut next = 1;
    loop {
        let page = store.read(account, next, 1_000)?;
        let Some(last) = page.last() else { return Ok(()) };
        next = last.seq + 1;
        for stored in &page {
            let record = Record::from_bytes(&stored.bytes);
            take(
                &record
                    .map_err(|e| format!("account {account}, record {}: {e}; reconcile first", stored.seq))?,
            )?;
        }
    }
}

/// The entries of an account's statements, one for each unit of credits that it has had.
fn statements(
    store: &dyn Store,
    account: &Name,
    (from, to): (Instant, Instant),
    is_events: bool,
) -> Result<Vec<Row>, Failed> {
    let mut all: Vec<Statement> = vec![Statement::new(from, to, None)];
    each_record(store, account, |record| {
        if all.iter().all(|s| s.unit != record.unit) {
            all.push(Statement::new(from, to, record.unit.clone()));
        }
        all.iter_mut().for_each(|s| {
            s.take(record, [0; 32]);
        });
        Ok(())
    })?;
    let unit = |s: &Statement| s.unit.as_ref().map_or(CREDITS, Name::as_str).to_owned();
    let row = |s: &Statement, n: usize, e: &Entry| -> Row {
        let row = vec![
            ("account", json!(account)),
            ("unit", json!(unit(s))),
            ("record", json!(e.seq)),
            ("recorded_at", json!(e.at)),
            ("cause", json!(e.cause.as_str())),
            ("amount", json!(e.amount)),
            ("balance", json!(e.balance)),
            ("feature", json!(e.charge.as_ref().map(|c| &c.usage.feature))),
            ("reason", json!(e.reason.as_ref().map(ToString::to_string))),
            ("idempotency_key", json!(e.key.as_ref().map(ToString::to_string))),
        ];
        if !is_events {
            return row;
        }
        let data: Map<String, Value> =
            row.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        vec![
            ("specversion", json!("1.0")),
            ("id", json!(format!("{account}~{}/statement.entry/{n}", e.seq))),
            ("source", json!("/headworks")),
            ("type", json!("dev.headworks.statement.entry")),
            ("subject", json!(account)),
            ("time", json!(e.at)),
            ("datacontenttype", json!("application/json")),
            ("data", Value::Object(data)),
        ]
    };
    Ok(all.iter().flat_map(|s| s.entries.iter().enumerate().map(|(n, e)| row(s, n, e))).collect())
}

fn common(account: &Name, record: &Record) -> Row {
    vec![
        ("account", json!(account)),
        ("record", json!(record.seq)),
        ("effective_at", json!(record.effective_at)),
        ("recorded_at", json!(record.recorded_at)),
        ("unit", json!(record.unit.as_ref().map_or(CREDITS, Name::as_str))),
    ]
}

fn rows(dataset: Dataset, account: &Name, record: &Record) -> Vec<Row> {
    let charge = record.charge();
    match dataset {
        Dataset::Usage => charge.map_or_else(Vec::new, |c| usage(account, record, c)),
        Dataset::Lines => charge.map_or_else(Vec::new, |c| lines(account, record, c)),
        Dataset::Draws => charge.map_or_else(Vec::new, |c| draws(account, record, c)),
        Dataset::Movements => movements(account, record),
        Dataset::Charges | Dataset::Statements => Vec::new(),
    }
}

/// One row for each charged use.
fn usage(account: &Name, record: &Record, charge: &Charge) -> Vec<Row> {
    let hold = if let Event::Settled { hold, .. } | Event::Expired { hold, .. } = &record.event {
        json!(hold.0)
    } else {
        Value::Null
    };
    let named: BTreeMap<&Name, String> =
        charge.usage.dimensions.iter().map(|d| (&d.name, d.value.to_string())).collect();
    let quantities: BTreeMap<&Name, u64> =
        charge.usage.lines.iter().map(|l| (&l.meter, l.quantity)).collect();
    let mut row = common(account, record);
    row.extend([
        ("feature", json!(charge.usage.feature)),
        ("path", json!(charge.usage.path.to_string())),
        ("dimensions", json!(named)),
        ("quantities", json!(quantities)),
        ("hold", hold),
        ("idempotency_key", json!(record.key.as_ref().map(|k| k.text.to_string()))),
        ("actor", json!(record.actor)),
        ("catalog", json!(charge.usage.catalog)),
    ]);
    vec![row]
}

/// One row for each meter of a charge.
fn lines(account: &Name, record: &Record, charge: &Charge) -> Vec<Row> {
    let price =
        |nano: u64| headworks_core::record::Credits::from_nano(i64::try_from(nano).unwrap_or(i64::MAX));
    let card = charge.usage.card.as_ref();
    let line = |l: &headworks_core::record::Line| {
        let mut row = common(account, record);
        row.extend([
            ("feature", json!(charge.usage.feature)),
            ("rate_card", json!(card.map(|c| &c.name))),
            ("rate_card_from", json!(card.map(|c| c.effective_from))),
            ("meter", json!(l.meter)),
            ("quantity", json!(l.quantity)),
            ("unit_price", json!(price(l.price.nano()))),
            ("amount", json!(l.price.times(l.quantity))),
        ]);
        row
    };
    charge.usage.lines.iter().map(line).collect()
}

/// One row for each source that paid.
fn draws(account: &Name, record: &Record, charge: &Charge) -> Vec<Row> {
    use headworks_core::record::{Draw, Source};
    let draw = |d: &Draw| {
        let (source, grant, category) = match d.source {
            Source::Allowance => ("allowance", None, None),
            Source::Grant(id, category) => ("grant", Some(id.0), Some(category.as_str())),
            Source::Overdraft => ("overdraft", None, None),
            Source::Debt => ("debt", None, None),
            Source::Goodwill => ("goodwill", None, None),
        };
        let included = (d.source == Source::Allowance).then(|| d.amount.to_string());
        let mut row = common(account, record);
        row.extend([
            ("feature", json!(charge.usage.feature)),
            ("source", json!(source)),
            ("layer", json!(d.layer)),
            ("grant", json!(grant)),
            ("category", json!(category)),
            ("credits", json!(d.credits())),
            ("included", json!(included)),
        ]);
        row
    };
    charge.draws.iter().map(draw).collect()
}

/// One row for each movement between two books.
fn movements(account: &Name, record: &Record) -> Vec<Row> {
    let shown = headworks_server::record_answer(account, record, &[], &[0; 32]);
    let movement = |m: &headworks_wire::Movement| {
        let mut row = common(account, record);
        row.extend([
            ("kind", json!(shown.kind)),
            ("from", json!(m.from)),
            ("to", json!(m.to)),
            ("amount", json!(m.amount)),
            ("parents", json!(record.parents.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))),
        ]);
        row
    };
    shown.movements.iter().map(movement).collect()
}
