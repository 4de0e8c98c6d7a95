//! The allowed imports, and the longest allowed file.

/// The crates from the ground up, each with its allowed imports. A crate imports only crates above it in this list.
pub const CRATES: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("store", &["core"]),
    ("audit", &["core", "store"]),
    ("wire", &["core"]),
    ("engine", &["core", "store", "audit"]),
    ("api", &["core", "store", "audit", "wire", "engine"]),
    ("mock-upstream", &[]),
    ("gateway", &["core", "wire", "engine", "api"]),
    ("sim", &["core", "store", "audit", "engine", "api"]),
    ("server", &["core", "wire", "engine", "api"]),
    ("terminal", &["core", "wire"]),
    (
        "lab",
        &[
            "core",
            "store",
            "audit",
            "wire",
            "engine",
            "api",
            "server",
            "terminal",
            "mock-upstream",
            "gateway",
        ],
    ),
    (
        "cli",
        &[
            "core",
            "store",
            "audit",
            "wire",
            "engine",
            "api",
            "server",
            "terminal",
            "lab",
            "gateway",
            "mock-upstream",
        ],
    ),
    ("tidy", &[]),
];

/// The crate that has floors.
pub const FLOORED: &str = "core";

/// The floors of [`FLOORED`] from the ground up: a folder, or a file beside `lib.rs`. A floor imports only floors
/// below it; floors in one row import nothing of each other.
pub const FLOORS: &[&[&str]] = &[
    &["record"],
    &["window"],
    &["account"],
    &["catalog"],
    &["capacity"],
    &["abuse"],
    &["waterfall"],
    &["command"],
    &["life", "view"],
    &["unblock"],
    &["audit"],
    &["schema"],
];

/// The most lines of a file before its tests.
pub const LINES_MAX: usize = 400;

/// Files that are longer today, with their lines. An entry may only shrink.
pub const LONG_FILES: &[(&str, usize)] = &[];

/// The row of a floor, counted from the ground.
#[must_use]
pub fn level(floor: &str) -> Option<usize> {
    FLOORS.iter().position(|row| row.contains(&floor))
}

/// Whether a crate may import another.
#[must_use]
pub fn may_import(from: &str, to: &str) -> bool {
    CRATES.iter().any(|(name, below)| *name == from && below.contains(&to))
}

#[cfg(test)]
mod tests {
    use super::{CRATES, may_import};

    #[test]
    fn a_crate_imports_only_what_is_listed_before_it() {
        for (at, (name, below)) in CRATES.iter().enumerate() {
            for other in *below {
                assert!(CRATES[..at].iter().any(|(n, _)| n == other), "{name} -> {other}");
            }
        }
        assert!(may_import("store", "core"));
        assert!(!may_import("core", "store"));
    }
}
