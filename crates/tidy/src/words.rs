//! Checks of words: a word that the glossary rules out is in no name and no document.
//!
//! The glossary is the first table of `docs/concepts.md` with a column `not`. Names are declared names: types,
//! fields, variants, functions and modules; and the fields of the API and of
//! catalogs. Never checks text quoted as code.
//! W1 a ruled-out word is found in any style of name (`names_are_taken_apart`).
//! W2 each exception is needed (`an_exception_that_nothing_needs_is_found`).

use std::collections::{BTreeMap, BTreeSet};

use crate::tokens::{Kind, Token, tokens};
use crate::tree::Tree;

/// The file of the glossary.
pub const GLOSSARY: &str = "docs/concepts.md";

/// Descriptions of the API and of catalogs: the keys of their objects are names.
const DESCRIPTIONS: [&str; 2] = ["docs/reference/openapi.json", "docs/reference/catalog.schema.json"];

/// A word with another meaning in one place.
#[derive(Clone, Copy, Debug)]
pub struct Exception {
    /// The word.
    pub word: &'static str,
    /// The file, or the prefix of several paths.
    pub path: &'static str,
    /// The reason.
    pub reason: &'static str,
}

/// The allowed exceptions.
pub const EXCEPTIONS: &[Exception] = &[
    Exception { word: "customer", path: "crates/api/src/outbox/stripe.rs", reason: "a field of Stripe's" },
    Exception { word: "customer", path: "docs/ledger.md", reason: "Stripe's name for the payer" },
    Exception { word: "customer", path: "docs/reliability.md", reason: "Stripe's name for the payer" },
    Exception { word: "tag", path: "docs/reference/openapi.json", reason: "a keyword of OpenAPI" },
    Exception { word: "notice", path: "README.md", reason: "notices of copyright" },
];

/// The words that a glossary rules out, each with the words of its row.
///
/// # Errors
/// When there is no glossary, or a word is both used and ruled out.
pub fn glossary(text: &str) -> Result<BTreeMap<String, String>, String> {
    let rows = text.lines().skip_while(|line| *line != "| word | meaning | not |").skip(2);
    let (mut banned, mut used) = (BTreeMap::new(), BTreeSet::new());
    for row in rows.take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split(" |").map(str::trim).collect();
        let [words, _, not] = cells[..] else { return Err(format!("{GLOSSARY}: not three columns: {row}")) };
        used.extend(words.split(", ").map(str::to_lowercase));
        for word in not.split(", ").filter(|word| !word.is_empty()) {
            if banned.insert(word.to_lowercase(), words.to_owned()).is_some() {
                return Err(format!("{GLOSSARY}: `{word}` is in the column `not` of two rows"));
            }
        }
    }
    if banned.is_empty() {
        return Err(format!("{GLOSSARY}: has no table `| word | meaning | not |`"));
    }
    match used.iter().find(|word| banned.contains_key(*word)) {
        Some(word) => Err(format!("{GLOSSARY}: `{word}` is a word of the glossary and is also ruled out")),
        None => Ok(banned),
    }
}

/// Names and documents of the project, against its glossary.
#[must_use]
pub fn words(tree: &Tree) -> Vec<String> {
    let banned = match glossary(tree.texts.get(GLOSSARY).map_or("", String::as_str)) {
        Ok(banned) => banned,
        Err(wrong) => return vec![wrong],
    };
    let mut texts: Vec<(&str, &str)> = tree.texts.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    let read = |path| std::fs::read_to_string(tree.root.join(path)).unwrap_or_default();
    let described = DESCRIPTIONS.map(|path| (path, read(path)));
    texts.extend(described.iter().map(|(path, text)| (*path, text.as_str())));
    against(&banned, EXCEPTIONS, &texts)
}

/// Ruled-out words in these files, by path and text.
#[must_use]
pub fn against(
    banned: &BTreeMap<String, String>,
    exceptions: &[Exception],
    texts: &[(&str, &str)],
) -> Vec<String> {
    let mut needed = vec![false; exceptions.len()];
    let mut found = Vec::new();
    for (path, text) in texts {
        for (line, name) in names(path, text) {
            for (word, instead) in banned.iter().filter(|(word, _)| says(&name, word)) {
                let excepted = exceptions.iter().position(|e| e.word == *word && path.starts_with(e.path));
                match excepted.and_then(|at| needed.get_mut(at)) {
                    Some(needed) => *needed = true,
                    None => {
                        found.push(format!("{path}:{line}: says `{word}`; the glossary has: {instead}"));
                    }
                }
            }
        }
    }
    for (exception, _) in exceptions.iter().zip(needed).filter(|(_, needed)| !needed) {
        found.push(format!(
            "crates/tidy/src/words.rs: nothing in {} says `{}` ({}); remove the exception",
            exception.path, exception.word, exception.reason
        ));
    }
    found
}

/// Names in a file, or the lines of a document, each split into parts, with their lines.
fn names(path: &str, text: &str) -> Vec<(usize, Vec<String>)> {
    let is_code = path.ends_with(".rs") && (path.starts_with("crates/") || path.starts_with("fuzz/"));
    let is_document = path.ends_with(".md") && (path.starts_with("docs/") || !path.contains('/'));
    if is_code {
        declared(text).into_iter().map(|(line, name)| (line, parts(name))).collect()
    } else if path.ends_with(".json") {
        let lines = (1..).zip(text.lines());
        lines.filter_map(|(n, line)| Some((n, parts(line.trim().split_once("\": ")?.0)))).collect()
    } else if is_document {
        prose(text)
    } else {
        Vec::new()
    }
}

/// The parts of a name in any style, in lower case.
fn parts(name: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut last = '_';
    for c in name.chars() {
        match out.last_mut() {
            Some(part) if c.is_alphanumeric() && last.is_alphanumeric() => {
                if c.is_uppercase() && last.is_lowercase() {
                    out.push(c.to_lowercase().collect());
                } else {
                    part.extend(c.to_lowercase());
                }
            }
            _ if c.is_alphanumeric() => out.push(c.to_lowercase().collect()),
            _ => {}
        }
        last = c;
    }
    out
}

/// Whether these parts contain a word, or several words in sequence; also in the plural.
fn says(parts: &[String], word: &str) -> bool {
    let words: Vec<&str> = word.split(' ').collect();
    parts.windows(words.len()).any(|run| {
        run.iter().zip(&words).enumerate().all(|(at, (part, word))| {
            part == word || at + 1 == words.len() && part.strip_suffix('s') == Some(*word)
        })
    })
}

/// The lines of a document without quoted code, link targets and the glossary's ruled-out words.
fn prose(text: &str) -> Vec<(usize, Vec<String>)> {
    let (mut is_code, mut is_glossary) = (false, false);
    let mut out = Vec::new();
    for (n, line) in (1..).zip(text.lines()) {
        is_code ^= line.trim_start().starts_with("```");
        is_glossary = line == "| word | meaning | not |" || is_glossary && line.starts_with('|');
        let cells = line.trim_end().trim_end_matches('|');
        let line = if is_glossary { cells.rsplit_once('|').map_or(cells, |(kept, _)| kept) } else { line };
        if !is_code {
            let kept: String = line.split('`').step_by(2).collect::<Vec<_>>().join(" . ");
            let kept: Vec<&str> = kept
                .split("](")
                .enumerate()
                .map(
                    |(at, part)| {
                        if at == 0 { part } else { part.split_once(')').map_or("", |(_, rest)| rest) }
                    },
                )
                .collect();
            out.push((n, parts(&kept.join(" . "))));
        }
    }
    out
}

/// The names that a source declares, with their lines: types, fields, variants, functions and modules.
fn declared(source: &str) -> Vec<(usize, &str)> {
    let tokens = tokens(source);
    let mut out = Vec::new();
    for (at, pair) in tokens.windows(2).enumerate() {
        let [keyword, name] = pair else { continue };
        let declares = matches!(keyword.text, "fn" | "mod" | "struct" | "enum" | "trait" | "type" | "union");
        if !declares || keyword.kind != Kind::Word || name.kind != Kind::Word {
            continue;
        }
        out.push((name.line, name.text));
        let body = tokens.get(at + 2..).unwrap_or_default();
        match keyword.text {
            "struct" => members(body, false, &mut out),
            "enum" => members(body, true, &mut out),
            _ => {}
        }
    }
    out
}

/// The fields of a struct, or the variants of an enum and their fields.
fn members<'a>(body: &[Token<'a>], is_enum: bool, out: &mut Vec<(usize, &'a str)>) {
    let Some(begin) = body.iter().position(|t| matches!(t.text, "{" | ";")) else { return };
    let mut open: Vec<&str> = Vec::new();
    for (at, token) in body.iter().enumerate().skip(begin) {
        let next = body.get(at + 1).map_or("", |t| t.text);
        let before = body.get(at.saturating_sub(1)).map_or("", |t| t.text);
        match token.text {
            "{" | "(" | "[" => open.push(token.text),
            "}" | ")" | "]" => drop(open.pop()),
            _ if token.kind != Kind::Word => {}
            _ if is_enum && open.len() == 1 && matches!(before, "{" | "," | "]") => {
                out.push((token.line, token.text));
            }
            _ if next == ":" && open.iter().all(|o| *o == "{") => out.push((token.line, token.text)),
            _ => {}
        }
        if open.is_empty() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Exception, against, declared, glossary, parts};

    const GLOSSARY: &str = "# Concepts\n\n| word | meaning | not |\n| --- | --- | --- |\n\
        | hold | set aside | reserve, reservation |\n| supply | shared | capacity pool |\n| room | what it has | |\n\nText.\n";

    fn check(path: &str, text: &str) -> Vec<String> {
        against(&glossary(GLOSSARY).expect("a glossary"), &[], &[(path, text)])
    }

    #[test]
    fn the_glossary_is_read() {
        let banned = glossary(GLOSSARY).expect("a glossary");
        assert_eq!(banned.keys().collect::<Vec<_>>(), ["capacity pool", "reservation", "reserve"]);
        assert_eq!(banned["reserve"], "hold");
        let wrong = [
            ("nothing", "has no table"),
            ("| word | meaning | not |\n| - | - | - |\n| a | b |\n", "not three columns"),
            ("| word | meaning | not |\n| - | - | - |\n| a | b | c |\n| d | e | c |\n", "two rows"),
            (
                "| word | meaning | not |\n| - | - | - |\n| a | b | c |\n| c | e | f |\n",
                "is a word of the glossary",
            ),
        ];
        for (text, what) in wrong {
            assert!(glossary(text).is_err_and(|e| e.contains(what)), "{text}");
        }
    }

    #[test]
    fn names_are_taken_apart() {
        assert_eq!(parts("CapacityPool"), ["capacity", "pool"]);
        assert_eq!(parts("/v1/capacity-pools"), ["v1", "capacity", "pools"]);
        let bad = [
            "struct CapacityPools;",
            "struct A { #[n(0)] pub reserve: u64 }",
            "enum A { B, #[n(1)] Reserve(u64) }",
            "enum A { B { reservation: u64 } }",
            "mod tests { fn a_reservation_ends() {} }",
            "mod capacity_pool;",
            "type Reserve = u64;",
        ];
        for text in bad {
            assert_eq!(check("crates/a/src/lib.rs", text).len(), 1, "{text}");
        }
        let good = "/// A reservation.\nfn hold(reserve: u64) -> &'static str { let pool: u8 = 1; \"reserve\" } struct Reserved;";
        assert_eq!(check("crates/a/src/lib.rs", good), Vec::<String>::new());
        let found = check("crates/a/src/lib.rs", "\nfn reserve() {}");
        assert_eq!(found, ["crates/a/src/lib.rs:2: says `reserve`; the glossary has: hold"]);
    }

    #[test]
    fn members_are_declared() {
        let names = |text| declared(text).into_iter().map(|(_, name)| name).collect::<Vec<_>>();
        assert_eq!(
            names("struct A<T: B> { a: Vec<c::D>, b: fn(e: u8) } struct F(g::H);"),
            ["A", "a", "b", "F"]
        );
        assert_eq!(
            names("enum A { B(c::D), E { f: G }, H = 3 } fn i<J: K>(l: M) {}"),
            ["A", "B", "E", "f", "H", "i"]
        );
    }

    #[test]
    fn documents_and_descriptions_are_read() {
        let bad = [
            ("docs/a.md", "A Reservation."),
            ("README.md", "Two\ncapacity pools."),
            ("docs/a.md", "| a | reserve |"),
            ("docs/reference/openapi.json", "  \"capacity_pools\": {"),
            ("docs/reference/openapi.json", "  \"CapacityPool\": {"),
            ("docs/reference/openapi.json", "  \"/v1/reservations/{id}\": {"),
        ];
        for (path, text) in bad {
            assert_eq!(check(path, text).len(), 1, "{text}");
        }
        let good = [
            ("docs/a.md", "`reserve` of [theirs](https://reserve.example).\n```\nreserve\n```\n"),
            ("docs/a.md", GLOSSARY),
            ("crates/a/README.md", "reserve"),
            ("docs/reference/openapi.json", "  \"description\": \"No reservation\","),
        ];
        for (path, text) in good {
            assert_eq!(check(path, text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn an_exception_that_nothing_needs_is_found() {
        let banned = glossary(GLOSSARY).expect("a glossary");
        let exceptions = [Exception { word: "reserve", path: "docs/", reason: "theirs" }];
        assert_eq!(against(&banned, &exceptions, &[("docs/a.md", "They reserve.")]), Vec::<String>::new());
        let found = against(&banned, &exceptions, &[("docs/a.md", "They hold."), ("README.md", "reserve")]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[1].ends_with("remove the exception"), "{found:?}");
    }
}
