use super::Graph;
use crate::tree::Crate;

fn graph(files: &[(&str, &str)]) -> Graph {
    let made = |folder: &str| Crate {
        folder: folder.to_owned(),
        name: format!("headworks_{folder}"),
        ..Crate::default()
    };
    Graph::new(&[made("a"), made("b")], files.iter().copied())
}

fn arrows(files: &[(&str, &str)]) -> Vec<String> {
    let graph = graph(files);
    let short = |at: usize| graph.files[at].path.replace("crates/", "").replace("src/", "");
    let shown = graph.arrows.iter().map(|((from, to), names)| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        format!("{} -> {}: {}", short(*from), short(*to), names.join(" "))
    });
    shown.collect()
}

#[test]
fn arrows_lead_to_where_it_is_defined() {
    let a = [
        ("crates/a/src/lib.rs", "pub mod record; mod user; pub use record::Event;"),
        (
            "crates/a/src/record/mod.rs",
            "mod event; pub(crate) mod terms; pub use event::*; pub struct Record;",
        ),
        ("crates/a/src/record/event.rs", "use super::Record; pub enum Event { Opened(Record) }"),
        ("crates/a/src/record/terms.rs", "use super::Event; pub struct Terms;"),
        (
            "crates/a/src/user.rs",
            "use crate::record::{self, Event, terms::Terms as T}; fn f() { record::Record; Event::Opened; T }",
        ),
        ("crates/a/src/user/tests.rs", "use crate::Event;"),
        ("crates/a/tests/a/main.rs", "use headworks_a::Event;"),
        ("crates/b/src/main.rs", "use headworks_a as a; fn main() { a::Event::Opened; a::record::Unknown }"),
    ];
    assert_eq!(
        arrows(&a),
        [
            "a/record/event.rs -> a/record/mod.rs: Record",
            "a/record/terms.rs -> a/record/event.rs: Event",
            "a/user.rs -> a/record/event.rs: Event",
            "a/user.rs -> a/record/mod.rs: Record record",
            "a/user.rs -> a/record/terms.rs: Terms",
            "b/main.rs -> a/lib.rs: crate",
            "b/main.rs -> a/record/event.rs: Event",
            "b/main.rs -> a/record/mod.rs: Unknown",
        ]
    );
}

#[test]
fn a_folder_lists_its_rooms() {
    let b = [
        ("crates/a/src/lib.rs", "mod listed; mod used; mod beside;"),
        (
            "crates/a/src/listed/mod.rs",
            "mod room; pub use room::{Chair, sit}; pub(crate) use room::*; fn f(sit: u8) { sit }",
        ),
        ("crates/a/src/listed/room.rs", "pub struct Chair; pub fn sit() {} pub struct Bed;"),
        (
            "crates/a/src/used/mod.rs",
            "mod room; mod hall; pub use room::Chair; use hall::walk; struct S(Chair);",
        ),
        ("crates/a/src/used/room.rs", "pub struct Chair;"),
        ("crates/a/src/used/hall.rs", "pub fn walk() {}"),
        ("crates/a/src/beside.rs", "pub use crate::listed::Bed; use crate::used::*; fn f() { walk() }"),
    ];
    assert_eq!(
        arrows(&b),
        [
            "a/beside.rs -> a/listed/room.rs: Bed",
            "a/beside.rs -> a/used/hall.rs: walk",
            "a/used/mod.rs -> a/used/hall.rs: walk",
            "a/used/mod.rs -> a/used/room.rs: Chair",
        ]
    );
}

#[test]
fn macros_and_names_that_lead_nowhere() {
    let c = [
        ("crates/a/src/lib.rs", "pub mod shape;"),
        ("crates/a/src/shape.rs", "#[macro_export] macro_rules! shape { () => { $crate::other::X } }"),
        (
            "crates/b/src/lib.rs",
            "use a::a; use std::fmt; headworks_a::shape!(); fn f() { fmt::Debug; a::b() }",
        ),
    ];
    assert_eq!(arrows(&c), ["a/shape.rs -> a/lib.rs: other", "b/lib.rs -> a/shape.rs: shape"]);
}

#[test]
fn circles_are_named() {
    let d = [
        ("crates/a/src/lib.rs", "mod p; mod q; mod r; mod s; mod t;"),
        ("crates/a/src/p.rs", "use crate::q::Q; pub struct P;"),
        ("crates/a/src/q.rs", "use crate::r::R; use crate::s::S; pub struct Q;"),
        ("crates/a/src/r.rs", "use crate::p::P; pub struct R;"),
        ("crates/a/src/s.rs", "use crate::q::Q; use crate::t::T; pub struct S;"),
        ("crates/a/src/t.rs", "pub struct T;"),
    ];
    let graph = graph(&d);
    let named: Vec<Vec<&str>> = graph
        .circles()
        .into_iter()
        .map(|c| c.into_iter().filter_map(|f| graph.files[f].floor()).collect())
        .collect();
    assert_eq!(named, [vec!["p", "q", "r"], vec!["s", "q"]]);
}
