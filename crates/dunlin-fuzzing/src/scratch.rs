//! Rewriting function bodies that need locals of their own.

use wasm_encoder::Function;
use wasm_encoder::reencode::{Error, Reencode};
use wasmparser::{FunctionBody, Parser, Payload};

/// Parameters of the functions with bodies, in order, as far as they have been asked for.
#[derive(Debug)]
pub(crate) struct Params(std::vec::IntoIter<u32>);

impl Params {
    /// Those of a module.
    pub(crate) fn of(bytes: &[u8]) -> Result<Self, String> {
        let (mut types, mut params) = (Vec::new(), Vec::new());
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(|error| error.to_string())? {
                Payload::TypeSection(section) => {
                    for ty in section.into_iter_err_on_gc_types() {
                        types.push(ty.map_err(|error| error.to_string())?.params().len() as u32);
                    }
                }
                Payload::FunctionSection(section) => {
                    for ty in section {
                        let ty = ty.map_err(|error| error.to_string())? as usize;
                        params.push(*types.get(ty).ok_or("no such type")?);
                    }
                }
                _ => {}
            }
        }
        Ok(Self(params.into_iter()))
    }

    /// Those of no function.
    pub(crate) fn none() -> Self {
        Self(Vec::new().into_iter())
    }

    /// A function with the locals of the next body and `count` more of a type; and the first of those.
    pub(crate) fn function<R: Reencode>(
        &mut self,
        reencoder: &mut R,
        body: &FunctionBody<'_>,
        count: u32,
        ty: wasm_encoder::ValType,
    ) -> Result<(Function, u32), Error<R::Error>> {
        let mut first = self.0.next().unwrap_or(0);
        let mut locals = Vec::new();
        for local in body.get_locals_reader()? {
            let (count, ty) = local?;
            first += count;
            locals.push((count, reencoder.val_type(ty)?));
        }
        locals.push((count, ty));
        Ok((Function::new(locals), first))
    }
}
