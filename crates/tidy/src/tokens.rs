//! Rust source as tokens: words, marks, literals and lifetimes, without comments.
//!
//! Split by `proc-macro2`. Never checks grammar. T1 comments and strings contain no words
//! (`comments_and_texts_are_no_words`).
//! Units: lines count from 1.

use proc_macro2::{Span, TokenStream, TokenTree};

/// Pairs of characters that count as one mark.
const PAIRS: [&str; 4] = ["::", "=>", "->", ".."];

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An identifier or keyword.
    Word,
    /// Punctuation; `::`, `=>`, `->` and `..` are one mark each.
    Mark,
    /// A string, character or number.
    Literal,
    /// A lifetime or label.
    Lifetime,
}

/// A token and the line it begins on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// Its kind.
    pub kind: Kind,
    /// As written.
    pub text: &'a str,
    /// Its line.
    pub line: usize,
}

/// The tokens of a source.
///
/// # Panics
/// When the compiler could not split the source either.
#[must_use]
pub fn tokens(source: &str) -> Vec<Token<'_>> {
    let stream: TokenStream = source.parse().unwrap_or_else(|e| panic!("not Rust source: {e}"));
    let mut out = Vec::new();
    flatten(source, stream, &mut out);
    // The library keeps each source until it is released here; nothing asks for a position in it later.
    proc_macro2::extra::invalidate_current_thread_spans();
    out
}

fn flatten<'a>(source: &'a str, stream: TokenStream, out: &mut Vec<Token<'a>>) {
    let mut trees = stream.into_iter().peekable();
    while let Some(tree) = trees.next() {
        let token =
            |kind, span: Span| Token { kind, text: &source[span.byte_range()], line: span.start().line };
        match tree {
            TokenTree::Group(group) => {
                out.push(token(Kind::Mark, group.span_open()));
                flatten(source, group.stream(), out);
                out.push(token(Kind::Mark, group.span_close()));
            }
            TokenTree::Ident(word) => out.push(token(Kind::Word, word.span())),
            TokenTree::Literal(literal) => out.push(token(Kind::Literal, literal.span())),
            TokenTree::Punct(mark) => {
                let Token { text, line, .. } = token(Kind::Mark, mark.span());
                let rest = &source[mark.span().byte_range().start..];
                let joined = |other: &TokenTree| &source[other.span().byte_range()];
                if text.starts_with("//") || text.starts_with("/*") {
                    // A documentation comment: the lexer has turned it into `#[doc = …]`.
                    trees.find(|tree| matches!(tree, TokenTree::Group(_)));
                } else if let Some(word) = trees.next_if(|_| mark.as_char() == '\'') {
                    out.push(Token { kind: Kind::Lifetime, text: &rest[..1 + joined(&word).len()], line });
                } else {
                    let pair = PAIRS.iter().any(|pair| rest.starts_with(pair));
                    trees.next_if(|_| pair);
                    out.push(Token {
                        kind: Kind::Mark,
                        text: &rest[..if pair { 2 } else { text.len() }],
                        line,
                    });
                }
            }
        }
    }
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
