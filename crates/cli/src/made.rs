//! Files and directories that commands make: a command that fails leaves none behind.
//!
//! F1 a command that fails leaves no file and no directory that it made (`a_failed_command_leaves_nothing_behind`). A directory
//! that another process has meanwhile taken stays as it is.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use headworks_store::StoreError;
use headworks_terminal::Failed;

/// A directory that a command is about to make or to fill.
pub(crate) struct NewDirectory {
    path: PathBuf,
    /// The first part of the path that was not there.
    first: Option<PathBuf>,
    /// The names that were there.
    before: BTreeSet<OsString>,
    is_kept: AtomicBool,
}

impl NewDirectory {
    /// Notes what is there.
    pub(crate) fn at(path: &Path) -> Self {
        let missing = path.ancestors().take_while(|p| !p.as_os_str().is_empty() && !exists(p)).last();
        let names = std::fs::read_dir(path).into_iter().flatten().flatten().map(|item| item.file_name());
        Self {
            path: path.to_path_buf(),
            first: missing.map(Path::to_path_buf),
            before: names.collect(),
            is_kept: AtomicBool::new(false),
        }
    }

    /// From here on it stays, even if the command fails.
    pub(crate) fn keep(&self) {
        self.is_kept.store(true, Ordering::Relaxed);
    }

    /// Passes on how the command ended; if it failed, what it made is removed.
    pub(crate) fn after<T>(self, outcome: Result<T, Failed>) -> Result<T, Failed> {
        let Err(e) = &outcome else { return outcome };
        let is_taken = matches!(e.downcast_ref(), Some(StoreError::Locked(_)));
        // A directory with a lock was a ledger before.
        if is_taken || self.is_kept.load(Ordering::Relaxed) || self.before.contains(&OsString::from("lock")) {
            return outcome;
        }
        let Err(why) = self.remove() else { return outcome };
        outcome.map_err(|e| format!("{e}; and {} could not be removed: {why}", self.path.display()).into())
    }

    fn remove(&self) -> std::io::Result<()> {
        if let Some(first) = &self.first {
            return if exists(first) { std::fs::remove_dir_all(first) } else { Ok(()) };
        }
        let items = match std::fs::read_dir(&self.path) {
            // It is no directory, so that nothing was made in it.
            Err(e) if e.kind() == ErrorKind::NotADirectory => return Ok(()),
            items => items?,
        };
        for item in items {
            let item = item?;
            if self.before.contains(&item.file_name()) {
                continue;
            }
            if item.file_type()?.is_dir() {
                std::fs::remove_dir_all(item.path())?;
            } else {
                std::fs::remove_file(item.path())?;
            }
        }
        Ok(())
    }
}

/// Whether a name is taken, if only by a link that leads nowhere.
fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Writes a file beside the ledger of `data`, as a whole or not at all.
pub(crate) fn new_file<T>(
    to: &Path,
    data: &Path,
    write: impl FnOnce(File) -> Result<T, Failed>,
) -> Result<T, Failed> {
    let at = |e: std::io::Error| format!("{}: {e}", to.display());
    let above = to.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if above.canonicalize().map_err(at)?.starts_with(data.canonicalize().map_err(at)?) {
        let (to, data) = (to.display(), data.display());
        return Err(format!("{to} is inside {data}, the ledger itself; name a file elsewhere").into());
    }
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = to.with_file_name(name);
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true).mode(0o600);
    let written = options.open(&partial).map_err(at)?;
    let written =
        write(written).and_then(|done| Ok(std::fs::rename(&partial, to).map(|()| done).map_err(at)?));
    if written.is_err() {
        // It was made above; the failure to report is the first one.
        drop(std::fs::remove_file(&partial));
    }
    written
}
