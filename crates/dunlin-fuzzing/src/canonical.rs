//! Makes every NaN that a relaxed operator gives the same one, as the generator does for other operators
//! but not for these.

use crate::scratch::Params;
use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{CodeSection, Instruction, Module, ValType};
use wasmparser::{FunctionBody, Operator};

const NAN32: i128 = 0x7FC0_0000_7FC0_0000_7FC0_0000_7FC0_0000;
const NAN64: i128 = 0x7FF8_0000_0000_0000_7FF8_0000_0000_0000;

struct Canonical(Params);

impl Reencode for Canonical {
    type Error = std::convert::Infallible;

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), Error> {
        let mut params = std::mem::replace(&mut self.0, Params::none());
        let (mut function, scratch) = params.function(self, &body, 1, ValType::V128)?;
        self.0 = params;
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let operator = operators.read()?;
            let lanes = match operator {
                Operator::F32x4RelaxedMadd
                | Operator::F32x4RelaxedNmadd
                | Operator::F32x4RelaxedMin
                | Operator::F32x4RelaxedMax => Some((NAN32, Instruction::F32x4Eq)),
                Operator::F64x2RelaxedMadd
                | Operator::F64x2RelaxedNmadd
                | Operator::F64x2RelaxedMin
                | Operator::F64x2RelaxedMax => Some((NAN64, Instruction::F64x2Eq)),
                _ => None,
            };
            function.instruction(&self.instruction(operator)?);
            if let Some((nan, equal)) = lanes {
                function.instruction(&Instruction::LocalTee(scratch));
                function.instruction(&Instruction::V128Const(nan));
                function.instruction(&Instruction::LocalGet(scratch));
                function.instruction(&Instruction::LocalGet(scratch));
                function.instruction(&equal);
                function.instruction(&Instruction::V128Bitselect);
            }
        }
        code.function(&function);
        Ok(())
    }
}

/// The module with one NaN behind relaxed operators.
///
/// # Errors
///
/// If `bytes` is no module.
pub fn canonical(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut module = Module::new();
    let mut canonical = Canonical(Params::of(bytes)?);
    let parser = wasmparser::Parser::new(0);
    canonical.parse_core_module(&mut module, parser, bytes).map_err(|error| error.to_string())?;
    Ok(module.finish())
}
