//! The memory of the process: its ceiling, and what is done before it is reached.
//!
//! M1 from seven eighths of the ceiling on the cache of accounts shrinks; from 19/20 on new work is refused with 503, and only
//! what ends earlier work is done, until a sixteenth is free again (`memory_is_given_back_before_it_is_refused`,
//! `short_of_memory_only_what_ends_work_is_done`). The kernel
//! would end the process instead.
//! Units: bytes of anonymous memory that is resident. Source: cgroups(7), proc(5).

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use headworks_engine::Engine;

/// How often memory is looked at.
const LOOKED_AT_EVERY: Duration = Duration::from_millis(100);
/// How often the cache shrinks or grows, so that the effect is seen in between.
const STEP: u32 = 10;
/// The cache shrinks no further.
const ACCOUNTS_MIN: usize = 1_000;

/// The memory of the process.
#[derive(Debug)]
pub(crate) struct Memory {
    /// No ceiling: `u64::MAX`.
    ceiling: u64,
    resident: AtomicU64,
    is_short: AtomicBool,
}

/// The order to the cache of accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cache {
    Shrink,
    Stay,
    Grow,
}

impl Memory {
    pub(crate) fn new(ceiling: Option<u64>) -> Arc<Self> {
        Arc::new(Self {
            ceiling: ceiling.unwrap_or(u64::MAX),
            resident: AtomicU64::new(0),
            is_short: AtomicBool::new(false),
        })
    }

    /// Whether new work is refused.
    pub(crate) fn is_short(&self) -> bool {
        self.is_short.load(Ordering::Relaxed)
    }

    /// Resident memory when it was last looked at.
    pub(crate) fn resident(&self) -> u64 {
        self.resident.load(Ordering::Relaxed)
    }

    /// Takes note of how much is resident.
    fn note(&self, resident: u64) -> Cache {
        self.resident.store(resident, Ordering::Relaxed);
        let part = |of: u64| self.ceiling / of;
        if resident > self.ceiling - part(20) {
            self.is_short.store(true, Ordering::Relaxed);
        } else if resident < self.ceiling - part(16) {
            self.is_short.store(false, Ordering::Relaxed);
        }
        if resident > self.ceiling - part(8) {
            Cache::Shrink
        } else if resident < self.ceiling - part(4) {
            Cache::Grow
        } else {
            Cache::Stay
        }
    }

    /// Looks at memory until the engine is gone.
    pub(crate) async fn watch(self: Arc<Self>, engine: Weak<Engine>) {
        let (mut looks, mut was_short) = (0_u32, false);
        loop {
            tokio::time::sleep(LOOKED_AT_EVERY).await;
            let Some(engine) = engine.upgrade() else { return };
            let Some(resident) = resident() else { continue };
            let cache = self.note(resident);
            looks = looks.wrapping_add(1);
            if looks.is_multiple_of(STEP) {
                let (held, most) = engine.accounts_held();
                match cache {
                    Cache::Shrink => engine.hold_accounts((held - held / 8).max(ACCOUNTS_MIN)),
                    Cache::Grow => engine.hold_accounts(most.saturating_mul(2)),
                    Cache::Stay => {}
                }
            }
            if self.is_short() != was_short {
                was_short = !was_short;
                let (resident_mib, ceiling_mib) = (resident >> 20, self.ceiling >> 20);
                match was_short {
                    true => {
                        tracing::error!(resident_mib, ceiling_mib, "short of memory: new work is refused")
                    }
                    false => tracing::info!(resident_mib, ceiling_mib, "new work is taken again"),
                }
            }
        }
    }
}

/// Resident anonymous memory; `None` where the system does not say.
fn resident() -> Option<u64> {
    kib_of(&std::fs::read_to_string("/proc/self/status").ok()?, "RssAnon:")
}

/// The bytes that a line of `/proc` gives in kB.
fn kib_of(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1_024)
}

/// Nine tenths of what this process may use by its cgroup, or of the machine's memory; `None` where the system does not say.
#[must_use]
pub fn memory_ceiling() -> Option<u64> {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let machine = read(Path::new("/proc/meminfo")).and_then(|text| kib_of(&text, "MemTotal:"));
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let limits = limit_files(&groups).into_iter().filter_map(|file| read(&file)?.trim().parse::<u64>().ok());
    let least = limits.chain(machine).min()?;
    Some(least - least / 10)
}

/// The files that may hold limits for a process of these cgroups: of its own and of all above it, in both versions.
fn limit_files(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            of if of.split(',').any(|c| c == "memory") => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => continue,
        };
        let own = Path::new(root).join(path.trim_start_matches('/'));
        let above = own.ancestors().take_while(|dir| dir.starts_with(root));
        files.extend(above.map(|dir| dir.join(file)));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::{Cache, Memory, kib_of, limit_files};

    #[test]
    fn memory_is_given_back_before_it_is_refused() {
        let memory = Memory::new(Some(1_000));
        // Resident, whether new work is refused, what the cache does; in this order.
        let rows = [
            (700, false, Cache::Grow),
            (800, false, Cache::Stay),
            (880, false, Cache::Shrink),
            (951, true, Cache::Shrink),
            (945, true, Cache::Shrink),
            (930, false, Cache::Shrink),
            (960, true, Cache::Shrink),
            (100, false, Cache::Grow),
        ];
        for (resident, short, cache) in rows {
            assert_eq!((memory.note(resident), memory.is_short()), (cache, short), "{resident}");
        }
        let open = Memory::new(None);
        assert_eq!((open.note(u64::MAX / 2), open.is_short()), (Cache::Grow, false));
    }

    #[test]
    fn limits_are_those_of_the_cgroup_and_above() {
        let files = |text| limit_files(text).iter().map(|p| p.display().to_string()).collect::<Vec<_>>();
        let v2 =
            ["/sys/fs/cgroup/a/b/memory.max", "/sys/fs/cgroup/a/memory.max", "/sys/fs/cgroup/memory.max"];
        assert_eq!(files("0::/a/b\n"), v2);
        let v1 = "12:cpu,cpuacct:/x\n4:memory:/x\n";
        let limit = "memory.limit_in_bytes";
        assert_eq!(
            files(v1),
            [format!("/sys/fs/cgroup/memory/x/{limit}"), format!("/sys/fs/cgroup/memory/{limit}")]
        );
        assert_eq!(kib_of("VmRSS:\t  12 kB\nRssAnon:\t    3 kB\n", "RssAnon:"), Some(3_072));
    }
}
