//! Operators on vectors.
//!
//! A `v128` is `I8X16` on the operand stack; operators of other shapes cast their operands and result.

mod convert;
mod float;
mod integer;
mod lanes;
mod memory;
mod relaxed;

use super::Translator;
use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, Type, Value, types};

impl Translator<'_, '_> {
    /// The vector on top, as lanes of this shape.
    fn pop_vector(&mut self, shape: Type) -> Value {
        let value = self.pop();
        self.shaped(value, shape)
    }

    /// The two vectors on top, the lower first.
    fn pop_vectors(&mut self, shape: Type) -> (Value, Value) {
        let right = self.pop_vector(shape);
        (self.pop_vector(shape), right)
    }

    /// Pushes a vector of any shape.
    fn push_vector(&mut self, value: Value) {
        let value = self.shaped(value, types::I8X16);
        self.push(value);
    }

    /// The same bits as lanes of another shape.
    fn shaped(&mut self, value: Value, shape: Type) -> Value {
        if self.env.b.func.dfg.value_type(value) == shape {
            return value;
        }
        let flags = MemFlagsData::new().with_endianness(Endianness::Little);
        self.env.b.ins().bitcast(shape, flags, value)
    }
}
