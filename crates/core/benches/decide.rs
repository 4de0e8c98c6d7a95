//! `cargo bench -p headworks-core`: the decision alone.
fn main() {}
