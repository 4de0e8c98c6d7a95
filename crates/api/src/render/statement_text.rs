//! Statements for people and spreadsheets: CSV, printable HTML, text.
//!
//! Never computes: every figure is the API's.

use std::fmt::Write as _;

use headworks_wire::{Statement, StatementBy, StatementEntry, StatementSource, StatementSum};

fn what(entry: &StatementEntry) -> String {
    let Some(usage) = &entry.usage else {
        let words =
            [entry.feature.as_ref().map(ToString::to_string), entry.reason.as_ref().map(ToString::to_string)];
        return words.into_iter().flatten().collect::<Vec<_>>().join(": ");
    };
    let lines = usage.lines.iter().filter(|l| l.quantity > 0);
    let closes = usage.lines.iter().filter_map(|l| l.graduated.as_ref().filter(|of| of.closes.is_some()));
    let closes = closes.map(|of| format!("close of {} until {}", of.volume, of.until));
    let quantities: Vec<String> =
        lines.map(|l| format!("{} {}", l.quantity, l.meter)).chain(closes).collect();
    let path = usage.path.to_string();
    let place = if path.is_empty() { String::new() } else { format!(" ({path})") };
    format!("{}: {}{place}", usage.feature, quantities.join(", "))
}

const COLUMNS: [&str; 10] = [
    "at",
    "effective_at",
    "cause",
    "amount",
    "balance",
    "unit",
    "what",
    "record",
    "event_id",
    "idempotency_key",
];
/// The first of the columns that have a caller's text.
const FIRST_TEXT: usize = 6;

fn cells(statement: &Statement, entry: &StatementEntry) -> [String; COLUMNS.len()] {
    [
        entry.at.to_string(),
        entry.effective_at.to_string(),
        entry.cause.clone(),
        entry.amount.to_string(),
        entry.balance.to_string(),
        statement.unit.clone(),
        what(entry),
        entry.record.to_string(),
        entry.event_id.clone().unwrap_or_default(),
        entry.idempotency_key.as_ref().map(ToString::to_string).unwrap_or_default(),
    ]
}

/// Rows as RFC 4180 CSV: `opening` first, `closing` last.
pub(crate) fn csv(statement: &Statement) -> String {
    let mut out = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let edge = |at: String, cause: &str, balance: String| {
        let mut cells = [const { String::new() }; COLUMNS.len()];
        let [first, second, third, _, fifth, sixth, ..] = &mut cells;
        (*first, *second, *third) = (at.clone(), at, cause.to_owned());
        (*fifth, *sixth) = (balance, statement.unit.clone());
        cells
    };
    let opening = edge(statement.from.to_string(), "opening", statement.opening.to_string());
    let closing = edge(statement.to.to_string(), "closing", statement.closing.to_string());
    let rows = [COLUMNS.map(str::to_owned), opening].into_iter();
    let entries = statement.entries.iter().map(|entry| cells(statement, entry));
    for row in rows.chain(entries).chain([closing]) {
        // A spreadsheet must not take a caller's text for a formula; amounts stay numbers.
        let safe = row.into_iter().enumerate().map(|(i, cell)| {
            let is_text = i >= FIRST_TEXT && cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
            if is_text { format!("'{cell}") } else { cell }
        });
        // Writing to memory cannot fail.
        let _ = out.write_record(safe);
    }
    String::from_utf8(out.into_inner().unwrap_or_default()).unwrap_or_default()
}

/// The subject of an entry: the use, its record, and the caller's own name for it.
fn about(entry: &StatementEntry) -> String {
    let event = entry.event_id.as_ref().map(|id| format!(" event {id}")).unwrap_or_default();
    format!("{}  [{}{event}]", what(entry), entry.record).trim_start().to_owned()
}

/// When an entry counts in the period, and the other of its two instants where that differs.
fn when(statement: &Statement, entry: &StatementEntry) -> String {
    let (at, other, word) = match statement.by {
        StatementBy::Recorded => (entry.at, entry.effective_at, "effective"),
        StatementBy::Effective => (entry.effective_at, entry.at, "recorded"),
    };
    if at == other { at.to_string() } else { format!("{at} ({word} {other})") }
}

/// The sums as titled tables: a name, how many entries, an amount, and its unit.
fn tables(statement: &Statement) -> Vec<(String, Vec<[String; 4]>)> {
    let sums = &statement.sums;
    let row = |name: String, sum: &StatementSum| {
        [name, sum.entries.to_string(), sum.amount.to_string(), statement.unit.clone()]
    };
    let source = |s: &StatementSource| {
        let category = s.category.map_or(String::new(), |c| format!(" ({})", c.as_str()));
        [format!("{}: {}{category}", s.layer, s.source), String::new(), s.amount.clone(), s.unit.clone()]
    };
    let all = [
        ("by cause".to_owned(), sums.by_cause.iter().map(|(name, sum)| row(name.clone(), sum)).collect()),
        (
            "by feature".to_owned(),
            sums.by_feature.iter().map(|(name, sum)| row(name.to_string(), sum)).collect(),
        ),
        ("paid by".to_owned(), sums.by_source.iter().map(source).collect()),
        (
            format!("by day in {}", statement.zone),
            sums.by_day.iter().map(|(day, sum)| row(day.clone(), sum)).collect(),
        ),
    ];
    all.into_iter().filter(|(_, rows): &(_, Vec<_>)| !rows.is_empty()).collect()
}

/// The unit, the period, and which instants count.
fn head(statement: &Statement) -> String {
    let by = match statement.by {
        StatementBy::Recorded => "recorded",
        StatementBy::Effective => "effective",
    };
    let known = statement.recorded_at.map(|at| format!(", as known at {at}")).unwrap_or_default();
    format!("in {}, {by} from {} to before {}{known}", statement.unit, statement.from, statement.to)
}

/// Aligned text.
pub(crate) fn text(statement: &Statement) -> String {
    let mut out = format!("Statement of {}\n{}\n\n", statement.account, head(statement));
    let row = |entry: &StatementEntry| {
        let (amount, balance) = (entry.amount.to_string(), entry.balance.to_string());
        [when(statement, entry), entry.cause.clone(), amount, balance, about(entry)]
    };
    let edge =
        |name: &str, balance: String| [name.to_owned(), String::new(), String::new(), balance, String::new()];
    let mut rows = vec![["at", "cause", "amount", "balance", "what"].map(str::to_owned)];
    rows.push(edge("opening", statement.opening.to_string()));
    rows.extend(statement.entries.iter().map(row));
    rows.push(edge("closing", statement.closing.to_string()));
    aligned(&mut out, &rows, [false, false, true, true, false]);
    for (title, rows) in tables(statement) {
        let _ = writeln!(out, "\n{title}");
        aligned(&mut out, &rows, [false, true, true, false]);
    }
    if let Some(checkpoint) = &statement.checkpoint {
        let _ = write!(out, "\n{checkpoint}");
    }
    out
}

/// Rows in columns, those of numbers to the right.
fn aligned<const N: usize>(out: &mut String, rows: &[[String; N]], right: [bool; N]) {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in rows {
        let cells = row.iter().zip(widths).zip(right).map(|((cell, width), right)| match right {
            true => format!("{cell:>width$}"),
            false => format!("{cell:<width$}"),
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// One page that prints well and needs nothing else.
pub(crate) fn html(statement: &Statement) -> String {
    let account = escaped(statement.account.as_str());
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Statement of {account}</title>\n<style>\n\
         body {{ font: 11pt system-ui, sans-serif; margin: 2cm; }}\n\
         table {{ border-collapse: collapse; width: 100%; }}\n\
         th, td {{ text-align: left; padding: 0.2em 0.6em; border-bottom: 1px solid #ccc; vertical-align: top; }}\n\
         .n {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }}\n\
         tr.edge td {{ font-weight: bold; }}\n\
         pre {{ font-size: 8pt; white-space: pre-wrap; word-break: break-all; }}\n\
         thead {{ display: table-header-group; }} tr {{ break-inside: avoid; }}\n\
         </style></head><body>\n<h1>Statement of {account}</h1>\n<p>{}.</p>\n\
         <table><thead><tr><th>At</th><th>Cause</th><th class=\"n\">Amount</th><th class=\"n\">Balance</th><th>What</th></tr></thead><tbody>\n",
        escaped(&head(statement)),
    );
    let edge = |name: &str, balance: String| {
        format!(
            "<tr class=\"edge\"><td></td><td>{name}</td><td></td><td class=\"n\">{balance}</td><td></td></tr>\n"
        )
    };
    out.push_str(&edge("opening balance", statement.opening.to_string()));
    for entry in &statement.entries {
        let (amount, balance) = (entry.amount, entry.balance);
        let [at, cause, what] =
            [when(statement, entry), entry.cause.clone(), about(entry)].map(|cell| escaped(&cell));
        let _ = writeln!(
            out,
            "<tr><td>{at}</td><td>{cause}</td><td class=\"n\">{amount}</td><td class=\"n\">{balance}</td><td>{what}</td></tr>"
        );
    }
    out.push_str(&edge("closing balance", statement.closing.to_string()));
    out.push_str("</tbody></table>\n");
    for (title, rows) in tables(statement) {
        let _ = writeln!(out, "<h2>{}</h2>\n<table><tbody>", escaped(&title));
        for [name, entries, amount, unit] in rows {
            let (name, unit) = (escaped(&name), escaped(&unit));
            let _ = writeln!(
                out,
                "<tr><td>{name}</td><td class=\"n\">{entries}</td><td class=\"n\">{amount}</td><td>{unit}</td></tr>"
            );
        }
        out.push_str("</tbody></table>\n");
    }
    if let Some(checkpoint) = &statement.checkpoint {
        let _ = writeln!(out, "<h2>Signed checkpoint</h2>\n<pre>{}</pre>", escaped(checkpoint));
    }
    out.push_str("</body></html>\n");
    out
}
