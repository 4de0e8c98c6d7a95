//! Statements for people and spreadsheets: CSV, printable HTML, text.
//!
//! Never computes: every figure is the API's.

use std::fmt::Write as _;

use headworks_wire::{Statement, StatementEntry};

fn what(entry: &StatementEntry) -> String {
    let Some(usage) = &entry.usage else {
        return entry.reason.as_ref().map(ToString::to_string).unwrap_or_default();
    };
    let lines = usage.lines.iter().filter(|l| l.quantity > 0);
    let quantities: Vec<String> = lines.map(|l| format!("{} {}", l.quantity, l.meter)).collect();
    let path = usage.path.to_string();
    let place = if path.is_empty() { String::new() } else { format!(" ({path})") };
    format!("{}: {}{place}", usage.feature, quantities.join(", "))
}

const COLUMNS: [&str; 7] = ["at", "cause", "amount", "balance", "what", "record", "idempotency_key"];

fn cells(entry: &StatementEntry) -> [String; 7] {
    [
        entry.at.to_string(),
        entry.cause.clone(),
        entry.amount.to_string(),
        entry.balance.to_string(),
        what(entry),
        entry.record.to_string(),
        entry.idempotency_key.as_ref().map(ToString::to_string).unwrap_or_default(),
    ]
}

/// Rows as RFC 4180 CSV: `opening` first, `closing` last.
pub(crate) fn csv(statement: &Statement) -> String {
    let mut out = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let edge = |at: String, cause: &str, balance: String| {
        [at, cause.to_owned(), String::new(), balance, String::new(), String::new(), String::new()]
    };
    let opening = edge(statement.from.to_string(), "opening", statement.opening.to_string());
    let closing = edge(statement.to.to_string(), "closing", statement.closing.to_string());
    let rows = [COLUMNS.map(str::to_owned), opening].into_iter();
    let rows = rows.chain(statement.entries.iter().map(cells)).chain([closing]);
    for row in rows {
        // A spreadsheet must not take a caller's text for a formula; amounts stay numbers.
        let safe = row.into_iter().enumerate().map(|(i, cell)| {
            let is_text = i > 3 && cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
            if is_text { format!("'{cell}") } else { cell }
        });
        // Writing to memory cannot fail.
        let _ = out.write_record(safe);
    }
    String::from_utf8(out.into_inner().unwrap_or_default()).unwrap_or_default()
}

/// Aligned text.
pub(crate) fn text(statement: &Statement) -> String {
    let mut out =
        format!("Statement of {}\nfrom {} to before {}\n\n", statement.account, statement.from, statement.to);
    let rows: Vec<[String; 7]> = statement.entries.iter().map(cells).collect();
    let edges = [statement.opening.to_string(), statement.closing.to_string()];
    let width = |c: usize, least: usize| {
        rows.iter().filter_map(|r| r.get(c)).map(String::len).max().unwrap_or(0).max(least)
    };
    let (at, cause, amount) = (width(0, 7), width(1, 5), width(2, 6));
    let balance = width(3, edges.iter().map(String::len).max().unwrap_or(7));
    let mut line = |a: &str, b: &str, c: &str, d: &str, e: &str| {
        let row = format!("{a:<at$}  {b:<cause$}  {c:>amount$}  {d:>balance$}  {e}");
        let _ = writeln!(out, "{}", row.trim_end());
    };
    let [opening, closing] = &edges;
    line("at", "cause", "amount", "balance", "what");
    line("opening", "", "", opening, "");
    for [at, cause, amount, balance, what, record, _] in &rows {
        let place = if what.is_empty() { record.clone() } else { format!("{what}  [{record}]") };
        line(at, cause, amount, balance, &place);
    }
    line("closing", "", "", closing, "");
    if let Some(checkpoint) = &statement.checkpoint {
        let _ = write!(out, "\n{checkpoint}");
    }
    out
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
         </style></head><body>\n<h1>Statement of {account}</h1>\n<p>From {} to before {}.</p>\n\
         <table><thead><tr><th>At</th><th>Cause</th><th class=\"n\">Amount</th><th class=\"n\">Balance</th><th>What</th><th>Record</th></tr></thead><tbody>\n",
        statement.from, statement.to
    );
    let edge = |name: &str, balance: String| {
        format!(
            "<tr class=\"edge\"><td></td><td>{name}</td><td></td><td class=\"n\">{balance}</td><td></td><td></td></tr>\n"
        )
    };
    out.push_str(&edge("opening balance", statement.opening.to_string()));
    for entry in &statement.entries {
        let [at, cause, amount, balance, what, record, _] = cells(entry).map(|cell| escaped(&cell));
        let _ = writeln!(
            out,
            "<tr><td>{at}</td><td>{cause}</td><td class=\"n\">{amount}</td><td class=\"n\">{balance}</td><td>{what}</td><td>{record}</td></tr>"
        );
    }
    out.push_str(&edge("closing balance", statement.closing.to_string()));
    out.push_str("</tbody></table>\n");
    if let Some(checkpoint) = &statement.checkpoint {
        let _ = writeln!(out, "<h2>Signed checkpoint</h2>\n<pre>{}</pre>", escaped(checkpoint));
    }
    out.push_str("</body></html>\n");
    out
}
