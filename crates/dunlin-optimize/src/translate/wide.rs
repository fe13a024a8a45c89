//! Arithmetic on integers of 128 bits, whose halves are operands and results of their own: the low one
//! lies below the high one.

use super::Translator;
use cranelift_codegen::ir::{InstBuilder, Value, types};

impl Translator<'_, '_> {
    /// Pops an integer of 128 bits.
    fn pop_wide(&mut self) -> Value {
        let (low, high) = self.pop2();
        self.env.b.ins().iconcat(low, high)
    }

    fn push_wide(&mut self, value: Value) {
        let (low, high) = self.env.b.ins().isplit(value);
        self.push(low);
        self.push(high);
    }

    pub(super) fn visit_i64_add128(&mut self) {
        let (right, left) = (self.pop_wide(), self.pop_wide());
        let sum = self.env.b.ins().iadd(left, right);
        self.push_wide(sum);
    }

    pub(super) fn visit_i64_sub128(&mut self) {
        let (right, left) = (self.pop_wide(), self.pop_wide());
        let difference = self.env.b.ins().isub(left, right);
        self.push_wide(difference);
    }

    pub(super) fn visit_i64_mul_wide_s(&mut self) {
        let (left, right) = self.pop2();
        let left = self.env.b.ins().sextend(types::I128, left);
        let right = self.env.b.ins().sextend(types::I128, right);
        let product = self.env.b.ins().imul(left, right);
        self.push_wide(product);
    }

    pub(super) fn visit_i64_mul_wide_u(&mut self) {
        let (left, right) = self.pop2();
        let left = self.env.b.ins().uextend(types::I128, left);
        let right = self.env.b.ins().uextend(types::I128, right);
        let product = self.env.b.ins().imul(left, right);
        self.push_wide(product);
    }
}
