//! The events of a file, one after the other. What cannot be read as an event is refused by itself, and the rest goes on.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};

use headworks_terminal::Failed;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::arguments::{ImportArguments, ImportFormat};

/// An event as JSON, to be sent as it stands.
pub(super) type Event = Box<RawValue>;

/// What a line or row of the file is.
pub(super) struct Row {
    /// Where it is: the number of a line, or the place in a list.
    pub(super) at: u64,
    pub(super) event: Result<Event, Unreadable>,
}

/// What is no event: its text, and why.
pub(super) struct Unreadable {
    pub(super) text: String,
    pub(super) why: String,
}

type Rows = Box<dyn Iterator<Item = Result<Row, Failed>>>;

/// Columns of a table that are attributes of the event; all others are its data.
const ATTRIBUTES: [&str; 5] = ["id", "subject", "type", "time", "source"];
const BOM: &[u8] = b"\xef\xbb\xbf";

pub(super) fn is_csv(what: &ImportArguments) -> bool {
    let by_name = what.file.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"));
    what.format.map_or(by_name, |format| format == ImportFormat::Csv)
}

/// Where the events of a table come from, unless a column says so.
pub(super) fn source(what: &ImportArguments) -> String {
    what.source.clone().unwrap_or_else(|| {
        let name = what.file.file_name().map(|n| n.to_string_lossy().into_owned());
        format!("csv:{}", name.unwrap_or_default())
    })
}

pub(super) fn read(what: &ImportArguments) -> Result<Rows, Failed> {
    let name = what.file.display().to_string();
    let mut file = BufReader::new(File::open(&what.file).map_err(|e| format!("{name}: {e}"))?);
    let begin = file.fill_buf()?;
    if begin.starts_with(b"\xff\xfe") || begin.starts_with(b"\xfe\xff") {
        return Err(format!("{name} is UTF-16; save it as UTF-8").into());
    }
    if begin.starts_with(BOM) {
        file.consume(BOM.len());
    }
    if is_csv(what) { table(file, &name, source(what)) } else { events(file, &name) }
}

/// A batch is one JSON list; otherwise each line is an event.
fn events(mut file: BufReader<File>, name: &str) -> Result<Rows, Failed> {
    if file.fill_buf()?.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'[') {
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let list: Vec<Event> = serde_json::from_slice(&text).map_err(|e| format!("{name}: {e}"))?;
        return Ok(Box::new((1..).zip(list).map(|(at, event)| Ok(Row { at, event: Ok(event) }))));
    }
    let lines = (1..).zip(file.split(b'\n'));
    let is_filled = |(_, line): &(u64, std::io::Result<Vec<u8>>)| {
        line.as_ref().map_or(true, |line| !line.trim_ascii().is_empty())
    };
    Ok(Box::new(lines.filter(is_filled).map(|(at, line)| {
        let line = line?;
        let event = serde_json::from_slice(&line);
        Ok(Row { at, event: event.map_err(|e| Unreadable { text: lossy(&line), why: e.to_string() }) })
    })))
}

fn table(file: BufReader<File>, name: &str, source: String) -> Result<Rows, Failed> {
    let mut table = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(file);
    let head = table.headers().map_err(|e| format!("{name}: {e}"))?.clone();
    for needed in ["id", "subject", "type"] {
        if !head.iter().any(|column| column == needed) {
            let hint = if head.len() < 2 { "; commas separate columns" } else { "" };
            return Err(format!(
                "{name}: the first line names no column `{needed}`; the columns are id, subject (the account), type (the \
                 feature), time, path, and one for each meter and dimension{hint}"
            )
            .into());
        }
    }
    let twice = head.iter().enumerate().find(|(n, column)| head.iter().take(*n).any(|c| c == *column));
    if let Some((_, column)) = twice {
        return Err(format!("{name}: the first line names the column `{column}` twice").into());
    }
    Ok(Box::new(table.into_byte_records().map(move |row| {
        let row = row?;
        let at = row.position().map_or(0, csv::Position::line);
        let text = || row.iter().map(lossy).collect::<Vec<_>>().join(",");
        let event = event_of(&head, &row, &source).map_err(|why| Unreadable { text: text(), why });
        Ok(Row { at, event })
    })))
}

/// A row as an event; empty cells are left out.
fn event_of(head: &csv::StringRecord, row: &csv::ByteRecord, source: &str) -> Result<Event, String> {
    if row.len() != head.len() {
        return Err(format!("the row has {} cells, and there are {} columns", row.len(), head.len()));
    }
    let mut event =
        Map::from_iter([("specversion".to_owned(), json!("1.0")), ("source".to_owned(), json!(source))]);
    let mut data = Map::new();
    for (name, cell) in head.iter().zip(row) {
        let cell = std::str::from_utf8(cell).map_err(|_| format!("the cell of `{name}` is not UTF-8"))?;
        if !cell.is_empty() {
            let to = if ATTRIBUTES.contains(&name) { &mut event } else { &mut data };
            to.insert(name.to_owned(), json!(cell));
        }
    }
    event.insert("data".to_owned(), Value::Object(data));
    serde_json::value::to_raw_value(&event).map_err(|e| e.to_string())
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
