//! The disk operations that a data directory needs, so a simulation can put a virtual disk under the real store.
//!
//! A write is durable after `sync` of its file; a new file after `sync_all` of it and `sync_names` of its directory.
//! Files and directories are created for their owner alone.

use std::fmt::Debug;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Result, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::spare;

/// A directory of files.
pub trait Disk: Send + Sync + Debug {
    /// Where it is, for messages.
    fn path(&self) -> PathBuf;
    /// A directory inside this one; it need not exist.
    fn below(&self, name: &str) -> Arc<dyn Disk>;
    /// Creates the directory if it does not exist.
    ///
    /// # Errors
    /// When the disk fails.
    fn make(&self) -> Result<()>;
    /// Locks the directory for this process while the returned file lives;
    /// `None` if no other process can have access.
    ///
    /// # Errors
    /// `WouldBlock` when another process holds the lock; otherwise when the disk fails.
    fn lock(&self) -> Result<Option<File>>;
    /// The names of its entries.
    ///
    /// # Errors
    /// When it cannot be listed.
    fn list(&self) -> Result<Vec<String>>;
    /// Whether it has an entry of this name; a directory that does not exist has none.
    ///
    /// # Errors
    /// When it cannot be listed.
    fn has(&self, name: &str) -> Result<bool> {
        match self.list() {
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            names => Ok(names?.iter().any(|n| n == name)),
        }
    }
    /// Opens a file, read-only unless `writes` is set.
    ///
    /// # Errors
    /// When it does not exist, or the disk fails.
    fn open(&self, name: &str, writes: bool) -> Result<Arc<dyn DiskFile>>;
    /// Creates a file that does not exist yet.
    ///
    /// # Errors
    /// When it exists already, or the disk fails.
    fn create(&self, name: &str) -> Result<Arc<dyn DiskFile>>;
    /// Gives an open file another name, which no file has yet; returns it under that name.
    ///
    /// # Errors
    /// When the disk fails.
    fn rename(&self, file: Arc<dyn DiskFile>, from: &str, to: &str) -> Result<Arc<dyn DiskFile>>;
    /// Writes a whole file or nothing, and replaces any file of that name.
    ///
    /// # Errors
    /// When the disk fails.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<()>;
    /// Removes a file, or a directory with its contents; does nothing if it does not exist.
    ///
    /// # Errors
    /// When the disk fails.
    fn remove(&self, name: &str) -> Result<()>;
    /// Makes the names of its entries durable.
    ///
    /// # Errors
    /// When the disk fails.
    fn sync_names(&self) -> Result<()>;
    /// Whether a thread writes zeros ahead of the end.
    fn fills_ahead(&self) -> bool;
}

/// A file that is read and written at offsets.
pub trait DiskFile: Send + Sync + Debug {
    /// Reads some bytes; none at the end.
    ///
    /// # Errors
    /// When the disk fails.
    fn read_at(&self, into: &mut [u8], at: u64) -> Result<usize>;
    /// Writes all bytes.
    ///
    /// # Errors
    /// When the disk fails; it is then unknown how much was written.
    fn write_all_at(&self, bytes: &[u8], at: u64) -> Result<()>;
    /// Makes written bytes durable.
    ///
    /// # Errors
    /// When the disk fails; it is then unknown what is durable.
    fn sync(&self) -> Result<()>;
    /// Makes written bytes and the file's length durable.
    ///
    /// # Errors
    /// When the disk fails.
    fn sync_all(&self) -> Result<()>;
    /// Truncates or extends the file.
    ///
    /// # Errors
    /// When the disk fails.
    fn set_len(&self, len: u64) -> Result<()>;
    /// Its size in bytes.
    ///
    /// # Errors
    /// When the disk fails.
    fn size(&self) -> Result<u64>;
}

/// A directory of the operating system.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// The directory itself, kept open from the first sync on: a new segment then needs no further descriptor.
    names: OnceLock<File>,
}

impl Directory {
    pub(super) fn at(path: &Path) -> Self {
        Self { path: path.to_path_buf(), names: OnceLock::new() }
    }
}

impl Disk for Directory {
    fn path(&self) -> PathBuf {
        self.path.clone()
    }

    fn below(&self, name: &str) -> Arc<dyn Disk> {
        Arc::new(Self::at(&self.path.join(name)))
    }

    fn make(&self) -> Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path)
    }

    fn lock(&self) -> Result<Option<File>> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        let file = options.open(self.path.join("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Err(ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(e)) => Err(e),
        }
    }

    fn list(&self) -> Result<Vec<String>> {
        let items = spare::with(|| std::fs::read_dir(&self.path))?;
        items.map(|item| Ok(item?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn open(&self, name: &str, writes: bool) -> Result<Arc<dyn DiskFile>> {
        let path = self.path.join(name);
        Ok(Arc::new(spare::with(|| OpenOptions::new().read(true).write(writes).open(&path))?))
    }

    fn create(&self, name: &str) -> Result<Arc<dyn DiskFile>> {
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        Ok(Arc::new(spare::with(|| options.open(&path))?))
    }

    fn rename(&self, file: Arc<dyn DiskFile>, from: &str, to: &str) -> Result<Arc<dyn DiskFile>> {
        std::fs::rename(self.path.join(from), self.path.join(to))?;
        Ok(file)
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path.join(name);
        let partial = path.with_extension("partial");
        let mut options = OpenOptions::new();
        options.create(true).write(true).truncate(true).mode(0o600);
        let mut file = spare::with(|| options.open(&partial))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&partial, path)
    }

    fn remove(&self, name: &str) -> Result<()> {
        let path = self.path.join(name);
        let removed =
            if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        match removed {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    fn sync_names(&self) -> Result<()> {
        if let Some(names) = self.names.get() {
            return names.sync_all();
        }
        let names = spare::with(|| File::open(&self.path))?;
        self.names.get_or_init(|| names).sync_all()
    }

    fn fills_ahead(&self) -> bool {
        true
    }
}

impl DiskFile for File {
    fn read_at(&self, into: &mut [u8], at: u64) -> Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, into, at)
    }

    fn write_all_at(&self, bytes: &[u8], at: u64) -> Result<()> {
        std::os::unix::fs::FileExt::write_all_at(self, bytes, at)
    }

    fn sync(&self) -> Result<()> {
        self.sync_data()
    }

    fn sync_all(&self) -> Result<()> {
        File::sync_all(self)
    }

    fn set_len(&self, len: u64) -> Result<()> {
        File::set_len(self, len)
    }

    fn size(&self) -> Result<u64> {
        Ok(self.metadata()?.len())
    }
}

/// Reads until the buffer is full or the file ends; returns the number of bytes read.
pub(super) fn fill(file: &dyn DiskFile, into: &mut [u8], at: u64) -> Result<usize> {
    let mut done = 0;
    while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at + u64::try_from(done).unwrap_or(0)) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(done)
}

/// Reads a whole file.
pub(super) fn read_all(file: &dyn DiskFile) -> Result<Vec<u8>> {
    let length = usize::try_from(file.size()?).map_err(std::io::Error::other)?;
    let mut bytes = vec![0; length];
    let read = fill(file, &mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}
