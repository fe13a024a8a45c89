//! What a store may use: a trait for the embedder's own policy, and a ready-made one.

use crate::error::{Error, Result};

/// Instances, tables and memories of a store at most, unless its limiter says otherwise.
///
/// Each costs the host memory that no other limit counts.
pub const STORE_OBJECTS_DEFAULT_MAX: usize = 10_000;

/// Decides what a store may use; see [`Store::limiter`](crate::Store::limiter).
///
/// It is asked before a memory or table is created (`current` is then 0) and before each growth, by the
/// guest or the host. A growth beyond what the type of the memory or table allows fails without it.
pub trait ResourceLimiter {
    /// Whether a memory may grow from `current` to `desired` bytes. `maximum` is what its type allows.
    ///
    /// # Errors
    ///
    /// An error ends the guest, where `Ok(false)` lets `memory.grow` return -1.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool>;

    /// Whether a table may grow from `current` to `desired` elements. `maximum` is what its type allows.
    ///
    /// # Errors
    ///
    /// An error ends the guest, where `Ok(false)` lets `table.grow` return -1.
    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool>;

    /// Whether the heap of the store's objects may grow from `current` to `desired` bytes. Objects are
    /// collected before the heap grows for them; where it may not, guests trap for want of memory.
    ///
    /// # Errors
    ///
    /// An error ends the guest.
    fn heap_growing(&mut self, current: usize, desired: usize) -> Result<bool> {
        let _ = (current, desired);
        Ok(true)
    }

    /// How many instances the store may have.
    fn instances(&self) -> usize {
        STORE_OBJECTS_DEFAULT_MAX
    }

    /// How many tables the store may have.
    fn tables(&self) -> usize {
        STORE_OBJECTS_DEFAULT_MAX
    }

    /// How many memories the store may have.
    fn memories(&self) -> usize {
        STORE_OBJECTS_DEFAULT_MAX
    }
}

/// Fixed limits. Keep it in the store's data and name it in [`Store::limiter`](crate::Store::limiter).
///
/// # Examples
///
/// ```
/// use dunlin::{Engine, Memory, MemoryType, Store, StoreLimits, StoreLimitsBuilder};
///
/// let limits = StoreLimitsBuilder::new().memory_size(2 << 16).build();
/// let mut store = Store::new(&Engine::default(), limits);
/// store.limiter(|limits| limits);
///
/// let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
/// assert_eq!(memory.grow(&mut store, 1)?, 1);
/// assert!(memory.grow(&mut store, 1).is_err());
/// # Ok::<(), dunlin::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct StoreLimits {
    memory_size: Option<usize>,
    table_elements: Option<usize>,
    heap_size: Option<usize>,
    instances: usize,
    tables: usize,
    memories: usize,
    trap_on_grow_failure: bool,
}

impl Default for StoreLimits {
    /// No limit on sizes, and [`STORE_OBJECTS_DEFAULT_MAX`] on counts.
    fn default() -> Self {
        Self {
            memory_size: None,
            table_elements: None,
            heap_size: None,
            instances: STORE_OBJECTS_DEFAULT_MAX,
            tables: STORE_OBJECTS_DEFAULT_MAX,
            memories: STORE_OBJECTS_DEFAULT_MAX,
            trap_on_grow_failure: false,
        }
    }
}

impl StoreLimits {
    fn verdict(
        &self,
        what: &str,
        unit: &str,
        desired: usize,
        limit: Option<usize>,
    ) -> Result<bool> {
        match limit {
            Some(limit) if desired > limit && self.trap_on_grow_failure => Err(Error::resource(
                format_args!("a {what} of {desired} {unit} is larger than the {limit} allowed"),
            )),
            Some(limit) => Ok(desired <= limit),
            None => Ok(true),
        }
    }
}

impl ResourceLimiter for StoreLimits {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        self.verdict("memory", "bytes", desired, self.memory_size)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        self.verdict("table", "elements", desired, self.table_elements)
    }

    fn heap_growing(&mut self, _: usize, desired: usize) -> Result<bool> {
        self.verdict("heap", "bytes", desired, self.heap_size)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.tables
    }

    fn memories(&self) -> usize {
        self.memories
    }
}

/// Makes [`StoreLimits`].
#[derive(Clone, Debug, Default)]
pub struct StoreLimitsBuilder(StoreLimits);

impl StoreLimitsBuilder {
    /// No limit on sizes, and [`STORE_OBJECTS_DEFAULT_MAX`] on counts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes that the heap of objects may have.
    #[must_use]
    pub fn heap_size(mut self, bytes: usize) -> Self {
        self.0.heap_size = Some(bytes);
        self
    }

    /// Bytes that each memory may have.
    #[must_use]
    pub fn memory_size(mut self, bytes: usize) -> Self {
        self.0.memory_size = Some(bytes);
        self
    }

    /// Elements that each table may have.
    #[must_use]
    pub fn table_elements(mut self, elements: usize) -> Self {
        self.0.table_elements = Some(elements);
        self
    }

    /// How many instances the store may have.
    #[must_use]
    pub fn instances(mut self, count: usize) -> Self {
        self.0.instances = count;
        self
    }

    /// How many tables the store may have.
    #[must_use]
    pub fn tables(mut self, count: usize) -> Self {
        self.0.tables = count;
        self
    }

    /// How many memories the store may have.
    #[must_use]
    pub fn memories(mut self, count: usize) -> Self {
        self.0.memories = count;
        self
    }

    /// Whether a growth over these limits ends the guest with an error instead of returning -1 to it.
    #[must_use]
    pub fn trap_on_grow_failure(mut self, trap: bool) -> Self {
        self.0.trap_on_grow_failure = trap;
        self
    }

    /// The limits.
    #[must_use]
    pub fn build(self) -> StoreLimits {
        self.0
    }
}
