//! Generated documents are committed; these tests make them again and compare. `UPDATE_SNAPSHOTS=1` writes them.

use std::path::PathBuf;

fn check(file: &str, made: &serde_json::Value) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference").join(file);
    let made = serde_json::to_string_pretty(made).expect("serializes") + "\n";
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &made).expect("writes");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "{file} is out of date; run UPDATE_SNAPSHOTS=1 cargo test -p headworks-server snapshot"
    );
}

#[test]
fn openapi() {
    check("openapi.json", &headworks_server::openapi());
}

#[test]
fn catalog_schema() {
    check("catalog.schema.json", &headworks_api::catalog_schema());
}

/// Generators of clients name their functions by the ids of operations.
#[test]
fn operations_have_names_of_their_own() {
    let document = headworks_server::openapi();
    let paths = document["paths"].as_object().expect("paths").values();
    let operations = paths.flat_map(|path| path.as_object().expect("operations").values());
    let mut names: Vec<&str> = operations.filter_map(|operation| operation["operationId"].as_str()).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!((names.len(), all > 50), (all, true));
}
