//! Modules of functions that are plain: numbers, locals, control without dead code. Compilers make such functions, and
//! generators that draw operators one by one do not.
//!
//! A function is a list of statements; a statement is made of expressions of a wanted type, which are made of others until
//! nothing is left of what the function may have. So all that is made is valid.

use crate::random::Random;
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, Function, FunctionSection, GlobalSection, GlobalType,
    Instruction, MemArg, MemArgTarget, MemorySection, MemoryType, Module, TableSection, TableType,
    TypeSection, ValType,
};

/// Types of values.
const TYPES: [ValType; 4] = [ValType::I32, ValType::I64, ValType::F32, ValType::F64];

/// Functions of a module.
const FUNCTIONS: u32 = 6;

/// What is around a statement: for each block, from the outermost one inwards, whether a branch to it is to a loop.
type Around = Vec<bool>;

/// A function that is being made.
struct Maker<'r> {
    random: &'r mut Random,
    /// The types of all functions: what they take, and what they give.
    types: &'r [(Vec<ValType>, Option<ValType>)],
    locals: Vec<ValType>,
    code: Function,
    /// Operators that may still be made.
    left: u32,
}

/// The module of a seed.
#[must_use]
pub fn module(seed: u64) -> Vec<u8> {
    let mut random = Random::of(seed, 21);
    let types: Vec<_> = (0..FUNCTIONS).map(|_| signature(&mut random)).collect();
    let (mut list, mut functions) = (TypeSection::new(), FunctionSection::new());
    for (index, (params, result)) in (0..).zip(&types) {
        list.ty().function(params.iter().copied(), *result);
        functions.function(index);
    }
    let mut tables = TableSection::new();
    let (element_type, table64, maximum, shared) =
        (wasm_encoder::RefType::FUNCREF, false, None, false);
    tables.table(TableType { element_type, table64, minimum: 4, maximum, shared });
    let mut memories = MemorySection::new();
    let (memory64, page_size_log2) = (false, None);
    memories.memory(MemoryType { minimum: 1, maximum, memory64, shared, page_size_log2 });
    let mut globals = GlobalSection::new();
    for val_type in TYPES {
        globals.global(GlobalType { val_type, mutable: true, shared }, &zero(val_type));
    }
    let mut code = CodeSection::new();
    for index in 0..types.len() {
        code.function(&function(&mut random, &types, index));
    }
    let mut module = Module::new();
    module.section(&list).section(&functions).section(&tables).section(&memories);
    module.section(&globals).section(&code);
    module.finish()
}

fn signature(random: &mut Random) -> (Vec<ValType>, Option<ValType>) {
    let params = (0..random.below(4)).map(|_| one_of(random)).collect();
    let result = (!random.once_in(3)).then(|| one_of(random));
    (params, result)
}

fn one_of(random: &mut Random) -> ValType {
    // Integers are what most functions are about.
    TYPES[[0, 0, 0, 1, 1, 2, 3][random.below(7) as usize]]
}

fn zero(ty: ValType) -> ConstExpr {
    match ty {
        ValType::I32 => ConstExpr::i32_const(0),
        ValType::I64 => ConstExpr::i64_const(0),
        ValType::F32 => ConstExpr::f32_const(0.0.into()),
        _ => ConstExpr::f64_const(0.0.into()),
    }
}

fn function(
    random: &mut Random,
    types: &[(Vec<ValType>, Option<ValType>)],
    index: usize,
) -> Function {
    let (params, result) = &types[index];
    let more: Vec<ValType> = (0..random.below(6)).map(|_| one_of(random)).collect();
    let locals = [&params[..], &more].concat();
    let code = Function::new_with_locals_types(more);
    let left = 20 + random.below(150) as u32;
    let mut maker = Maker { random, types, locals, code, left };
    let statements = 1 + maker.random.below(8);
    for _ in 0..statements {
        maker.statement(&mut vec![false]);
    }
    if let Some(ty) = result {
        maker.expression(*ty, 0);
    }
    maker.put(&Instruction::End);
    maker.code
}

impl Maker<'_> {
    fn put(&mut self, operator: &Instruction<'_>) {
        self.left = self.left.saturating_sub(1);
        self.code.instruction(operator);
    }

    /// Something that leaves the operand stack as it was.
    fn statement(&mut self, around: &mut Around) {
        if self.left == 0 {
            return self.put(&Instruction::Nop);
        }
        match self.random.below(12) {
            0 | 1 => self.set_local(),
            2 => {
                let index = self.random.below(4);
                self.expression(TYPES[index as usize], 0);
                self.put(&Instruction::GlobalSet(index as u32));
            }
            3 => self.store(),
            4 => self.if_else(around),
            5 | 6 => self.block(around),
            7 => self.leave_or_go_back(around),
            8 => self.switch(around),
            9 => {
                let ty = one_of(self.random);
                self.expression(ty, 0);
                self.put(&Instruction::Drop);
            }
            10 => self.bulk(),
            _ => self.call(),
        }
    }

    fn set_local(&mut self) {
        if self.locals.is_empty() {
            return;
        }
        let index = self.random.below(self.locals.len() as u64) as u32;
        self.expression(self.locals[index as usize], 0);
        self.put(&Instruction::LocalSet(index));
    }

    fn access(&mut self, bytes_log2: u64) -> MemArg {
        let align = self.random.below(bytes_log2 + 1) as u32;
        let offset = [0, 1, 8, 200, 70_000][self.random.below(5) as usize];
        MemArg { offset, align, target: MemArgTarget::Memory(0), ordering: None }
    }

    fn store(&mut self) {
        self.expression(ValType::I32, 0);
        let ty = one_of(self.random);
        self.expression(ty, 0);
        let narrow = self.random.once_in(2);
        let operator = match (ty, narrow) {
            (ValType::I32, false) => Instruction::I32Store(self.access(2)),
            (ValType::I32, true) => Instruction::I32Store8(self.access(0)),
            (ValType::I64, false) => Instruction::I64Store(self.access(3)),
            (ValType::I64, true) => Instruction::I64Store32(self.access(2)),
            (ValType::F32, _) => Instruction::F32Store(self.access(2)),
            _ => Instruction::F64Store(self.access(3)),
        };
        self.put(&operator);
    }

    fn if_else(&mut self, around: &mut Around) {
        self.expression(ValType::I32, 0);
        self.put(&Instruction::If(BlockType::Empty));
        around.push(false);
        self.statement(around);
        if self.random.once_in(2) {
            self.put(&Instruction::Else);
            self.statement(around);
            // What never goes on stands at the end of its block.
            match self.random.below(6) {
                0 => self.put(&Instruction::Unreachable),
                1 => self.leave(around),
                _ => {}
            }
        }
        around.pop();
        self.put(&Instruction::End);
    }

    fn leave(&mut self, around: &Around) {
        // The function's own label may carry a result.
        let depth = self.random.below(around.len() as u64);
        if depth as usize + 1 < around.len() {
            self.put(&Instruction::Br(depth as u32));
        }
    }

    fn block(&mut self, around: &mut Around) {
        let is_loop = self.random.once_in(2);
        let ty = BlockType::Empty;
        self.put(&if is_loop { Instruction::Loop(ty) } else { Instruction::Block(ty) });
        around.push(is_loop);
        for _ in 0..1 + self.random.below(3) {
            self.statement(around);
        }
        around.pop();
        self.put(&Instruction::End);
    }

    fn leave_or_go_back(&mut self, around: &mut Around) {
        let depth = self.random.below(around.len() as u64);
        if depth as usize + 1 < around.len() {
            self.expression(ValType::I32, 0);
            self.put(&Instruction::BrIf(depth as u32));
        }
    }

    /// Blocks around a branch with a table of them.
    fn switch(&mut self, around: &mut Around) {
        let cases = 1 + self.random.below(4) as u32;
        for _ in 0..=cases {
            self.put(&Instruction::Block(BlockType::Empty));
        }
        self.expression(ValType::I32, 0);
        let targets: Vec<u32> =
            (0..cases).map(|_| self.random.below(u64::from(cases) + 1) as u32).collect();
        self.put(&Instruction::BrTable(targets.into(), cases));
        for _ in 0..=cases {
            self.put(&Instruction::End);
            if self.random.once_in(2) {
                self.statement(around);
            }
        }
    }

    fn bulk(&mut self) {
        for _ in 0..3 {
            self.expression(ValType::I32, 0);
        }
        let copy = Instruction::MemoryCopy { src_mem: 0, dst_mem: 0 };
        let copies = self.random.once_in(2);
        self.put(&if copies { copy } else { Instruction::MemoryFill(0) });
    }

    fn call(&mut self) {
        let callee = self.random.below(self.types.len() as u64) as u32;
        self.call_of(callee, 0);
        if self.types[callee as usize].1.is_some() {
            self.put(&Instruction::Drop);
        }
    }

    fn call_of(&mut self, callee: u32, depth: u32) {
        let types = self.types;
        for ty in &types[callee as usize].0 {
            self.expression(*ty, depth + 1);
        }
        if self.random.once_in(3) {
            self.expression(ValType::I32, depth + 1);
            self.put(&Instruction::CallIndirect { type_index: callee, table_index: 0 });
        } else {
            self.put(&Instruction::Call(callee));
        }
    }

    /// A value of this type.
    fn expression(&mut self, ty: ValType, depth: u32) {
        let is_leaf = self.left == 0 || depth > 5;
        match self.random.below(if is_leaf { 4 } else { 12 }) {
            0 => self.constant(ty),
            1..=3 => self.read(ty),
            4..=7 => self.numeric(ty, depth),
            8 => {
                self.expression(ty, depth + 1);
                self.expression(ty, depth + 1);
                self.expression(ValType::I32, depth + 1);
                self.put(&Instruction::Select);
            }
            9 => self.chosen(ty, depth),
            10 => self.load(ty, depth),
            _ => match self.types.iter().position(|(_, result)| *result == Some(ty)) {
                Some(callee) => self.call_of(callee as u32, depth),
                None => self.constant(ty),
            },
        }
    }

    fn constant(&mut self, ty: ValType) {
        let bits = self.random.bits() >> self.random.below(64);
        match ty {
            ValType::I32 => self.put(&Instruction::I32Const(bits as i32)),
            ValType::I64 => self.put(&Instruction::I64Const(bits as i64)),
            ValType::F32 => self.put(&Instruction::F32Const((bits as f32).into())),
            _ => self.put(&Instruction::F64Const((bits as f64).into())),
        }
    }

    fn read(&mut self, ty: ValType) {
        let fits: Vec<u32> =
            (0..).zip(&self.locals).filter(|(_, of)| **of == ty).map(|(index, _)| index).collect();
        if fits.is_empty() {
            let index = TYPES.iter().position(|of| *of == ty).unwrap_or(0);
            return self.put(&Instruction::GlobalGet(index as u32));
        }
        let index = fits[self.random.below(fits.len() as u64) as usize];
        self.put(&Instruction::LocalGet(index));
        if self.random.once_in(8) {
            self.put(&Instruction::LocalTee(index));
        }
    }

    fn load(&mut self, ty: ValType, depth: u32) {
        self.expression(ValType::I32, depth + 1);
        let narrow = self.random.once_in(2);
        let operator = match (ty, narrow) {
            (ValType::I32, false) => Instruction::I32Load(self.access(2)),
            (ValType::I32, true) => Instruction::I32Load16S(self.access(1)),
            (ValType::I64, false) => Instruction::I64Load(self.access(3)),
            (ValType::I64, true) => Instruction::I64Load8U(self.access(0)),
            (ValType::F32, _) => Instruction::F32Load(self.access(2)),
            _ => Instruction::F64Load(self.access(3)),
        };
        self.put(&operator);
    }

    /// A value that an `if` or a block gives.
    fn chosen(&mut self, ty: ValType, depth: u32) {
        if self.random.once_in(2) {
            self.put(&Instruction::Block(BlockType::Result(ty)));
            self.expression(ty, depth + 1);
            self.expression(ValType::I32, depth + 1);
            self.put(&Instruction::BrIf(0));
        } else {
            self.expression(ValType::I32, depth + 1);
            self.put(&Instruction::If(BlockType::Result(ty)));
            self.expression(ty, depth + 1);
            self.put(&Instruction::Else);
            self.expression(ty, depth + 1);
        }
        self.put(&Instruction::End);
    }

    /// An operator on numbers, with one operand or two.
    fn numeric(&mut self, ty: ValType, depth: u32) {
        use Instruction as I;
        let two: &[I<'_>] = match ty {
            ValType::I32 => &[I::I32Add, I::I32Sub, I::I32And, I::I32Shl, I::I32DivS, I::I32LtU],
            ValType::I64 => &[I::I64Add, I::I64Mul, I::I64Xor, I::I64ShrU, I::I64RemU],
            ValType::F32 => &[I::F32Add, I::F32Mul, I::F32Min, I::F32Copysign],
            _ => &[I::F64Sub, I::F64Div, I::F64Max],
        };
        let one: &[(ValType, I<'_>)] = match ty {
            ValType::I32 => &[
                (ValType::I32, I::I32Eqz),
                (ValType::I64, I::I32WrapI64),
                (ValType::I64, I::I64Eqz),
                (ValType::F64, I::I32TruncSatF64S),
                (ValType::I32, I::I32Extend8S),
                (ValType::F32, I::I32ReinterpretF32),
            ],
            ValType::I64 => &[
                (ValType::I32, I::I64ExtendI32S),
                (ValType::I64, I::I64Popcnt),
                (ValType::F32, I::I64TruncF32U),
            ],
            ValType::F32 => &[(ValType::F64, I::F32DemoteF64), (ValType::F32, I::F32Sqrt)],
            _ => &[(ValType::I64, I::F64ConvertI64U), (ValType::F32, I::F64PromoteF32)],
        };
        if self.random.once_in(3) {
            let (from, operator) = &one[self.random.below(one.len() as u64) as usize];
            self.expression(*from, depth + 1);
            self.put(operator);
        } else {
            self.expression(ty, depth + 1);
            self.expression(ty, depth + 1);
            let operator = &two[self.random.below(two.len() as u64) as usize];
            self.put(operator);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::module;
    use crate::mutate::verdict;

    #[test]
    fn all_that_is_made_is_valid() {
        for seed in 0..300 {
            assert_eq!(verdict(&module(seed)), Ok(()), "seed {seed}");
        }
    }
}
