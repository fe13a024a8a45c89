//! What every instance of a module begins with, worked out once instead of at each instantiation.
//!
//! 1. Initial values of globals, where their expressions are constants.
//! 2. Contents of tables, if every active element segment has a constant offset in a table of the
//!    module's own and fits: then writing them cannot trap, and nobody else can see how it is done. The
//!    functions that they name get consecutive references in every store.
//! 3. Contents of memories, as images, on the same terms for data segments. Elements are written before
//!    data (specification, 4.5.4), so there are images only if the elements cannot trap.
//!
//! Functions in tables need records, which lead to the instance. Where there are many, a store that ends
//! leaves them here, with the block that they lead to: the next instance with the same references takes
//! both, and writes none.
//!
//! What is not worked out here is done by each instance, step by step. It is built at the second
//! instantiation, so that a module that is run once pays nothing; at the first where instances come
//! from a pool.

use crate::block::Block;
use crate::context::{FuncRecord, GlobalCell};
use crate::image::MemoryImage;
use crate::resources::Resources;
use crate::sync::Mutex;
use crate::tuning::{FUNCS_KEPT_MIN, RECORDS_KEPT_BYTES_MAX, RECORDS_KEPT_MAX};
use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use dunlin_module::{
    ConstOp, ConstRange, DataMode, ElementItem, ElementMode, Invalid, Module, Offset,
};

/// A function that the tables name: what its record in a store says.
pub(crate) struct FuncStart {
    pub(crate) func: u32,
    pub(crate) type_id: u32,
    pub(crate) params: u32,
    pub(crate) results: u32,
}

/// An element of a table: null, an imported function, or one of those that get references.
#[derive(Clone, Copy, PartialEq, Eq)]
struct ElementStart(u32);

impl ElementStart {
    const NULL: Self = Self(0);
    const IMPORT: u32 = 1 << 31;

    /// Which imported function it is, if it is one.
    fn import(self) -> Option<u32> {
        (self.0 & Self::IMPORT != 0).then_some(self.0 & !Self::IMPORT)
    }

    /// The reference that it is in an instance whose functions have references from `first` on, unless it
    /// is an imported function.
    #[inline]
    fn resolve(self, first: u32) -> u32 {
        // A choice, not a branch: many are resolved at once.
        let is_null = u32::from(self.0 == 0);
        first.wrapping_add(self.0).wrapping_sub(1) & is_null.wrapping_sub(1)
    }
}

/// Contents of the tables that a module defines.
pub(crate) struct TablesStart {
    /// By defined table; elements beyond are null.
    contents: Box<[Box<[ElementStart]>]>,
    /// Whether an imported function is among them.
    has_imports: bool,
    /// The functions that get references, in the order of these.
    funcs: Box<[FuncStart]>,
    /// By function: its place in `funcs`, plus one; empty if there are none.
    ordinals: Box<[u32]>,
}

/// Images of the memories that a module defines; `None` for those that begin as zeros.
type Images = Box<[Option<Arc<MemoryImage>>]>;

/// An instance's block and the records that lead to it, left by a store that has ended.
pub(crate) struct Kept {
    /// The block; nothing in it counts any more.
    pub(crate) block: Block,
    /// The records of a store: nobody's up to here, then the functions that the tables name.
    pub(crate) first: u32,
    pub(crate) funcs: Vec<FuncRecord>,
}

// SAFETY: the records lead to the block, which goes with them, and to the code of the module whose blueprint
// keeps them.
unsafe impl Send for Kept {}

/// What every instance of a module begins with.
pub(crate) struct Blueprint {
    globals: Box<[Option<GlobalCell>]>,
    tables: Option<TablesStart>,
    /// By defined memory; `None` where instances write the data segments themselves.
    images: Option<Images>,
    kept: Mutex<Vec<Kept>>,
    resources: Weak<Resources>,
}

impl Blueprint {
    /// The blueprint of a module, whose types have these numbers.
    pub(crate) fn new(
        module: &Module,
        type_ids: &[u32],
        resources: &Arc<Resources>,
    ) -> Result<Self, Invalid> {
        let globals = constant_globals(module)?;
        let tables = TablesStart::new(module, type_ids)?;
        let images = if tables.is_some() { images(module)? } else { None };
        let (kept, resources) = (Mutex::default(), Arc::downgrade(resources));
        Ok(Self { globals, tables, images, kept, resources })
    }

    /// The initial value of a defined global, if it is a constant.
    pub(crate) fn global(&self, index: usize) -> Option<GlobalCell> {
        self.globals[index]
    }

    pub(crate) fn tables(&self) -> Option<&TablesStart> {
        self.tables.as_ref()
    }

    /// The functions that the tables name, if they are so many that their records are kept.
    fn kept_funcs(&self) -> Option<usize> {
        let len = self.tables()?.funcs().len();
        (len >= FUNCS_KEPT_MIN).then_some(len)
    }

    /// A block and records that have been left.
    pub(crate) fn take_kept(&self) -> Option<Kept> {
        self.kept_funcs()?;
        self.kept.lock().pop()
    }

    /// Leaves a block and a store's records to the next instance, if there are not too many. References begin
    /// with `first`.
    pub(crate) fn keep(&self, block: Block, first: u32, mut funcs: Vec<FuncRecord>) {
        let Some(len) = self.kept_funcs() else { return };
        let end = first as usize + len;
        let bytes = funcs.capacity() * size_of::<FuncRecord>();
        if funcs.len() < end || bytes > RECORDS_KEPT_BYTES_MAX {
            return;
        }
        // There is room again for those that come after.
        funcs.truncate(end);
        let mut kept = self.kept.lock();
        if kept.len() < RECORDS_KEPT_MAX.min(RECORDS_KEPT_BYTES_MAX / bytes) {
            kept.push(Kept { block, first, funcs });
        }
    }

    /// Whether the images are all that the data segments write.
    pub(crate) fn has_images(&self) -> bool {
        self.images.is_some()
    }

    /// The image of a defined memory.
    pub(crate) fn image(&self, memory: usize) -> Option<&Arc<MemoryImage>> {
        self.images.as_ref()?[memory].as_ref()
    }
}

impl Drop for Blueprint {
    fn drop(&mut self) {
        let resources = self.resources.upgrade();
        let Some(slots) = resources.as_ref().and_then(|resources| resources.slots()) else {
            return;
        };
        for image in self.images.iter().flatten().flatten() {
            slots.forget(image.id());
        }
    }
}

/// Elements of a table that are laid out however few of them segments write.
const SPARSE_ELEMENTS_MAX: usize = 1 << 10;

/// How many times more elements than segments write may be laid out.
const ELEMENTS_SPARSENESS_MAX: usize = 4;

impl TablesStart {
    fn new(module: &Module, type_ids: &[u32]) -> Result<Option<Self>, Invalid> {
        let mut contents = alloc::vec![Vec::new(); module.tables().len()];
        let (mut funcs, mut ordinals, mut written) = (Vec::new(), Vec::new(), 0);
        // What is written here are whole tables, null where no segment writes.
        if module.tables().iter().any(|table| table.init.is_some()) {
            return Ok(None);
        }
        for segment in module.elements() {
            let ElementMode::Active { table, offset } = segment.mode else { continue };
            let Some(defined) = (table as usize).checked_sub(module.table_imports()) else {
                return Ok(None);
            };
            let ty = module.table_type(table);
            let Some(Constant::Number([start, _])) = constant(module, offset)? else {
                return Ok(None);
            };
            let start = if ty.table64 { start } else { u64::from(start as u32) };
            let end = start.checked_add(segment.count.into()).filter(|end| *end <= ty.min);
            let Some(end) = end else { return Ok(None) };
            written += segment.count as usize;
            let justified =
                written.saturating_mul(ELEMENTS_SPARSENESS_MAX).max(SPARSE_ELEMENTS_MAX);
            let contents: &mut Vec<ElementStart> = &mut contents[defined];
            if end > justified as u64 {
                return Ok(None);
            }
            contents.resize(contents.len().max(end as usize), ElementStart::NULL);
            let (mut at, mut is_known) = (start as usize, true);
            module.element_items::<Invalid>(segment, |item| {
                let value = match item {
                    ElementItem::Func(func) => Some(Constant::Func(func)),
                    ElementItem::Expr(expr) => constant(module, expr)?,
                };
                contents[at] = match value {
                    Some(Constant::Func(func)) => {
                        element(module, type_ids, func, &mut funcs, &mut ordinals)
                    }
                    other => {
                        is_known &= other.is_some();
                        ElementStart::NULL
                    }
                };
                at += 1;
                Ok(())
            })?;
            if !is_known {
                return Ok(None);
            }
        }
        let contents: Box<[Box<[ElementStart]>]> = contents.into_iter().map(Into::into).collect();
        let has_imports = contents.iter().flatten().any(|element| element.import().is_some());
        Ok(Some(Self { contents, has_imports, funcs: funcs.into(), ordinals: ordinals.into() }))
    }

    /// The functions that get references, in their order.
    pub(crate) fn funcs(&self) -> &[FuncStart] {
        &self.funcs
    }

    /// Which of these a function is.
    pub(crate) fn ordinal(&self, func: u32) -> Option<u32> {
        self.ordinals.get(func as usize)?.checked_sub(1)
    }

    /// Writes the contents of a defined table, which is null everywhere. References begin with `first`.
    pub(crate) fn write(
        &self,
        table: usize,
        elements: &mut [u32],
        first: u32,
        imports: impl Fn(u32) -> u32,
    ) {
        let contents = &self.contents[table];
        for (element, start) in elements.iter_mut().zip(contents) {
            *element = start.resolve(first);
        }
        if self.has_imports {
            for (element, start) in elements.iter_mut().zip(contents) {
                *element = start.import().map_or(*element, &imports);
            }
        }
    }
}

/// The element that refers to a function, which is noted if it has not been.
fn element(
    module: &Module,
    type_ids: &[u32],
    func: u32,
    funcs: &mut Vec<FuncStart>,
    ordinals: &mut Vec<u32>,
) -> ElementStart {
    if func < module.func_imports() {
        return ElementStart(ElementStart::IMPORT | func);
    }
    if ordinals.is_empty() {
        ordinals.resize(module.func_count() as usize, 0);
    }
    let ordinal = &mut ordinals[func as usize];
    if *ordinal == 0 {
        let ty = module.func_type(func);
        let type_id = type_ids[module.func_type_index(func) as usize];
        let (params, results) = (ty.param_slots(), ty.result_slots());
        funcs.push(FuncStart { func, type_id, params, results });
        *ordinal = funcs.len() as u32;
    }
    ElementStart(*ordinal)
}

/// The initial values of the defined globals, of those that are constants.
pub(crate) fn constant_globals(module: &Module) -> Result<Box<[Option<GlobalCell>]>, Invalid> {
    let globals = module.globals().iter().map(|global| {
        Ok(match constant(module, global.init)? {
            Some(Constant::Number(value)) => Some(value),
            Some(Constant::Null) => Some([0; 2]),
            _ => None,
        })
    });
    globals.collect()
}

/// The images of the defined memories, if they are all that the active data segments write.
fn images(module: &Module) -> Result<Option<Images>, Invalid> {
    let imported = module.memory_imports();
    let mut segments = alloc::vec![Vec::new(); module.defined_memories().len()];
    for segment in module.data() {
        let DataMode::Active { memory, offset } = segment.mode else { continue };
        let Some(defined) = (memory as usize).checked_sub(imported) else { return Ok(None) };
        let known = match offset {
            Offset::Known(start) => Some(Constant::Number([start.into(), 0])),
            Offset::Expr(offset) => constant(module, offset)?,
        };
        let Some(Constant::Number([start, _])) = known else { return Ok(None) };
        let is64 = module.memories()[memory as usize].memory64;
        let start = if is64 { start } else { u64::from(start as u32) };
        let Ok(start) = usize::try_from(start) else { return Ok(None) };
        segments[defined].push((start, module.data_bytes(segment)));
    }
    let mut images = Vec::with_capacity(segments.len());
    for (ty, segments) in module.defined_memories().iter().zip(&segments) {
        let len = ty.bytes_of(ty.min).and_then(|len| usize::try_from(len).ok());
        let is_empty = segments.iter().all(|(at, bytes)| bytes.is_empty() && Some(*at) <= len);
        // Images are whole pages of the machine.
        let image = len
            .filter(|_| !is_empty && ty.has_plain_pages())
            .and_then(|len| MemoryImage::new(len, segments));
        if image.is_none() && !is_empty {
            return Ok(None);
        }
        images.push(image.map(Arc::new));
    }
    Ok(Some(images.into()))
}

/// The value of a constant expression that no instance changes.
enum Constant {
    Number(GlobalCell),
    Null,
    Func(u32),
}

/// The value of an expression of one operator; `None` for others, and for what depends on imports.
fn constant(module: &Module, expr: ConstRange) -> Result<Option<Constant>, Invalid> {
    let (mut value, mut operators) = (None, 0);
    module.const_ops(expr, |op| {
        operators += 1;
        value = match op {
            ConstOp::I32(value) => Some(Constant::Number([u64::from(value as u32), 0])),
            ConstOp::I64(value) => Some(Constant::Number([value as u64, 0])),
            ConstOp::F32(bits) => Some(Constant::Number([bits.into(), 0])),
            ConstOp::F64(bits) => Some(Constant::Number([bits, 0])),
            ConstOp::V128(bits) => Some(Constant::Number([bits as u64, (bits >> 64) as u64])),
            ConstOp::RefNull(_) => Some(Constant::Null),
            ConstOp::RefFunc(func) => Some(Constant::Func(func)),
            _ => None,
        };
    })?;
    Ok(value.filter(|_| operators == 1))
}
