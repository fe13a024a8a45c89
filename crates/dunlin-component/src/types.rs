//! Value and function types with everything the canonical ABI says of them: sizes, alignments, where each part lies in
//! memory and among flat values. Computed once, when a component is loaded.
//!
//! Types are interned in one table for each component, nested components included, and called by index.

use crate::abi::program::Program;
use crate::limits::{FLAT_ASYNC_PARAMS_MAX, FLAT_PARAMS_MAX, FLAT_RESULTS_MAX, VALUE_BYTES_MAX};
use crate::trap::trap;
use dunlin::{Result, ValType};
use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, OnceLock};

/// A value type of a component's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(pub(crate) u32);

/// A function type of a component's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FuncTypeId(pub(crate) u32);

/// A resource type as a component's text knows it: what stands for it differs from instance to instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Var(pub(crate) u32);

/// Hashes the number of a type, which nobody chooses.
#[derive(Debug, Default)]
pub(crate) struct VarHasher(u64);

impl std::hash::Hasher for VarHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        // Tables look at the highest bits and the lowest: an odd constant without a pattern mixes them.
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }
}

/// All types of a component.
#[derive(Debug, Default)]
pub struct TypeTable {
    pub(crate) nodes: Vec<Node>,
    pub(crate) funcs: Vec<FuncType>,
    /// Steps of the programs that have been made.
    pub(crate) steps: AtomicUsize,
    /// Steps of those that adapters are for.
    pub(crate) adapted: AtomicUsize,
    /// Whether calls of the component's functions may have adapters at all.
    pub(crate) adaptable: bool,
    /// Whether core modules of the component may throw exceptions.
    pub(crate) throws: bool,
}

impl TypeTable {
    pub(crate) fn node(&self, ty: TypeId) -> &Node {
        &self.nodes[ty.0 as usize]
    }

    pub(crate) fn func(&self, ty: FuncTypeId) -> &FuncType {
        &self.funcs[ty.0 as usize]
    }

    pub(crate) fn add(&mut self, mut node: Node) -> TypeId {
        node.core = self.core(&node);
        self.nodes.push(node);
        TypeId((self.nodes.len() - 1) as u32)
    }

    /// The core types of a value, if they are few; from those of its parts, so that no part is looked at twice.
    fn core(&self, node: &Node) -> Option<Box<[ValType]>> {
        if node.flat as usize > FLAT_PARAMS_MAX {
            return None;
        }
        let mut flat = Vec::new();
        match &node.kind {
            Kind::S64 | Kind::U64 => flat.push(ValType::I64),
            Kind::F32 => flat.push(ValType::F32),
            Kind::F64 => flat.push(ValType::F64),
            Kind::String | Kind::List(_) | Kind::Map(_) => flat.extend([ValType::I32; 2]),
            Kind::FixedList(element, len) => {
                let element = self.node(*element).core.as_deref()?;
                (0..*len).for_each(|_| flat.extend_from_slice(element));
            }
            Kind::Record(fields) | Kind::Tuple(fields) => {
                for field in fields {
                    flat.extend_from_slice(self.node(field.ty).core.as_deref()?);
                }
            }
            Kind::Variant(cases) | Kind::Option(cases) | Kind::Result(cases) => {
                flat.push(ValType::I32);
                for case in cases.cases.iter().filter_map(|case| case.ty) {
                    for (at, ty) in self.node(case).core.as_deref()?.iter().enumerate() {
                        match flat.get_mut(at + 1) {
                            Some(joined) => *joined = join(*joined, *ty),
                            None => flat.push(*ty),
                        }
                    }
                }
            }
            _ => flat.push(ValType::I32),
        }
        Some(flat.into())
    }
}

/// The core type that holds the bits of both.
fn join(a: ValType, b: ValType) -> ValType {
    match (a, b) {
        _ if a == b => a,
        (ValType::I32, ValType::F32) | (ValType::F32, ValType::I32) => ValType::I32,
        _ => ValType::I64,
    }
}

/// A value type.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// Bytes in memory.
    pub(crate) size: u32,
    /// Alignment in memory, in bytes.
    pub(crate) align: u32,
    /// How many core values it is as flat values.
    pub(crate) flat: u32,
    /// The types of these, if they are few enough to be parameters; set when it is added to a table.
    pub(crate) core: Option<Box<[ValType]>>,
}

/// What a value type is.
#[derive(Debug)]
pub(crate) enum Kind {
    Bool,
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
    F32,
    F64,
    Char,
    String,
    List(TypeId),
    /// A list of pairs.
    Map(TypeId),
    FixedList(TypeId, u32),
    Record(Box<[Field]>),
    Tuple(Box<[Field]>),
    Variant(Cases),
    Option(Cases),
    Result(Cases),
    Enum(Box<[Arc<str>]>),
    Flags(Box<[Arc<str>]>),
    Own(Var),
    Borrow(Var),
    /// A handle of the model's asynchronous half.
    Async(&'static str),
}

/// A part of a record, tuple or list of parameters.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: Arc<str>,
    pub(crate) ty: TypeId,
    /// Where it begins in memory.
    pub(crate) offset: u32,
    /// Which flat value is its first.
    pub(crate) slot: u32,
}

/// The cases of a variant.
#[derive(Debug)]
pub(crate) struct Cases {
    pub(crate) cases: Box<[Case]>,
    /// Bytes of the discriminant.
    pub(crate) discriminant: u32,
    /// Where the payload begins in memory.
    pub(crate) payload: u32,
}

#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: Arc<str>,
    pub(crate) ty: Option<TypeId>,
}

impl Node {
    /// A type of one flat value whose alignment is its size.
    pub(crate) const fn scalar(kind: Kind, size: u32) -> Self {
        Self { kind, size, align: size, flat: 1, core: None }
    }

    /// A type that is a pointer and a length.
    pub(crate) const fn range(kind: Kind) -> Self {
        Self { kind, size: 8, align: 4, flat: 2, core: None }
    }

    pub(crate) fn flags(names: Box<[Arc<str>]>) -> Self {
        let size = match names.len() {
            ..=8 => 1,
            9..=16 => 2,
            _ => 4,
        };
        Self::scalar(Kind::Flags(names), size)
    }

    /// Bytes of the discriminant of so many cases.
    pub(crate) const fn discriminant_bytes(cases: usize) -> u32 {
        match cases {
            ..=0x100 => 1,
            0x101..=0x1_0000 => 2,
            _ => 4,
        }
    }

    pub(crate) fn enumeration(names: Box<[Arc<str>]>) -> Self {
        let size = Self::discriminant_bytes(names.len());
        Self::scalar(Kind::Enum(names), size)
    }

    /// A list of so many elements, in place.
    pub(crate) fn fixed_list(table: &TypeTable, element: TypeId, len: u32) -> Option<Self> {
        let node = table.node(element);
        let size = u64::from(node.size) * u64::from(len);
        let kind = Kind::FixedList(element, len);
        let (align, flat) = (node.align, node.flat.saturating_mul(len));
        (size < VALUE_BYTES_MAX).then_some(Self {
            kind,
            size: size as u32,
            align,
            flat,
            core: None,
        })
    }

    /// A record of these fields, or a tuple.
    pub(crate) fn record(
        table: &TypeTable,
        fields: impl Iterator<Item = (Arc<str>, TypeId)>,
        kind: fn(Box<[Field]>) -> Kind,
    ) -> Option<Self> {
        let (mut size, mut align, mut flat) = (0_u64, 1, 0_u32);
        let mut placed = Vec::new();
        for (name, ty) in fields {
            let node = table.node(ty);
            let offset = size.next_multiple_of(node.align.into());
            placed.push(Field { name, ty, offset: u32::try_from(offset).ok()?, slot: flat });
            size = offset + u64::from(node.size);
            align = node.align.max(align);
            flat = flat.saturating_add(node.flat);
        }
        let size = size.next_multiple_of(align.into());
        let kind = kind(placed.into());
        (size < VALUE_BYTES_MAX).then_some(Self {
            kind,
            size: size as u32,
            align,
            flat,
            core: None,
        })
    }

    /// A variant of these cases, or one of its special forms.
    pub(crate) fn variant(
        table: &TypeTable,
        cases: Box<[Case]>,
        kind: fn(Cases) -> Kind,
    ) -> Option<Self> {
        let discriminant = Self::discriminant_bytes(cases.len());
        let (mut size, mut align, mut flat) = (0, 1, 0);
        for node in cases.iter().filter_map(|case| case.ty).map(|ty| table.node(ty)) {
            size = node.size.max(size);
            align = node.align.max(align);
            flat = node.flat.max(flat);
        }
        let payload = discriminant.next_multiple_of(align);
        let align = align.max(discriminant);
        let size = (u64::from(payload) + u64::from(size)).next_multiple_of(align.into());
        let kind = kind(Cases { cases, discriminant, payload });
        let flat = flat.saturating_add(1);
        (size < VALUE_BYTES_MAX).then_some(Self {
            kind,
            size: size as u32,
            align,
            flat,
            core: None,
        })
    }
}

/// A function type, and how its core functions are called.
#[derive(Debug)]
pub struct FuncType {
    /// The parameters as a tuple: where each lies in memory and among flat values.
    pub(crate) params: Box<[Field]>,
    /// Bytes and alignment of that tuple.
    pub(crate) params_size: u32,
    pub(crate) params_align: u32,
    pub(crate) result: Option<TypeId>,
    /// The core types of the parameters, if they are passed flat.
    pub(crate) flat_params: Option<Box<[ValType]>>,
    /// The core type of the result, if there is one and it is passed flat.
    pub(crate) flat_result: Option<ValType>,
    /// Whether the result is passed in memory.
    pub(crate) result_in_memory: bool,
    pub(crate) is_async: bool,
    /// Whether handles are lent during a call.
    pub(crate) lends: bool,
    /// The resource types that occur.
    pub(crate) vars: Box<[Var]>,
    /// How the parameters of one component become those of another, and so the result.
    pub(crate) programs: OnceLock<Option<(Program, Program)>>,
    /// How the result does as the parameters of `task.return`.
    pub(crate) returned: OnceLock<Option<Program>>,
    /// Whether there is to be an adapter for calls between components.
    pub(crate) adapted: OnceLock<bool>,
}

impl FuncType {
    /// A function type; `None` if its parameters are too large for any memory.
    pub(crate) fn new(
        table: &TypeTable,
        params: impl Iterator<Item = (Arc<str>, TypeId)>,
        result: Option<TypeId>,
        is_async: bool,
    ) -> Option<Self> {
        let node = Node::record(table, params, Kind::Tuple)?;
        let Kind::Tuple(params) = node.kind else { return None };
        let is_flat = node.flat as usize <= FLAT_PARAMS_MAX;
        let mut flat = Vec::new();
        for param in params.iter().filter(|_| is_flat) {
            flat.extend_from_slice(table.node(param.ty).core.as_deref()?);
        }
        let result_node = result.map(|ty| table.node(ty));
        let in_memory = result_node.is_some_and(|node| node.flat as usize > FLAT_RESULTS_MAX);
        let flat_result = result_node.filter(|_| !in_memory).and_then(|node| node.core.as_deref());
        let mut uses = Uses { table, seen: HashSet::default(), vars: Vec::new(), lends: false };
        params.iter().map(|param| param.ty).chain(result).for_each(|ty| uses.visit(ty));
        let Uses { vars, lends, .. } = uses;
        Some(Self {
            params_size: node.size,
            params_align: node.align,
            result,
            flat_params: is_flat.then(|| flat.into()),
            result_in_memory: in_memory,
            flat_result: flat_result.and_then(|flat| flat.first().copied()),
            is_async,
            lends,
            vars: vars.into(),
            params,
            programs: OnceLock::new(),
            returned: OnceLock::new(),
            adapted: OnceLock::new(),
        })
    }

    /// How its parameters and result pass from one component to another.
    pub(crate) fn programs(&self, types: &TypeTable) -> Result<&(Program, Program)> {
        let programs = self.programs.get_or_init(|| Program::of(types, self));
        programs.as_ref().ok_or_else(too_many_steps)
    }

    /// How its result passes as parameters of `task.return`.
    pub(crate) fn returned(&self, types: &TypeTable) -> Result<&Program> {
        let program = self.returned.get_or_init(|| Program::returned(types, self));
        program.as_ref().ok_or_else(too_many_steps)
    }

    /// The type of the core function that is lifted.
    pub(crate) fn lifted(&self) -> dunlin::FuncType {
        let pointer = [ValType::I32];
        let params = self.flat_params.as_deref().unwrap_or(&pointer).iter().copied();
        let result = if self.result_in_memory { Some(ValType::I32) } else { self.flat_result };
        dunlin::FuncType::new(params, result)
    }

    /// How the core function is called that it is lowered to.
    pub(crate) fn shape(&self, is_async: bool) -> Shape {
        let max = if is_async { FLAT_ASYNC_PARAMS_MAX } else { FLAT_PARAMS_MAX };
        let flat = self.flat_params.as_ref().filter(|flat| flat.len() <= max);
        Shape {
            params_in_memory: flat.is_none(),
            param_slots: flat.map_or(1, |flat| flat.len()),
            result_in_memory: self.result_in_memory || is_async && self.result.is_some(),
            is_async,
        }
    }

    /// The type of the core function that it is lowered to.
    pub(crate) fn lowered(&self, shape: Shape) -> dunlin::FuncType {
        let pointer = [ValType::I32];
        let flat = self.flat_params.as_deref().filter(|_| !shape.params_in_memory);
        let params = flat.unwrap_or(&pointer).iter().copied();
        let place = shape.result_in_memory.then_some(ValType::I32);
        let result = if shape.is_async { Some(ValType::I32) } else { self.flat_result };
        dunlin::FuncType::new(params.chain(place), result)
    }
}

#[cold]
fn too_many_steps() -> dunlin::Error {
    trap("the types of the component's functions are too large")
}

/// How a core function that a function is lowered to is called.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub(crate) params_in_memory: bool,
    /// How many core values the parameters are.
    pub(crate) param_slots: usize,
    /// Whether the caller says where in memory the result is to be.
    pub(crate) result_in_memory: bool,
    /// Whether its result is what has become of the call.
    pub(crate) is_async: bool,
}

/// What is used by the types of a function.
struct Uses<'a> {
    table: &'a TypeTable,
    /// By numbers that nobody chooses.
    seen: HashSet<TypeId, BuildHasherDefault<VarHasher>>,
    vars: Vec<Var>,
    lends: bool,
}

impl Uses<'_> {
    fn visit(&mut self, ty: TypeId) {
        if !self.seen.insert(ty) {
            return;
        }
        match &self.table.node(ty).kind {
            Kind::List(element) | Kind::Map(element) | Kind::FixedList(element, _) => {
                self.visit(*element);
            }
            Kind::Record(fields) | Kind::Tuple(fields) => {
                fields.iter().for_each(|field| self.visit(field.ty));
            }
            Kind::Variant(cases) | Kind::Option(cases) | Kind::Result(cases) => {
                cases.cases.iter().filter_map(|case| case.ty).for_each(|ty| self.visit(ty));
            }
            Kind::Own(var) => self.add(*var),
            Kind::Borrow(var) => {
                self.lends = true;
                self.add(*var);
            }
            _ => {}
        }
    }

    fn add(&mut self, var: Var) {
        if !self.vars.contains(&var) {
            self.vars.push(var);
        }
    }
}

impl Kind {
    /// What the type is called in errors.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::S8 => "s8",
            Self::U8 => "u8",
            Self::S16 => "s16",
            Self::U16 => "u16",
            Self::S32 => "s32",
            Self::U32 => "u32",
            Self::S64 => "s64",
            Self::U64 => "u64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Char => "char",
            Self::String => "string",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::FixedList(..) => "list of fixed length",
            Self::Record(_) => "record",
            Self::Tuple(_) => "tuple",
            Self::Variant(_) => "variant",
            Self::Option(_) => "option",
            Self::Result(_) => "result",
            Self::Enum(_) => "enum",
            Self::Flags(_) => "flags",
            Self::Own(_) => "own",
            Self::Borrow(_) => "borrow",
            Self::Async(what) => what,
        }
    }
}
