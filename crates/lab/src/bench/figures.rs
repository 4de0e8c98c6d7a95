//! Figures for people: rates, parts, and the memory of the process.

use std::time::Duration;

pub(super) fn seconds(took: Duration) -> f64 {
    took.as_secs_f64()
}

pub(super) fn rate(count: u64, took: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "a figure for people")]
    let count = count as f64;
    #[expect(clippy::float_arithmetic, reason = "a figure for people")]
    let rate = count / seconds(took).max(1e-9);
    rate
}

pub(super) fn percent(part: f64, whole: f64) -> f64 {
    #[expect(clippy::float_arithmetic, reason = "a figure for people")]
    let percent = 100.0 * part / whole.max(1e-9);
    percent
}

/// The system's figure for this process's memory, like `VmRSS`.
pub(super) fn memory(field: &str) -> Option<String> {
    memory_of("self", field)
}

/// The same for a process by its number.
pub(super) fn memory_of(process: &str, field: &str) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.map(|value| value.trim().to_owned())
}

/// The most memory that the process has had, according to the system.
pub(super) fn peak_memory() -> String {
    memory("VmHWM").unwrap_or_else(|| "unknown".to_owned())
}
