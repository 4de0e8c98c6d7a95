//! The process: what its files may be read by, and how many it may have open.

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};

/// Files and directories that it makes are for their owner alone, and it may have as many open as the operator allows at most.
pub(crate) fn prepare() {
    umask(Mode::RWXG | Mode::RWXO);
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where the limit cannot be raised, the process has what it had.
    let _is_raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// How many descriptors it may have.
pub(crate) fn descriptors() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
