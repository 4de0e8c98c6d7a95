//! Traces: who asked for what, when. The public formats by their header lines, and a documented one of our own.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;

use headworks_core::record::Name;
use headworks_terminal::Failed;

use super::traffic::{Client, Traced, Traffic};
use super::windows::{self, Cut};

const NAMES: [(&str, &[&str]); 4] = [
    ("t_s", &["t_s", "TIMESTAMP"]),
    ("client", &["client"]),
    ("input_tokens", &["input_tokens", "prompt_tokens", "ContextTokens"]),
    ("output_tokens", &["output_tokens", "GeneratedTokens"]),
];

/// Reads a trace: CSV, gzipped or not, with a header line.
pub(crate) fn read(path: &Path, cut: &Cut<'_>) -> Result<Traffic, Failed> {
    let text = text(path)?;
    let said = |e: Failed| format!("{}: {e}", path.display());
    let header = csv::Reader::from_reader(text.as_bytes()).headers().map_err(|e| said(e.into()))?.clone();
    if windows::is_windows(&header) {
        return windows::generate(&text, cut).map_err(|e| said(e).into());
    }
    let mut traffic = parse(&text).map_err(said)?;
    let (from, until) = cut.seconds;
    let inside = |at: u64| (from..until).contains(&(at / 1_000_000));
    traffic.requests.retain(|r| inside(r.at));
    traffic.requests.iter_mut().for_each(|r| r.at -= from * 1_000_000);
    if traffic.requests.is_empty() {
        return Err(format!("{}: no requests from second {from} to {until}", path.display()).into());
    }
    Ok(traffic)
}

/// A file's text, unpacked when it is gzipped.
pub(crate) fn text(path: &Path) -> Result<String, Failed> {
    let said = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let bytes = std::fs::read(path).map_err(|e| said(&e))?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut text = String::new();
        flate2::read::GzDecoder::new(&*bytes).read_to_string(&mut text).map_err(|e| said(&e))?;
        return Ok(text);
    }
    String::from_utf8(bytes).map_err(|e| said(&e).into())
}

pub(crate) fn parse(text: &str) -> Result<Traffic, Failed> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let columns = Columns::of(reader.headers()?)?;
    let mut traffic = Traffic::default();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut first = None;
    for (i, row) in reader.records().enumerate() {
        let row = row?;
        let wrong = |what: &str| format!("line {}: {what}", i + 2);
        let at = micros(columns.required(&row, 0))
            .ok_or_else(|| wrong("the arrival is no number of seconds and no instant"))?;
        let count = |text: &str| {
            text.parse::<u64>().map_err(|_| wrong(&format!("`{text}` is no whole number of tokens")))
        };
        let (input_tokens, output_tokens) =
            (count(columns.required(&row, 2))?, count(columns.required(&row, 3))?);
        let named = columns.get(&row, 1).unwrap_or("all");
        let client = match places.get(named) {
            Some(place) => *place,
            None => {
                let client = columns.client(&row, named).map_err(|e| wrong(&e))?;
                places.insert(named.to_owned(), traffic.clients.len());
                traffic.clients.push(client);
                traffic.clients.len() - 1
            }
        };
        traffic.requests.push(Traced { at, client, input_tokens, output_tokens });
        first = Some(first.map_or(at, |f: u64| f.min(at)));
    }
    if traffic.requests.is_empty() {
        return Err("the trace has no requests".into());
    }
    // Instants of a calendar begin at the first one; seconds count from zero as they are.
    let begin = first.filter(|f| *f > 86_400_000_000 * 365).unwrap_or(0);
    traffic.requests.iter_mut().for_each(|r| r.at -= begin);
    traffic.requests.sort_by_key(|r| (r.at, r.client));
    Ok(traffic)
}

/// Where each column is.
struct Columns(HashMap<String, usize>, [Option<usize>; 4]);

impl Columns {
    fn of(header: &csv::StringRecord) -> Result<Self, Failed> {
        let all: HashMap<String, usize> =
            header.iter().enumerate().map(|(i, name)| (name.to_owned(), i)).collect();
        let find = |names: &[&str]| names.iter().find_map(|name| all.get(*name).copied());
        let found = NAMES.map(|(_, names)| find(names));
        for ((name, _), found) in NAMES.iter().zip(found) {
            if found.is_none() && *name != "client" {
                return Err(format!(
                    "the trace has no column `{name}`; its first line must name t_s, input_tokens, output_tokens and, for several clients, client"
                )
                .into());
            }
        }
        Ok(Self(all, found))
    }

    fn get<'a>(&self, row: &'a csv::StringRecord, column: usize) -> Option<&'a str> {
        self.1.get(column).copied().flatten().and_then(|at| row.get(at)).filter(|text| !text.is_empty())
    }

    fn required<'a>(&self, row: &'a csv::StringRecord, column: usize) -> &'a str {
        self.get(row, column).unwrap_or_default()
    }

    fn client(&self, row: &csv::StringRecord, named: &str) -> Result<Client, String> {
        let text = |column: &str| self.0.get(column).and_then(|at| row.get(*at)).filter(|t| !t.is_empty());
        let name = |t: &str| Name::new(t).map_err(|e| format!("`{t}`: {e}"));
        let weight = text("weight")
            .map(|t| t.parse::<u32>().map_err(|_| format!("`{t}` is no weight")))
            .transpose()?;
        Ok(Client {
            name: name(&format!("client-{named}"))?,
            plan: text("plan").map(name).transpose()?,
            class: text("class").map(name).transpose()?,
            cluster: text("cluster").map(name).transpose()?,
            weight: weight.unwrap_or(1).max(1),
        })
    }
}

/// Seconds, or an instant, as microseconds.
fn micros(text: &str) -> Option<u64> {
    let instant = format!("{}Z", text.replacen(' ', "T", 1).trim_end_matches('Z'));
    if text.contains('-')
        && let Ok(at) = instant.parse::<headworks_core::record::Instant>()
    {
        return u64::try_from(at.micros()).ok();
    }
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part: u64 = format!("{part:0<6}").get(..6)?.parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(part)
}
