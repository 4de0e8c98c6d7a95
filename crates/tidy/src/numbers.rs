//! The size of the project: lines, functions, public items, and the matches that a new kind of event would touch.
//!
//! Counts only shipped code: tests, benches and examples are left out.
//! N1 a match counts by the variants that its patterns name, not by the content of its arms
//! (`matches_count_by_patterns`).
//! Units: lines of a function from its `fn` to its last brace.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::checks::lines_before_tests;
use crate::graph::is_source;
use crate::rules::{FLOORED, LINES_MAX};
use crate::source::{Seen, read, without_tests};
use crate::tokens::{Kind, Token, tokens};
use crate::tree::Tree;

/// Functions with more lines than this are listed.
const LONG_FUNCTION: usize = 70;

/// Nine functions of ten should have fewer lines than this.
const SHORT_FUNCTION: usize = 35;

/// The enum whose matches are counted, and the fewest variants that such a match names.
const EVENT: (&str, usize) = ("Event", 15);

/// The kinds of public items; re-exports are counted by name.
const PUBLIC: &[&str] = &["fn", "struct", "enum", "trait", "const", "static", "type", "mod", "use"];

#[derive(Default)]
struct Numbers {
    files: usize,
    lines: usize,
    code: usize,
    functions: usize,
    short: usize,
    long: usize,
    public: BTreeMap<&'static str, usize>,
}

impl Numbers {
    fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.lines += other.lines;
        self.code += other.code;
        self.functions += other.functions;
        self.short += other.short;
        self.long += other.long;
        for (kind, n) in &other.public {
            *self.public.entry(kind).or_default() += n;
        }
    }

    fn sizes(&self) -> Vec<String> {
        let tenths = self.short * 1000 / self.functions.max(1);
        let short = format!("{}.{} %", tenths / 10, tenths % 10);
        let counts = [self.files, self.lines, self.code, self.functions];
        counts.iter().map(usize::to_string).chain([short, self.long.to_string()]).collect()
    }

    fn publics(&self) -> Vec<String> {
        PUBLIC.iter().map(|kind| self.public.get(kind).copied().unwrap_or(0).to_string()).collect()
    }
}

/// The numbers of the project as text.
#[must_use]
pub fn report(tree: &Tree) -> String {
    let variants = event_variants(tree);
    let mut crates: BTreeMap<&str, Numbers> = BTreeMap::new();
    let (mut long_functions, mut long_files, mut matches) = (Vec::new(), Vec::new(), Vec::new());
    for (path, text) in tree.sources().filter(|(path, _)| is_source(path)) {
        let owner = path.split('/').nth(1).unwrap_or(path);
        let (kept, _) = without_tests(&tokens(text));
        crates.entry(owner).or_default().add(&measured(text, &kept));
        for f in functions(&kept).into_iter().filter(|f| f.lines > LONG_FUNCTION) {
            long_functions.push(format!("{path}:{} {}: {} lines", f.line, f.name, f.lines));
        }
        let lines = lines_before_tests(text);
        if lines > LINES_MAX {
            long_files.push(format!("{path}: {lines} lines"));
        }
        for (line, named) in event_matches(&kept, &variants).into_iter().filter(|(_, n)| *n >= EVENT.1) {
            matches.push(format!("{path}:{line}: {named} of {}", variants.len()));
        }
    }
    let mut total = Numbers::default();
    crates.values().for_each(|n| total.add(n));
    let rows: Vec<(&str, &Numbers)> =
        crates.iter().map(|(k, n)| (*k, n)).chain([("total", &total)]).collect();
    let short = format!("under {SHORT_FUNCTION}");
    let long = format!("over {LONG_FUNCTION}");
    let mut out =
        table(&["crate", "files", "lines", "code", "functions", &short, &long], &rows, Numbers::sizes);
    out.push_str("\npublic items\n");
    out += &table(&[&["crate"], PUBLIC].concat(), &rows, Numbers::publics);
    list(&mut out, &format!("functions over {LONG_FUNCTION} lines"), &long_functions);
    list(&mut out, &format!("files over {LINES_MAX} lines before their tests"), &long_files);
    let named =
        format!("matches that name {} or more of the {} variants of {}", EVENT.1, variants.len(), EVENT.0);
    list(&mut out, &named, &matches);
    out
}

fn list(out: &mut String, what: &str, lines: &[String]) {
    let _ = writeln!(out, "\n{what}: {}", lines.len());
    for line in lines {
        let _ = writeln!(out, "  {line}");
    }
}

fn table(head: &[&str], rows: &[(&str, &Numbers)], columns: fn(&Numbers) -> Vec<String>) -> String {
    let mut out = format!("{:8}", head[0]);
    for name in &head[1..] {
        let _ = write!(out, "{name:>10}");
    }
    for (name, numbers) in rows {
        let _ = write!(out, "\n{name:8}");
        for column in columns(numbers) {
            let _ = write!(out, "{column:>10}");
        }
    }
    out + "\n"
}

/// The numbers of one file: lines before its tests, and how many of those have code.
fn measured(text: &str, kept: &[Token<'_>]) -> Numbers {
    let functions = functions(kept);
    let code: BTreeSet<usize> =
        kept.iter().flat_map(|t| t.line..=t.line + t.text.matches('\n').count()).collect();
    let mut public = BTreeMap::new();
    for at in (0..kept.len()).filter(|at| kept[*at].text == "pub") {
        let words = kept[at + 1..].iter().take_while(|t| t.kind != Kind::Mark).map(|t| t.text);
        let words: Vec<&str> = words.take(4).collect();
        let function = words.contains(&"fn").then_some("fn");
        let kind = function.or_else(|| words.first().copied());
        if let Some(kind) = PUBLIC.iter().find(|k| Some(**k) == kind && **k != "use") {
            *public.entry(*kind).or_default() += 1;
        }
    }
    public.insert("use", read(text).imports.iter().filter(|i| i.seen == Seen::Everywhere).count());
    Numbers {
        files: 1,
        lines: lines_before_tests(text),
        code: code.len(),
        short: functions.iter().filter(|f| f.lines < SHORT_FUNCTION).count(),
        long: functions.iter().filter(|f| f.lines > LONG_FUNCTION).count(),
        functions: functions.len(),
        public,
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Function<'a> {
    name: &'a str,
    line: usize,
    lines: usize,
}

/// Functions with a body.
fn functions<'a>(tokens: &[Token<'a>]) -> Vec<Function<'a>> {
    let mut found = Vec::new();
    for (at, pair) in tokens.windows(2).enumerate() {
        if pair[0].text != "fn" || pair[1].kind != Kind::Word {
            continue;
        }
        let body = upto(&tokens[at..], &["{", ";"]);
        if tokens.get(at + body).is_some_and(|t| t.text == "{") {
            let end = at + body + balanced(&tokens[at + body..]);
            let last = tokens.get(end - 1).map_or(pair[0].line, |t| t.line);
            found.push(Function { name: pair[1].text, line: pair[0].line, lines: last - pair[0].line + 1 });
        }
    }
    found
}

/// The number of tokens before one of these outside all brackets.
fn upto(tokens: &[Token<'_>], ends: &[&str]) -> usize {
    let mut depth = 0_usize;
    let found = tokens.iter().position(|token| {
        let ended = depth == 0 && ends.contains(&token.text);
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        ended
    });
    found.unwrap_or(tokens.len())
}

/// The number of tokens in a bracketed group, brackets included.
fn balanced(tokens: &[Token<'_>]) -> usize {
    let inside = tokens.get(1..).unwrap_or_default();
    (upto(inside, &["}", ")", "]"]) + 2).min(tokens.len())
}

fn event_variants(tree: &Tree) -> BTreeSet<String> {
    let sources =
        tree.sources().filter(|(path, _)| is_source(path) && path.split('/').nth(1) == Some(FLOORED));
    sources.map(|(_, text)| variants(&tokens(text))).find(|v| !v.is_empty()).unwrap_or_default()
}

fn variants(tokens: &[Token<'_>]) -> BTreeSet<String> {
    let head = ["enum", EVENT.0, "{"];
    let Some(at) = tokens.windows(3).position(|w| w.iter().map(|t| t.text).eq(head)) else {
        return BTreeSet::new();
    };
    let mut rest = &tokens[at + 3..at + 1 + balanced(&tokens[at + 2..])];
    let mut found = BTreeSet::new();
    while let Some(token) = rest.first() {
        if token.text == "#" {
            rest = &rest[1 + balanced(&rest[1..])..];
        } else {
            found.insert(token.text.to_owned());
            rest = rest.get(upto(rest, &[","]) + 1..).unwrap_or_default();
        }
    }
    found
}

/// Every `match` with its line and the number of event variants that its patterns name.
fn event_matches(tokens: &[Token<'_>], variants: &BTreeSet<String>) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate().filter(|(_, t)| t.text == "match") {
        let open = at + upto(&tokens[at..], &["{"]);
        let body = tokens.get(open..).unwrap_or_default();
        let inside = body.get(1..balanced(body).saturating_sub(1)).unwrap_or_default();
        let named: BTreeSet<&str> = patterns(inside).into_iter().flat_map(|p| named(p, variants)).collect();
        found.push((token.line, named.len()));
    }
    found
}

/// The patterns of a match's arms.
fn patterns<'a, 'b>(mut rest: &'b [Token<'a>]) -> Vec<&'b [Token<'a>]> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (pattern, arm) = rest.split_at(upto(rest, &["=>"]));
        found.push(pattern);
        let block = arm.get(1).is_some_and(|t| t.text == "{");
        let arm_length = if block { 1 + balanced(&arm[1..]) } else { upto(arm, &[","]) };
        rest = arm.get(arm_length..).unwrap_or_default();
        while rest.first().is_some_and(|t| t.text == ",") {
            rest = &rest[1..];
        }
    }
    found
}

fn named<'a>(pattern: &[Token<'a>], variants: &BTreeSet<String>) -> Vec<&'a str> {
    let path = |w: &&[Token<'a>]| [EVENT.0, "Self"].contains(&w[0].text) && w[1].text == "::";
    pattern.windows(3).filter(path).map(|w| w[2].text).filter(|name| variants.contains(*name)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Function, event_matches, functions, measured, variants};
    use crate::tokens::tokens;

    #[test]
    fn matches_count_by_patterns() {
        let event = "enum Event { #[n(0)] A(#[n(0)] u8), B { c: u8 }, #[n(2)] C, }";
        let variants = variants(&tokens(event));
        assert_eq!(variants.iter().map(String::as_str).collect::<Vec<_>>(), ["A", "B", "C"]);
        let code = "fn f(e: Event) {\n match e { Event::A(x) if x > 0 => { Event::C }\n Event::A(_) | Event::B { .. } => g(Event::C, 1),\n\
                    Other::C => match h { Self::C => 1, _ => 2 }, } }";
        assert_eq!(event_matches(&tokens(code), &variants), [(2, 2), (4, 1)]);
    }

    #[test]
    fn functions_and_their_lines() {
        let code = "fn a(b: [u8; 2]) -> u8 {\n  fn c() {}\n  1\n}\ntrait T { fn d(); }";
        let named = |name, line, lines| Function { name, line, lines };
        assert_eq!(functions(&tokens(code)), [named("a", 1, 4), named("c", 2, 1)]);
    }

    #[test]
    fn public_items() {
        let code = "pub const fn a() {}\npub const B: u8 = 0;\npub(crate) fn c() {}\npub use d::{e, f};\nstruct G { pub h: u8 }\n\
                    pub async fn i() {}\n\n// j\n";
        let numbers = measured(code, &tokens(code));
        let public: Vec<_> = numbers.public.into_iter().filter(|(_, n)| *n > 0).collect();
        assert_eq!(public, [("const", 1), ("fn", 2), ("use", 2)]);
        assert_eq!((numbers.lines, numbers.code), (8, 6));
    }
}
