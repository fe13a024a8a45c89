//! Functions that are put into a module to look at what cannot be seen from outside: each makes a number of
//! a value, objects and what they hold included.
//!
//! Their code runs in both engines like the module's own: what they find different is different, and what
//! they do (tests and casts to every type, reads of every field) is searched as well.

use super::shape::{Shape, Top, heap};
use wasm_encoder::{
    AbstractHeapType, BlockType, Catch, FieldType, Function, HeapType, Instruction, StorageType,
    ValType,
};

type Code = Vec<Instruction<'static>>;

/// How deep objects are looked into.
const DEPTH: i32 = 3;
/// Types that an object is held against.
const TYPES_MAX: usize = 12;
/// Fields of a structure that are read.
const FIELDS_MAX: usize = 5;
/// Elements of an array that are read.
const ELEMENTS_MAX: i32 = 3;
/// Tags that an exception is held against.
const TAGS_MAX: usize = 6;
/// Elements of a table that are looked at.
const TABLE_ELEMENTS_MAX: i64 = 32;
/// An odd number without a pattern.
const SPREAD: i64 = 0x517C_C1B7_2722_0A95;

/// Types and functions that are added at the ends of the module's own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Helpers {
    /// The first of the functions.
    pub(super) func: u32,
    /// The first of the blocks' types, one for each tag.
    pub(super) block: u32,
}

impl Helpers {
    /// How many functions these are.
    pub(super) const FUNCS: u32 = 8;

    /// Makes the NaNs of a type one.
    pub(super) const fn canon32(self) -> u32 {
        self.func
    }

    /// See [`Helpers::canon32`].
    pub(super) const fn canon64(self) -> u32 {
        self.func + 1
    }

    /// Makes a number of a vector.
    const fn vector(self) -> u32 {
        self.func + 2
    }

    /// Makes a number of a reference, looking so deep.
    const fn reference(self, top: Top) -> u32 {
        self.func
            + match top {
                Top::Any => 3,
                Top::Func => 4,
                Top::Extern => 5,
                Top::Exn => 6,
            }
    }

    /// Makes a number of all globals and tables.
    pub(super) const fn state(self) -> u32 {
        self.func + 7
    }

    /// The parameters and results of all of them.
    pub(super) fn types() -> [(Vec<ValType>, ValType); Self::FUNCS as usize] {
        let looks = |ty| (vec![ty, ValType::I32], ValType::I64);
        let top = |ty| super::shape::nullable(heap(ty));
        [
            (vec![ValType::F32], ValType::F32),
            (vec![ValType::F64], ValType::F64),
            (vec![ValType::V128], ValType::I64),
            looks(top(AbstractHeapType::Any)),
            looks(top(AbstractHeapType::Func)),
            looks(top(AbstractHeapType::Extern)),
            looks(top(AbstractHeapType::Exn)),
            (vec![], ValType::I64),
        ]
    }
}

/// Writes the functions that look.
pub(super) struct Looker<'s> {
    pub(super) shape: &'s Shape,
    pub(super) helpers: Helpers,
}

impl Looker<'_> {
    /// The bodies of [`Helpers`], in order.
    pub(super) fn bodies(&self) -> Vec<Function> {
        vec![
            function(&[], canon32()),
            function(&[], canon64()),
            function(&[], vector()),
            function(&[ValType::I64, ValType::I32], self.any()),
            function(&[ValType::I64], self.func()),
            function(&[], self.external()),
            function(&[ValType::I64], self.exception()),
            function(&[ValType::I64, ValType::I32], self.state()),
        ]
    }

    /// Code that makes a number of the value on the stack, looking as deep as usual.
    pub(super) fn look(&self, ty: ValType) -> Code {
        self.look_to(ty, vec![Instruction::I32Const(DEPTH)])
    }

    fn look_to(&self, ty: ValType, depth: Code) -> Code {
        match ty {
            ValType::I32 => vec![Instruction::I64ExtendI32U],
            ValType::I64 => vec![],
            ValType::F32 => vec![
                Instruction::Call(self.helpers.canon32()),
                Instruction::I32ReinterpretF32,
                Instruction::I64ExtendI32U,
            ],
            ValType::F64 => {
                vec![Instruction::Call(self.helpers.canon64()), Instruction::I64ReinterpretF64]
            }
            ValType::V128 => vec![Instruction::Call(self.helpers.vector())],
            ValType::Ref(ty) => {
                let top = self.shape.top(ty.heap_type).unwrap_or(Top::Any);
                let mut code = depth;
                code.push(Instruction::Call(self.helpers.reference(top)));
                code
            }
        }
    }

    /// Of a value within the one that a function looks at.
    fn look_within(&self, ty: ValType) -> Code {
        let depth = vec![Instruction::LocalGet(1), Instruction::I32Const(1), Instruction::I32Sub];
        self.look_to(ty, depth)
    }

    /// `(anyref, i32) -> i64`; locals: the number, whether fields were read.
    fn any(&self) -> Code {
        let mut code = null_is_one();
        code.extend([
            Instruction::LocalGet(1),
            Instruction::I32Eqz,
            Instruction::If(BlockType::Empty),
            Instruction::I64Const(2),
            Instruction::Return,
            Instruction::End,
        ]);
        let integer = heap(AbstractHeapType::I31);
        code.extend([
            Instruction::LocalGet(0),
            Instruction::RefTestNonNull(integer),
            Instruction::If(BlockType::Empty),
            Instruction::LocalGet(0),
            Instruction::RefCastNonNull(integer),
            Instruction::I31GetS,
            Instruction::I64ExtendI32S,
            Instruction::I64Const(SPREAD),
            Instruction::I64Xor,
            Instruction::Return,
            Instruction::End,
        ]);
        for ty in [AbstractHeapType::Eq, AbstractHeapType::Struct, AbstractHeapType::Array] {
            code.extend([Instruction::LocalGet(0), Instruction::RefTestNonNull(heap(ty))]);
            code.push(Instruction::I64ExtendI32U);
            code.extend(mix(2));
        }
        let types = (0..self.shape.types.len() as u32).rev().filter(|ty| !self.shape.is_func(*ty));
        for ty in types.take(TYPES_MAX) {
            code.extend(self.against(ty));
        }
        code.push(Instruction::LocalGet(2));
        code
    }

    /// Holds the object against a type and reads its fields if they were not read yet: types below come
    /// after those above, so that nothing is missed.
    fn against(&self, ty: u32) -> Code {
        let mut code = vec![
            Instruction::LocalGet(0),
            Instruction::RefTestNonNull(HeapType::Concrete(ty)),
            Instruction::If(BlockType::Empty),
            Instruction::I64Const(i64::from(ty) + 10),
        ];
        code.extend(mix(2));
        code.extend([
            Instruction::LocalGet(3),
            Instruction::I32Eqz,
            Instruction::If(BlockType::Empty),
            Instruction::I32Const(1),
            Instruction::LocalSet(3),
        ]);
        let cast = [Instruction::LocalGet(0), Instruction::RefCastNonNull(HeapType::Concrete(ty))];
        if let Some(fields) = self.shape.fields(ty) {
            for (index, field) in fields.iter().enumerate().take(FIELDS_MAX) {
                code.extend(cast.clone());
                code.push(struct_get(ty, index as u32, *field));
                code.extend(self.look_within(field.element_type.unpack()));
                code.extend(mix(2));
            }
        } else if let Some(element) = self.shape.element(ty) {
            code.extend(cast.clone());
            code.extend([Instruction::ArrayLen, Instruction::I64ExtendI32U]);
            code.extend(mix(2));
            for index in 0..ELEMENTS_MAX {
                code.extend(cast.clone());
                code.extend([
                    Instruction::ArrayLen,
                    Instruction::I32Const(index),
                    Instruction::I32GtU,
                    Instruction::If(BlockType::Empty),
                ]);
                code.extend(cast.clone());
                code.push(Instruction::I32Const(index));
                code.push(array_get(ty, element));
                code.extend(self.look_within(element.element_type.unpack()));
                code.extend(mix(2));
                code.push(Instruction::End);
            }
        }
        code.extend([Instruction::End, Instruction::End]);
        code
    }

    /// `(funcref, i32) -> i64`; a local: the number.
    fn func(&self) -> Code {
        let mut code = null_is_one();
        let types = (0..self.shape.types.len() as u32).filter(|ty| self.shape.is_func(*ty));
        for ty in types.take(TYPES_MAX) {
            code.push(Instruction::LocalGet(0));
            code.push(Instruction::RefTestNonNull(HeapType::Concrete(ty)));
            code.push(Instruction::I64ExtendI32U);
            code.extend(mix(2));
        }
        code.push(Instruction::LocalGet(2));
        code
    }

    /// `(externref, i32) -> i64`
    fn external(&self) -> Code {
        let mut code = null_is_one();
        code.extend([
            Instruction::LocalGet(0),
            Instruction::AnyConvertExtern,
            Instruction::LocalGet(1),
            Instruction::Call(self.helpers.reference(Top::Any)),
            Instruction::I64Const(SPREAD),
            Instruction::I64Mul,
        ]);
        code
    }

    /// `(exnref, i32) -> i64`; a local: the number. The exception is thrown again for each tag.
    fn exception(&self) -> Code {
        let mut code = null_is_one();
        code.extend([
            Instruction::LocalGet(1),
            Instruction::I32Eqz,
            Instruction::If(BlockType::Empty),
            Instruction::I64Const(2),
            Instruction::Return,
            Instruction::End,
        ]);
        let tags = if self.shape.legacy { 0 } else { TAGS_MAX };
        for (tag, ty) in self.shape.tags.iter().enumerate().take(tags) {
            let ty = self.shape.func_type(*ty);
            let tag = tag as u32;
            let catches = vec![Catch::One { tag, label: 0 }, Catch::All { label: 1 }];
            code.extend([
                Instruction::Block(BlockType::Empty),
                Instruction::Block(BlockType::FunctionType(self.helpers.block + tag)),
                Instruction::TryTable(BlockType::Empty, catches.into()),
                Instruction::LocalGet(0),
                Instruction::ThrowRef,
                Instruction::End,
                Instruction::Unreachable,
                Instruction::End,
            ]);
            for param in ty.params().iter().rev() {
                code.extend(self.look_within(*param));
                code.extend(mix(2));
            }
            code.push(Instruction::I64Const(i64::from(tag) + 100));
            code.extend(mix(2));
            code.push(Instruction::End);
        }
        code.push(Instruction::LocalGet(2));
        code
    }

    /// `() -> i64`; locals: the number, an index.
    fn state(&self) -> Code {
        let mut code = Vec::new();
        for (index, global) in self.shape.globals.iter().enumerate() {
            code.push(Instruction::GlobalGet(index as u32));
            code.extend(self.look(global.val_type));
            code.extend(mix(0));
        }
        for (index, memory) in self.shape.memories.iter().enumerate() {
            code.push(Instruction::MemorySize(index as u32));
            code.extend((!memory.memory64).then_some(Instruction::I64ExtendI32U));
            code.extend(mix(0));
        }
        for index in 0..self.shape.tables.len() {
            code.extend(self.table(index as u32));
        }
        code.push(Instruction::LocalGet(0));
        code
    }

    /// The size of a table and its first elements.
    fn table(&self, index: u32) -> Code {
        let ty = self.shape.tables[index as usize];
        let mut size = vec![Instruction::TableSize(index)];
        size.extend((!ty.table64).then_some(Instruction::I64ExtendI32U));
        let mut code = size.clone();
        code.extend(mix(0));
        code.extend([
            Instruction::I32Const(0),
            Instruction::LocalSet(1),
            Instruction::Loop(BlockType::Empty),
            Instruction::LocalGet(1),
            Instruction::I64ExtendI32U,
        ]);
        code.extend(size);
        code.extend([
            Instruction::I64LtU,
            Instruction::LocalGet(1),
            Instruction::I32Const(TABLE_ELEMENTS_MAX as i32),
            Instruction::I32LtU,
            Instruction::I32And,
            Instruction::If(BlockType::Empty),
            Instruction::LocalGet(1),
        ]);
        code.extend(ty.table64.then_some(Instruction::I64ExtendI32U));
        code.push(Instruction::TableGet(index));
        code.extend(self.look(ValType::Ref(ty.element_type)));
        code.extend(mix(0));
        code.extend([
            Instruction::LocalGet(1),
            Instruction::I32Const(1),
            Instruction::I32Add,
            Instruction::LocalSet(1),
            Instruction::Br(1),
            Instruction::End,
            Instruction::End,
        ]);
        code
    }
}

/// Takes the `i64` on the stack into the one in `local`, so that order counts.
pub(super) fn mix(local: u32) -> Code {
    vec![
        Instruction::LocalGet(local),
        Instruction::I64Const(9),
        Instruction::I64Rotl,
        Instruction::I64Xor,
        Instruction::I64Const(SPREAD),
        Instruction::I64Mul,
        Instruction::LocalSet(local),
    ]
}

/// A function with locals of these types.
pub(super) fn function(locals: &[ValType], code: Code) -> Function {
    let mut function = Function::new_with_locals_types(locals.iter().copied());
    for instruction in code {
        function.instruction(&instruction);
    }
    function.instruction(&Instruction::End);
    function
}

fn null_is_one() -> Code {
    vec![
        Instruction::LocalGet(0),
        Instruction::RefIsNull,
        Instruction::If(BlockType::Empty),
        Instruction::I64Const(1),
        Instruction::Return,
        Instruction::End,
    ]
}

fn struct_get(ty: u32, field_index: u32, field: FieldType) -> Instruction<'static> {
    match field.element_type {
        StorageType::Val(_) => Instruction::StructGet { struct_type_index: ty, field_index },
        _ => Instruction::StructGetS { struct_type_index: ty, field_index },
    }
}

fn array_get(ty: u32, element: FieldType) -> Instruction<'static> {
    match element.element_type {
        StorageType::Val(_) => Instruction::ArrayGet(ty),
        _ => Instruction::ArrayGetS(ty),
    }
}

fn canon32() -> Code {
    vec![
        Instruction::LocalGet(0),
        Instruction::F32Const(f32::NAN.into()),
        Instruction::LocalGet(0),
        Instruction::LocalGet(0),
        Instruction::F32Eq,
        Instruction::Select,
    ]
}

fn canon64() -> Code {
    vec![
        Instruction::LocalGet(0),
        Instruction::F64Const(f64::NAN.into()),
        Instruction::LocalGet(0),
        Instruction::LocalGet(0),
        Instruction::F64Eq,
        Instruction::Select,
    ]
}

fn vector() -> Code {
    vec![
        Instruction::LocalGet(0),
        Instruction::I64x2ExtractLane(0),
        Instruction::LocalGet(0),
        Instruction::I64x2ExtractLane(1),
        Instruction::I64Const(SPREAD),
        Instruction::I64Mul,
        Instruction::I64Xor,
    ]
}
