//! Rust source as tokens: words, marks, literals and lifetimes, without comments.
//!
//! Never checks grammar. T1 what stands in a comment or a text is no word (`comments_and_texts_are_no_words`).
//! Units: lines count from 1. Source: The Rust Reference, chapter 2.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An identifier or keyword.
    Word,
    /// Punctuation; `::`, `=>`, `->` and `..` are one mark each.
    Mark,
    /// A text, character or number.
    Literal,
    /// A lifetime or label.
    Lifetime,
}

/// A token and the line it begins on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// As written.
    pub text: &'a str,
    /// Its line.
    pub line: usize,
}

/// The tokens of a source.
#[must_use]
pub fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut out = Vec::new();
    let mut rest = source;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let (kind, length) = next(rest, first);
        let (text, after) = rest.split_at(length);
        if let Some(kind) = kind {
            out.push(Token { kind, text, line });
        }
        line += text.matches('\n').count();
        rest = after;
    }
    out
}

/// What comes next and its length in bytes; blanks and comments are no token.
fn next(rest: &str, first: char) -> (Option<Kind>, usize) {
    if first.is_whitespace() {
        return (None, first.len_utf8());
    }
    if let Some(length) = comment(rest) {
        return (None, length);
    }
    if let Some(length) = text(rest).or_else(|| character(rest)) {
        return (Some(Kind::Literal), length);
    }
    if first == '\'' {
        return (Some(Kind::Lifetime), 1 + word(&rest[1..]));
    }
    if first.is_ascii_digit() {
        return (Some(Kind::Literal), number(rest));
    }
    if first.is_alphabetic() || first == '_' {
        let raw = if rest.starts_with("r#") { 2 } else { 0 };
        return (Some(Kind::Word), raw + word(&rest[raw..]));
    }
    let pair = ["::", "=>", "->", ".."].iter().any(|m| rest.starts_with(m));
    (Some(Kind::Mark), if pair { 2 } else { first.len_utf8() })
}

fn word(rest: &str) -> usize {
    rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
}

fn number(rest: &str) -> usize {
    let whole = word(rest);
    let fraction = rest[whole..].strip_prefix('.').filter(|f| f.starts_with(|c: char| c.is_ascii_digit()));
    whole + fraction.map_or(0, |f| 1 + word(f))
}

fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let (mut depth, mut at) = (1, 2);
    while depth > 0 && at < rest.len() {
        let here = &rest.as_bytes()[at..];
        let step = match here {
            [b'/', b'*', ..] => 1,
            [b'*', b'/', ..] => -1,
            _ => 0,
        };
        depth += step;
        at += if step == 0 { 1 } else { 2 };
    }
    Some(at)
}

/// A text: `"…"`, `r#"…"#`, and both with `b` or `c` before them.
fn text(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix(['b', 'c']).unwrap_or(rest);
    if let Some(raw) = after.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let inner = raw[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(rest.len() - inner.len() + inner.find(&end).map_or(inner.len(), |at| at + end.len()));
    }
    let inner = after.strip_prefix('"')?;
    Some(rest.len() - inner.len() + closing(inner, '"'))
}

fn character(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix('b').unwrap_or(rest).strip_prefix('\'')?;
    let mut chars = inner.chars();
    let first = chars.next()?;
    (first == '\\' || chars.next() == Some('\'')).then(|| rest.len() - inner.len() + closing(inner, '\''))
}

/// How far it is to just behind the closing quote; a backslash takes away the meaning of what follows it.
fn closing(inner: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in inner.char_indices() {
        if c == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    inner.len()
}

#[cfg(test)]
mod tests {
    use super::{Kind, tokens};

    fn words(source: &str) -> Vec<&str> {
        tokens(source).into_iter().filter(|t| t.kind == Kind::Word).map(|t| t.text).collect()
    }

    #[test]
    fn comments_and_texts_are_no_words() {
        assert_eq!(words("a // use b\n c /* use /* d */ e */ f /// g"), ["a", "c", "f"]);
        assert_eq!(words(r#"a("use b", "\"use c", 'd', '\'', b'e', '"') f"#), ["a", "f"]);
        assert_eq!(words("a(r\"use b\\\", r#\"use \"c\"\"#, br#\"d\"#, c\"e\") f"), ["a", "f"]);
    }

    #[test]
    fn lifetimes_numbers_and_raw_names() {
        assert_eq!(
            words("fn a<'b>(c: &'b str) { 0..d; 1.5_f; 0xff; r#type }"),
            ["fn", "a", "c", "str", "d", "r#type"]
        );
        let marks: Vec<&str> = tokens("a::b => c..=d -> e")
            .into_iter()
            .filter(|t| t.kind == Kind::Mark)
            .map(|t| t.text)
            .collect();
        assert_eq!(marks, ["::", "=>", "..", "=", "->"]);
    }

    #[test]
    fn lines_count_through_texts() {
        assert_eq!(tokens("a \"\n\n\" b").last().map(|t| t.line), Some(3));
    }
}
