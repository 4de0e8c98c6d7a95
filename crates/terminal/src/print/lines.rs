//! What answers are put together from: numbers of things, and columns.

use std::fmt::Write as _;

/// So many of something, in words: `1 record`, `2 records`.
pub fn counted<N: std::fmt::Display + From<u8> + PartialEq>(n: N, noun: &str) -> String {
    if n == N::from(1) { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// Rows in columns: the first left-aligned, numbers right-aligned where `right` says so.
pub fn table(rows: &[Vec<String>], right: &[bool]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|t| t.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let cells = row.iter().enumerate().map(|(c, text)| {
            let width = widths.get(c).copied().unwrap_or(0);
            if right.get(c) == Some(&true) { format!("{text:>width$}") } else { format!("{text:<width$}") }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        // Writing to a string cannot fail.
        let _ = writeln!(out, "  {}", line.trim_end());
    }
    out
}
