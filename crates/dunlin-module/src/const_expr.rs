//! Constant expressions, decoded to the few operators that they may contain.

use crate::Invalid;
use crate::types::heap_type;
use dunlin_core::HeapType;
use wasmparser::{ConstExpr, Operator};

/// One operator of a constant expression (specification, 3.4.14 "Constant Expressions").
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ConstOp {
    /// Pushes a 32-bit integer.
    I32(i32),
    /// Pushes a 64-bit integer.
    I64(i64),
    /// Pushes the bits of a 32-bit float.
    F32(u32),
    /// Pushes the bits of a 64-bit float.
    F64(u64),
    /// Pushes a vector, as the integer that its bytes spell in little-endian order.
    V128(u128),
    /// Pushes a null reference.
    RefNull(HeapType),
    /// Pushes a reference to the function of this index.
    RefFunc(u32),
    /// Pushes the value of the global of this index.
    GlobalGet(u32),
    /// `i32.add`.
    I32Add,
    /// `i32.sub`.
    I32Sub,
    /// `i32.mul`.
    I32Mul,
    /// `i64.add`.
    I64Add,
    /// `i64.sub`.
    I64Sub,
    /// `i64.mul`.
    I64Mul,
    /// `ref.i31`.
    RefI31,
    /// `struct.new` of the type with this index.
    StructNew(u32),
    /// `struct.new_default`.
    StructNewDefault(u32),
    /// `array.new` of the type with this index.
    ArrayNew(u32),
    /// `array.new_default`.
    ArrayNewDefault(u32),
    /// `array.new_fixed`, with the number of its elements.
    ArrayNewFixed(u32, u32),
    /// `any.convert_extern`.
    AnyConvertExtern,
    /// `extern.convert_any`.
    ExternConvertAny,
}

/// Calls `each` with every operator of `expr` but its `end`.
pub(crate) fn decode(expr: &ConstExpr<'_>, mut each: impl FnMut(ConstOp)) -> Result<(), Invalid> {
    for item in expr.get_operators_reader().into_iter_with_offsets() {
        let (op, offset) = item?;
        each(match op {
            Operator::I32Const { value } => ConstOp::I32(value),
            Operator::I64Const { value } => ConstOp::I64(value),
            Operator::F32Const { value } => ConstOp::F32(value.bits()),
            Operator::F64Const { value } => ConstOp::F64(value.bits()),
            Operator::V128Const { value } => ConstOp::V128(value.i128() as u128),
            Operator::RefNull { hty } => ConstOp::RefNull(heap_type(hty, offset)?),
            Operator::RefFunc { function_index } => ConstOp::RefFunc(function_index),
            Operator::GlobalGet { global_index } => ConstOp::GlobalGet(global_index),
            Operator::I32Add => ConstOp::I32Add,
            Operator::I32Sub => ConstOp::I32Sub,
            Operator::I32Mul => ConstOp::I32Mul,
            Operator::I64Add => ConstOp::I64Add,
            Operator::I64Sub => ConstOp::I64Sub,
            Operator::I64Mul => ConstOp::I64Mul,
            Operator::RefI31 => ConstOp::RefI31,
            Operator::StructNew { struct_type_index } => ConstOp::StructNew(struct_type_index),
            Operator::StructNewDefault { struct_type_index } => {
                ConstOp::StructNewDefault(struct_type_index)
            }
            Operator::ArrayNew { array_type_index } => ConstOp::ArrayNew(array_type_index),
            Operator::ArrayNewDefault { array_type_index } => {
                ConstOp::ArrayNewDefault(array_type_index)
            }
            Operator::ArrayNewFixed { array_type_index, array_size } => {
                ConstOp::ArrayNewFixed(array_type_index, array_size)
            }
            Operator::AnyConvertExtern => ConstOp::AnyConvertExtern,
            Operator::ExternConvertAny => ConstOp::ExternConvertAny,
            Operator::End => continue,
            _ => return Err(Invalid::new("constant expression required", offset)),
        });
    }
    Ok(())
}
