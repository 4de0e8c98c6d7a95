//! A yardstick: what was wanted, beside what came out.

use headworks_terminal::Failed;
use serde::Serialize;

/// One yardstick.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Yardstick {
    pub(super) name: &'static str,
    pub(super) what: String,
    /// As published, or the bar.
    pub(super) wanted: String,
    pub(super) ours: String,
    pub(super) holds: bool,
}

pub(super) type Measured = Result<Vec<Yardstick>, Failed>;

pub(super) fn yardstick(
    name: &'static str,
    what: impl Into<String>,
    wanted: impl Into<String>,
    ours: String,
    holds: bool,
) -> Yardstick {
    Yardstick { name, what: what.into(), wanted: wanted.into(), ours, holds }
}
