//! The imports, names and definitions of one source.
//!
//! Reads `use` trees and paths in code. Leaves out comments, strings, and code that is compiled only for tests.
//! Never resolves anything: see [`crate::graph`].
//! S1 nested braces, renames, globs and `self` yield one import each (`use_trees`).
//! S2 a path in code is found anywhere (`paths_in_code`).

use std::collections::BTreeSet;

use crate::tokens::{Kind, Token, tokens};

/// The visibility of an import or item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Seen {
    /// The module and its contents.
    #[default]
    Here,
    /// `pub(crate)`, `pub(super)` and the like.
    Inside,
    /// `pub`.
    Everywhere,
}

/// One leaf of a `use` tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The path, without the star of a glob.
    pub path: Vec<String>,
    /// Its name here; `None` for a glob.
    pub name: Option<String>,
    /// Its visibility.
    pub seen: Seen,
}

/// The imports, names and definitions of one source file, tests left out.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// Leaves of its `use` trees, including those inside functions.
    pub imports: Vec<Import>,
    /// Paths of two segments or more in code.
    pub paths: BTreeSet<Vec<String>>,
    /// Names in code that may be items: types, constants, and called functions.
    pub words: BTreeSet<String>,
    /// Items at the top of the module.
    pub items: BTreeSet<String>,
    /// Macros among them.
    pub macros: BTreeSet<String>,
}

/// Reads a source.
#[must_use]
pub fn read(text: &str) -> Source {
    let (kept, _) = without_tests(&tokens(text));
    let mut reader =
        Reader { tokens: &kept, at: 0, open: Vec::new(), seen: Seen::Here, out: Source::default() };
    while reader.at < kept.len() {
        reader.step();
    }
    reader.out
}

/// The tokens outside `#[cfg(test)]`, and the line on which the first module of tests begins.
#[must_use]
pub fn without_tests<'a>(tokens: &[Token<'a>]) -> (Vec<Token<'a>>, Option<usize>) {
    let mark = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::with_capacity(tokens.len());
    let (mut at, mut begins) = (0, None);
    while let Some(token) = tokens.get(at) {
        if tokens[at..].iter().map(|t| t.text).take(mark.len()).eq(mark) {
            let item = &tokens[at + mark.len()..];
            if begins.is_none()
                && item.iter().take_while(|t| !["{", ";"].contains(&t.text)).any(|t| t.text == "mod")
            {
                begins = Some(token.line);
            }
            at += mark.len() + item_length(item);
        } else {
            kept.push(*token);
            at += 1;
        }
    }
    (kept, begins)
}

/// The number of tokens of an item: up to its `;`, or to the brace that ends its body.
fn item_length(tokens: &[Token<'_>]) -> usize {
    let imports = tokens.iter().take(6).take_while(|t| t.text != "{").any(|t| t.text == "use");
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => {
                depth = depth.saturating_sub(1);
                if depth == 0 && token.text == "}" && !imports {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

struct Reader<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    /// Open braces; those of a module with its name.
    open: Vec<Option<String>>,
    seen: Seen,
    out: Source,
}

impl<'a> Reader<'a> {
    fn text(&self, ahead: usize) -> &'a str {
        self.tokens.get(self.at + ahead).map_or("", |t| t.text)
    }

    fn is_word(&self, ahead: usize) -> bool {
        self.tokens.get(self.at + ahead).is_some_and(|t| t.kind == Kind::Word)
    }

    fn before(&self) -> &'a str {
        self.at.checked_sub(1).map_or("", |at| self.tokens[at].text)
    }

    fn step(&mut self) {
        let seen = std::mem::take(&mut self.seen);
        match self.text(0) {
            "pub" => self.visibility(),
            "use" if self.text(1) != "<" => self.import(seen),
            "mod" if self.is_word(1) => self.module(),
            "macro_rules" if self.text(1) == "!" => {
                self.out.macros.insert(self.text(2).to_owned());
                self.out.items.insert(self.text(2).to_owned());
                self.at += 3;
            }
            "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" | "union" => self.item(),
            "{" => {
                self.open.push(None);
                self.at += 1;
            }
            "}" => {
                self.open.pop();
                self.at += 1;
            }
            _ if self.is_word(0) => self.word(),
            _ => self.at += 1,
        }
    }

    fn visibility(&mut self) {
        self.at += 1;
        self.seen = Seen::Everywhere;
        if self.text(0) == "(" && ["crate", "super", "self", "in"].contains(&self.text(1)) {
            self.seen = Seen::Inside;
            while !["", ")"].contains(&self.text(0)) {
                self.at += 1;
            }
            self.at += 1;
        }
    }

    fn module(&mut self) {
        let name = self.text(1).to_owned();
        self.at += 2;
        if self.text(0) == "{" {
            self.define(&name);
            self.open.push(Some(name));
            self.at += 1;
        }
    }

    fn item(&mut self) {
        self.at += 1;
        if self.text(0) == "mut" {
            self.at += 1;
        }
        if self.is_word(0) && !["fn", "unsafe", "async", "extern"].contains(&self.text(0)) {
            self.define(self.text(0));
            self.at += 1;
        }
    }

    fn define(&mut self, name: &str) {
        if self.open.is_empty() {
            self.out.items.insert(name.to_owned());
        }
    }

    fn word(&mut self) {
        let first = self.text(0);
        if ["::", "."].contains(&self.before()) || (self.before() == "$" && first != "crate") {
            self.at += 1;
            return;
        }
        let mut path = vec![first.to_owned()];
        while self.text(1) == "::" && self.is_word(2) {
            path.push(self.text(2).to_owned());
            self.at += 2;
        }
        let called = ["(", "!"].contains(&self.text(1));
        self.at += 1;
        if path.len() > 1 || called || first.starts_with(char::is_uppercase) {
            self.out.words.insert(first.to_owned());
        }
        if path.len() > 1 && first != "Self" {
            self.out.paths.insert(self.seen_from_file(path));
        }
    }

    fn import(&mut self, seen: Seen) {
        self.at += 1;
        self.tree(Vec::new(), seen);
        while !["", ";"].contains(&self.text(0)) {
            self.at += 1;
        }
    }

    fn tree(&mut self, mut path: Vec<String>, seen: Seen) {
        loop {
            match self.text(0) {
                "{" => {
                    self.at += 1;
                    while !["", "}"].contains(&self.text(0)) {
                        self.tree(path.clone(), seen);
                        self.at += usize::from(self.text(0) == ",");
                    }
                    self.at += 1;
                    return;
                }
                "*" => {
                    self.at += 1;
                    return self.leaf(path, None, seen);
                }
                "as" => {
                    let name = self.text(1).to_owned();
                    self.at += 2;
                    return self.leaf(path, Some(name), seen);
                }
                "," | "}" | ";" | "" => {
                    let name = path.last().cloned();
                    return self.leaf(path, name, seen);
                }
                "self" if !path.is_empty() => self.at += 1,
                "::" => self.at += 1,
                segment => {
                    path.push(segment.to_owned());
                    self.at += 1;
                }
            }
        }
    }

    fn leaf(&mut self, path: Vec<String>, name: Option<String>, seen: Seen) {
        if !path.is_empty() {
            self.out.imports.push(Import { path: self.seen_from_file(path), name, seen });
        }
    }

    /// A path inside modules of this file, as it would be written at the top of the file.
    fn seen_from_file(&self, path: Vec<String>) -> Vec<String> {
        let mut inside: Vec<String> = self.open.iter().flatten().cloned().collect();
        let mut rest = &path[..];
        if inside.is_empty() || !["self", "super"].contains(&path[0].as_str()) {
            return path;
        }
        while let Some((first, after)) = rest.split_first() {
            match first.as_str() {
                "self" => {}
                "super" if inside.pop().is_some() => {}
                _ => break,
            }
            rest = after;
        }
        let up = rest.first().is_some_and(|s| s == "super");
        let start = (!up).then(|| "self".to_owned());
        start.into_iter().chain(inside).chain(rest.iter().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Seen, read, without_tests};
    use crate::tokens::tokens;

    fn imports(text: &str) -> Vec<String> {
        let shown = read(text).imports.into_iter().map(|i| {
            let name = i.name.map_or("*".to_owned(), |n| n);
            format!("{} = {name}", i.path.join("::"))
        });
        shown.collect()
    }

    fn paths(text: &str) -> Vec<String> {
        read(text).paths.iter().map(|p| p.join("::")).collect()
    }

    #[test]
    fn use_trees() {
        assert_eq!(imports("use a::b;"), ["a::b = b"]);
        assert_eq!(
            imports("use crate::{a::{self, b as c}, d::*, e::{f::{g, h}},};"),
            ["crate::a = a", "crate::a::b = c", "crate::d = *", "crate::e::f::g = g", "crate::e::f::h = h"]
        );
        assert_eq!(
            imports("use super::super::a; use self::b::C as _;"),
            ["super::super::a = a", "self::b::C = _"]
        );
        assert_eq!(imports("use ::a::b; fn f() { use c::d; }"), ["a::b = b", "c::d = d"]);
        assert_eq!(imports("fn f() -> impl A + use<'_> { g() }"), Vec::<String>::new());
    }

    #[test]
    fn who_sees_an_import() {
        let seen: Vec<Seen> =
            read("use a::b; pub use c::d; pub(crate) use e::f; pub(in crate::x) use g::h; pub fn i() { use j::k; }")
                .imports
                .into_iter()
                .map(|i| i.seen)
                .collect();
        assert_eq!(seen, [Seen::Here, Seen::Everywhere, Seen::Inside, Seen::Inside, Seen::Here]);
    }

    #[test]
    fn paths_in_code() {
        assert_eq!(
            paths("fn f(r: crate::abuse::Rule) -> Vec<a::B> { x.y::<c::D>(); E::F(g::h()) }"),
            ["E::F", "a::B", "c::D", "crate::abuse::Rule", "g::h"]
        );
        assert_eq!(paths("macro_rules! m { ($a:ty) => { $crate::b::C; $a::d() } }"), ["crate::b::C"]);
        assert_eq!(paths("fn f() { Self::g(); <A as B>::C::d() }"), Vec::<String>::new());
    }

    #[test]
    fn comments_and_texts_import_nothing() {
        let text = "// use a::b;\n/* use c::d; */ const E: &str = \"use f::g; crate::h::I\"; //! crate::j::k";
        assert_eq!(imports(text), Vec::<String>::new());
        assert_eq!(paths(text), Vec::<String>::new());
    }

    #[test]
    fn what_is_for_tests_is_left_out() {
        let text = "use a::b;\n#[cfg(test)]\nuse c::{d, e};\n#[cfg(test)]\n#[allow(x)]\nmod tests { use f::g; fn h() { i::j() } }\nuse k::l;";
        assert_eq!(imports(text), ["a::b = b", "k::l = l"]);
        assert_eq!(without_tests(&tokens(text)).1, Some(4));
        assert_eq!(imports("#[cfg(test)]\nmod tests;\nuse a::b;"), ["a::b = b"]);
        assert_eq!(imports("#[cfg(not(test))]\nuse a::b;"), ["a::b = b"]);
    }

    #[test]
    fn modules_in_a_file() {
        let text = "mod a { use super::b; use super::super::c; fn f() { self::g(); crate::h::i() } }";
        assert_eq!(imports(text), ["self::b = b", "super::c = c"]);
        assert_eq!(paths(text), ["crate::h::i", "self::a::g"]);
    }

    #[test]
    fn items_and_words() {
        let source = read(
            "pub const fn a() {} struct B; static mut C: u8 = 0; mod d { fn e() {} } macro_rules! f { () => {} }
             impl B { fn g(&self) { h(); self.i(); let J = k; } }",
        );
        assert_eq!(source.items.into_iter().collect::<Vec<_>>(), ["B", "C", "a", "d", "f"]);
        assert_eq!(source.words.into_iter().collect::<Vec<_>>(), ["B", "J", "h"]);
    }
}
