//! Threads whose work may wait: audits, slow reads.

/// How much this thread gives way to others: enough that they hardly notice it, and not so much that it never ends.
const NICE: i32 = 10;

/// Lowers the priority of the calling thread for good. Where the system does not allow it, nothing changes.
pub fn in_background() {
    // On Linux, `None` is the calling thread, not its process.
    if cfg!(target_os = "linux") {
        let lowered = rustix::process::setpriority_process(None, NICE);
        if let Err(e) = lowered {
            tracing::debug!(error = %e, "a thread keeps its priority");
        }
    }
}
