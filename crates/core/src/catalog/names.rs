//! Names with a special meaning, and names in problem texts.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use crate::record::{Name, REQUESTS};

/// The fix for a name that is not defined.
pub(super) fn one_of<'a>(names: impl Iterator<Item = &'a Name>) -> String {
    let names: Vec<&str> = names.map(Name::as_str).collect();
    if names.is_empty() {
        "define it first".to_owned()
    } else {
        alloc::format!("write one of {}", names.join(", "))
    }
}

/// Whether a meter is the implied one.
pub(super) fn is_requests(meter: &Name) -> bool {
    meter.as_str() == REQUESTS
}
