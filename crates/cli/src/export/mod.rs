//! `headworks export`: the linked datasets as rows, for spreadsheets and warehouses.

use headworks_store::wait;
use std::io::Write;

use headworks_core::audit::statement::{Ask, Entry, Statement};
use headworks_core::record::{Instant, Name, Record};
use headworks_store::Store;
use headworks_terminal::{Failed, Outcome};
use serde_json::{Map, Value, json};

use crate::arguments::{Dataset, ExportArguments, ExportFormat};
use crate::made::new_file;
use crate::table::{Cell, Column, Row, Table};

mod datasets;

use datasets::{columns, credits, head, unit_of};

/// The destination of rows.
enum Sink<W: Write + Send> {
    Csv(Box<csv::Writer<W>>),
    Lines(W, Vec<Column>),
    /// One JSON list, and the number of items in it.
    List(W, Vec<Column>, u64),
    Parquet(Box<Table<W>>),
}

impl<W: Write + Send> Sink<W> {
    fn new(what: &ExportArguments, out: W) -> Result<Self, Failed> {
        let columns = columns(what.dataset);
        Ok(match what.format {
            ExportFormat::Csv => {
                let mut out = csv::Writer::from_writer(out);
                out.write_record(columns.iter().map(|(name, _)| *name))?;
                Self::Csv(Box::new(out))
            }
            ExportFormat::Ndjson | ExportFormat::Cloudevents => Self::Lines(out, columns),
            ExportFormat::Json => Self::List(out, columns, 0),
            ExportFormat::Parquet => Self::Parquet(Box::new(Table::new(columns, out)?)),
        })
    }

    fn put(&mut self, row: Row) -> Result<(), Failed> {
        match self {
            Self::Csv(out) => out.write_record(row.iter().map(ToString::to_string))?,
            Self::Lines(_, columns) | Self::List(_, columns, _) => {
                let object = object(columns, row);
                self.line(&object)?;
            }
            Self::Parquet(table) => table.put(row)?,
        }
        Ok(())
    }

    /// A line of JSON.
    fn line(&mut self, object: &Value) -> Result<(), Failed> {
        match self {
            Self::Lines(out, _) => {
                serde_json::to_writer(&mut *out, object)?;
                out.write_all(b"\n")?;
            }
            Self::List(out, _, before) => {
                out.write_all(if *before == 0 { b"[" } else { b",\n" })?;
                serde_json::to_writer(&mut *out, object)?;
                *before += 1;
            }
            Self::Csv(_) | Self::Parquet(_) => {}
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Failed> {
        match self {
            Self::Csv(mut out) => out.flush()?,
            Self::Lines(mut out, _) => out.flush()?,
            Self::List(mut out, _, n) => {
                out.write_all(if n == 0 { b"[]\n" } else { b"]\n" })?;
                out.flush()?;
            }
            Self::Parquet(table) => table.finish()?,
        }
        Ok(())
    }
}

/// A row as JSON.
fn object(columns: &[Column], row: Row) -> Value {
    let named = columns.iter().zip(row).map(|((name, _), cell)| ((*name).to_owned(), cell.into_json()));
    Value::Object(named.collect())
}

/// `headworks export`.
pub(crate) fn run(mut what: ExportArguments, as_json: bool) -> Outcome {
    if as_json && what.format == ExportFormat::Csv {
        what.format = ExportFormat::Json;
    }
    let what = &what;
    let store = crate::ledger::open(&what.data)?;
    match &what.to {
        None => export(&store, what, headworks_terminal::output::Output),
        // An interrupted export leaves no file that looks whole.
        Some(path) => new_file(path, &what.data, |file| export(&store, what, std::io::BufWriter::new(file))),
    }
}

fn export(store: &dyn Store, what: &ExportArguments, out: impl Write + Send) -> Outcome {
    let is_events = matches!(what.format, ExportFormat::Cloudevents);
    if is_events && matches!(what.dataset, Dataset::Lines | Dataset::Draws | Dataset::Grants) {
        return Err("`lines`, `draws` and `grants` are rows, not CloudEvents; choose another --format".into());
    }
    let mut sink = Sink::new(what, out)?;
    let (from, to) = (what.from.unwrap_or_default(), what.to_instant.unwrap_or(Instant::NEVER));
    let mut after = None;
    loop {
        let accounts = match &what.account {
            Some(one) if after.is_none() => vec![one.0.clone()],
            Some(_) => Vec::new(),
            None => wait(store.accounts(after.as_ref(), 256))?,
        };
        let Some(last) = accounts.last().cloned() else {
            return sink.finish();
        };
        for account in &accounts {
            if matches!(what.dataset, Dataset::Statements) {
                statements(store, account, (from, to), is_events, &mut sink)?;
                continue;
            }
            each_record(store, account, |record, hash| {
                if record.recorded_at < from || record.recorded_at >= to {
                    return Ok(());
                }
                if is_events {
                    return cloudevents(what.dataset, account, record, hash)
                        .iter()
                        .try_for_each(|e| sink.line(e));
                }
                let given_back = match what.dataset {
                    Dataset::Charges | Dataset::Draws => {
                        wait(headworks_audit::given_back(store, account, record))?
                    }
                    Dataset::Usage
                    | Dataset::Lines
                    | Dataset::Grants
                    | Dataset::Movements
                    | Dataset::Statements => None,
                };
                let rows = datasets::rows(what.dataset, account, record, given_back.as_ref());
                rows.into_iter().try_for_each(|row| sink.put(row))
            })?;
        }
        after = Some(last);
    }
}

/// The events of a record that belong to the dataset.
fn cloudevents(dataset: Dataset, account: &Name, record: &Record, hash: &[u8; 32]) -> Vec<Value> {
    let wanted = match dataset {
        Dataset::Usage => "usage",
        Dataset::Charges => "charge",
        Dataset::Movements => "movement",
        Dataset::Lines | Dataset::Draws | Dataset::Grants | Dataset::Statements => return Vec::new(),
    };
    let events = headworks_api::events(account, record, hash).into_iter();
    events.filter(|e| e.kind == wanted).map(|e| e.event).collect()
}

/// Passes each record of an account to `take`, in order.
fn each_record(
    store: &dyn Store,
    account: &Name,
    mut take: impl FnMut(&Record, &[u8; 32]) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let mut next = 1;
    loop {
        let page = wait(store.read(account, next, 1_000))?;
        let Some(last) = page.last() else { return Ok(()) };
        next = last.seq + 1;
        for stored in &page {
            let record = Record::from_bytes(&stored.bytes);
            let unreadable = |e| format!("account {account}, record {}: {e}; reconcile first", stored.seq);
            take(&record.map_err(unreadable)?, &stored.hash)?;
        }
    }
}

/// The entries of an account's statements, one for each unit of credits that it has had.
fn statements<W: Write + Send>(
    store: &dyn Store,
    account: &Name,
    (from, to): (Instant, Instant),
    is_events: bool,
    sink: &mut Sink<W>,
) -> Outcome {
    let mut units = vec![None];
    each_record(store, account, |record, _| {
        if !units.contains(&record.unit) {
            units.push(record.unit.clone());
        }
        Ok(())
    })?;
    let row = |s: &Statement, e: &Entry| -> Row {
        let rest = [
            Cell::text(e.cause.as_str()),
            credits(e.amount),
            credits(e.balance),
            unit_of(s.ask.unit.as_ref()),
            Cell::maybe(e.feature.as_ref()),
            Cell::maybe(e.reason.as_ref()),
            Cell::maybe(e.key.as_ref()),
            Cell::maybe(e.event.as_ref().map(headworks_api::event_id)),
        ];
        head(account, e.seq, e.effective_at, e.at).into_iter().chain(rest).collect()
    };
    let columns = columns(Dataset::Statements);
    let event = |n: usize, s: &Statement, e: &Entry| {
        let mut event = Map::new();
        let fields = [
            ("specversion", json!("1.0")),
            ("id", json!(format!("{account}~{}/statement.entry/{n}", e.seq))),
            ("source", json!("/headworks")),
            ("type", json!("dev.headworks.statement.entry")),
            ("subject", json!(account)),
            ("time", json!(e.at)),
            ("datacontenttype", json!("application/json")),
            ("data", object(&columns, row(s, e))),
        ];
        event.extend(fields.map(|(name, value)| (name.to_owned(), value)));
        Value::Object(event)
    };
    for unit in units {
        let mut s = Statement::new(Ask::recorded(from, to, unit));
        let (mut more, mut of, mut n) = (true, 0, 0);
        while more {
            more = wait(headworks_audit::read_on(store, account, &mut s))?;
            for e in s.take_lines() {
                // The place among the lines of its record, so that an event has the same id in every export.
                (of, n) = if of == e.seq { (of, n + 1) } else { (e.seq, 0) };
                if is_events { sink.line(&event(n, &s, &e))? } else { sink.put(row(&s, &e))? }
            }
        }
    }
    Ok(())
}
