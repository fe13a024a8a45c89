//! A known defect of the peer, walked around, so that it does not hide findings of ours.
//!
//! wasmi 2.0.0 compiles `x == 0; select` and `x != 0; select` into one operation when the comparison is
//! the operator just before, and then reads the condition from its accumulator, where the comparison's
//! result would have been, even if `x` is a local: `select(9, 6, x == 0)` is 9 for `x = 5`. Two
//! operators that undo each other keep the comparison and the `select` apart; the module means the same.
//!
//! Dunlin always runs the module as it was generated. The test below fails when the peer is mended.

use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{CodeSection, Function, Instruction, Module};
use wasmparser::{FunctionBody, Operator};

/// Any number that the peer's constant folding has no rule for.
const NUMBER: i32 = 0x5bd1;

struct Detour;

impl Reencode for Detour {
    type Error = std::convert::Infallible;

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), Error> {
        let mut function: Function = self.new_function_with_parsed_locals(&body)?;
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let operator = operators.read()?;
            if matches!(operator, Operator::Select | Operator::TypedSelect { .. }) {
                for _ in 0..2 {
                    function.instruction(&Instruction::I32Const(NUMBER));
                    function.instruction(&Instruction::I32Xor);
                }
            }
            function.instruction(&self.instruction(operator)?);
        }
        code.function(&function);
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
    Detour.parse_core_module(&mut module, parser, bytes).map_err(|error| error.to_string())?;
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
