//! What may be read and written through which pointer, and what is read there.

use super::value::{ANY, U32, What};
use crate::support::CELLS;
use dunlin_module::layout::{
    HEAP_NULL_BYTES, NULL_BYTES, POLL_PAGE_BYTES, budget, cell, func_record, import_call,
    interrupts, memory_def, object, store_context, table_def, type_record, vm_context,
};
use dunlin_module::side::FRAME_RECORD_SLOTS;
use dunlin_module::{Bounds, Module, Settings, StaticTables};

/// No object's fields, or elements that are written one by one, end behind this: validation allows ten thousand.
pub(crate) const OBJECT_BYTES_MAX: u64 = 16 * 10_001;

/// No slots of an exception are more: it has at most a thousand parameters.
const PAYLOAD_BYTES_MAX: i64 = 16 * 1_000;

/// An access of memory: at a displacement, of so many bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access {
    pub(crate) at: i64,
    pub(crate) size: u64,
    pub(crate) reads: bool,
    pub(crate) writes: bool,
}

impl Access {
    fn is_load(self, size: u64) -> bool {
        !self.writes && self.size == size
    }

    /// The number of an element that is accessed of an array of so many.
    fn element(self, bytes: u64, count: usize) -> Option<u32> {
        let at = u64::try_from(self.at).ok()?;
        let is_one = self.size == bytes && at.is_multiple_of(bytes) && at / bytes < count as u64;
        is_one.then_some((at / bytes) as u32)
    }

    /// Whether it is of these bytes alone.
    pub(crate) fn is_within(self, from: i64, to: i64) -> bool {
        self.at >= from && self.at + self.size as i64 <= to
    }
}

/// Whose code it is.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) module: &'a Module,
    pub(crate) tables: &'a StaticTables,
    pub(crate) settings: &'a Settings,
    pub(crate) func: u32,
}

impl Subject<'_> {
    /// How many entries the array of code has before what leads to the tables that never change.
    pub(crate) fn code_count(&self) -> usize {
        self.module.func_count() as usize + self.module.types().len()
    }

    /// Up to where memory faults from the base on of a memory whose accesses are not compared.
    pub(crate) fn guarded_bytes(&self, memory: u32) -> Option<u64> {
        let Bounds::Guarded { reserved_bytes, guard_bytes } = self.settings.bounds else {
            return None;
        };
        let ty = self.module.memories().get(memory as usize)?;
        (!ty.memory64 && ty.has_plain_pages()).then_some(reserved_bytes + guard_bytes)
    }

    /// Whether a memory's base stays what it is across calls.
    pub(crate) fn is_fixed(&self, memory: u32) -> bool {
        let shared = self.module.memories().get(memory as usize).is_some_and(|ty| ty.shared);
        shared || self.guarded_bytes(memory).is_some()
    }

    fn context_field(at: usize) -> Option<What> {
        Some(match at {
            vm_context::STORE => What::Store,
            vm_context::MEMORY0_BASE => What::Base(0),
            vm_context::MEMORY0_LEN => What::Len(0),
            vm_context::GLOBALS => What::Globals,
            vm_context::TABLES => What::Tables,
            vm_context::MEMORIES => What::Memories,
            vm_context::TYPE_IDS => What::TypeIds,
            vm_context::CODE => What::Code,
            vm_context::IMPORT_CALLS => What::ImportCalls,
            vm_context::INTERRUPTS => What::Interrupts,
            vm_context::POLL_PAGE => What::PollPage,
            vm_context::TAGS => What::Tags,
            vm_context::BUDGETS => What::Budgets,
            vm_context::PROFILE => What::Notes,
            _ => return None,
        })
    }

    /// What an access of the store's context finds. Only the nursery's next object is ever written.
    fn store_field(access: Access) -> Option<What> {
        match (access.at as usize, access.size, access.writes) {
            (store_context::NURSERY_NEXT, 4, _) => Some(U32),
            (store_context::NURSERY_END, 4, false) => Some(U32),
            (store_context::HEAP_BASE, 8, false) => Some(What::Heap),
            (store_context::TYPES, 8, false) => Some(What::Types),
            (store_context::LOOP_SLOTS, 8, false) => Some(What::LoopSlots),
            (store_context::FUNCS | store_context::CARDS | store_context::TYPE_COUNT, 8, false) => {
                Some(ANY)
            }
            _ => None,
        }
    }

    /// What a load of an array of pointers or numbers finds.
    fn array(&self, of: What, access: Access) -> Option<What> {
        let (module, types) = (self.module, self.module.types().len());
        if access.writes {
            return None;
        }
        match of {
            What::Memories => access.element(8, module.memories().len()).map(What::MemoryDef),
            What::Tables => {
                let count = module.table_imports() + module.tables().len();
                access.element(8, count).map(What::TableDef)
            }
            What::Globals => {
                let count = module.global_imports() + module.globals().len();
                access.element(8, count).map(|_| What::GlobalCell)
            }
            What::TypeIds => access.element(4, types).map(|_| U32),
            What::Tags => access.element(4, module.tags().len()).map(|_| U32),
            What::Code => {
                let has_tables = usize::from(!self.tables.is_empty());
                let at = access.element(8, self.code_count() + has_tables)?;
                let is_code = (at as usize) < self.code_count();
                Some(if is_code { What::CodePtr(Some(at)) } else { What::Statics })
            }
            What::ImportCalls => {
                let end = i64::from(module.func_imports()) * import_call::BYTES as i64;
                let is_one = access.is_load(8) && access.is_within(0, end);
                match access.at as usize % import_call::BYTES {
                    _ if !is_one => None,
                    import_call::CX => Some(What::Foreign),
                    import_call::CODE => Some(What::CodeCell),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// What an access of a record or cell finds.
    fn record(&self, of: What, access: Access) -> Option<What> {
        let at = usize::try_from(access.at).ok()?;
        match (of, at) {
            (What::MemoryDef(memory), memory_def::BASE) if access.is_load(8) => {
                Some(What::Base(memory))
            }
            (What::MemoryDef(memory), memory_def::LEN) if access.is_load(8) => {
                Some(What::Len(memory))
            }
            (What::TableDef(table), table_def::BASE) if access.is_load(8) => {
                Some(What::TableBase(table))
            }
            (What::TableDef(_), table_def::LEN) if access.is_load(8) => Some(ANY),
            (What::GlobalCell, _) if access.is_within(0, 16) => Some(ANY),
            (What::CodeCell, 0) if access.is_load(8) => Some(What::CodePtr(None)),
            (What::FuncRecord, func_record::CX) if access.is_load(8) => Some(What::Foreign),
            (What::FuncRecord, func_record::CODE) if access.is_load(8) => Some(What::CodeCell),
            (What::FuncRecord, func_record::TYPE_ID | func_record::INDEX) if access.is_load(4) => {
                Some(U32)
            }
            (What::TypeRecord, type_record::LINE) if access.is_load(8) => {
                Some(What::Line(dunlin_module::layout::LINE_PLACES_MIN as u32))
            }
            (What::TypeRecord, type_record::LEN) if access.is_load(8) => Some(ANY),
            (What::StaticElement, 0) if access.is_load(4) => Some(U32),
            (What::StaticElement, 4) if access.is_load(4) => Some(What::StaticCode),
            (What::Line(places), _) if !access.writes => {
                access.element(4, places as usize).map(|_| U32)
            }
            (What::Interrupts, interrupts::LIMIT | interrupts::NATIVE_LIMIT)
                if access.is_load(8) =>
            {
                Some(ANY)
            }
            (What::PollPage, _) if access.is_load(1) => {
                access.is_within(0, POLL_PAGE_BYTES as i64).then_some(U32)
            }
            // A function counts on its own budget alone.
            (What::Budgets, _) => {
                let own = self.func as usize * budget::BYTES;
                let fields = [budget::LEFT, budget::CALLS, budget::OBSERVED];
                let is_own = fields.iter().any(|field| own + field == at);
                (access.size == 4 && is_own && access.reads && access.writes).then_some(U32)
            }
            (What::Notes, _) => self.is_own_note(at, access).then_some(U32),
            _ => None,
        }
    }

    /// Whether it is of the function's own notes: a byte for each of its body's, which is only written, or a cell.
    fn is_own_note(&self, at: usize, access: Access) -> bool {
        let body = self.module.body_range(self.func).unwrap_or_default();
        match at.checked_sub(CELLS) {
            None => access.size == 1 && access.writes && !access.reads && body.contains(&at),
            Some(at) => {
                let fields = [cell::SEEN, cell::SURPLUS, cell::OTHERS];
                let is_field = access.size == 4 && fields.contains(&(at % cell::BYTES));
                is_field && body.contains(&(at / cell::BYTES))
            }
        }
    }

    /// What an access of what the guest owns finds.
    fn guest(of: What, access: Access) -> Option<What> {
        let end = access.at.checked_add_unsigned(access.size)?;
        let is_fine = access.at >= 0
            && match of {
                What::Object => end <= OBJECT_BYTES_MAX as i64,
                // Where the comparison failed it is at the displacement itself.
                What::Masked { room } => end as u64 <= room && end as usize <= NULL_BYTES,
                What::MaskedElement { stride } => {
                    access.at == object::ELEMENTS as i64 && access.size <= stride.into()
                }
                What::MaskedTableElement => access.at == 0 && access.size == 4,
                What::Payload => !access.writes && end <= PAYLOAD_BYTES_MAX,
                What::Card => access.writes && access.at == 0 && access.size == 1,
                _ => false,
            };
        is_fine.then_some(ANY)
    }

    /// What an access through a pointer finds, where it may be; the bytes of the frame.
    pub(crate) fn find(
        &self,
        of: What,
        access: Access,
        frame_bytes: u32,
        area_bytes: u32,
    ) -> Option<What> {
        match of {
            What::Context if access.is_load(8) && access.at >= 0 && access.at % 8 == 0 => {
                Self::context_field(access.at as usize / 8)
            }
            What::Context => None,
            What::Store => Self::store_field(access),
            What::Area => {
                let is_fine = access.writes && access.is_within(0, area_bytes.into());
                is_fine.then_some(ANY)
            }
            What::LoopSlots => {
                let end = i64::from(frame_bytes) + 8 * i64::from(FRAME_RECORD_SLOTS);
                access.is_within(0, end).then_some(ANY)
            }
            _ => self
                .array(of, access)
                .or_else(|| self.record(of, access))
                .or_else(|| Self::guest(of, access)),
        }
    }

    /// Whether an access of a memory, or of the heap, stays where it may be, with an index up to a number.
    pub(crate) fn is_indexed_fine(&self, of: What, index: What, access: Access) -> bool {
        let (Ok(at), max) = (u64::try_from(access.at), index.max()) else { return false };
        let Some(end) = at.checked_add(access.size) else { return false };
        match of {
            What::Base(memory) => {
                let end = max.checked_add(end);
                end.zip(self.guarded_bytes(memory)).is_some_and(|(end, bytes)| end <= bytes)
            }
            // Null faults near offset 0, and is asked for elsewhere.
            What::Heap => {
                let faults = end <= HEAP_NULL_BYTES as u64;
                index.is_narrow() && end <= OBJECT_BYTES_MAX && (faults || index.is_nonzero())
            }
            _ => false,
        }
    }
}
