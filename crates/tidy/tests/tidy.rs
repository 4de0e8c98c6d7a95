//! The project is tidy. Each test names the file, the fault and the remedy.

use headworks_tidy::graph::Graph;
use headworks_tidy::tree::Tree;
use headworks_tidy::{checks, docs, draw, words};

fn tree() -> Tree {
    Tree::here().expect("the project's files can be read")
}

fn graph(tree: &Tree) -> Graph {
    Graph::new(&tree.crates, tree.sources())
}

#[track_caller]
fn tidy(found: &[String]) {
    assert!(found.is_empty(), "{} found:\n{}\n", found.len(), found.join("\n"));
}

#[test]
fn arrows_between_crates_point_inward() {
    let tree = tree();
    tidy(&checks::crates(&tree, &graph(&tree)));
}

#[test]
fn floors_import_only_what_is_below() {
    tidy(&checks::floors(&graph(&tree())));
}

#[test]
fn files_import_each_other_in_no_circle() {
    tidy(&checks::circles(&graph(&tree())));
}

#[test]
fn files_are_short() {
    tidy(&checks::lengths(&tree()));
}

#[test]
fn what_headers_name_is_there() {
    tidy(&docs::promises(&tree()));
}

#[test]
fn what_the_threat_model_names_is_there() {
    tidy(&docs::shown(&tree()));
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    tidy(&docs::machine_paths(&tree()).expect("the project's files can be read"));
}

#[test]
fn links_lead_somewhere() {
    tidy(&docs::links(&tree()));
}

#[test]
fn the_map_names_what_is_there() {
    tidy(&docs::map_paths(&tree()));
}

#[test]
fn one_word_stands_for_one_idea() {
    tidy(&words::words(&tree()));
}

#[test]
fn the_picture_shows_what_is_there() {
    let tree = tree();
    let kept = std::fs::read_to_string(tree.root.join(draw::PICTURE)).unwrap_or_default();
    let drawn = draw::picture(&tree);
    assert!(
        kept == drawn,
        "{} shows something else than the sources; run: cargo run -p headworks-tidy",
        draw::PICTURE
    );
    assert!(drawn.len() < 60 << 10, "{} has {} bytes, at most 60 KiB", draw::PICTURE, drawn.len());
}
