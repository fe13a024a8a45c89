//! No address that a guest had a part in is used without a mask: a check of what the code generator is given
//! to turn into instructions, after it has optimised it.
//!
//! 1. Values that a guest can choose are *tainted*: parameters, results of calls, what is read from memories
//!    and globals, and whatever is computed from those. References in tables are not: no guest makes them.
//! 2. A value behind a mask ([`Opcode::SelectSpectreGuard`]) is not: if the check fails, a processor that
//!    has not noticed computes with zero.
//! 3. A 32-bit value that was extended is *short*: added to the base of a guarded memory, it stays within
//!    what is reserved, whatever a processor believes. So short addresses are allowed there, and only there.
//!    References are 32 bits wide too: added to the base of the objects' heap they stay within what is reserved
//!    for that, and shifted to the right and added to that of its cards, within those.
//! 4. A value of which only some low bits have been kept is *within* what those can say, and so is a multiple of it.
//!    Added to the address of the pointers to code that calls through tables read, it stays within a row of them:
//!    there, and only there, such addresses are allowed, and it is one row of the module's that they stay within.
//! 5. No load and no store has a tainted address otherwise. A call through a pointer reads that pointer
//!    from an address that is held to the same.

use crate::settings::{Bounds, Settings};
use crate::translate::Region;
use crate::tuning;
use crate::worker::FunctionWorker;
use crate::{Optimizer, Polls};
use cranelift_codegen::ir::{
    Block, Function, Inst, InstructionData, MemFlagsData, Opcode, Value, ValueDef, types,
};
use dunlin_module::layout::NULL_BYTES;
use dunlin_module::{Features, Module, Scratch, StaticTables, Unit, Worker};
use std::collections::HashMap;
use std::sync::Arc;

/// How far a guest decides over a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Taint {
    None,
    /// Up to that much.
    Within(u64),
    /// Over its low 32 bits.
    Short,
    Full,
}

struct Check<'f> {
    func: &'f Function,
    /// Where rows of pointers to code begin, and where each one's last pointer is behind that: in bytes.
    rows: Vec<(u64, u64)>,
    taints: HashMap<Value, Taint>,
    has_changed: bool,
}

impl<'f> Check<'f> {
    /// Taints what is tainted.
    fn new(func: &'f Function, rows: Vec<(u64, u64)>) -> Self {
        let mut check = Self { func, rows, taints: HashMap::new(), has_changed: true };
        if let Some(entry) = func.layout.entry_block() {
            // The first parameter is the context.
            for param in &func.dfg.block_params(entry)[1..] {
                check.raise(*param, Taint::Full);
            }
        }
        while std::mem::take(&mut check.has_changed) {
            for block in func.layout.blocks() {
                for inst in func.layout.block_insts(block) {
                    check.pass(inst);
                }
            }
        }
        check
    }

    fn taint(&self, value: Value) -> Taint {
        let value = self.func.dfg.resolve_aliases(value);
        self.taints.get(&value).copied().unwrap_or(Taint::None)
    }

    fn raise(&mut self, value: Value, taint: Taint) {
        if taint > self.taint(value) {
            self.taints.insert(self.func.dfg.resolve_aliases(value), taint);
            self.has_changed = true;
        }
    }

    fn flags(&self, inst: Inst) -> Option<MemFlagsData> {
        let dfg = &self.func.dfg;
        dfg.insts[inst].memflags().map(|flags| dfg.mem_flags[flags])
    }

    /// What an access touches, if it is said.
    fn region(&self, inst: Inst) -> Option<u32> {
        let region = self.flags(inst)?.alias_region()?;
        Some(self.func.dfg.alias_regions[region].user_id)
    }

    /// The number that a value is, if it is a constant.
    fn constant(&self, value: Value) -> Option<u64> {
        let ValueDef::Result(inst, _) = self.func.dfg.value_def(value) else { return None };
        match self.func.dfg.insts[inst] {
            InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => Some(imm.bits() as u64),
            _ => None,
        }
    }

    /// What is known of the result of an instruction on a tainted value that keeps it within something.
    fn bounded(&self, opcode: Opcode, args: &[Value]) -> Option<Taint> {
        let [left, right] = *args else { return None };
        let of = match (self.taint(left), self.taint(right)) {
            (Taint::Within(most), Taint::None) => Some(most),
            _ => None,
        };
        let number = self.constant(right);
        let most = match opcode {
            Opcode::Band if number.is_some() => number,
            Opcode::Ishl => of?.checked_mul(1_u64.checked_shl(u32::try_from(number?).ok()?)?),
            Opcode::Imul => of?.checked_mul(number?),
            // To an address, or from one on.
            Opcode::Iadd => match (self.taint(left), self.taint(right)) {
                (Taint::Within(most), Taint::None) if number.is_none() => Some(most),
                (Taint::None, Taint::Within(most)) if self.constant(left).is_none() => Some(most),
                _ => None,
            },
            _ => None,
        };
        most.map(Taint::Within)
    }

    /// Whether an access of the pointers to code that calls read, so far at most behind where they begin and this
    /// offset, stays within a row.
    fn is_in_row(&self, inst: Inst, most: u64) -> bool {
        let dfg = &self.func.dfg;
        let InstructionData::Load { offset, .. } = dfg.insts[inst] else { return false };
        let is_it =
            |(first, last): &(u64, u64)| *first as i64 == i64::from(offset) && *last == most;
        self.region(inst).is_some_and(|it| Region::Target.is(it))
            && dfg.value_type(dfg.first_result(inst)) == types::I64
            && self.rows.iter().any(is_it)
    }

    /// Passes taint from an instruction's arguments to its results, and along branches.
    fn pass(&mut self, inst: Inst) {
        let dfg = &self.func.dfg;
        let opcode = dfg.insts[inst].opcode();
        let most = |values: &[Value]| values.iter().map(|value| self.taint(*value)).max();
        let args = dfg.inst_args(inst);
        let of_args = most(args).unwrap_or(Taint::None);
        let taint = match opcode {
            Opcode::SelectSpectreGuard => Taint::None,
            _ if opcode.is_call() => Taint::Full,
            _ if opcode.can_load() => {
                let from_guest = [
                    Region::Memory,
                    Region::Shared,
                    Region::Global,
                    Region::Heap,
                    Region::Header,
                    Region::Spill,
                ];
                match self.region(inst) {
                    Some(region) if from_guest.into_iter().any(|of| of.is(region)) => {
                        // Read and extended in one.
                        if opcode == Opcode::Uload32 { Taint::Short } else { Taint::Full }
                    }
                    _ => Taint::None,
                }
            }
            Opcode::Uextend if dfg.value_type(args[0]) == types::I32 => of_args.min(Taint::Short),
            _ if of_args == Taint::None => Taint::None,
            _ if let Some(bounded) = self.bounded(opcode, args) => bounded,
            // Multiplied or shifted, a short one is not short any more.
            Opcode::Iadd if of_args == Taint::Short => of_args,
            Opcode::Ushr if dfg.value_type(args[0]) == types::I64 && of_args == Taint::Short => {
                of_args
            }
            _ => Taint::Full,
        };
        for result in dfg.inst_results(inst) {
            self.raise(*result, taint);
        }
        let calls = dfg.insts[inst].branch_destination(&dfg.jump_tables, &dfg.exception_tables);
        let mut passed: Vec<(Block, usize, Value)> = Vec::new();
        for call in calls {
            let args = call.args(&dfg.value_lists).enumerate();
            let block = call.block(&dfg.value_lists);
            passed.extend(args.filter_map(|(i, arg)| Some((block, i, arg.as_value()?))));
        }
        for (block, index, arg) in passed {
            let param = self.func.dfg.block_params(block)[index];
            self.raise(param, self.taint(arg));
        }
    }

    /// The address of an access, without the constant that stands in it.
    fn address(&self, inst: Inst) -> Option<Value> {
        let dfg = &self.func.dfg;
        match dfg.insts[inst] {
            InstructionData::Load { arg, .. } | InstructionData::LoadNoOffset { arg, .. } => {
                Some(arg)
            }
            InstructionData::Store { args, .. } | InstructionData::StoreNoOffset { args, .. } => {
                Some(args[1])
            }
            InstructionData::AtomicRmw { args, .. } => Some(args[0]),
            InstructionData::AtomicCas { args, .. } => Some(args[0]),
            _ => None,
        }
    }

    /// Holds every access to the rules; says how many are masked, and how many are short ones of memories.
    fn accesses(&self, bounds: Bounds) -> (usize, usize) {
        let (mut masked, mut short) = (0, 0);
        for block in self.func.layout.blocks() {
            for inst in self.func.layout.block_insts(block) {
                let opcode = self.func.dfg.insts[inst].opcode();
                if matches!(opcode, Opcode::CallIndirect | Opcode::ReturnCallIndirect) {
                    let callee = self.func.dfg.inst_args(inst)[0];
                    assert_eq!(self.taint(callee), Taint::None, "{}", self.func.display());
                }
                let Some(address) = self.address(inst) else {
                    let is_access = opcode.can_load() || opcode.can_store();
                    assert!(
                        !is_access || opcode.is_call(),
                        "{opcode} is an access of no known kind"
                    );
                    continue;
                };
                let region = self.region(inst);
                let of_heap = [Region::Heap, Region::Header, Region::Card];
                let is_object = of_heap.into_iter().any(|of| region.is_some_and(|it| of.is(it)));
                let memories = [Region::Memory as u32, Region::Shared as u32];
                let is_memory = region.is_some_and(|it| memories.contains(&it));
                match self.taint(address) {
                    Taint::Short if is_memory && bounds != Bounds::Explicit => short += 1,
                    Taint::Short if is_object => {}
                    Taint::Within(most) if self.is_in_row(inst, most) => masked += 1,
                    Taint::None => masked += usize::from(self.is_masked(address)),
                    taint => panic!(
                        "{taint:?}: {} in {}",
                        self.func.dfg.display_inst(inst),
                        self.func.display()
                    ),
                }
            }
        }
        (masked, short)
    }

    /// Whether an address is made of what a mask returns.
    fn is_masked(&self, value: Value) -> bool {
        let ValueDef::Result(inst, _) = self.func.dfg.value_def(value) else { return false };
        let opcode = self.func.dfg.insts[inst].opcode();
        let is_sum = matches!(opcode, Opcode::Iadd | Opcode::Imul | Opcode::Ishl);
        let args = self.func.dfg.inst_args(inst);
        opcode == Opcode::SelectSpectreGuard
            || is_sum && args.iter().any(|arg| self.is_masked(*arg))
    }
}

/// The rows of a module's pointers to code, for [`Check`].
fn rows(module: &Module, tables: &StaticTables) -> Vec<(u64, u64)> {
    let types = 0..module.types().len() as u32;
    let tables = (0..9).flat_map(|table| types.clone().map(move |ty| tables.view(table, ty)));
    tables.flatten().map(|view| (u64::from(view.first) * 8, u64::from(view.mask) * 8)).collect()
}

/// The code of a function, as it was when instructions were chosen, held to the rules.
fn check(text: &str, bounds: Bounds) -> (usize, usize) {
    let bytes = wat::parse_str(text).expect("a valid text");
    let module = Module::parse(Arc::new(bytes), Features::default()).expect("a valid module");
    let polls = Polls::Flag;
    let settings = Settings { bounds, polls, verify: true, fuel: true, ..Settings::default() };
    let optimizer = Optimizer::new(settings).expect("a machine that is supported");
    let tables = StaticTables::of(&module);
    let mut worker =
        FunctionWorker::new(&*optimizer.isa, &optimizer.settings, &module, &tables, None);
    let mut counts = (0, 0);
    for func in module.func_imports()..module.func_count() {
        module.prepare(func, &mut Scratch::default()).expect("a valid body");
        worker.compile(Unit::Func(func)).expect("code");
        let check = Check::new(worker.built(), rows(&module, &tables));
        let (masked, short) = check.accesses(bounds);
        counts = (counts.0 + masked, counts.1 + short);
    }
    counts
}

const GUARDED: Bounds = Bounds::Guarded { reserved_bytes: 1 << 32, guard_bytes: 64 << 20 };

/// Operators that access a memory: how many bytes, and what they are with `@` for the memory and offset and
/// `#` for the address.
fn accesses() -> Vec<String> {
    let mut accesses = Vec::new();
    for (ty, loads) in [
        ("i32", &["load", "load8_s", "load8_u", "load16_s", "load16_u"][..]),
        ("i64", &["load", "load8_s", "load8_u", "load16_s", "load16_u", "load32_s", "load32_u"]),
        ("f32", &["load"]),
        ("f64", &["load"]),
    ] {
        accesses.extend(loads.iter().map(|load| format!("(drop ({ty}.{load} @ #))")));
        let stores = loads.iter().filter(|load| !load.ends_with("_s"));
        let stores = stores.map(|load| load.replace("load", "store").replace("_u", ""));
        accesses.extend(stores.map(|store| format!("({ty}.{store} @ # ({ty}.const 1))")));
    }
    let vectors = [
        "load",
        "load8x8_s",
        "load8x8_u",
        "load16x4_s",
        "load16x4_u",
        "load32x2_s",
        "load32x2_u",
        "load8_splat",
        "load16_splat",
        "load32_splat",
        "load64_splat",
        "load32_zero",
        "load64_zero",
    ];
    accesses.extend(vectors.map(|load| format!("(drop (v128.{load} @ #))")));
    accesses.push("(v128.store @ # (v128.const i64x2 1 2))".into());
    for bits in [8, 16, 32, 64] {
        let vector = "(v128.const i64x2 1 2)";
        accesses.push(format!("(drop (v128.load{bits}_lane @ 1 # {vector}))"));
        accesses.push(format!("(v128.store{bits}_lane @ 1 # {vector})"));
    }
    for (ty, widths) in [("i32", &["", "8", "16"][..]), ("i64", &["", "8", "16", "32"])] {
        for width in widths {
            let (u, one) = (if width.is_empty() { "" } else { "_u" }, format!("({ty}.const 1)"));
            accesses.push(format!("(drop ({ty}.atomic.load{width}{u} @ #))"));
            accesses.push(format!("({ty}.atomic.store{width} @ # {one})"));
            for op in ["add", "and", "xchg"] {
                accesses.push(format!("(drop ({ty}.atomic.rmw{width}.{op}{u} @ # {one}))"));
            }
            accesses.push(format!("(drop ({ty}.atomic.rmw{width}.cmpxchg{u} @ # {one} {one}))"));
        }
    }
    accesses
}

/// A function for each access, of a memory that is declared so and has this name.
fn functions(memory: &str, name: &str, address: &str, offset: u64) -> (usize, String) {
    let accesses = accesses();
    let function = |access: &String| {
        let access = access.replace('@', &format!("{name} offset={offset}")).replace('#', address);
        let ty = if address.contains("i64") { "i64" } else { "i32" };
        // The loop and the local make more of the address than a parameter.
        format!("(func (param i32) (param $a {ty}) (loop {access} (br_if 0 (local.get 0))))")
    };
    let functions: String = accesses.iter().map(function).collect();
    (
        accesses.len(),
        format!("(module (memory 1) {memory} (global (mut i32) (i32.const 0)) {functions})"),
    )
}

/// What lies that close to zero the fault handler takes for a masked access.
const _: () = assert!(tuning::FOLDED_OFFSET_MAX <= NULL_BYTES as u64);

#[test]
fn accesses_of_memories_are_masked_or_stay_in_what_is_reserved() {
    let sum = "(i32.add (local.get $a) (i32.load (i32.const 8)))";
    let wide = "(i64.add (local.get $a) (i64.extend_i32_u (global.get 0)))";
    for (memory, name, address) in [
        ("", "", "(local.get $a)"),
        ("", "", sum),
        ("", "", "(block (result i32) (global.set 0 (local.get $a)) (global.get 0))"),
        ("(memory 1)", "1", sum),
        ("(memory 1 2 shared)", "1", sum),
        ("(memory i64 1)", "1", wide),
    ] {
        for offset in [0, 24, 70_000, 0x7fff_ffff] {
            let (count, text) = functions(memory, name, address, offset);
            let more = if address == sum { count } else { 0 };
            let (masked, short) = check(&text, Bounds::Explicit);
            assert_eq!(short, 0);
            // An address that is a constant is in bounds of every memory that has a page, or masked too.
            assert!((count..=count + more).contains(&masked), "{masked} of {count}: {address}");
            let (masked, short) = check(&text, GUARDED);
            let is_near = address != wide && offset < 64 << 20;
            assert_eq!(masked >= count, !is_near, "{masked}: {address} + {offset}");
            assert_eq!(short >= count, is_near, "{short}: {address} + {offset}");
        }
    }
}

#[test]
fn elements_of_tables_are_masked() {
    // What leaves no other access than the one: an export makes a table one that may change.
    let rows = [
        ("(table.get $t (local.get 0)) drop", 1),
        ("(table.set $t (local.get 0) (ref.null func))", 1),
        ("(call_indirect $t (type $v) (local.get 0))", 1),
        ("(return_call_indirect $t (type $v) (local.get 0))", 1),
        ("(call_indirect $s (type $v) (local.get 0))", 1),
        ("(return_call_indirect $s (type $v) (local.get 0))", 1),
        ("(table.get $w (i64.extend_i32_s (local.get 0))) drop", 1),
        ("(call_indirect $w (type $v) (i64.extend_i32_s (local.get 0)))", 1),
    ];
    for (code, least) in rows {
        let text = format!(
            r#"(module (type $v (func)) (table $t (export "t") 5 9 funcref) (table $s 5 funcref)
                (table $w (export "w") i64 5 9 funcref)
                (elem (table $s) (i32.const 1) func $f) (func $f)
                (func (param i32) (loop {code} (br_if 0 (local.get 0)))))"#
        );
        for bounds in [Bounds::Explicit, GUARDED] {
            let (masked, short) = check(&text, bounds);
            assert!(masked >= least && short == 0, "{masked} masked, {short} short: {code}");
        }
    }
}

#[test]
fn objects_are_accessed_within_their_heap_and_elements_masked() {
    let rows = [
        ("(struct.set $s 0 (local.get $o) (local.get $o))", 0),
        ("(drop (struct.get $s 1 (local.get $o)))", 0),
        ("(drop (array.get $a (local.get $r) (local.get 0)))", 1),
        ("(drop (array.get $n (local.get $m) (local.get 0)))", 1),
        ("(array.set $n (local.get $m) (local.get 0) (i64.const 1))", 1),
        // The element and its card.
        ("(array.set $a (local.get $r) (local.get 0) (local.get $o))", 1),
        ("(drop (array.len (local.get $r)))", 0),
        ("(local.set $o (struct.new $s (local.get $o) (local.get 0)))", 0),
        ("(drop (array.new_default $n (local.get 0)))", 0),
        // The line of a type is looked for where the table of types is.
        ("(drop (ref.test (ref $s) (local.get $e)))", 1),
        ("(drop (ref.cast (ref $t) (local.get $o)))", 0),
        ("(drop (ref.test structref (local.get $e)))", 0),
    ];
    for (code, least) in rows {
        let text = format!(
            "(module (type $s (sub (struct (field (mut (ref null $s))) (field i32))))
                (type $t (sub final $s (struct (field (mut (ref null $s))) (field i32))))
                (type $a (array (mut (ref null $s)))) (type $n (array (mut i64))) (func $f)
                (func (param i32) (param $o (ref null $s)) (param $r (ref null $a)) (param $m (ref null $n))
                    (param $e eqref)
                    (loop {code} (call $f) (br_if 0 (local.get 0)))))"
        );
        for bounds in [Bounds::Explicit, GUARDED] {
            let (masked, short) = check(&text, bounds);
            assert!(masked >= least && short == 0, "{masked} masked, {short} short: {code}");
        }
    }
}

/// What is made of the first function of a module.
fn built(text: &str) -> (Function, Vec<(u64, u64)>) {
    let bytes = wat::parse_str(text).expect("a valid text");
    let module = Module::parse(Arc::new(bytes), Features::default()).expect("a valid module");
    let optimizer = Optimizer::new(Settings::default()).expect("a machine that is supported");
    let tables = StaticTables::of(&module);
    let mut worker =
        FunctionWorker::new(&*optimizer.isa, &optimizer.settings, &module, &tables, None);
    module.prepare(0, &mut Scratch::default()).expect("a valid body");
    worker.compile(Unit::Func(0)).expect("code");
    (worker.built().clone(), rows(&module, &tables))
}

/// The check itself sees what has no mask: a function without one is taken for its own.
#[test]
#[should_panic(expected = "Full")]
fn an_address_without_a_mask_is_seen() {
    let text = "(module (memory i64 1) (func (param i64) (drop (i64.load (local.get 0)))))";
    let (mut func, rows) = built(text);
    remove_mask(&mut func);
    Check::new(&func, rows).accesses(Bounds::Explicit);
}

/// And an index that is kept within more than there is, or such an index elsewhere.
#[test]
#[should_panic(expected = "Within(24)")]
fn an_index_that_may_leave_its_row_is_seen() {
    let text = "(module (memory 1) (table 3 funcref) (elem (i32.const 0) func 0) (type $t (func))
        (func (type $t) (call_indirect (type $t) (i32.load (i32.const 0)))))";
    let (func, rows) = built(text);
    assert_eq!(rows, [(0, 24)]);
    assert_eq!(Check::new(&func, rows).accesses(GUARDED), (1, 0));
    Check::new(&func, vec![(0, 8), (8, 24)]).accesses(GUARDED);
}

#[test]
#[should_panic(expected = "Within(255)")]
fn an_address_that_has_been_cut_is_seen_elsewhere() {
    let text = "(module (memory i64 1) (func (param i64)
        (drop (i64.load (i64.and (local.get 0) (i64.const 255))))))";
    let (mut func, rows) = built(text);
    remove_mask(&mut func);
    Check::new(&func, rows).accesses(Bounds::Explicit);
}

/// Removes the only mask of a function.
fn remove_mask(func: &mut Function) {
    let insts: Vec<Inst> =
        func.layout.blocks().flat_map(|block| func.layout.block_insts(block)).collect();
    let masks = insts.into_iter().filter(|inst| is_mask(func, *inst)).collect::<Vec<_>>();
    assert_eq!(masks.len(), 1);
    let (result, address) = (func.dfg.first_result(masks[0]), func.dfg.inst_args(masks[0])[2]);
    func.dfg.clear_results(masks[0]);
    func.dfg.change_to_alias(result, address);
    func.layout.remove_inst(masks[0]);
}

fn is_mask(func: &Function, inst: Inst) -> bool {
    func.dfg.insts[inst].opcode() == Opcode::SelectSpectreGuard
}

/// Loops that run evenly over memory, which our passes give a form of their own, and accesses that follow
/// others at the same address.
#[test]
fn loops_over_memories_and_repeated_accesses_are_masked() {
    let even = |access: &str| {
        format!(
            "(func (param $p i32) (param $n i32) (result i32) (local $s i32)
                (loop $l {access}
                    (local.set $p (i32.add (local.get $p) (i32.const 4)))
                    (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
                (local.get $s))"
        )
    };
    let rows = [
        even("(local.set $s (i32.add (local.get $s) (i32.load (local.get $p))))"),
        even("(i32.store (local.get $p) (local.get $n))"),
        even("(i32.store offset=64 (local.get $p) (i32.load (local.get $p)))"),
        even(
            "(f64.store (local.get $p) (f64.add (f64.load (local.get $p)) (f64.load offset=8 (local.get $p))))",
        ),
        "(func (param $p i32) (result i32)
            (i32.store offset=4 (local.get $p) (i32.load (local.get $p)))
            (i32.store offset=8 (local.get $p) (i32.load offset=4 (local.get $p)))
            (i32.load offset=12 (local.get $p)))"
            .to_owned(),
    ];
    for row in rows {
        let text = format!("(module (memory 1) {row})");
        for bounds in [Bounds::Explicit, GUARDED] {
            let (masked, short) = check(&text, bounds);
            assert!(masked + short > 0, "{text}");
        }
    }
}
