//! Instantiation (specification, 4.5.4), and what an instance owns.
//!
//! 1. Imports are matched against the module's types; nothing has been created when one does not match.
//! 2. Memories, tables and globals are created, constant expressions evaluated.
//! 3. Active segments are written, elements before data; a segment out of bounds traps, and what was
//!    written before it stays written.
//!
//! The start function is the embedder's to call: this room runs no code.

use crate::ModuleCode;
use crate::context::{GlobalCell, MemoryDef, TableDef, VmContext};
use crate::owned::Owned;
use crate::store::{Extern, HostFailure, Store};
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ptr::NonNull;
use dunlin_core::{ExternType, TrapCode};
use dunlin_module::{
    ConstOp, ConstRange, DataMode, ElementItem, ElementMode, ElementSegment, ExternIdx, ImportKind,
    Invalid, Module,
};

/// An import that is missing or of the wrong type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkError {
    /// The import's two names.
    pub import: (String, String),
    /// The type that the module asks for.
    pub expected: ExternType,
    /// What was given; `None` if nothing was.
    pub found: Option<ExternType>,
}

impl core::fmt::Display for LinkError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (module, name) = &self.import;
        let expected = &self.expected;
        match &self.found {
            None => write!(f, "unknown import: `{module}` `{name}` ({expected}) is not defined"),
            Some(found) => write!(
                f,
                "incompatible import type: `{module}` `{name}` must be {expected}, but is {found}"
            ),
        }
    }
}

impl core::error::Error for LinkError {}

/// Why a module could not be instantiated.
pub enum InstantiateError {
    /// An import does not match.
    Link(Box<LinkError>),
    /// A segment lies out of bounds.
    Trap(TrapCode),
    /// A memory or table was refused, by a limit or by the machine.
    Refused(&'static str),
    /// The embedder's limits reported a failure.
    Host(HostFailure),
    /// The module's bytes do not decode; the index has checked them, so this is a bug.
    Invalid(Invalid),
}

impl From<Invalid> for InstantiateError {
    fn from(error: Invalid) -> Self {
        Self::Invalid(error)
    }
}

impl From<TrapCode> for InstantiateError {
    fn from(code: TrapCode) -> Self {
        Self::Trap(code)
    }
}

impl From<HostFailure> for InstantiateError {
    fn from(failure: HostFailure) -> Self {
        Self::Host(failure)
    }
}

/// An instance: its context, and what the context points to.
pub(crate) struct Instance {
    cx: Owned<VmContext>,
    code: Arc<ModuleCode>,
    /// A list that is moved while a context points to it: of the kinds that may be, and never touched.
    imports: Vec<u32>,
    _arrays: Arrays,
    globals: Box<[u32]>,
    tables: Box<[u32]>,
    memories: Box<[u32]>,
    func_refs: Box<[u32]>,
    /// Passive element segments; empty once dropped.
    elements: Box<[Box<[u32]>]>,
    data_dropped: Box<[bool]>,
}

impl Instance {
    pub(crate) fn cx(&self) -> *mut VmContext {
        self.cx.as_ptr()
    }

    pub(crate) fn code(&self) -> &Arc<ModuleCode> {
        &self.code
    }

    pub(crate) fn imports(&self) -> &[u32] {
        &self.imports
    }

    pub(crate) fn made_func_ref(&self, func: u32) -> Option<u32> {
        Some(self.func_refs[func as usize]).filter(|made| *made != 0)
    }

    pub(crate) fn note_func_ref(&mut self, func: u32, made: u32) {
        self.func_refs[func as usize] = made;
    }

    pub(crate) fn memory(&self, index: u32) -> u32 {
        self.memories[index as usize]
    }

    pub(crate) fn table(&self, index: u32) -> u32 {
        self.tables[index as usize]
    }

    pub(crate) fn element(&self, index: u32) -> &[u32] {
        &self.elements[index as usize]
    }

    pub(crate) fn drop_element(&mut self, index: u32) {
        self.elements[index as usize] = Box::default();
    }

    pub(crate) fn drop_data(&mut self, index: u32) {
        self.data_dropped[index as usize] = true;
    }

    pub(crate) fn is_data_dropped(&self, index: u32) -> bool {
        self.data_dropped[index as usize]
    }
}

/// The arrays that a context points to. They are moved afterwards, which a `Box` would take as the end
/// of every pointer into it.
struct Arrays {
    _globals: Owned<[*mut GlobalCell]>,
    _tables: Owned<[*mut TableDef]>,
    _memories: Owned<[*mut MemoryDef]>,
}

/// Indices in the store, by kind, imports first.
#[derive(Default)]
struct Spaces {
    funcs: Vec<u32>,
    tables: Vec<u32>,
    memories: Vec<u32>,
    globals: Vec<u32>,
}

impl Store {
    /// Instantiates a module. `imports` are in the order of the module's imports.
    ///
    /// # Errors
    ///
    /// If an import does not match, limits refuse, or a segment is out of bounds.
    pub fn instantiate(
        &mut self,
        code: &Arc<ModuleCode>,
        imports: &[Extern],
    ) -> Result<u32, InstantiateError> {
        let mut spaces = self.match_imports(code.module(), imports)?;
        self.create_memories_and_tables(code.module(), &mut spaces)?;
        let index = self.push_instance(code, &mut spaces);
        self.initialise_globals(index)?;
        self.initialise_passive_elements(index)?;
        self.initialise_tables(index)?;
        self.initialise_memories(index)?;
        Ok(index)
    }

    /// What an instance exports under `name`.
    pub fn export(&mut self, instance: u32, name: &str) -> Option<Extern> {
        let item = self.instance_code(instance).module().export(name)?;
        Some(self.item(instance, item))
    }

    /// The thing that has this index in an instance.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn item(&mut self, instance: u32, item: ExternIdx) -> Extern {
        let of = &self.instances[instance as usize];
        match item {
            ExternIdx::Func(func) => Extern::Func(self.func_ref(instance, func)),
            ExternIdx::Table(index) => Extern::Table(of.tables[index as usize]),
            ExternIdx::Memory(index) => Extern::Memory(of.memories[index as usize]),
            ExternIdx::Global(index) => Extern::Global(of.globals[index as usize]),
        }
    }

    /// The type of a thing of this store.
    ///
    /// # Panics
    ///
    /// If there is no such thing.
    #[must_use]
    pub fn extern_type(&self, item: Extern) -> ExternType {
        match item {
            Extern::Func(func) => ExternType::Func((*self.func_type(func)).clone()),
            Extern::Table(index) => ExternType::Table(self.table_type(index)),
            Extern::Memory(index) => ExternType::Memory(self.memory_type(index)),
            Extern::Global(index) => ExternType::Global(self.global_type(index)),
        }
    }

    fn match_imports(&self, module: &Module, given: &[Extern]) -> Result<Spaces, InstantiateError> {
        let mut spaces = Spaces::default();
        for (i, import) in module.imports().iter().enumerate() {
            let found = given.get(i).copied();
            if !found.is_some_and(|item| self.matches(module, import.kind, item)) {
                let (from, name) = module.import_names(import);
                return Err(InstantiateError::Link(Box::new(LinkError {
                    import: (from.to_string(), name.to_string()),
                    expected: module.import_type(import),
                    found: found.map(|item| self.extern_type(item)),
                })));
            }
            match found {
                Some(Extern::Func(index)) => spaces.funcs.push(index),
                Some(Extern::Table(index)) => spaces.tables.push(index),
                Some(Extern::Memory(index)) => spaces.memories.push(index),
                Some(Extern::Global(index)) => spaces.globals.push(index),
                None => {}
            }
        }
        Ok(spaces)
    }

    /// Whether `item` may be imported as `kind` (specification, 3.5.1 "Matching").
    fn matches(&self, module: &Module, kind: ImportKind, item: Extern) -> bool {
        match (kind, item) {
            (ImportKind::Func(ty), Extern::Func(func)) => {
                *self.func_type(func) == module.types()[ty as usize]
            }
            (ImportKind::Table(want), Extern::Table(index)) => {
                let have = self.table_type(index);
                want.element == have.element
                    && want.table64 == have.table64
                    && limits_match((want.min, want.max), (have.min, have.max))
            }
            (ImportKind::Memory(want), Extern::Memory(index)) => {
                let have = self.memory_type(index);
                want.memory64 == have.memory64
                    && limits_match((want.min, want.max), (have.min, have.max))
            }
            (ImportKind::Global(want), Extern::Global(index)) => want == self.global_type(index),
            _ => false,
        }
    }

    fn create_memories_and_tables(
        &mut self,
        module: &Module,
        spaces: &mut Spaces,
    ) -> Result<(), InstantiateError> {
        for ty in module.defined_memories() {
            let memory = self.create_memory(*ty)?;
            spaces.memories.push(memory.ok_or(InstantiateError::Refused("memory"))?);
        }
        for table in module.tables() {
            let made = self.create_table(table.ty, 0)?;
            spaces.tables.push(made.ok_or(InstantiateError::Refused("table"))?);
        }
        for global in module.globals() {
            spaces.globals.push(self.create_global(global.ty, [0; 2]));
        }
        Ok(())
    }

    fn push_instance(&mut self, code: &Arc<ModuleCode>, spaces: &mut Spaces) -> u32 {
        let module = code.module();
        let index = self.instances.len() as u32;
        let imports = core::mem::take(&mut spaces.funcs);
        let global_cells: Owned<[_]> =
            spaces.globals.iter().map(|global| self.global_cell(*global)).collect();
        let table_defs: Owned<[_]> =
            spaces.tables.iter().map(|table| self.tables[*table as usize].def()).collect();
        let memory_defs: Owned<[_]> =
            spaces.memories.iter().map(|memory| self.memories[*memory as usize].def()).collect();
        let cx = Owned::new(VmContext {
            store: self.context(),
            memory0_base: NonNull::dangling().as_ptr(),
            memory0_len: 0,
            funcs: code.entries().as_ptr(),
            globals: global_cells.first(),
            tables: table_defs.first(),
            memories: memory_defs.first(),
            imports: imports.as_ptr(),
            type_ids: code.type_ids().as_ptr(),
            instance: index,
            func_imports: module.func_imports(),
        });
        // Contexts are found again through frames on the stack, as integers.
        let _ = cx.as_ptr().expose_provenance();
        if let Some(memory) = spaces.memories.first() {
            self.memories[*memory as usize].add_user(cx.as_ptr());
        }
        self.instances.push(Instance {
            cx,
            code: code.clone(),
            imports,
            _arrays: Arrays { _globals: global_cells, _tables: table_defs, _memories: memory_defs },
            globals: core::mem::take(&mut spaces.globals).into(),
            tables: core::mem::take(&mut spaces.tables).into(),
            memories: core::mem::take(&mut spaces.memories).into(),
            func_refs: alloc::vec![0; module.func_count() as usize].into(),
            elements: alloc::vec![Box::default(); module.elements().len()].into(),
            data_dropped: alloc::vec![false; module.data().len()].into(),
        });
        index
    }

    fn initialise_globals(&mut self, instance: u32) -> Result<(), InstantiateError> {
        let code = self.instance_code(instance).clone();
        let first = self.instances[instance as usize].globals.len() - code.module().globals().len();
        for (i, global) in code.module().globals().iter().enumerate() {
            let value = self.evaluate(instance, global.init)?;
            let index = self.instances[instance as usize].globals[first + i];
            self.set_global(index, value);
        }
        Ok(())
    }

    fn initialise_passive_elements(&mut self, instance: u32) -> Result<(), InstantiateError> {
        let code = self.instance_code(instance).clone();
        for (i, segment) in code.module().elements().iter().enumerate() {
            if matches!(segment.mode, ElementMode::Passive) {
                let values = self.element_values(instance, code.module(), segment)?;
                self.instances[instance as usize].elements[i] = values.into();
            }
        }
        Ok(())
    }

    fn initialise_tables(&mut self, instance: u32) -> Result<(), InstantiateError> {
        let code = self.instance_code(instance).clone();
        for segment in code.module().elements() {
            let ElementMode::Active { table, offset } = segment.mode else { continue };
            let is64 = code.module().table_type(table).table64;
            let start = self.evaluate_offset(instance, offset, is64)?;
            let values = self.element_values(instance, code.module(), segment)?;
            let table = self.instances[instance as usize].table(table);
            let slots = self.tables[table as usize].slice_mut(start, values.len() as u64)?;
            slots.copy_from_slice(&values);
        }
        Ok(())
    }

    fn initialise_memories(&mut self, instance: u32) -> Result<(), InstantiateError> {
        let code = self.instance_code(instance).clone();
        let module = code.module();
        for (i, segment) in module.data().iter().enumerate() {
            let DataMode::Active { memory, offset } = segment.mode else { continue };
            let is64 = module.memories()[memory as usize].memory64;
            let start = self.evaluate_offset(instance, offset, is64)?;
            let bytes = module.data_bytes(segment);
            let memory = self.instances[instance as usize].memory(memory);
            let memory = self.memory_mut(memory);
            let target = usize::try_from(start)
                .ok()
                .and_then(|start| memory.get_mut(start..start.checked_add(bytes.len())?));
            target.ok_or(TrapCode::MemoryOutOfBounds)?.copy_from_slice(bytes);
            self.instances[instance as usize].drop_data(i as u32);
        }
        Ok(())
    }

    fn element_values(
        &mut self,
        instance: u32,
        module: &Module,
        segment: &ElementSegment,
    ) -> Result<Vec<u32>, InstantiateError> {
        let mut values = Vec::with_capacity(segment.count as usize);
        module.element_items::<InstantiateError>(segment, |item| {
            values.push(match item {
                ElementItem::Func(func) => self.func_ref(instance, func),
                ElementItem::Expr(expr) => self.evaluate(instance, expr)?[0] as u32,
            });
            Ok(())
        })?;
        Ok(values)
    }

    fn evaluate_offset(
        &mut self,
        instance: u32,
        expr: ConstRange,
        is64: bool,
    ) -> Result<u64, InstantiateError> {
        let value = self.evaluate(instance, expr)?[0];
        Ok(if is64 { value } else { u64::from(value as u32) })
    }

    /// The value of a constant expression.
    fn evaluate(
        &mut self,
        instance: u32,
        expr: ConstRange,
    ) -> Result<GlobalCell, InstantiateError> {
        let code = self.instance_code(instance).clone();
        // The top is kept apart, so that the usual expression of one constant allocates nothing.
        let (mut top, mut below) = ([0; 2], Vec::new());
        let mut depth = 0;
        code.module().const_ops(expr, |op| {
            let value = match op {
                ConstOp::I32(value) => [u64::from(value as u32), 0],
                ConstOp::I64(value) => [value as u64, 0],
                ConstOp::F32(bits) => [bits.into(), 0],
                ConstOp::F64(bits) => [bits, 0],
                ConstOp::V128(bits) => [bits as u64, (bits >> 64) as u64],
                ConstOp::RefNull(_) => [0; 2],
                ConstOp::RefFunc(func) => [self.func_ref(instance, func).into(), 0],
                ConstOp::GlobalGet(index) => {
                    self.global(self.instances[instance as usize].globals[index as usize])
                }
                op => {
                    let left = below.pop().unwrap_or([0; 2])[0];
                    depth -= 1;
                    top = [arithmetic(op, left, top[0]), 0];
                    return;
                }
            };
            if depth > 0 {
                below.push(top);
            }
            depth += 1;
            top = value;
        })?;
        Ok(top)
    }
}

fn arithmetic(op: ConstOp, left: u64, right: u64) -> u64 {
    let narrow = |value: u32| u64::from(value);
    let (left32, right32) = (left as u32, right as u32);
    match op {
        ConstOp::I32Add => narrow(left32.wrapping_add(right32)),
        ConstOp::I32Sub => narrow(left32.wrapping_sub(right32)),
        ConstOp::I32Mul => narrow(left32.wrapping_mul(right32)),
        ConstOp::I64Add => left.wrapping_add(right),
        ConstOp::I64Sub => left.wrapping_sub(right),
        _ => left.wrapping_mul(right),
    }
}

fn limits_match(want: (u64, Option<u64>), have: (u64, Option<u64>)) -> bool {
    have.0 >= want.0
        && match (want.1, have.1) {
            (None, _) => true,
            (Some(want), Some(have)) => have <= want,
            (Some(_), None) => false,
        }
}
