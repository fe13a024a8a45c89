//! A module's places in the code cache: of all of its code, and of the part that earlier runs found to be executed often.
//!
//! An entry is an artifact without the module, under a name that is a hash of everything on which the code
//! depends. What keeps others from writing one is the cache's folder; an entry that does not fit, for
//! whatever reason, is removed, and the module compiled as if there had been none.

use super::{Artifact, HASH_BYTES, Holds, Identity, adopt, write};
use crate::cache::Cache;
use crate::compile::NativeCompiler;
use crate::config::Config;
use crate::error::Result;
use crate::tuning::CACHED_MODULE_BYTES_MIN;
use alloc::string::String;
use alloc::vec::Vec;
use dunlin_vm::ModuleCode;
use dunlin_vm::native::CodeImage;

/// Entries are kept to their owner by their folder; the seal is a second checksum.
const KEY: &[u8; HASH_BYTES] = &[0; HASH_BYTES];

/// What the name of the entry of a module of this length begins with: so most modules without an entry are
/// told from those with one before they are hashed.
pub(crate) fn name_start(len: u64) -> String {
    alloc::format!("{len:08x}-")
}

/// Where a module's code is, or is to be.
pub(crate) struct Cached<'c> {
    cache: &'c Cache,
    identity: &'c Identity,
    len: u64,
    hash: [u8; HASH_BYTES],
    name: String,
    /// The name of the part's entry. What that holds depends on the runs too, so one takes the place of another.
    part: String,
}

impl<'c> Cached<'c> {
    /// The module's place; `None` if there is no cache, or the module is too small for it.
    pub(crate) fn new(
        config: &'c Config,
        identity: &'c Identity,
        code: &ModuleCode,
    ) -> Option<Self> {
        let cache = config.cache.as_ref()?;
        if code.module().bytes().len() < CACHED_MODULE_BYTES_MIN {
            return None;
        }
        // Pinned: what is hashed here must be what is run.
        let bytes = code.module().pinned_bytes();
        let (len, hash) = (bytes.len() as u64, blake3::hash(bytes).into());
        // An entry's name is that of an artifact which says everything but the code.
        let named = write(identity, KEY, Holds::Hash(len, hash), &CodeImage::default());
        let work = alloc::format!("{:?}", config.compile_work_max);
        let name = blake3::Hasher::new().update(&named).update(work.as_bytes()).finalize();
        let part = blake3::Hasher::new().update(name.as_bytes()).update(b"part").finalize();
        let [name, part] =
            [name, part].map(|name| alloc::format!("{}{}", name_start(len), name.to_hex()));
        Some(Self { cache, identity, len, hash, name, part })
    }

    /// The bytes of the part's entry, if there is one.
    pub(crate) fn part_bytes(&self) -> Option<Vec<u8>> {
        self.cache.get(&self.part)
    }

    /// What the part's entry holds, if that is the module's; else the entry is removed.
    pub(crate) fn part<'a>(&self, entry: &'a [u8], code: &ModuleCode) -> Option<CodeImage<'a>> {
        let image = self.ours(entry).map(|read| read.image);
        let fits =
            |image: &CodeImage<'_>| image.needs.is_some() && image.check(code.module()).is_ok();
        let image = image.filter(fits);
        if image.is_none() {
            self.cache.remove(&self.part);
        }
        image
    }

    /// An entry's bytes, if they are an artifact of this module for us.
    fn ours<'a>(&self, entry: &'a [u8]) -> Option<Artifact<'a>> {
        let read = Artifact::read(entry, self.identity, KEY).ok();
        read.filter(|read| read.module_len == self.len && read.module_hash == self.hash)
    }

    /// Keeps a part for next time, if the cache can.
    pub(crate) fn store_part(&self, image: &CodeImage<'_>) {
        self.put(&self.part, image);
    }

    /// Gives the module its code, if the cache has it.
    ///
    /// # Errors
    ///
    /// If the code is here and fits, but the module cannot be made ready.
    pub(crate) fn restore(
        &self,
        config: &Config,
        compiler: &NativeCompiler,
        code: &ModuleCode,
    ) -> Result<bool> {
        let Some(entry) = self.cache.get(&self.name) else { return Ok(false) };
        match self.ours(&entry).map(|read| adopt(config, compiler, code, read.image)) {
            Some(Ok(())) => return Ok(true),
            Some(Err(error)) if error.kind() != crate::ErrorKind::Artifact => return Err(error),
            Some(Err(_)) | None => {}
        }
        // Damaged: nobody should find it again.
        self.cache.remove(&self.name);
        Ok(false)
    }

    /// Keeps the code for next time, if the cache can.
    pub(crate) fn store(&self, image: &CodeImage<'_>) {
        self.put(&self.name, image);
    }

    fn put(&self, name: &str, image: &CodeImage<'_>) {
        let entry = write(self.identity, KEY, Holds::Hash(self.len, self.hash), image);
        // A cache that is full or gone costs the next start its time, and nothing else.
        let _ = self.cache.put(name, &entry);
    }
}
