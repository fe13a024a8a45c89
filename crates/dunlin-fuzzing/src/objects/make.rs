//! Code that makes a value of any type out of a number.
//!
//! What crosses the border between a host and a guest is not the same in all hosts: some pass no vectors, none
//! pass an object of a type that only the guest knows. A number crosses everywhere.

use super::look::Helpers;
use super::shape::{Shape, Top, heap, never_null, nullable};
use std::cell::Cell;
use wasm_encoder::{
    AbstractHeapType, BlockType, Catch, ConstExpr, HeapType, Instruction, RefType, ValType,
};

/// How deep objects are within each other.
pub(super) const DEPTH: u32 = 3;

/// Elements of an array, at most.
const ELEMENTS_MASK: i32 = 7;

type Code = Vec<Instruction<'static>>;

/// Makes values for the functions of a module.
pub(super) struct Maker<'s> {
    shape: &'s Shape,
    helpers: Helpers,
    turn: Cell<usize>,
}

impl<'s> Maker<'s> {
    pub(super) fn new(shape: &'s Shape, helpers: Helpers) -> Self {
        Self { shape, helpers, turn: Cell::new(0) }
    }

    /// The next of `count` choices.
    fn turn(&self, count: usize) -> usize {
        self.turn.set(self.turn.get() + 1);
        self.turn.get() % count.max(1)
    }

    /// Code that leaves a value of `ty`, made of the `i64` in local `from`; `None` if there is no such value
    /// or none that is easily made.
    pub(super) fn value(&self, ty: ValType, from: u32, depth: u32) -> Option<Code> {
        let get = Instruction::LocalGet(from);
        Some(match ty {
            ValType::I32 => vec![get, Instruction::I32WrapI64],
            ValType::I64 => vec![get],
            ValType::F32 => vec![
                get,
                Instruction::I32WrapI64,
                Instruction::F32ReinterpretI32,
                Instruction::Call(self.helpers.canon32()),
            ],
            ValType::F64 => {
                vec![get, Instruction::F64ReinterpretI64, Instruction::Call(self.helpers.canon64())]
            }
            ValType::V128 => vec![get, Instruction::I64x2Splat],
            ValType::Ref(ty) => return self.reference(ty, from, depth),
        })
    }

    /// A nullable reference is null for every fourth number.
    fn reference(&self, ty: RefType, from: u32, depth: u32) -> Option<Code> {
        let object = if depth == 0 { None } else { self.object(ty.heap_type, from, depth - 1) };
        if !ty.nullable {
            return object;
        }
        let Some(object) = object else { return Some(vec![Instruction::RefNull(ty.heap_type)]) };
        let mut code = every(from, 0, 4, ValType::Ref(ty));
        code.push(Instruction::RefNull(ty.heap_type));
        code.push(Instruction::Else);
        code.extend(object);
        code.push(Instruction::End);
        Some(code)
    }

    /// A reference that is not null.
    fn object(&self, heap_type: HeapType, from: u32, depth: u32) -> Option<Code> {
        let abstract_type = match heap_type {
            HeapType::Abstract { ty, .. } => ty,
            HeapType::Concrete(ty) | HeapType::Exact(ty) => return self.concrete(ty, from, depth),
        };
        match abstract_type {
            AbstractHeapType::Any | AbstractHeapType::Eq => {
                let integer = self.object(heap(AbstractHeapType::I31), from, depth)?;
                let kind = |ty: u32| !self.shape.is_func(ty);
                let Some(object) = self.any_of(kind, from, depth) else { return Some(integer) };
                let mut code = every(from, 2, 2, never_null(heap_type));
                code.extend(integer);
                code.push(Instruction::Else);
                code.extend(object);
                code.push(Instruction::End);
                Some(code)
            }
            AbstractHeapType::I31 => Some(vec![
                Instruction::LocalGet(from),
                Instruction::I32WrapI64,
                Instruction::RefI31,
            ]),
            AbstractHeapType::Struct => {
                self.any_of(|ty| self.shape.fields(ty).is_some(), from, depth)
            }
            AbstractHeapType::Array => {
                self.any_of(|ty| self.shape.element(ty).is_some(), from, depth)
            }
            AbstractHeapType::Func => self.function(|_| true),
            AbstractHeapType::Extern => {
                let mut code = self.object(heap(AbstractHeapType::Any), from, depth)?;
                code.push(Instruction::ExternConvertAny);
                Some(code)
            }
            AbstractHeapType::Exn if !self.shape.legacy => self.exception(from, depth),
            _ => None,
        }
    }

    /// An object of one of the types that `fit`.
    fn any_of(&self, fit: impl Fn(u32) -> bool, from: u32, depth: u32) -> Option<Code> {
        let fitting: Vec<u32> = (0..self.shape.types.len() as u32).filter(|ty| fit(*ty)).collect();
        let first = self.turn(fitting.len());
        let turned = fitting.iter().cycle().skip(first).take(fitting.len().min(4));
        turned.copied().find_map(|ty| self.concrete(ty, from, depth))
    }

    fn concrete(&self, ty: u32, from: u32, depth: u32) -> Option<Code> {
        if self.shape.is_func(ty) {
            return self.function(|func| self.shape.is_below(func, ty));
        }
        let mut code = Vec::new();
        if let Some(fields) = self.shape.fields(ty) {
            for field in fields {
                code.extend(self.value(field.element_type.unpack(), from, depth)?);
            }
            code.push(Instruction::StructNew(ty));
        } else {
            let element = self.shape.element(ty)?;
            code.extend(self.value(element.element_type.unpack(), from, depth)?);
            code.push(Instruction::LocalGet(from));
            code.push(Instruction::I32WrapI64);
            code.push(Instruction::I32Const(ELEMENTS_MASK));
            code.push(Instruction::I32And);
            code.push(Instruction::ArrayNew(ty));
        }
        Some(code)
    }

    /// A function whose type's index `fits`.
    fn function(&self, fits: impl Fn(u32) -> bool) -> Option<Code> {
        let funcs = self.shape.funcs.iter().enumerate().filter(|(_, ty)| fits(**ty));
        let funcs: Vec<usize> = funcs.map(|(func, _)| func).collect();
        let func = *funcs.get(self.turn(funcs.len()))?;
        Some(vec![Instruction::RefFunc(func as u32 + 1)])
    }

    /// An exception that was thrown and caught.
    fn exception(&self, from: u32, depth: u32) -> Option<Code> {
        let throw = self.throw(from, depth)?;
        let exception = heap(AbstractHeapType::Exn);
        let mut code = vec![
            Instruction::Block(BlockType::Result(nullable(exception))),
            Instruction::TryTable(BlockType::Empty, vec![Catch::AllRef { label: 0 }].into()),
        ];
        code.extend(throw);
        code.extend([
            Instruction::End,
            Instruction::Unreachable,
            Instruction::End,
            Instruction::RefAsNonNull,
        ]);
        Some(code)
    }

    /// Throws one of the module's exceptions.
    pub(super) fn throw(&self, from: u32, depth: u32) -> Option<Code> {
        let tag = self.turn(self.shape.tags.len());
        let ty = self.shape.func_type(*self.shape.tags.get(tag)?);
        let mut code = Vec::new();
        for param in ty.params() {
            code.extend(self.value(*param, from, depth)?);
        }
        code.push(Instruction::Throw(tag as u32));
        Some(code)
    }

    /// What a global or a table that was imported begins with.
    pub(super) fn constant(&self, ty: ValType, number: i64) -> Option<ConstExpr> {
        let code = self.constant_code(ty, number, DEPTH)?;
        Some(ConstExpr::extended(code))
    }

    fn constant_code(&self, ty: ValType, number: i64, depth: u32) -> Option<Code> {
        Some(match ty {
            ValType::I32 => vec![Instruction::I32Const(number as i32)],
            ValType::I64 => vec![Instruction::I64Const(number)],
            ValType::F32 => vec![Instruction::F32Const((number as f32).into())],
            ValType::F64 => vec![Instruction::F64Const((number as f64).into())],
            ValType::V128 => vec![Instruction::V128Const(i128::from(number))],
            ValType::Ref(ty) if ty.nullable && (number & 1 == 0 || depth == 0) => {
                vec![Instruction::RefNull(ty.heap_type)]
            }
            ValType::Ref(ty) => {
                let object = if depth == 0 {
                    None
                } else {
                    self.constant_object(ty.heap_type, number, depth - 1)
                };
                match object {
                    None if ty.nullable => vec![Instruction::RefNull(ty.heap_type)],
                    object => object?,
                }
            }
        })
    }

    fn constant_object(&self, heap_type: HeapType, number: i64, depth: u32) -> Option<Code> {
        let (HeapType::Concrete(ty) | HeapType::Exact(ty)) = heap_type else {
            return match self.shape.top(heap_type)? {
                Top::Func => self.function(|_| true),
                Top::Exn => None,
                Top::Any | Top::Extern => self.constant_abstract(heap_type, number, depth),
            };
        };
        if self.shape.is_func(ty) {
            return self.function(|func| self.shape.is_below(func, ty));
        }
        let mut code = Vec::new();
        if let Some(fields) = self.shape.fields(ty) {
            for field in fields {
                code.extend(self.constant_code(field.element_type.unpack(), number, depth)?);
            }
            code.push(Instruction::StructNew(ty));
        } else {
            let element = self.shape.element(ty)?;
            code.extend(self.constant_code(element.element_type.unpack(), number, depth)?);
            code.push(Instruction::I32Const((number & 3) as i32));
            code.push(Instruction::ArrayNew(ty));
        }
        Some(code)
    }

    fn constant_abstract(&self, heap_type: HeapType, number: i64, depth: u32) -> Option<Code> {
        let HeapType::Abstract { ty, .. } = heap_type else { return None };
        let fits = |index: u32| match ty {
            AbstractHeapType::Struct => self.shape.fields(index).is_some(),
            AbstractHeapType::Array => self.shape.element(index).is_some(),
            _ => false,
        };
        match ty {
            AbstractHeapType::Any | AbstractHeapType::Eq | AbstractHeapType::I31 => {
                Some(vec![Instruction::I32Const(number as i32), Instruction::RefI31])
            }
            AbstractHeapType::Extern => Some(vec![
                Instruction::I32Const(number as i32),
                Instruction::RefI31,
                Instruction::ExternConvertAny,
            ]),
            _ => (0..self.shape.types.len() as u32)
                .filter(|index| fits(*index))
                .find_map(|index| self.constant_object(HeapType::Concrete(index), number, depth)),
        }
    }
}

/// `if (result ty)` for every `count`-th number, bits from `shift` on.
fn every(from: u32, shift: i64, count: i64, ty: ValType) -> Code {
    vec![
        Instruction::LocalGet(from),
        Instruction::I64Const(shift),
        Instruction::I64ShrU,
        Instruction::I64Const(count - 1),
        Instruction::I64And,
        Instruction::I64Eqz,
        Instruction::If(BlockType::Result(ty)),
    ]
}
