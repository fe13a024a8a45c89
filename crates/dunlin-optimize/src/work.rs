//! What compiling a function takes, estimated from its body before any of it is done.
//!
//! The code generator's time and memory grow with things that a body can have very many of in few bytes:
//! a branch carries as many values as its target takes, a call returns as many as its type says, and where
//! branches meet, each may bring another value of each local that is set on the way. The register
//! allocator looks at all that is brought to such a place for each of it, so that its time grows with the
//! square: 1,000 branches and 100 locals, nine kilobytes of a body, take ten seconds. One pass over the
//! operators counts all this. Counts depend on the bytes alone, so that what is compiled is the same on
//! every machine and at every time, whatever it has to do besides.

use crate::{limits, translate, tuning};
use dunlin_module::{CompileError, Module};
use wasmparser::{BlockType, BrTable, FunctionBody, Operator};

/// What a function's body has of what takes time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Work {
    /// Bytes of the body.
    bytes: u64,
    /// Bytes of small bodies that are called.
    inlined: u64,
    /// Parameters and other locals.
    locals: u64,
    /// Blocks, loops and conditions.
    blocks: u64,
    /// Branches, those of branch tables apart.
    branches: u64,
    /// Branches of branch tables.
    targets: u64,
    /// Values that calls, blocks and branches take and leave.
    values: u64,
    /// Values that branches may bring to the places where they meet: how many locals are set on the way,
    /// for each branch.
    brought: u64,
    /// The sum, over those places, of the square of what is brought there.
    brought_squared: u64,
}

/// An open block.
struct Label {
    /// Values that a branch to it carries.
    carried: u64,
    /// Values that its end leaves.
    left: u64,
    /// Branches to it, and whatever else gets there.
    arrivals: u64,
    /// Locals that are set inside: where branches to it meet, each may bring another value of each.
    set: Set,
    /// Calls from which exceptions get to what it catches, if it does.
    throws: u64,
    /// The innermost label that catches, this one included.
    catches: Option<usize>,
}

impl Label {
    fn new(carried: u64, left: u64) -> Self {
        let (set, catches) = (Set::default(), None);
        Self { carried, left, arrivals: 1, set, throws: 0, catches }
    }
}

/// A set of locals.
#[derive(Default)]
struct Set {
    words: Vec<u64>,
    len: u64,
}

impl Set {
    fn insert(&mut self, local: u32) {
        let (word, bit) = (local as usize / 64, 1 << (local % 64));
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.len += u64::from(self.words[word] & bit == 0);
        self.words[word] |= bit;
    }

    fn add_all(&mut self, other: &Self) {
        if other.words.len() > self.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            self.len += u64::from((more & !*word).count_ones());
            *word |= more;
        }
    }
}

impl Work {
    /// What a function's body has.
    ///
    /// # Errors
    ///
    /// If there is none, or it does not decode. It need not be valid otherwise.
    pub(crate) fn of(module: &Module, func: u32) -> Result<Self, CompileError> {
        let body = module.body(func).ok_or_else(|| CompileError::new("a function without body"))?;
        let ty = module.func_type(func);
        let (params, results) = (ty.params().len() as u64, ty.results().len() as u64);
        let bytes = body.as_bytes().len() as u64;
        let mut work = Self { bytes, locals: params, values: results, ..Self::default() };
        // The pass over a body that is too large is worth nothing.
        if bytes <= limits::BODY_BYTES_MAX as u64 {
            work.count(module, &body, results)?;
        }
        Ok(work)
    }

    fn count(
        &mut self,
        module: &Module,
        body: &FunctionBody<'_>,
        results: u64,
    ) -> Result<(), CompileError> {
        for local in body.get_locals_reader()? {
            self.locals += u64::from(local?.0);
        }
        // Each block has a set of them.
        if self.locals > limits::LOCALS_MAX as u64 {
            return Ok(());
        }
        let mut labels = vec![Label::new(results, results)];
        let mut operators = body.get_operators_reader()?;
        // What is too much is refused, however much there is.
        while !operators.eof() && self.blocks <= limits::BLOCKS_MAX as u64 {
            self.operator(module, &operators.read()?, &mut labels)?;
        }
        Ok(())
    }

    fn operator(
        &mut self,
        module: &Module,
        operator: &Operator<'_>,
        labels: &mut Vec<Label>,
    ) -> Result<(), CompileError> {
        match operator {
            Operator::Block { blockty } | Operator::If { blockty } => {
                let (params, results) = arity(module, *blockty)?;
                self.blocks += 1;
                self.values += params + results;
                open(labels, Label::new(results, results), false);
            }
            Operator::TryTable { .. }
            | Operator::Try { .. }
            | Operator::Catch { .. }
            | Operator::CatchAll
            | Operator::Throw { .. }
            | Operator::ThrowRef
            | Operator::Rethrow { .. } => self.exception(module, operator, labels)?,
            Operator::Loop { blockty } => {
                let (params, results) = arity(module, *blockty)?;
                self.blocks += 1;
                self.values += params + results;
                open(labels, Label::new(params, results), false);
            }
            Operator::Else => self.values += labels.last().map_or(0, |label| label.left),
            Operator::End | Operator::Delegate { .. } => self.end(labels),
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                if u64::from(*local_index) >= self.locals {
                    return Err(CompileError::new("a local that there is not"));
                }
                if let Some(label) = labels.last_mut() {
                    label.set.insert(*local_index);
                }
            }
            Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => {
                self.branches += 1;
                self.values += carried(labels, *relative_depth)?;
            }
            Operator::BrTable { targets } => self.table(targets, labels)?,
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                if *function_index >= module.func_count() {
                    return Err(CompileError::new("a call of no function"));
                }
                self.call(module, module.func_type_index(*function_index))?;
                let bytes = translate::small_bytes(module, *function_index).unwrap_or(0);
                self.inlined += bytes as u64;
                self.throws(labels);
            }
            Operator::CallIndirect { type_index, .. }
            | Operator::ReturnCallIndirect { type_index, .. }
            | Operator::CallRef { type_index }
            | Operator::ReturnCallRef { type_index } => {
                self.call(module, *type_index)?;
                self.throws(labels);
            }
            _ => {}
        }
        Ok(())
    }

    /// Operators of exceptions.
    fn exception(
        &mut self,
        module: &Module,
        operator: &Operator<'_>,
        labels: &mut Vec<Label>,
    ) -> Result<(), CompileError> {
        match operator {
            Operator::TryTable { try_table } => {
                let (params, results) = arity(module, try_table.ty)?;
                self.blocks += 1;
                self.values += params + results;
                for catch in &try_table.catches {
                    use wasmparser::Catch as C;
                    let (C::One { label, .. }
                    | C::OneRef { label, .. }
                    | C::All { label }
                    | C::AllRef { label }) = catch;
                    self.branches += 1;
                    self.values += carried(labels, *label)?;
                }
                open(labels, Label::new(results, results), true);
            }
            Operator::Try { blockty } => {
                let (params, results) = arity(module, *blockty)?;
                self.blocks += 1;
                self.values += params + results;
                open(labels, Label::new(results, results), true);
            }
            Operator::Catch { tag_index } => {
                let tag = module.tags().get(*tag_index as usize).copied();
                let tag = tag.ok_or_else(|| CompileError::new("a tag that there is not"))?;
                self.branches += 1;
                self.call(module, tag)?;
                self.values += labels.last().map_or(0, |label| label.left);
            }
            Operator::CatchAll => {
                self.branches += 1;
                self.values += labels.last().map_or(0, |label| label.left);
            }
            Operator::Throw { tag_index } => {
                let tag = module.tags().get(*tag_index as usize).copied();
                self.call(
                    module,
                    tag.ok_or_else(|| CompileError::new("a tag that there is not"))?,
                )?;
                self.throws(labels);
            }
            Operator::ThrowRef | Operator::Rethrow { .. } => self.throws(labels),
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, labels: &mut Vec<Label>) {
        let Some(label) = labels.pop() else { return };
        self.values += label.left;
        // Behind the function's end nobody looks at its locals.
        if let Some(outer) = labels.last_mut() {
            let caught = label.throws * (label.set.len + 2);
            let brought = label.arrivals * (label.set.len + label.carried) + caught;
            self.brought = self.brought.saturating_add(brought);
            let squared = brought.saturating_mul(brought);
            self.brought_squared = self.brought_squared.saturating_add(squared);
            outer.set.add_all(&label.set);
        }
    }

    /// Counts something from which an exception may get to what catches it, at the end of a block of its own.
    fn throws(&mut self, labels: &mut [Label]) {
        let catches = labels.last().and_then(|label| label.catches);
        if let Some(label) = catches.and_then(|index| labels.get_mut(index)) {
            self.blocks += 1;
            label.throws += 1;
        }
    }

    fn table(&mut self, table: &BrTable<'_>, labels: &mut [Label]) -> Result<(), CompileError> {
        self.targets += u64::from(table.len()) + 1;
        for depth in table.targets() {
            self.values += carried(labels, depth?)?;
        }
        self.values += carried(labels, table.default())?;
        Ok(())
    }

    fn call(&mut self, module: &Module, ty: u32) -> Result<(), CompileError> {
        let (params, results) = arity(module, BlockType::FuncType(ty))?;
        self.values += params + results;
        Ok(())
    }

    /// Whether this tier takes the function on.
    ///
    /// # Errors
    ///
    /// What there is too much of.
    pub(crate) fn check(&self) -> Result<(), CompileError> {
        let rows = [
            ("bytes", self.bytes, limits::BODY_BYTES_MAX),
            ("locals", self.locals, limits::LOCALS_MAX),
            ("blocks", self.blocks, limits::BLOCKS_MAX),
            ("branches", self.branches, limits::BRANCHES_MAX),
            ("values", self.values, limits::VALUES_MAX),
            ("targets", self.targets, limits::TARGETS_MAX),
            ("values at branches", self.brought, limits::BROUGHT_MAX),
        ];
        match rows.into_iter().find(|(_, has, most)| *has > *most as u64) {
            None => Ok(()),
            Some(("bytes", ..)) => {
                Err(CompileError::new("the function's body is too large for this tier"))
            }
            Some((what, ..)) => Err(CompileError::new(format_args!(
                "the function has too many {what} for this tier"
            ))),
        }
    }

    /// Bytes that bodies in place of calls may have together, those inside others included, as a profile chooses them.
    pub(crate) fn guided_bytes(&self) -> usize {
        let most = (self.bytes as usize).saturating_mul(tuning::INLINED_TIMES_MAX);
        most.clamp(tuning::GUIDED_BYTES_ALWAYS, limits::INLINED_BYTES_MAX)
    }

    /// The same where there is none.
    pub(crate) fn inlined_bytes(&self) -> usize {
        let most = (self.bytes as usize).saturating_mul(tuning::INLINED_TIMES_MAX);
        let most = most.clamp(tuning::INLINED_BYTES_ALWAYS, limits::INLINED_BYTES_MAX);
        most.min((self.inlined as usize).saturating_mul(tuning::INLINED_NESTED_TIMES))
    }

    /// How long compiling it may take, in units of about a microsecond on a machine of today. Real programs
    /// have 1.2 to 5.6 units a byte, of which they take one to three quarters.
    pub(crate) fn units(&self) -> u64 {
        let Self { bytes, locals, blocks, targets, values, brought_squared, .. } = *self;
        let inlined = self.inlined_bytes() as u64;
        let rest =
            [inlined, locals / 4, targets, 2 * values, blocks * locals / 8, blocks * blocks / 144];
        let sum = rest.into_iter().fold(bytes, u64::saturating_add);
        UNIT_UNITS.saturating_add(sum).saturating_add(brought_squared / 1_000)
    }
}

/// Opens a block, which may catch exceptions.
fn open(labels: &mut Vec<Label>, mut label: Label, catches: bool) {
    let outer = labels.last().and_then(|outer| outer.catches);
    label.catches = if catches { Some(labels.len()) } else { outer };
    labels.push(label);
}

/// Units that compiling anything takes.
const UNIT_UNITS: u64 = 60;

/// Parameters and results of a block's type.
fn arity(module: &Module, ty: BlockType) -> Result<(u64, u64), CompileError> {
    match ty {
        BlockType::Empty => Ok((0, 0)),
        BlockType::Type(_) => Ok((0, 1)),
        BlockType::FuncType(index) => {
            let ty = module.types().get(index as usize).and_then(|ty| ty.composite.as_func());
            let ty = ty.ok_or_else(|| CompileError::new("a block of no type"))?;
            Ok((ty.params().len() as u64, ty.results().len() as u64))
        }
    }
}

/// Values that a branch over `depth` blocks carries. Notes that it arrives.
fn carried(labels: &mut [Label], depth: u32) -> Result<u64, CompileError> {
    let index = labels.len().checked_sub(1 + depth as usize);
    let label = index.and_then(|index| labels.get_mut(index));
    let label = label.ok_or_else(|| CompileError::new("a branch to no block"))?;
    label.arrivals += 1;
    Ok(label.carried)
}

#[cfg(test)]
mod tests {
    use super::Work;
    use crate::{Optimizer, Settings};
    use dunlin_module::{Compiler, Features, Module};
    use std::sync::Arc;

    fn module(text: &str) -> Module {
        let bytes = wat::parse_str(text).expect("a valid text");
        Module::parse(Arc::new(bytes), Features::default()).expect("a valid module")
    }

    /// `branches` out of a block, each with another value of one of as many locals, all read behind it.
    fn meeting(branches: usize, locals: usize) -> String {
        let set =
            |i| format!("(local.set {} (i64.const {i})) (br_if 0 (local.get 0))", 1 + i % locals);
        let sets: String = (0..branches).map(set).collect();
        let gets: String = (1..=locals).map(|i| format!("(drop (local.get {i}))")).collect();
        format!("(block {sets}) {gets}")
    }

    /// Calls from which exceptions bring another value of one of so many locals each.
    fn throwing(calls: usize, locals: usize) -> String {
        let set =
            |i| format!("(local.set {} (i64.const {i})) (call 0 (i32.const 1))", 1 + i % locals);
        (0..calls).map(set).collect()
    }

    #[test]
    fn calls_that_may_throw_count_where_something_catches() {
        let work = |text: &str| Work::of(&module(text), 0).expect("a body that decodes");
        let calls = throwing(20, 5);
        let plain = work(&format!("(module {})", function(5, &calls)));
        assert_eq!((plain.brought, plain.blocks), (0, 0));
        for body in [
            format!("(block (try_table (catch_all 0) {calls}))"),
            format!("(block try (block {calls}) catch_all end)"),
        ] {
            let caught = work(&format!("(module {})", function(5, &body)));
            assert!(caught.brought >= 20 * 5 && caught.blocks >= 20, "{caught:?}");
        }
    }

    /// A function with so many locals besides its parameter.
    fn function(locals: usize, code: &str) -> String {
        format!("(func (param i32) (local {}) {code})", "i64 ".repeat(locals))
    }

    #[test]
    fn everything_that_takes_time_is_counted() {
        let text = "(module (type $t (func (param i32 i32) (result i32 i32 i32)))
            (func (type $t) (local i64 f32)
                (local.get 0) (local.get 1)
                (loop (param i32 i32) (result i32 i32 i32)
                    (br_if 0 (local.get 0))
                    (local.set 2 (i64.const 1)) (local.set 2 (i64.const 2)) (local.set 3 (f32.const 0))
                    (call 0))
                (block (local.get 0) (br_table 0 0 0 0)) ))";
        let work = Work::of(&module(text), 0).expect("a body that decodes");
        let (loops, blocks) = ((1 + 1) * (2 + 2), 1 + 4);
        let expected = Work {
            bytes: work.bytes,
            // The body that is called, which is this one.
            inlined: work.bytes,
            locals: 4,
            blocks: 2,
            branches: 1,
            targets: 4,
            // The function's results, the loop's type, the branch, the call, the ends.
            values: 3 + 5 + 2 + 5 + 3 + 3,
            brought: loops,
            brought_squared: loops * loops,
        };
        assert_eq!(work, expected, "{blocks} branches bring nothing");
    }

    #[test]
    fn what_branches_bring_counts_by_its_square() {
        let units = |branches, locals| {
            let text = format!("(module {})", function(locals, &meeting(branches, locals)));
            Work::of(&module(&text), 0).expect("a body that decodes").units()
        };
        assert!(units(100, 100) > 100_000);
        assert!(units(200, 100) > 3 * units(100, 100));
        assert!(units(100, 1_000) > units(100, 100));
        // As in any program: many places, few values at each.
        let text = format!("(module {})", function(3, &meeting(3, 3).repeat(500)));
        let work = Work::of(&module(&text), 0).expect("a body that decodes");
        assert!(work.units() < 3 * work.bytes, "{work:?}");
    }

    #[test]
    fn what_is_too_much_is_refused_before_it_is_begun() {
        let many = "i64 ".repeat(1_000);
        let rows = [
            format!("(func (local {}))", "i64 ".repeat(10_001)),
            format!(
                "(func {} unreachable) (func $f (result {many}) unreachable)",
                "call $f ".repeat(200)
            ),
            format!("(func (param i32) (local.get 0) (br_table {}))", "0 ".repeat(200_000)),
            format!("(func {})", "block end ".repeat(12_001)),
            function(100, &meeting(6_000, 100)),
            function(100, &format!("(try_table (catch_all 0) {})", throwing(6_000, 100))),
            function(100, &format!("try {} catch_all end", throwing(6_000, 100))),
        ];
        let optimizer = Optimizer::new(Settings::default()).expect("a machine that is supported");
        for text in rows {
            let module = module(&format!("(module {text})"));
            let work = Work::of(&module, 0).expect("a body that decodes");
            assert!(work.check().is_err(), "{work:?}");
            assert_eq!(optimizer.work(&module, 0), 0);
        }
    }

    /// Before a body is validated it may say of its locals what it likes.
    #[test]
    fn claims_are_not_believed() {
        let claim = [1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f];
        let code = [&claim[..], &[0x41, 0, 0x21, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0x0b]].concat();
        let mut bytes = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0".to_vec();
        bytes.extend([10, code.len() as u8 + 2, 1, code.len() as u8]);
        bytes.extend(code);
        let module = Module::parse(Arc::new(bytes), Features::default()).expect("a module");
        let work = Work::of(&module, 0).expect("nothing has been looked at");
        assert!(work.check().is_err(), "{work:?}");
        // Every block could have a set of all locals.
        let deep = "(block (local.set 9999 (i64.const 1)) ".repeat(20_000) + &")".repeat(20_000);
        let text = format!("(module {})", function(9_999, &deep));
        let work = Work::of(&self::module(&text), 0).expect("the beginning of it");
        assert_eq!(work.blocks, 12_001);
    }

    #[test]
    fn bodies_that_do_not_decode_are_no_work() {
        // A branch to no block, a call of no function, and the end of the bytes.
        for code in [&[0x0c, 9, 0x0b][..], &[0x10, 9, 0x0b], &[0x21, 3, 0x0b], &[0x41]] {
            let mut bytes = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0".to_vec();
            bytes.extend([10, code.len() as u8 + 3, 1, code.len() as u8 + 1, 0]);
            bytes.extend(code);
            let module = Module::parse(Arc::new(bytes), Features::default()).expect("a module");
            assert!(Work::of(&module, 0).is_err(), "{code:?}");
        }
    }
}
