//! Zeros written ahead of the journal's end, so `fdatasync` writes only data and no file size or block map; measured,
//! this halves its time. A thread writes the next stretch while this one fills.
//!
//! Never writes where a block may be, and never after anyone else has opened the journal.
//! Units: bytes from the segment's beginning.

use std::sync::Arc;
use std::thread::JoinHandle;

use super::disk::DiskFile;

/// How far zeros are written at once.
const STRETCH: u32 = 8 << 20;

/// The zeros of one segment.
#[derive(Debug)]
pub(super) struct Ahead {
    /// Zeros reach up to here and are durable.
    ready: u32,
    filling: Option<(u32, JoinHandle<std::io::Result<()>>)>,
}

impl Ahead {
    /// Zeros, or a file's bytes, reach up to here.
    pub(super) fn from(ready: u32) -> Self {
        Self { ready, filling: None }
    }

    /// Makes sure that no stretch is being filled where the next write goes, and starts filling the next one in time.
    pub(super) fn reach(&mut self, file: &Arc<dyn DiskFile>, until: u32, max: u32) -> std::io::Result<()> {
        if until > self.ready {
            self.finish()?;
        }
        // A write past the zeros extends the file itself.
        self.ready = self.ready.max(until);
        let target = self.ready.saturating_add(STRETCH).min(max);
        if self.filling.is_none() && self.ready - until < STRETCH / 2 && target > self.ready {
            let (file, from) = (Arc::clone(file), self.ready);
            let fill = move || {
                let zeros = vec![0; usize::try_from(target - from).unwrap_or(0)];
                file.write_all_at(&zeros, u64::from(from))?;
                file.sync()
            };
            let thread = std::thread::Builder::new().name("journal ahead".into()).spawn(fill)?;
            self.filling = Some((target, thread));
        } else if self.filling.as_ref().is_some_and(|(_, thread)| thread.is_finished()) {
            self.finish()?;
        }
        Ok(())
    }

    /// Waits until the stretch that is being filled is durable.
    pub(super) fn finish(&mut self) -> std::io::Result<()> {
        if let Some((target, thread)) = self.filling.take() {
            thread.join().map_err(|_| std::io::Error::other("writing ahead panicked"))??;
            self.ready = target;
        }
        Ok(())
    }
}

impl Drop for Ahead {
    /// Zeros must never be written after anyone else has opened the journal.
    fn drop(&mut self) {
        if self.finish().is_err() {
            // The next open extends the file itself.
            self.filling = None;
        }
    }
}
