//! What else follows from some bytes than machine code, and is worth keeping: a place for it in the code cache.
//!
//! An entry's name is a hash of the bytes, of what is kept of them, and of the engine's build and features. In it is what
//! was kept and a seal over that and the name, so that an entry that is cut off, damaged, or another's is not believed. As
//! with machine code, what keeps others from writing one is the cache's folder.

use crate::cache::Cache;
use crate::engine::Engine;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use dunlin_module::Features;

/// Bytes of a seal.
const SEAL_BYTES: usize = blake3::OUT_LEN;

/// A place in an engine's [`cache`](crate::Config::cache) for what somebody makes of some bytes, to be found there by the
/// next engine of the same build and features.
///
/// Who believes what it finds there trusts whoever may write in the cache's folder, as the engine itself does.
///
/// # Examples
///
/// ```
/// use dunlin::{Cache, Config, Engine};
///
/// # let folder = std::env::temp_dir().join(format!("dunlin-kept-doc-{}", std::process::id()));
/// let mut config = Config::new();
/// config.cache(Cache::open(&folder)?);
/// let engine = Engine::new(&config)?;
/// let place = engine.kept("length", b"some bytes").expect("there is a cache");
/// assert_eq!(place.get(), None);
/// place.put(&[10]);
/// assert_eq!(place.get(), Some(vec![10]));
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), dunlin::Error>(())
/// ```
#[derive(Debug)]
pub struct Kept<'e> {
    cache: &'e Cache,
    name: String,
}

impl Engine {
    /// The place of what is kept of some bytes, by what that is; `None` if the engine has no cache. What the engine keeps
    /// for itself, and executes, is elsewhere.
    #[must_use]
    pub fn kept(&self, what: &str, bytes: &[u8]) -> Option<Kept<'_>> {
        self.config().cache.as_ref()?;
        self.place("others", what, &blake3::hash(bytes))
    }

    /// A place by whose it is, what is kept there, and a hash of the bytes that it follows from. In the engine's `own`, which
    /// nobody else can name, is what is executed.
    pub(crate) fn place(&self, whose: &str, what: &str, bytes: &blake3::Hash) -> Option<Kept<'_>> {
        let cache = self.config().cache.as_ref()?;
        let parts = [whose.as_bytes(), what.as_bytes(), self.build().as_bytes(), bytes.as_bytes()];
        let mut hasher = blake3::Hasher::new();
        parts.into_iter().for_each(|part| add(&mut hasher, part));
        let name = format!("kept-{}", hasher.finalize().to_hex());
        Some(Kept { cache, name })
    }
}

/// What every name depends on: the engine's build, and the features it validates with.
pub(crate) fn build_of(features: Features) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    add(&mut hasher, env!("CARGO_PKG_VERSION").as_bytes());
    add(&mut hasher, env!("DUNLIN_BUILD").as_bytes());
    for feature in features.iter() {
        add(&mut hasher, format!("{feature}").as_bytes());
    }
    hasher.finalize()
}

/// Adds a part whose end its length keeps apart from the next.
fn add(hasher: &mut blake3::Hasher, part: &[u8]) {
    hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
}

impl Kept<'_> {
    /// What was kept, if it is there and whole; else there is no entry after this.
    #[must_use]
    pub fn get(&self) -> Option<Vec<u8>> {
        let mut entry = self.cache.get(&self.name)?;
        let contents = entry.len().checked_sub(SEAL_BYTES).filter(|contents| {
            let (contents, seal) = entry.split_at(*contents);
            self.seal(contents).as_slice() == seal
        });
        match contents {
            Some(contents) => entry.truncate(contents),
            None => self.remove(),
        }
        contents.map(|_| entry)
    }

    /// Keeps it, if the cache can.
    pub fn put(&self, contents: &[u8]) {
        let entry = [contents, self.seal(contents).as_slice()].concat();
        // A cache that is full or gone costs the next start its time, and nothing else.
        let _ = self.cache.put(&self.name, &entry);
    }

    /// Forgets it, because it makes no sense.
    pub fn remove(&self) {
        self.cache.remove(&self.name);
    }

    fn seal(&self, contents: &[u8]) -> blake3::Hash {
        blake3::Hasher::new().update(self.name.as_bytes()).update(contents).finalize()
    }
}

#[cfg(test)]
mod tests {
    use crate::{Cache, Config, Engine};
    use std::fs;

    #[test]
    #[cfg_attr(miri, ignore = "the file system is not there")]
    fn only_whole_entries_of_the_same_are_found() {
        let folder = std::env::temp_dir().join(format!("dunlin-kept-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let mut config = Config::new();
        config.cache(Cache::open(&folder).expect("a cache"));
        let engine = Engine::new(&config).expect("an engine");
        let place = engine.kept("what", b"bytes").expect("a cache");
        place.put(b"contents");
        assert_eq!(place.get().as_deref(), Some(&b"contents"[..]));
        for (what, bytes) in [("what", &b"byte"[..]), ("other", b"bytes"), ("wha", b"tbytes")] {
            assert_eq!(engine.kept(what, bytes).expect("a cache").get(), None);
        }
        let path =
            fs::read_dir(&folder).expect("a folder").next().expect("one").expect("it").path();
        let whole = fs::read(&path).expect("an entry");
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            for bytes in [&damaged[..], &whole[..at]] {
                fs::write(&path, bytes).expect("a file");
                assert_eq!(place.get(), None, "{at}");
                assert!(!path.exists(), "nobody finds it again");
            }
        }
        // The engine's own are apart.
        engine.kept("what", b"bytes").expect("a cache").put(b"contents");
        let hash = blake3::hash(b"bytes");
        assert_eq!(engine.place("own", "what", &hash).expect("a cache").get(), None);
        place.remove();
        // Another's whole entry under this name.
        engine.kept("what", b"others").expect("a cache").put(b"contents");
        let other =
            fs::read_dir(&folder).expect("a folder").next().expect("one").expect("it").path();
        fs::rename(other, &path).expect("a file");
        assert_eq!(place.get(), None);
        fs::remove_dir_all(&folder).expect("a folder");
    }
}
