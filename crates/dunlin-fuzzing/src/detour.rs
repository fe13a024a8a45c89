//! A known defect of the peer, walked around, so that it does not hide findings of ours.
//!
//! wasmi 2.0.0 compiles `x == 0; select` and `x != 0; select` into one operation when the comparison is
//! the operator just before, and then reads the condition from its accumulator, where the comparison's
//! result would have been, even if `x` is a local: `select(9, 6, x == 0)` is 9 for `x = 5`. Two
//! operators that undo each other keep the comparison and the `select` apart; the module means the same.
//!
//! Its relaxed operators are those of the deterministic profile but for two: it adds before it rounds, and
//! sums of products of bytes wrap where they should saturate. It gets the operators that those stand for.
//!
//! Nor does it know compact imports: it gets them one by one.
//!
//! Dunlin always runs the module as it was generated. The test below fails when the peer is mended.

use crate::scratch::Params;
use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{CodeSection, ImportSection, Instruction, Module, ValType};
use wasmparser::{FunctionBody, ImportSectionReader, Operator};

/// Any number that the peer's constant folding has no rule for.
const NUMBER: i32 = 0x5bd1;

struct Detour(Params);

impl Detour {
    /// The operators that a relaxed one stands for, with three locals to spare; `None` for others.
    fn relaxed(operator: &Operator<'_>, first: u32) -> Option<Vec<Instruction<'static>>> {
        use Instruction as I;
        let (left, right, addend) = (first, first + 1, first + 2);
        let sum = |product: &[I<'static>], add: I<'static>| {
            let mut all = vec![I::LocalSet(addend)];
            all.extend(product.iter().cloned().chain([I::LocalGet(addend), add]));
            all
        };
        // Bytes at even places of a lane, then those at odd ones: saturation is of the sum alone.
        let even =
            |local| [I::LocalGet(local), I::I32Const(8), I::I16x8Shl, I::I32Const(8), I::I16x8ShrS];
        let odd = |local| [I::LocalGet(local), I::I32Const(8), I::I16x8ShrS];
        let mut dot = vec![I::LocalSet(right), I::LocalSet(left)];
        dot.extend(even(left).into_iter().chain(even(right)).chain([I::I16x8Mul]));
        dot.extend(odd(left).into_iter().chain(odd(right)).chain([I::I16x8Mul]));
        dot.push(I::I16x8AddSatS);
        Some(match operator {
            Operator::F32x4RelaxedMadd => sum(&[I::F32x4Mul], I::F32x4Add),
            Operator::F64x2RelaxedMadd => sum(&[I::F64x2Mul], I::F64x2Add),
            Operator::F32x4RelaxedNmadd => sum(&[I::F32x4Mul, I::F32x4Neg], I::F32x4Add),
            Operator::F64x2RelaxedNmadd => sum(&[I::F64x2Mul, I::F64x2Neg], I::F64x2Add),
            Operator::I16x8RelaxedDotI8x16I7x16S => dot,
            Operator::I32x4RelaxedDotI8x16I7x16AddS => {
                dot.push(I::I32x4ExtAddPairwiseI16x8S);
                sum(&dot, I::I32x4Add)
            }
            _ => return None,
        })
    }
}

impl Reencode for Detour {
    type Error = std::convert::Infallible;

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), Error> {
        let mut params = std::mem::replace(&mut self.0, Params::none());
        let (mut function, first) = params.function(self, &body, 3, ValType::V128)?;
        self.0 = params;
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let operator = operators.read()?;
            if matches!(operator, Operator::Select | Operator::TypedSelect { .. }) {
                for _ in 0..2 {
                    function.instruction(&Instruction::I32Const(NUMBER));
                    function.instruction(&Instruction::I32Xor);
                }
            }
            match Self::relaxed(&operator, first) {
                Some(instructions) => instructions.iter().for_each(|instruction| {
                    function.instruction(instruction);
                }),
                None => {
                    function.instruction(&self.instruction(operator)?);
                }
            }
        }
        code.function(&function);
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: ImportSectionReader<'_>,
    ) -> Result<(), Error> {
        for import in section.into_imports() {
            self.parse_import(imports, import?)?;
        }
        Ok(())
    }
}

/// The module as the peer gets it.
///
/// # Errors
///
/// If `bytes` is no module.
pub fn around(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut module = Module::new();
    let parser = wasmparser::Parser::new(0);
    let mut detour = Detour(Params::of(bytes)?);
    detour.parse_core_module(&mut module, parser, bytes).map_err(|error| error.to_string())?;
    Ok(module.finish())
}

#[cfg(test)]
mod tests {
    use super::around;
    use wasmi::{Engine, Instance, Module, Store};

    fn answer(bytes: &[u8]) -> i32 {
        let engine = Engine::default();
        let mut store = Store::new(&engine, ());
        let module = Module::new(&engine, bytes).expect("it is valid");
        let instance = Instance::new(&mut store, &module, &[]).expect("it has no imports");
        let run = instance.get_typed_func::<(i32, i32), i32>(&store, "run").expect("it is there");
        run.call(&mut store, (5, 6)).expect("it returns")
    }

    #[test]
    fn the_detour_is_still_needed_and_leads_around() {
        let bytes = wat::parse_str(
            "(module (func (export \"run\") (param i32 i32) (result i32)
               (select (i32.const 9) (local.get 1) (i32.eqz (local.get 0)))))",
        )
        .expect("well-formed");
        assert_eq!(answer(&bytes), 9, "the peer is mended: this file can go");
        assert_eq!(answer(&around(&bytes).expect("a module")), 6);
    }
}
