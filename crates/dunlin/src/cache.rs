//! A folder of machine code, so that a module is compiled once.
//!
//! Any number of processes may use it at once, without a lock, because of three invariants:
//!
//! 1. A file under its final name is complete and never written again: it is renamed into place.
//! 2. A file's name says everything on which it depends that its contents are right, so an entry is never out of date.
//!    Writers of one name write the same, or parts of the same, of which any will do.
//! 3. Removing a file that somebody has open takes nothing away from them.
//!
//! What is in the folder is executed, so it must be its owner's alone; that is checked when it is opened.
//!
//! A host of a thousand apps has thousands of entries. So the folder is read when it has changed, not for each module,
//! and the bound is enforced when so much has been written that it may matter.

use crate::error::{Error, Result};
use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// Bytes of all entries, unless [`Cache::max_bytes`] says otherwise: the code of some 300 MB of modules.
pub const CACHE_BYTES_DEFAULT_MAX: u64 = 1 << 30;

/// A partial file of this age belongs to a process that is gone.
const PARTIAL_AGE_MAX: Duration = Duration::from_hours(1);

/// How old the time may be at which an entry was used last: noting each use would cost more than reading the entry.
const USED_AGE_MAX: Duration = Duration::from_hours(1);

/// The share of the bound that one process may write before it looks whether the bound holds: looking takes as long as there
/// are entries.
const UNSWEPT_SHARE: u64 = 16;

/// What the names of entries end in; other files in the folder are left alone.
const ENTRY_EXTENSION: &str = "code";

/// What the names of files end in that are being written.
const PARTIAL_EXTENSION: &str = "partial";

/// A folder in which engines keep the machine code of modules; see [`Config::cache`](crate::Config::cache).
///
/// Its size is bounded: the entries that were unused for longest go first. It may be shared by any number
/// of processes, each of which may exceed the bound by a sixteenth for a while, and cleared or removed at any time.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
    bytes_max: u64,
    known: Arc<Mutex<Known>>,
}

/// What is known of the folder.
#[derive(Debug, Default)]
struct Known {
    /// What the names in it begin with, and when it had changed last.
    starts: Option<(SystemTime, BTreeSet<String>)>,
    /// Bytes that have been written since the bound was looked at, if it has been.
    unswept: Option<u64>,
}

/// A module's code in a [`Cache`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheEntry {
    /// Its name: a hash of the module, the engine, the machine and the settings.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// When it was last used.
    pub used: SystemTime,
}

impl Cache {
    /// The cache in this folder, which is created if need be.
    ///
    /// # Errors
    ///
    /// If the folder cannot be created, belongs to another user, or others may write in it: what is in it
    /// will be executed.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self> {
        let folder = folder.into();
        dunlin_vm::sys::private_folder(&folder)?;
        Ok(Self { folder, bytes_max: CACHE_BYTES_DEFAULT_MAX, known: Arc::default() })
    }

    /// With another bound of all entries' bytes.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.bytes_max = bytes;
        self
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What is in it, the entry unused for longest first.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read.
    pub fn entries(&self) -> Result<Vec<CacheEntry>> {
        let mut entries: Vec<CacheEntry> = files(&self.folder, ENTRY_EXTENSION)?
            .into_iter()
            .map(|(path, data)| CacheEntry {
                name: path.file_stem().unwrap_or_default().to_string_lossy().to_string(),
                bytes: data.len(),
                used: data.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            })
            .collect();
        entries.sort_by(|a, b| (a.used, &a.name).cmp(&(b.used, &b.name)));
        Ok(entries)
    }

    /// Removes all entries; says how many there were.
    ///
    /// # Errors
    ///
    /// If one cannot be removed.
    pub fn clear(&self) -> Result<usize> {
        let mut count = 0;
        for extension in [ENTRY_EXTENSION, PARTIAL_EXTENSION] {
            for (path, _) in files(&self.folder, extension)? {
                match fs::remove_file(path) {
                    Ok(()) => count += usize::from(extension == ENTRY_EXTENSION),
                    // Another process was faster.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(Error::from(error)),
                }
            }
        }
        Ok(count)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name).with_extension(ENTRY_EXTENSION)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the folder has changed last; `None` if it is gone.
    fn changed(&self) -> Option<SystemTime> {
        fs::metadata(&self.folder).ok()?.modified().ok()
    }

    /// Whether there is an entry whose name begins with this, which ends with the first `-`.
    pub(crate) fn may_have(&self, name_start: &str) -> bool {
        let Some(changed) = self.changed() else { return false };
        let mut known = self.known();
        if known.starts.as_ref().is_none_or(|(at, _)| *at != changed) {
            let names = fs::read_dir(&self.folder).into_iter().flatten().flatten();
            let start = |entry: fs::DirEntry| start_of(&entry.file_name().to_string_lossy());
            known.starts = Some((changed, names.filter_map(start).collect()));
        }
        known.starts.as_ref().is_some_and(|(_, starts)| starts.contains(name_start))
    }

    /// The contents of an entry.
    pub(crate) fn get(&self, name: &str) -> Option<Vec<u8>> {
        let path = self.path(name);
        let mut file = File::open(&path).ok()?;
        let data = file.metadata().ok()?;
        // None was made that is larger than all may be together, and memory is taken for what is read.
        if data.len() > self.bytes_max {
            return None;
        }
        // Entries are never written to, only replaced.
        let mut bytes = alloc::vec![0; usize::try_from(data.len()).ok()?];
        file.read_exact(&mut bytes).ok()?;
        // Used entries are kept. Failing to say so only shortens an entry's life.
        let now = SystemTime::now();
        let age = data.modified().ok().and_then(|used| now.duration_since(used).ok());
        if age.is_none_or(|age| age > USED_AGE_MAX) {
            let file = File::options().write(true).open(&path);
            let _ = file.and_then(|file| file.set_modified(now));
        }
        Some(bytes)
    }

    /// Makes an entry, or replaces it.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        if bytes.len() as u64 > self.bytes_max {
            return Ok(());
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let partial = alloc::format!("{}-{number}.{PARTIAL_EXTENSION}", std::process::id());
        let partial = self.folder.join(partial);
        let before = self.changed();
        // Left over by a process of the same number, long gone: this number is ours now.
        let _ = fs::remove_file(&partial);
        let written = File::options()
            .write(true)
            .create_new(true)
            .open(&partial)
            .and_then(|mut file| file.write_all(bytes))
            .and_then(|()| fs::rename(&partial, self.path(name)));
        if written.is_err() {
            let _ = fs::remove_file(&partial);
        }
        if self.note(name, before, bytes.len() as u64) {
            self.trim(name);
        }
        written
    }

    /// Takes note of an entry that has been made in a folder that had changed last at that time; whether it is to be looked
    /// now if the bound holds.
    fn note(&self, name: &str, before: Option<SystemTime>, bytes: u64) -> bool {
        let changed = self.changed();
        let mut known = self.known();
        // What others write in the same moment is found when the folder changes next.
        if let (Some((at, starts)), Some(changed)) = (&mut known.starts, changed)
            && Some(*at) == before
        {
            *at = changed;
            starts.extend(start_of(name));
        }
        let unswept = known.unswept.map(|unswept| unswept.saturating_add(bytes));
        let is_due = unswept.is_none_or(|unswept| unswept > self.bytes_max / UNSWEPT_SHARE);
        known.unswept = if is_due { Some(0) } else { unswept };
        is_due
    }

    /// Removes an entry.
    pub(crate) fn remove(&self, name: &str) {
        // Another process may have been faster.
        let _ = fs::remove_file(self.path(name));
    }

    /// Removes what was unused for longest until the bound holds, but never `keep`, and what processes
    /// left behind that ended while they wrote.
    fn trim(&self, keep: &str) {
        let entries = self.entries().unwrap_or_default();
        let mut bytes: u64 = entries.iter().map(|entry| entry.bytes).sum();
        for entry in entries {
            if bytes > self.bytes_max && entry.name != keep {
                self.remove(&entry.name);
                bytes -= entry.bytes;
            }
        }
        let now = SystemTime::now();
        for (path, data) in files(&self.folder, PARTIAL_EXTENSION).unwrap_or_default() {
            let age = data.modified().ok().and_then(|time| now.duration_since(time).ok());
            if age.is_some_and(|age| age > PARTIAL_AGE_MAX) {
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// What a name begins with, up to the first `-`.
fn start_of(name: &str) -> Option<String> {
    Some(name[..=name.find('-')?].into())
}

/// The plain files of a folder whose names end so; what is removed meanwhile is left out.
fn files(folder: &Path, extension: &str) -> io::Result<Vec<(PathBuf, fs::Metadata)>> {
    let found = fs::read_dir(folder)?.flatten().filter_map(|entry| {
        let path = entry.path();
        let data = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        (path.extension() == Some(OsStr::new(extension))).then_some((path, data))
    });
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    /// An empty cache in a folder that goes with the test.
    struct Scratch(Cache);

    impl Scratch {
        fn new(name: &str) -> Self {
            let name = alloc::format!("dunlin-code-{}-{name}", std::process::id());
            Self(Cache::open(std::env::temp_dir().join(name)).expect("a cache"))
        }

        fn put(&self, name: &str, bytes: usize, days: u32) {
            self.0.put(name, &alloc::vec![7; bytes]).expect("room");
            let file = File::options().write(true).open(self.0.path(name)).expect("a file");
            file.set_modified(SystemTime::now() - Duration::from_hours(24) * days).expect("a time");
        }

        fn names(&self) -> String {
            let entries = self.0.entries().expect("a folder");
            entries.into_iter().map(|entry| entry.name).collect()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0.folder);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "the file system is not there")]
    fn an_entry_that_cannot_be_ours_takes_no_memory() {
        let scratch = Scratch::new("large");
        scratch.put("large", 9, 0);
        assert_eq!(scratch.0.get("large").map(|bytes| bytes.len()), Some(9));
        // A tebibyte of nothing, which is no bytes on the disk.
        let file = File::options().write(true).open(scratch.0.path("large")).expect("a file");
        file.set_len(1 << 40).expect("a sparse file");
        assert_eq!(scratch.0.get("large"), None);
    }

    #[test]
    #[cfg_attr(miri, ignore = "the file system is not there")]
    fn the_longest_unused_go_first() {
        let mut scratch = Scratch::new("trim");
        for (name, days) in [("a", 3), ("b", 1), ("c", 2)] {
            scratch.put(name, 100, days);
        }
        assert_eq!(scratch.names(), "acb");
        assert!(scratch.0.get("a").is_some(), "used now");
        assert_eq!(scratch.names(), "cba");
        scratch.0 = scratch.0.clone().max_bytes(250);
        scratch.put("d", 100, 0);
        assert_eq!(scratch.names(), "ad");
        scratch.0.put("e", &[7; 251]).expect("nothing is written");
        assert_eq!(scratch.names(), "ad", "larger than the whole cache");
    }

    #[test]
    #[cfg_attr(miri, ignore = "the file system is not there")]
    fn what_is_there_is_known_without_looking_again() {
        let scratch = Scratch::new("starts");
        assert!(!scratch.0.may_have("1-"));
        scratch.put("1-a", 100, 0);
        assert!(scratch.0.may_have("1-") && !scratch.0.may_have("1") && !scratch.0.may_have("2-"));
        // Another process's.
        let other = Cache::open(scratch.0.folder()).expect("a cache");
        other.put("2-b", &[7; 100]).expect("room");
        assert!(scratch.0.may_have("2-"));
        other.clear().expect("a folder");
        assert!(!scratch.0.may_have("1-"));
    }

    #[test]
    #[cfg_attr(miri, ignore = "the file system is not there")]
    fn the_bound_is_enforced_when_enough_was_written() {
        let mut scratch = Scratch::new("sweep");
        scratch.0 = scratch.0.clone().max_bytes(1600);
        for count in 0..40 {
            scratch.put(&alloc::format!("{count:02}"), 90, 40 - count);
            let bytes: u64 = scratch.0.entries().expect("a folder").iter().map(|e| e.bytes).sum();
            assert!(bytes <= 1600 + 100 + 90, "{bytes} after {count}");
        }
        assert!(scratch.names().ends_with("373839"), "{}", scratch.names());
    }

    #[test]
    #[cfg_attr(miri, ignore = "the file system is not there")]
    fn what_is_not_ours_stays() {
        let scratch = Scratch::new("clear");
        let other = scratch.0.folder().join("notes.txt");
        let partial = scratch.0.folder().join("1-1.partial");
        fs::write(&other, "mine").expect("a file");
        fs::write(&partial, "half").expect("a file");
        scratch.put("a", 100, 0);
        assert!(partial.exists(), "it may be another's who is at it");
        assert_eq!(scratch.0.clear().expect("a folder of ours"), 1);
        assert!(other.exists() && !partial.exists());
        assert_eq!(scratch.names(), "");
    }

    #[test]
    #[cfg_attr(miri, ignore = "the file system is not there")]
    fn many_writers_of_one_name_leave_one_whole_file() {
        let scratch = Scratch::new("many");
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        scratch.0.put("a", &[7; 5000]).expect("room");
                        assert_eq!(scratch.0.get("a").expect("an entry"), [7; 5000]);
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(scratch.0.folder()).expect("a folder").count(), 1);
    }
}
