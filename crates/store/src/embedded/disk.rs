//! What a data directory needs of a disk, so that a simulation can put a virtual one under the real store.
//!
//! A write is durable after `sync` of its file; a new file after `sync_all` of it and `sync_names` of its directory.
//! What the operating system makes for us is for its owner alone.

use std::fmt::Debug;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Result, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::sync::Arc;

/// A directory of files.
pub trait Disk: Send + Sync + Debug {
    /// Where it is, for messages.
    fn path(&self) -> PathBuf;
    /// A directory in it, which need not be there.
    fn below(&self, name: &str) -> Arc<dyn Disk>;
    /// Makes the directory when it is not there.
    ///
    /// # Errors
    /// For a reason of the disk.
    fn make(&self) -> Result<()>;
    /// Takes the directory for this process, for as long as the file lives; `None` where nobody else can come.
    ///
    /// # Errors
    /// `WouldBlock` when another process has it, or for a reason of the disk.
    fn lock(&self) -> Result<Option<File>>;
    /// The names of what is in it.
    ///
    /// # Errors
    /// When it cannot be listed.
    fn list(&self) -> Result<Vec<String>>;
    /// Whether something of this name is in it; nothing is in a directory that is not there.
    ///
    /// # Errors
    /// When it cannot be listed.
    fn has(&self, name: &str) -> Result<bool> {
        match self.list() {
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            names => Ok(names?.iter().any(|n| n == name)),
        }
    }
    /// Opens a file, for reading alone where `writes` is not set.
    ///
    /// # Errors
    /// When it is not there, or for another reason of the disk.
    fn open(&self, name: &str, writes: bool) -> Result<Arc<dyn DiskFile>>;
    /// Makes a file that is not there yet.
    ///
    /// # Errors
    /// When it is there, or for another reason of the disk.
    fn create(&self, name: &str) -> Result<Arc<dyn DiskFile>>;
    /// Writes a file whole or not at all, in the place of one of its name.
    ///
    /// # Errors
    /// For a reason of the disk.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<()>;
    /// Removes a file, or a directory with all that is in it; nothing when it is not there.
    ///
    /// # Errors
    /// For a reason of the disk.
    fn remove(&self, name: &str) -> Result<()>;
    /// Makes the names of what is in it durable.
    ///
    /// # Errors
    /// For a reason of the disk.
    fn sync_names(&self) -> Result<()>;
    /// Whether zeros are written ahead of the end by a thread.
    fn fills_ahead(&self) -> bool;
}

/// A file that is read and written at offsets.
pub trait DiskFile: Send + Sync + Debug {
    /// Reads some bytes; none at the end.
    ///
    /// # Errors
    /// For a reason of the disk.
    fn read_at(&self, into: &mut [u8], at: u64) -> Result<usize>;
    /// Writes all bytes.
    ///
    /// # Errors
    /// For a reason of the disk; how much was written is not known then.
    fn write_all_at(&self, bytes: &[u8], at: u64) -> Result<()>;
    /// Makes what was written durable.
    ///
    /// # Errors
    /// For a reason of the disk; what is durable is not known then.
    fn sync(&self) -> Result<()>;
    /// Makes what was written and the file's length durable.
    ///
    /// # Errors
    /// For a reason of the disk.
    fn sync_all(&self) -> Result<()>;
    /// Cuts or extends it.
    ///
    /// # Errors
    /// For a reason of the disk.
    fn set_len(&self, len: u64) -> Result<()>;
    /// How many bytes it has.
    ///
    /// # Errors
    /// For a reason of the disk.
    fn size(&self) -> Result<u64>;
}

/// A directory of the operating system.
#[derive(Debug)]
pub(super) struct Directory(pub(super) PathBuf);

impl Disk for Directory {
    fn path(&self) -> PathBuf {
        self.0.clone()
    }

    fn below(&self, name: &str) -> Arc<dyn Disk> {
        Arc::new(Self(self.0.join(name)))
    }

    fn make(&self) -> Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)
    }

    fn lock(&self) -> Result<Option<File>> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        let file = options.open(self.0.join("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Err(ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(e)) => Err(e),
        }
    }

    fn list(&self) -> Result<Vec<String>> {
        let names =
            std::fs::read_dir(&self.0)?.map(|item| Ok(item?.file_name().to_string_lossy().into_owned()));
        names.collect()
    }

    fn open(&self, name: &str, writes: bool) -> Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(OpenOptions::new().read(true).write(writes).open(self.0.join(name))?))
    }

    fn create(&self, name: &str) -> Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        Ok(Arc::new(options.open(self.0.join(name))?))
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.0.join(name);
        let partial = path.with_extension("partial");
        let mut file =
            OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&partial, path)
    }

    fn remove(&self, name: &str) -> Result<()> {
        let path = self.0.join(name);
        let removed =
            if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        match removed {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    fn sync_names(&self) -> Result<()> {
        File::open(&self.0)?.sync_all()
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

/// Reads until the bytes are full or the file ends; tells how many there were.
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
