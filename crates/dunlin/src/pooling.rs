//! The bounds of an engine's pool.

use dunlin_vm::PoolConfig;

/// Instances, memories, tables and value stacks of a pool, unless the configuration says otherwise. It is
/// what users of pools know as the default; guarded memories of so many take 4 TiB of address space.
const TOTAL_DEFAULT: u32 = 1_000;

/// Bytes of a memory that stay with its slot, unless the configuration says otherwise: what is reset by
/// writing at most.
const KEEP_RESIDENT_DEFAULT: usize = 256 << 10;

/// Elements of a pool's table, unless the configuration says otherwise.
const TABLE_ELEMENTS_DEFAULT: u64 = 20_000;

/// The bounds of an engine's pool, for [`Config::pooling`](crate::Config::pooling); a builder.
///
/// What is larger than the pool allows, or more than it has, is refused with an error of kind
/// [`Resource`](crate::ErrorKind::Resource) that says so; what grows beyond gets -1.
///
/// What one guest leaves behind the next never sees. Pages of a memory that were written are written
/// again with what they held at first, while the operating system can tell which they are and they are
/// few; else they are given back to it.
///
/// # Examples
///
/// ```
/// use dunlin::{Config, Engine, MemoryStrategy, PoolingConfig};
///
/// // A hundred thousand memories of up to a page each.
/// let mut pooling = PoolingConfig::new();
/// pooling.total_core_instances(100_000).total_memories(100_000).max_memory_size(64 << 10);
/// let engine = Engine::new(Config::new().pooling(pooling))?;
/// assert_eq!(engine.memory_strategy(), MemoryStrategy::Dense);
/// # Ok::<(), dunlin::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct PoolingConfig {
    total_core_instances: u32,
    pub(crate) total_memories: u32,
    max_memory_size: usize,
    linear_memory_keep_resident: usize,
    total_tables: u32,
    table_elements: u64,
    pub(crate) total_stacks: u32,
}

impl Default for PoolingConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl PoolingConfig {
    /// The default: 1,000 of everything, memories of up to 4 GiB where they are guarded (of up to 16 MiB
    /// else), tables of up to 20,000 elements.
    #[must_use]
    pub fn new() -> Self {
        Self {
            total_core_instances: TOTAL_DEFAULT,
            total_memories: TOTAL_DEFAULT,
            max_memory_size: usize::MAX,
            linear_memory_keep_resident: KEEP_RESIDENT_DEFAULT,
            total_tables: TOTAL_DEFAULT,
            table_elements: TABLE_ELEMENTS_DEFAULT,
            total_stacks: TOTAL_DEFAULT,
        }
    }

    /// How many instances there can be at a time.
    pub fn total_core_instances(&mut self, count: u32) -> &mut Self {
        self.total_core_instances = count;
        self
    }

    /// How many memories there can be at a time.
    pub fn total_memories(&mut self, count: u32) -> &mut Self {
        self.total_memories = count;
        self
    }

    /// Bytes that a memory can have. Dense memories lie so far apart, rounded up to pages of 64 KiB.
    pub fn max_memory_size(&mut self, bytes: usize) -> &mut Self {
        self.max_memory_size = bytes;
        self
    }

    /// Bytes of a memory that may stay committed when it is given back, and are reset by writing them. At
    /// most 256 KiB do.
    pub fn linear_memory_keep_resident(&mut self, bytes: usize) -> &mut Self {
        self.linear_memory_keep_resident = bytes;
        self
    }

    /// How many tables there can be at a time.
    pub fn total_tables(&mut self, count: u32) -> &mut Self {
        self.total_tables = count;
        self
    }

    /// Elements that a table can have.
    pub fn table_elements(&mut self, count: u64) -> &mut Self {
        self.table_elements = count;
        self
    }

    /// How many value stacks are kept for the next store. There can be more at a time.
    pub fn total_stacks(&mut self, count: u32) -> &mut Self {
        self.total_stacks = count;
        self
    }

    /// The bounds as the VM knows them.
    pub(crate) fn for_vm(&self, guarded: bool) -> PoolConfig {
        /// Bytes of a dense memory, unless the configuration says otherwise.
        const DENSE_DEFAULT: usize = 16 << 20;
        let unsaid = if guarded { usize::MAX - 0xffff } else { DENSE_DEFAULT };
        let said = Some(self.max_memory_size).filter(|bytes| *bytes != usize::MAX);
        PoolConfig {
            instances: self.total_core_instances as usize,
            memories: self.total_memories,
            memory_bytes_max: said.unwrap_or(unsaid),
            memory_resident_bytes_max: self.linear_memory_keep_resident,
            tables: self.total_tables as usize,
            table_elements_max: self.table_elements,
        }
    }
}
