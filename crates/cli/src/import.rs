//! `headworks import`: use from a file of CloudEvents or a CSV table, in batches.
//!
//! Resumable: what has been answered for is noted beside the file, and an event that is sent twice counts once.
//! M1 an import that was cut off anywhere is sent again and records everything once (`an_import_goes_on_where_it_stopped`).

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use headworks_wire as wire;
use hyper::Method;
use serde_json::{Map, Value, json};

use crate::arguments::{ImportArguments, ImportFormat, Remote};
use crate::client::read;
use crate::outcome::{Failed, Outcome};
use crate::print;
use crate::remote::connect;

const AT_ONCE: usize = 500;

/// The events of a file, one after the other.
fn events(what: &ImportArguments) -> Result<Box<dyn Iterator<Item = Result<Value, Failed>>>, Failed> {
    let file = what.file.display().to_string();
    let open = || File::open(&what.file).map_err(|e| format!("{file}: {e}"));
    let is_csv = what.file.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"));
    Ok(match what.format.unwrap_or(if is_csv { ImportFormat::Csv } else { ImportFormat::Cloudevents }) {
        ImportFormat::Csv => {
            let source = what.source.clone().unwrap_or_else(|| {
                let stem = what.file.file_name().map(|n| n.to_string_lossy().into_owned());
                format!("csv:{}", stem.unwrap_or_default())
            });
            let mut table = csv::Reader::from_reader(open()?);
            let head = table.headers()?.clone();
            for needed in ["id", "subject", "type"] {
                if !head.iter().any(|name| name == needed) {
                    return Err(format!(
                        "{file}: the first line names no column `{needed}`; the columns are id, subject (the account), type \
                         (the feature), time, path, and one for each meter and dimension"
                    )
                    .into());
                }
            }
            let row = move |row: Result<csv::StringRecord, csv::Error>| Ok(event_of(&head, &row?, &source));
            Box::new(table.into_records().map(row))
        }
        ImportFormat::Cloudevents => {
            let mut lines = BufReader::new(open()?);
            // A batch is one JSON list; otherwise each line is an event.
            let is_list = lines.fill_buf()?.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'[');
            if is_list {
                let list: Vec<Value> = serde_json::from_reader(lines).map_err(|e| format!("{file}: {e}"))?;
                Box::new(list.into_iter().map(Ok))
            } else {
                let parse = move |(n, line): (usize, std::io::Result<String>)| {
                    Ok(serde_json::from_str(&line?).map_err(|e| format!("{file}, line {}: {e}", n + 1))?)
                };
                let filled = |(_, line): &(usize, std::io::Result<String>)| {
                    line.as_ref().map_or(true, |line| !line.trim().is_empty())
                };
                Box::new(lines.lines().enumerate().filter(filled).map(parse))
            }
        }
    })
}

/// A row as an event; empty cells are left out.
fn event_of(head: &csv::StringRecord, row: &csv::StringRecord, source: &str) -> Value {
    let mut event =
        Map::from_iter([("specversion".to_owned(), json!("1.0")), ("source".to_owned(), json!(source))]);
    let mut data = Map::new();
    for (name, cell) in head.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
        let to =
            if ["id", "subject", "type", "time", "source"].contains(&name) { &mut event } else { &mut data };
        to.insert(name.to_owned(), json!(cell));
    }
    event.insert("data".to_owned(), Value::Object(data));
    Value::Object(event)
}

fn beside(file: &Path, what: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(what);
    PathBuf::from(name)
}

/// Notes how many events have been answered for; whole or not at all.
fn note(place: &Path, done: usize) -> std::io::Result<()> {
    let new = beside(place, ".new");
    let mut file = File::create(&new)?;
    file.write_all(done.to_string().as_bytes())?;
    file.sync_all()?;
    std::fs::rename(new, place)
}

/// `headworks import`.
pub(crate) async fn run(what: &ImportArguments, remote: &Remote, as_json: bool) -> Outcome {
    let place = beside(&what.file, ".imported");
    let rejects = beside(&what.file, ".rejected.ndjson");
    let before: usize = match std::fs::read_to_string(&place) {
        Ok(text) if !what.restart => text.trim().parse().map_err(|_| {
            format!("{}: not a number; remove it to begin again, nothing is counted twice", place.display())
        })?,
        _ => 0,
    };
    let mut client = connect(remote).await?;
    let mut total = wire::Ingested::default();
    let mut rejected = File::options().create(true).append(true).open(&rejects)?;
    let bar = indicatif::ProgressBar::new_spinner();
    let mut done = before;
    let mut events = events(what)?.skip(before);
    loop {
        let batch: Vec<Value> = events.by_ref().take(AT_ONCE).collect::<Result<_, _>>()?;
        if batch.is_empty() {
            break;
        }
        let body = serde_json::to_vec(&batch)?;
        let kind = "application/cloudevents-batch+json";
        let (status, answer) = client.send(Method::POST, "/v1/events", None, kind, body).await?;
        let answer: wire::Ingested = read(status, &answer)?;
        for refused in &answer.refused {
            let line = json!({"event": batch.get(refused.n), "problem": refused.problem});
            writeln!(rejected, "{line}")?;
        }
        rejected.sync_all()?;
        done += batch.len();
        note(&place, done)?;
        total.accepted += answer.accepted;
        total.duplicates += answer.duplicates;
        total.quarantined += answer.quarantined;
        total.refused.extend(answer.refused);
        bar.set_message(format!("{done} events"));
        bar.tick();
    }
    bar.finish_and_clear();
    let refused = total.refused.len();
    print::show(
        "import",
        &json!({
            "events": done, "before": before, "accepted": total.accepted, "duplicates": total.duplicates,
            "quarantined": total.quarantined, "refused": refused,
        }),
        as_json,
    )?;
    if refused > 0 {
        let first = total.refused.first().map(|r| format!("; the first: {}", r.problem.detail));
        return Err(format!(
            "{} refused, see {}{}",
            if refused == 1 { "1 event was".to_owned() } else { format!("{refused} events were") },
            rejects.display(),
            first.unwrap_or_default()
        )
        .into());
    }
    if rejected.metadata()?.len() == 0 {
        std::fs::remove_file(&rejects)?;
    }
    Ok(())
}
