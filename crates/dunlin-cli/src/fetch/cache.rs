//! The user's cache of downloaded modules, by the hash of their contents.
//!
//! ```text
//! dunlin/modules/sha256-<hash of contents>     one file for each content
//! dunlin/modules/index/<hash of the URL>       what a URL gave last: hash and tag
//! dunlin/modules/partial/<process>-<number>    downloads under way
//! ```
//!
//! Any number of processes may use it at once, without a lock, because of three invariants:
//! 1. A file under its final name is complete and never written again: it is renamed into place.
//! 2. An entry of the index is one file, replaced whole; it names its contents by hash, and the hash
//!    is checked before use, so a stale or damaged entry is a miss and nothing worse.
//! 3. Removing a file that somebody has open takes nothing away from them.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use ring::digest::{Context, SHA256, digest};

use crate::home;
use dunlin_vm::sys::private_folder;

/// Bytes of all modules kept; beyond it those unused for longest go.
const CACHE_BYTES_MAX: u64 = 1 << 30;
/// URLs remembered; beyond it those unused for longest go.
const INDEX_FILES_MAX: usize = 4096;
/// Bytes of an entry of the index: a URL, a hash and a tag, each bounded where it comes from.
const ENTRY_BYTES_MAX: u64 = 64 << 10;
/// A partial download of this age belongs to a process that is gone.
const PARTIAL_AGE_MAX: Duration = Duration::from_hours(24);
/// The first line of an entry; another format gets another line and ignores these.
const ENTRY_HEAD: &str = "dunlin module 1";

/// A folder of modules.
pub(super) struct Cache {
    root: PathBuf,
}

/// What a URL gave last time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// The server's tag for it.
    pub(super) etag: String,
    /// The file with its contents, complete and unchanged.
    pub(super) path: PathBuf,
}

impl Cache {
    /// The user's cache, created if need be.
    ///
    /// # Errors
    ///
    /// When there is no place for it, or it cannot be created.
    pub(super) fn open() -> io::Result<Self> {
        Self::open_at(home::folder()?.join("modules"))
    }

    fn open_at(root: PathBuf) -> io::Result<Self> {
        let cache = Self { root };
        private_folder(&cache.index())?;
        private_folder(&cache.partial())?;
        Ok(cache)
    }

    fn index(&self) -> PathBuf {
        self.root.join("index")
    }

    fn partial(&self) -> PathBuf {
        self.root.join("partial")
    }

    fn entry(&self, url: &str) -> PathBuf {
        self.index().join(hex(digest(&SHA256, url.as_bytes()).as_ref()))
    }

    fn module(&self, hash: &str) -> PathBuf {
        self.root.join(format!("sha256-{hash}"))
    }

    /// What this URL gave last time, if it had a tag and its contents are still here and whole.
    pub(super) fn lookup(&self, url: &str) -> Option<Known> {
        let entry = self.entry(url);
        let mut text = String::new();
        File::open(&entry).ok()?.take(ENTRY_BYTES_MAX).read_to_string(&mut text).ok()?;
        let mut lines = text.lines();
        if lines.next() != Some(ENTRY_HEAD) || lines.next() != Some(url) {
            return None;
        }
        let (hash, etag) = (lines.next()?, lines.next()?);
        if hash.len() != 2 * SHA256.output_len() || !hash.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let path = self.module(hash);
        let file = File::options().read(true).write(true).open(&path).ok()?;
        // Used files are kept. Failing to say so only shortens a file's life.
        let _ = file.set_modified(SystemTime::now());
        let _ = File::options()
            .write(true)
            .open(&entry)
            .and_then(|entry| entry.set_modified(SystemTime::now()));
        if hash_of(file).ok()? != hash {
            // Damaged, perhaps by a full or failing disk: nobody should find it again.
            let _ = fs::remove_file(&path);
            return None;
        }
        Some(Known { etag: etag.to_owned(), path })
    }

    /// Begins a download.
    ///
    /// # Errors
    ///
    /// When its file cannot be created.
    pub(super) fn begin(&self) -> io::Result<Partial> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        remove_old(&self.partial(), PARTIAL_AGE_MAX);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = self.partial().join(format!("{}-{number}", std::process::id()));
        // Left over by a process of the same number, long gone: this number is ours now.
        let _ = fs::remove_file(&path);
        let file = File::options().write(true).create_new(true).open(&path)?;
        Ok(Partial { file, path, hash: Context::new(&SHA256) })
    }

    /// Size and name of each module that is kept, the one unused for longest first.
    pub(super) fn kept(&self) -> Vec<(u64, String)> {
        let row = |(_, bytes, path): (SystemTime, u64, PathBuf)| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            (bytes, name.trim_start_matches("sha256-").to_owned())
        };
        files_by_age(&self.root).into_iter().map(row).collect()
    }

    /// Removes every module, and what is known of URLs; downloads under way go on.
    ///
    /// # Errors
    ///
    /// When a file cannot be removed.
    pub(super) fn clear(&self) -> io::Result<()> {
        for (_, _, path) in [files_by_age(&self.index()), files_by_age(&self.root)].concat() {
            match fs::remove_file(path) {
                // Another process may have been faster.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Removes what was unused for longest until the bounds hold, but never `keep`.
    fn trim(&self, bytes_max: u64, files_max: usize, keep: &Path) {
        let modules = files_by_age(&self.root);
        let mut bytes: u64 = modules.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, size, path) in modules {
            if bytes > bytes_max && path != keep && fs::remove_file(&path).is_ok() {
                bytes -= size;
            }
        }
        let entries = files_by_age(&self.index());
        let excess = entries.len().saturating_sub(files_max);
        for (_, _, path) in entries.into_iter().take(excess) {
            // Another process may have been faster.
            let _ = fs::remove_file(path);
        }
    }
}

/// A download under way; dropped, it leaves nothing behind.
pub(super) struct Partial {
    file: File,
    path: PathBuf,
    hash: Context,
}

impl Partial {
    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// When they cannot be written.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.file.write_all(bytes)
    }

    /// Ends the download: the file gets its final name and the URL its entry.
    ///
    /// # Errors
    ///
    /// When either cannot be written.
    pub(super) fn commit(
        self,
        cache: &Cache,
        url: &str,
        etag: Option<&str>,
    ) -> io::Result<PathBuf> {
        let hash = hex(self.hash.clone().finish().as_ref());
        let path = cache.module(&hash);
        fs::rename(&self.path, &path)?;
        // Without a tag there is nothing to ask the server about next time.
        let entry_line_breaks = url.contains('\n') || etag.is_some_and(|tag| tag.contains('\n'));
        if let Some(etag) = etag.filter(|_| !entry_line_breaks) {
            let mut entry = cache.begin()?;
            entry.write(format!("{ENTRY_HEAD}\n{url}\n{hash}\n{etag}\n").as_bytes())?;
            fs::rename(&entry.path, cache.entry(url))?;
        }
        cache.trim(CACHE_BYTES_MAX, INDEX_FILES_MAX, &path);
        Ok(path)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After a commit there is no file of this name any more.
        let _ = fs::remove_file(&self.path);
    }
}

fn hash_of(mut file: File) -> io::Result<String> {
    let mut hash = Context::new(&SHA256);
    let mut chunk = vec![0; super::CHUNK_BYTES];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(hex(hash.finish().as_ref())),
            count => hash.update(&chunk[..count]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The plain files of a folder with time and size, oldest first; what cannot be read is left out.
fn files_by_age(folder: &Path) -> Vec<(SystemTime, u64, PathBuf)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let data = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            Some((data.modified().ok()?, data.len(), entry.path()))
        })
        .collect();
    files.sort();
    files
}

fn remove_old(folder: &Path, age_max: Duration) {
    let now = SystemTime::now();
    for (time, _, path) in files_by_age(folder) {
        if now.duration_since(time).is_ok_and(|age| age > age_max) {
            // Another process may have been faster.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty cache in a folder that goes with the test.
    struct Scratch(Cache);

    impl Scratch {
        fn new(name: &str) -> Self {
            let name = format!("dunlin-cache-{}-{name}", std::process::id());
            Self(Cache::open_at(std::env::temp_dir().join(name)).expect("a cache"))
        }

        fn put(&self, url: &str, bytes: &[u8], etag: Option<&str>) -> PathBuf {
            let mut partial = self.0.begin().expect("a partial file");
            partial.write(bytes).expect("room");
            partial.commit(&self.0, url, etag).expect("a commit")
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0.root);
        }
    }

    #[test]
    fn what_was_put_is_found() {
        let scratch = Scratch::new("found");
        assert_eq!(scratch.0.lookup("http://a"), None);
        let path = scratch.put("http://a", b"contents", Some("\"1\""));
        assert_eq!(fs::read(&path).expect("a file"), b"contents");
        let known = Known { etag: "\"1\"".into(), path: path.clone() };
        assert_eq!(scratch.0.lookup("http://a"), Some(known));
        assert_eq!(scratch.0.lookup("http://b"), None);
        assert_eq!(scratch.put("http://b", b"contents", None), path, "same contents, same file");
        assert_eq!(scratch.0.lookup("http://b"), None, "nothing to ask the server about");
        assert_eq!(fs::read_dir(scratch.0.partial()).expect("a folder").count(), 0);
        assert_eq!(scratch.0.kept()[0].0, 8);
        scratch.0.clear().expect("a folder of ours");
        assert_eq!(scratch.0.kept(), []);
        assert_eq!(scratch.0.lookup("http://a"), None);
    }

    #[test]
    fn damaged_contents_and_entries_are_misses() {
        let scratch = Scratch::new("damaged");
        let path = scratch.put("http://a", b"contents", Some("1"));
        fs::write(&path, b"c0ntents").expect("a write");
        assert_eq!(scratch.0.lookup("http://a"), None);
        assert!(!path.exists(), "nobody should find it again");
        scratch.put("http://a", b"contents", Some("1"));
        let entry = scratch.0.entry("http://a");
        for bad in ["", "dunlin module 1\nhttp://a\n../../etc/passwd\n1\n", "x\nhttp://a\n"] {
            fs::write(&entry, bad).expect("a write");
            assert_eq!(scratch.0.lookup("http://a"), None, "{bad}");
        }
    }

    #[test]
    fn a_dropped_download_leaves_nothing() {
        let scratch = Scratch::new("dropped");
        let mut partial = scratch.0.begin().expect("a partial file");
        partial.write(b"half").expect("room");
        drop(partial);
        assert_eq!(fs::read_dir(scratch.0.partial()).expect("a folder").count(), 0);
    }

    #[test]
    fn the_longest_unused_go_first() {
        let scratch = Scratch::new("trim");
        let day = Duration::from_hours(24);
        let put = |name: &str, days: u32| {
            let path = scratch.put(name, name.repeat(100).as_bytes(), Some("1"));
            let file = File::options().write(true).open(&path).expect("a file");
            file.set_modified(SystemTime::now() - day * days).expect("a time");
            path
        };
        let (a, b, c) = (put("aaaaaaaa", 3), put("bbbbbbbb", 1), put("cccccccc", 2));
        scratch.0.trim(1600, 2, &a);
        assert!(a.exists() && b.exists() && !c.exists(), "the oldest but the kept one goes");
        assert_eq!(files_by_age(&scratch.0.index()).len(), 2);
    }

    #[test]
    fn many_writers_of_one_url_leave_one_whole_file() {
        let scratch = Scratch::new("many");
        std::thread::scope(|scope| {
            for number in 0..8_u8 {
                let scratch = &scratch;
                scope.spawn(move || {
                    for _ in 0..20 {
                        scratch.put("http://a", &[number % 2; 5000], Some("1"));
                        if let Some(known) = scratch.0.lookup("http://a") {
                            let bytes = fs::read(known.path).expect("a file");
                            assert!(bytes == [0; 5000] || bytes == [1; 5000]);
                        }
                    }
                });
            }
        });
        assert!(scratch.0.lookup("http://a").is_some());
    }
}
