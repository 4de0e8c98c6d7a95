//! Figures for people: rates, parts, and the memory of the process.

use std::collections::BTreeMap;
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

/// Kibibytes of memory that a process and all those that it has started have now.
pub(super) fn resident(process: u32) -> Option<u64> {
    let all = std::fs::read_dir("/proc").ok()?;
    let parents: BTreeMap<u32, u32> = all
        .filter_map(|entry| {
            let id: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
            // The name of the program, in parentheses, may have spaces.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((id, parent))
        })
        .collect();
    let descends =
        |id: u32| std::iter::successors(Some(id), |id| parents.get(id).copied()).any(|id| id == process);
    let sizes = parents
        .keys()
        .filter(|id| descends(**id))
        .filter_map(|id| memory_of(&id.to_string(), "VmRSS")?.split_whitespace().next()?.parse::<u64>().ok());
    Some(sizes.sum()).filter(|sum| *sum > 0)
}
