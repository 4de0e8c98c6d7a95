//! `headworks import`: use from a file of CloudEvents or a CSV table, in batches.
//!
//! Resumable: what has been answered for is noted beside the file, and an event that is sent twice counts once. The note knows
//! the file by its content: another one under the same name begins anew.
//! M1 an import that was cut off anywhere is sent again and records everything once (`an_import_goes_on_where_it_stopped`).
//! M2 each row is recorded or stands among the rejects, once, with the reason (`each_row_is_recorded_or_rejected`).

use std::fs::File;
use std::io::{BufRead as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use headworks_terminal::{Failed, Outcome, output::remark, print, read};
use headworks_wire as wire;
use hyper::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::arguments::{ImportArguments, Remote};
use crate::remote::connect;

mod rows;

use rows::{Row, Unreadable};

const AT_ONCE: usize = 500;

/// How far the import of one file has got.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Done {
    /// BLAKE3 of the file, and of what its rows mean.
    file: String,
    /// Rows that have been answered for.
    rows: u64,
    /// The length of the rejects up to there.
    rejected_bytes: u64,
}

impl Done {
    fn hash(what: &ImportArguments) -> Result<String, Failed> {
        let mut hasher = blake3::Hasher::new();
        let file = File::open(&what.file).map_err(|e| format!("{}: {e}", what.file.display()))?;
        hasher.update_reader(file)?;
        if rows::is_csv(what) {
            hasher.update(rows::source(what).as_bytes());
        }
        Ok(hasher.finalize().to_hex().to_string())
    }

    /// What has been done of this very file; nothing of another one.
    fn read(place: &Path, what: &ImportArguments) -> Result<Self, Failed> {
        let none = Self { file: Self::hash(what)?, ..Self::default() };
        let noted = std::fs::read(place).ok().filter(|_| !what.restart);
        let Some(noted) = noted else { return Ok(none) };
        match serde_json::from_slice::<Self>(&noted) {
            Ok(noted) if noted.file == none.file => Ok(noted),
            _ => {
                remark(format_args!(
                    "{} is about a file with other content, or events of another source: {} is sent from its first row, and \
                     what was recorded before is not recorded again",
                    place.display(),
                    what.file.display()
                ));
                Ok(none)
            }
        }
    }

    /// Written whole or not at all.
    fn write(&self, place: &Path) -> Result<(), Failed> {
        let new = beside(place, ".new");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        Ok(std::fs::rename(new, place)?)
    }
}

fn beside(file: &Path, what: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(what);
    PathBuf::from(name)
}

/// The file of what was refused; there is none while there is nothing to say.
struct Rejects {
    path: PathBuf,
    file: Option<File>,
    /// How many an earlier import of the file has left in it.
    before: u64,
}

impl Rejects {
    /// Takes off what an import that was cut off wrote and did not note.
    fn open(path: PathBuf, noted: u64) -> Result<Self, Failed> {
        if noted == 0 {
            match std::fs::remove_file(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(format!("{}: {e}", path.display()).into());
                }
                _ => return Ok(Self { path, file: None, before: 0 }),
            }
        }
        let opened = File::options().read(true).write(true).open(&path);
        let mut file = opened.map_err(|e| format!("{}: {e}", path.display()))?;
        file.set_len(noted)?;
        let lines = std::io::BufReader::new(&file).split(b'\n').count();
        file.seek(std::io::SeekFrom::End(0))?;
        Ok(Self { path, file: Some(file), before: u64::try_from(lines)? })
    }

    fn write(&mut self, line: &Value) -> Result<(), Failed> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(File::create(&self.path)?),
        };
        Ok(writeln!(file, "{line}")?)
    }

    /// Makes it durable; its length.
    fn sync(&mut self) -> Result<u64, Failed> {
        let Some(file) = &mut self.file else { return Ok(0) };
        file.sync_all()?;
        Ok(file.stream_position()?)
    }
}

/// `headworks import`.
pub(crate) async fn run(what: &ImportArguments, remote: &Remote, as_json: bool) -> Outcome {
    let place = beside(&what.file, ".imported");
    let mut done = Done::read(&place, what)?;
    let mut rejects = Rejects::open(beside(&what.file, ".rejected.ndjson"), done.rejected_bytes)?;
    let mut client = connect(remote).await?;
    let mut total = wire::Ingested::default();
    let (mut refused, mut first) = (rejects.before, None);
    let bar = indicatif::ProgressBar::new_spinner();
    let before = done.rows;
    let mut rows = rows::read(what)?.skip(usize::try_from(before)?);
    loop {
        let batch: Vec<Row> = rows.by_ref().take(AT_ONCE).collect::<Result<_, _>>()?;
        if batch.is_empty() {
            break;
        }
        let events: Vec<_> =
            batch.iter().filter_map(|row| Some((row.at, row.event.as_ref().ok()?))).collect();
        let mut answer = wire::Ingested::default();
        if !events.is_empty() {
            let body = serde_json::to_vec(&events.iter().map(|(_, event)| event).collect::<Vec<_>>())?;
            let kind = "application/cloudevents-batch+json";
            let (status, text) = client.send(Method::POST, "/v1/events", None, kind, body).await?;
            answer = read(status, &text)?;
        }
        let unreadable = batch.iter().filter_map(|row| Some((row.at, row.event.as_ref().err()?)));
        let unreadable = unreadable.map(|(at, Unreadable { text, why })| {
            (json!({"row": at, "text": text, "problem": {"detail": why}}), why.clone())
        });
        let answered = answer.refused.iter().map(|refused| {
            let (at, event) = events.get(refused.n).copied().unzip();
            (json!({"row": at, "event": event, "problem": refused.problem}), refused.problem.detail.clone())
        });
        let mut lines: Vec<(Value, String)> = unreadable.chain(answered).collect();
        lines.sort_by_key(|(line, _)| line.get("row").and_then(Value::as_u64));
        for (line, why) in lines {
            rejects.write(&line)?;
            refused += 1;
            first.get_or_insert_with(|| match line.get("row") {
                Some(row) if !row.is_null() => format!("row {row}: {why}"),
                _ => why,
            });
        }
        done.rejected_bytes = rejects.sync()?;
        done.rows += u64::try_from(batch.len())?;
        done.write(&place)?;
        total.accepted += answer.accepted;
        total.duplicates += answer.duplicates;
        total.quarantined += answer.quarantined;
        bar.set_message(format!("{} events", done.rows));
        bar.tick();
    }
    bar.finish_and_clear();
    print::show(
        "import",
        &json!({
            "events": done.rows, "before": before, "accepted": total.accepted, "duplicates": total.duplicates,
            "quarantined": total.quarantined, "refused": refused,
        }),
        as_json,
    )?;
    if refused == 0 {
        return Ok(());
    }
    let many = if refused == 1 { "1 event was".to_owned() } else { format!("{refused} events were") };
    let first = first.map_or_else(String::new, |first| format!("; the first of this time: {first}"));
    Err(format!("{many} refused, see {}{first}", rejects.path.display()).into())
}
