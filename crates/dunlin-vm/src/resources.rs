//! What the stores of an engine share: the strategy of memories, the pool, and value stacks to be used
//! again.

use crate::pool::Slots;
use crate::stack::ValueStack;
use crate::sync::Mutex;
use crate::sys::{self, PollPage, Region};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};
use dunlin_core::limits::{GUARDED_MEMORY_BYTES, MEMORY_BYTES_MAX, MEMORY_GUARD_BYTES};

/// How memories with 32-bit addresses lie in address space.
///
/// Memories with 64-bit addresses are always dense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MemoryStrategy {
    /// Each reserves all that an address can reach, and a guard: compiled code needs no checks, and the
    /// memory never moves.
    Guarded,
    /// Each takes what it holds; every access is checked.
    Dense,
}

impl MemoryStrategy {
    /// The strategy that this machine is best served with, for so many memories: guarded ones may take
    /// half of its address space, if they can be had.
    #[must_use]
    pub fn best(memories: u64) -> Self {
        let bytes = GUARDED_MEMORY_BYTES + MEMORY_GUARD_BYTES;
        let can_guard = || usize::try_from(bytes).is_ok_and(|one| Region::reserve(one).is_some());
        let fits = memories.saturating_mul(bytes) <= MEMORY_BYTES_MAX / 2;
        if sys::CAN_RESERVE && fits && can_guard() { Self::Guarded } else { Self::Dense }
    }
}

/// The bounds of a pool.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// Instances that there can be at a time.
    pub instances: usize,
    /// Memories that there can be at a time.
    pub memories: u32,
    /// Bytes that a memory can have.
    pub memory_bytes_max: usize,
    /// Bytes of a memory that stay with its slot when it is given back.
    pub memory_resident_bytes_max: usize,
    /// Tables that there can be at a time.
    pub tables: usize,
    /// Elements that a table can have.
    pub table_elements_max: u64,
}

/// How the resources of an engine are set up.
#[derive(Clone, Debug)]
pub struct ResourcesConfig {
    /// How memories lie in address space.
    pub strategy: MemoryStrategy,
    /// The pool, if there is to be one.
    pub pool: Option<PoolConfig>,
    /// Value stacks that are kept for the next store, at most.
    pub stacks_kept: usize,
}

/// Why something was not created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The embedder's limits.
    Limits,
    /// The machine, or the bounds of this engine.
    Machine,
    /// All that the pool has are in use.
    PoolExhausted {
        /// Of what.
        what: &'static str,
        /// How many it has.
        max: usize,
    },
    /// It is larger than those of the pool can be.
    TooLargeForPool {
        /// What.
        what: &'static str,
        /// Its size, in bytes or elements.
        wanted: u64,
        /// What it can be.
        max: u64,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limits => f.write_str("the store's limits refuse"),
            Self::Machine => f.write_str("the machine refuses"),
            Self::PoolExhausted { what, max } => {
                write!(f, "all {max} {what} of the engine's pool are in use")
            }
            Self::TooLargeForPool { what, wanted, max } => {
                write!(
                    f,
                    "a {what} of the engine's pool has at most {max}, and {wanted} are asked for"
                )
            }
        }
    }
}

/// What the stores of an engine share.
pub struct Resources {
    strategy: MemoryStrategy,
    pool: Option<Pool>,
    /// Slots for guarded memories where there is no pool: the first ones need not ask the kernel.
    spare: Option<Slots>,
    stacks: Mutex<Vec<ValueStack>>,
    stacks_kept: usize,
    poll_pages: Arc<PollPages>,
}

/// Poll pages to be used again: mapping one anew costs more than all else that a store does.
#[derive(Default)]
pub(crate) struct PollPages {
    open: Mutex<Vec<PollPage>>,
    kept: usize,
}

impl PollPages {
    /// An open page; `None` where there are none.
    pub(crate) fn take(&self) -> Option<PollPage> {
        self.open.lock().pop().or_else(PollPage::new)
    }

    /// Keeps an open page for the next store, if there are not too many.
    pub(crate) fn give_back(&self, page: PollPage) {
        let mut open = self.open.lock();
        if open.len() < self.kept {
            open.push(page);
        }
    }
}

struct Pool {
    config: PoolConfig,
    /// None where address space cannot be reserved: memories come from the allocator then.
    slots: Option<Slots>,
    instances: Counted,
    /// Memories, where there are no slots to count.
    memories: Counted,
    tables: Counted,
}

/// How many there are of something that is bounded.
#[derive(Default)]
struct Counted(AtomicUsize);

impl Counted {
    fn add(&self, max: usize) -> bool {
        if self.0.fetch_add(1, Ordering::Relaxed) < max {
            return true;
        }
        self.0.fetch_sub(1, Ordering::Relaxed);
        false
    }

    fn subtract(&self, count: usize) {
        self.0.fetch_sub(count, Ordering::Relaxed);
    }
}

impl Default for Resources {
    /// Dense memories and no pool: what every machine has.
    fn default() -> Self {
        Self {
            strategy: MemoryStrategy::Dense,
            pool: None,
            spare: None,
            stacks: Mutex::default(),
            stacks_kept: 0,
            poll_pages: Arc::default(),
        }
    }
}

impl Resources {
    /// Resources of this configuration.
    ///
    /// # Errors
    ///
    /// [`Refusal::Machine`] if address space for the pool is not to be had, or memories cannot be guarded
    /// on this machine.
    pub fn new(config: ResourcesConfig) -> Result<Self, Refusal> {
        let guarded = config.strategy == MemoryStrategy::Guarded;
        if guarded && !sys::CAN_RESERVE {
            return Err(Refusal::Machine);
        }
        let pool = config.pool.map(|config| {
            let slots = if sys::CAN_RESERVE {
                Some(Slots::new(&config, guarded).ok_or(Refusal::Machine)?)
            } else {
                None
            };
            let [instances, memories, tables] = [(); 3].map(|()| Counted::default());
            Ok(Pool { config, slots, instances, memories, tables })
        });
        let pool = pool.transpose()?;
        let (strategy, stacks_kept) = (config.strategy, config.stacks_kept);
        // Without them each memory reserves address space of its own.
        let spare = if guarded && pool.is_none() { Slots::spare() } else { None };
        let poll_pages = Arc::new(PollPages { kept: stacks_kept, ..PollPages::default() });
        Ok(Self { strategy, pool, spare, stacks: Mutex::default(), stacks_kept, poll_pages })
    }

    /// How memories with 32-bit addresses lie in address space.
    #[must_use]
    pub fn strategy(&self) -> MemoryStrategy {
        self.strategy
    }

    /// Whether instances come from a pool.
    #[must_use]
    pub fn is_pooled(&self) -> bool {
        self.pool.is_some()
    }

    pub(crate) fn slots(&self) -> Option<&Slots> {
        match &self.pool {
            Some(pool) => pool.slots.as_ref(),
            None => self.spare.as_ref(),
        }
    }

    /// Counts an instance.
    pub(crate) fn add_instance(&self) -> Result<(), Refusal> {
        let Some(pool) = &self.pool else { return Ok(()) };
        let max = pool.config.instances;
        let added = pool.instances.add(max);
        added.then_some(()).ok_or(Refusal::PoolExhausted { what: "instances", max })
    }

    /// Counts a memory that has no slot.
    pub(crate) fn add_memory(&self, len: usize) -> Result<(), Refusal> {
        let Some(pool) = &self.pool else { return Ok(()) };
        let max = pool.config.memory_bytes_max;
        if len > max {
            let (wanted, max) = (len as u64, max as u64);
            return Err(Refusal::TooLargeForPool { what: "memory", wanted, max });
        }
        let max = pool.config.memories as usize;
        let added = pool.memories.add(max);
        added.then_some(()).ok_or(Refusal::PoolExhausted { what: "memories", max })
    }

    /// Whether a memory that has no slot may grow to so many bytes.
    pub(crate) fn may_grow_memory(&self, len: usize) -> bool {
        self.pool.as_ref().is_none_or(|pool| len <= pool.config.memory_bytes_max)
    }

    /// Counts a table.
    pub(crate) fn add_table(&self, elements: u64) -> Result<(), Refusal> {
        let Some(pool) = &self.pool else { return Ok(()) };
        let max = pool.config.table_elements_max;
        if elements > max {
            return Err(Refusal::TooLargeForPool { what: "table", wanted: elements, max });
        }
        let max = pool.config.tables;
        let added = pool.tables.add(max);
        added.then_some(()).ok_or(Refusal::PoolExhausted { what: "tables", max })
    }

    /// Elements that a table can have.
    pub(crate) fn table_elements_max(&self) -> u64 {
        self.pool.as_ref().map_or(u64::MAX, |pool| pool.config.table_elements_max)
    }

    /// Counts what a store gives back.
    pub(crate) fn subtract(&self, instances: usize, memories: usize, tables: usize) {
        let Some(pool) = &self.pool else { return };
        pool.instances.subtract(instances);
        pool.memories.subtract(memories);
        pool.tables.subtract(tables);
    }

    /// The poll pages.
    pub(crate) fn poll_pages(&self) -> &Arc<PollPages> {
        &self.poll_pages
    }

    /// A value stack of `bytes` bytes: all zeros, used before or new.
    pub(crate) fn take_stack(&self, bytes: usize) -> Option<ValueStack> {
        let kept = self.stacks.lock().pop();
        kept.filter(|stack| stack.holds(bytes)).or_else(|| ValueStack::new(bytes))
    }

    /// Keeps a value stack for the next store, if it can be cleared and there are not too many.
    pub(crate) fn give_stack_back(&self, mut stack: ValueStack, is_shallow: bool) {
        if self.stacks_kept == 0 || !stack.clear(is_shallow) {
            return;
        }
        let mut stacks = self.stacks.lock();
        if stacks.len() < self.stacks_kept {
            stacks.push(stack);
        }
    }
}

impl fmt::Debug for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resources")
            .field("strategy", &self.strategy)
            .field("pool", &self.pool.as_ref().map(|pool| &pool.config))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(feature = "native", not(miri)))]
    use crate::context::Interrupts;

    fn resources(stacks_kept: usize) -> Resources {
        let strategy = MemoryStrategy::Dense;
        Resources::new(ResourcesConfig { strategy, pool: None, stacks_kept }).expect("no bounds")
    }

    fn slots(stack: &mut ValueStack, len: usize) -> &mut [u64] {
        // SAFETY: the stack has more slots, and the tests use them one after the other.
        unsafe { core::slice::from_raw_parts_mut(stack.base(), len) }
    }

    #[test]
    fn a_stack_is_zeros_again_for_the_next_store() {
        let resources = resources(2);
        let bytes = 1 << 20;
        let deepest = bytes / 8;
        for (written, is_shallow) in [(448, true), (450, false), (8_000, false), (deepest, false)] {
            let mut stack = resources.take_stack(bytes).expect("address space");
            assert!(slots(&mut stack, deepest).iter().all(|slot| *slot == 0), "before {written}");
            slots(&mut stack, written).fill(0xa5a5);
            resources.give_stack_back(stack, is_shallow);
        }
        let mut stack = resources.take_stack(bytes).expect("address space");
        assert!(slots(&mut stack, deepest).iter().all(|slot| *slot == 0));
        assert!(stack.shallow_end() < stack.end());
    }

    #[test]
    fn no_more_stacks_are_kept_than_said_and_none_of_another_size() {
        let resources = resources(1);
        let [first, second] = [(); 2].map(|()| resources.take_stack(1 << 16).expect("memory"));
        resources.give_stack_back(first, true);
        resources.give_stack_back(second, true);
        assert_eq!(resources.stacks.lock().len(), 1);
        let other = resources.take_stack(1 << 17).expect("memory");
        assert!(other.holds(1 << 17) && !other.holds(1 << 16));
    }

    #[test]
    #[cfg(all(feature = "native", not(miri)))]
    fn a_poll_page_is_open_for_the_next_store_whoever_closed_it() {
        let resources = resources(1);
        let first = Interrupts::new(Some(resources.poll_pages()));
        let page = first.poll_page();
        if page.is_null() {
            // No native code runs on this machine, and there are no pages.
            return;
        }
        first.interrupt();
        drop(first);
        let second = Interrupts::new(Some(resources.poll_pages()));
        assert_eq!(second.poll_page(), page, "the one that was given back");
        // SAFETY: the page is the second one's, and open; else the process ends here.
        assert_eq!(unsafe { page.read_volatile() }, 0);
        let other = Interrupts::new(Some(resources.poll_pages()));
        assert_ne!(other.poll_page(), page, "one page a store");
        drop((second, other));
        assert_eq!(resources.poll_pages().open.lock().len(), 1, "as many as said");
    }

    #[test]
    fn a_count_ends_at_its_bound() {
        let counted = Counted::default();
        assert!(counted.add(2) && counted.add(2) && !counted.add(2));
        counted.subtract(1);
        assert!(counted.add(2) && !counted.add(2));
    }
}
