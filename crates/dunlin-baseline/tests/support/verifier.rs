//! A verifier of what the baseline tier emits: an abstract interpretation of one function's machine code.
//!
//! 1. Code is decoded from where control gets in: the function's start, the ways into its loops, and the places that
//!    look at exceptions. Targets of branches begin *blocks*; those of branch tables are found as their jumps are, and
//!    then all is done again with them.
//! 2. Each block is executed on what is known of registers, flags and the frame ([`value`]) until nothing changes.
//! 3. Each is executed once more, and what is not known to be fine is a [`Violation`]: an access through anything but
//!    a known pointer within its bounds ([`rules`], [`access`]), a jump or call to anything but known code with the
//!    stack and the caller's registers in order ([`flow`]), instructions that overlap or that this tier has no use for.
//!
//! References to objects and functions are trusted, as validation types them: what is checked is that they are numbers
//! of 32 bits. Of guests' memories nothing is trusted.

mod access;
mod compute;
mod flow;
mod rules;
mod shape;
mod value;

pub(crate) use rules::Subject;

use dunlin_module::{Builtin, CompiledFunction};
use flow::Flow;
use iced_x86::{Decoder, DecoderOptions, FastFormatter, Instruction, InstructionInfoFactory};
use shape::Shape;
use std::collections::{BTreeMap, BTreeSet};
use value::{State, What};

/// Times that a block is looked at before what is known of it must have settled.
const VISITS_MAX: u32 = 1_000;

/// The numbers of registers.
mod reg {
    pub(super) const RAX: usize = 0;
    pub(super) const RDX: usize = 2;
    pub(super) const RBX: usize = 3;
    pub(super) const RSP: usize = 4;
    pub(super) const RBP: usize = 5;
    pub(super) const RDI: usize = 7;
    pub(super) const R12: usize = 12;
    pub(super) const R13: usize = 13;
    pub(super) const R14: usize = 14;
    pub(super) const R15: usize = 15;
    /// Those that are the caller's.
    pub(super) const KEPT: [usize; 5] = [RBX, R12, R13, R14, R15];
}

/// Something in a function's code that is not known to be fine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) func: u32,
    pub(crate) offset: u32,
    /// The instruction there, as text.
    pub(crate) instruction: String,
    pub(crate) why: String,
}

/// What is known where a block begins, and the branches that lead there.
struct Block {
    state: State,
    ways: BTreeSet<u32>,
    visits: u32,
}

/// The way that is no branch.
const ENTRY: u32 = u32::MAX;

struct Verifier<'a> {
    subject: Subject<'a>,
    function: &'a CompiledFunction,
    shape: Shape,
    frame_bytes: u32,
    builtins: BTreeMap<u32, Builtin>,
    traps: BTreeSet<u32>,
    /// Where ways into loops go on.
    ways: BTreeSet<u32>,
    info: InstructionInfoFactory,
    decoded: BTreeMap<u32, Instruction>,
    /// Bytes that are read as data.
    data: BTreeSet<(u32, u32)>,
    leaders: BTreeSet<u32>,
    /// Starts of blocks that nobody knew of.
    found: BTreeSet<u32>,
    blocks: BTreeMap<u32, Block>,
    work: BTreeSet<u32>,
    reports: bool,
    violations: Vec<Violation>,
}

/// Everything in a function's code that is not known to be fine.
pub(crate) fn verify(subject: Subject<'_>, function: &CompiledFunction) -> Vec<Violation> {
    let mut verifier = Verifier::new(subject, function);
    verifier.run();
    verifier.violations
}

impl<'a> Verifier<'a> {
    fn new(subject: Subject<'a>, function: &'a CompiledFunction) -> Self {
        let builtins = function.relocations.iter().map(|of| (of.offset, of.builtin));
        Self {
            subject,
            function,
            shape: Shape::of(subject.module.func_type(subject.func), false),
            frame_bytes: 0,
            builtins: builtins.collect(),
            traps: function.traps.iter().map(|(at, _)| *at).collect(),
            ways: BTreeSet::new(),
            info: InstructionInfoFactory::new(),
            decoded: BTreeMap::new(),
            data: BTreeSet::new(),
            leaders: BTreeSet::new(),
            found: BTreeSet::new(),
            blocks: BTreeMap::new(),
            work: BTreeSet::new(),
            reports: false,
            violations: Vec::new(),
        }
    }

    fn run(&mut self) {
        let loops = self.function.loops.iter().map(|(at, _)| *at);
        let mut roots: BTreeSet<u32> = loops.clone().chain([0]).collect();
        let entries = roots.clone();
        roots.extend(self.function.handlers.iter().map(|of| of.handler));
        for at in loops {
            self.find_way(at);
        }
        roots.extend(&self.ways);
        loop {
            self.find_leaders(&roots);
            self.blocks.clear();
            for at in &entries {
                self.arrive(ENTRY, *at, self.entered());
            }
            while let Some(at) = self.work.pop_first() {
                self.execute(at);
            }
            let found = core::mem::take(&mut self.found);
            if found.is_subset(&roots) {
                break;
            }
            roots.extend(found);
        }
        // What was only thought to be reached is no code.
        self.decoded.clear();
        self.data.clear();
        self.reports = true;
        let blocks: Vec<u32> = self.blocks.keys().copied().collect();
        for at in blocks {
            self.execute(at);
        }
        self.check_layout();
        self.check_tables();
    }

    /// What is known where the function is called.
    fn entered(&self) -> State {
        use reg::{KEPT, RBP, RDI, RSP};
        let mut state = State::unknown(0);
        let mut known = |reg: usize, what| state.regs[reg].what = what;
        for reg in KEPT {
            known(reg, What::Caller(reg));
        }
        known(RSP, What::Frame(8));
        known(RBP, What::CallerFrame);
        if self.shape.area_bytes > 0 {
            known(RDI, What::Area);
        }
        known(self.shape.context(), What::Context);
        state.cells.insert(8, What::ReturnAddress);
        state
    }

    fn decode(&mut self, at: u32) -> Option<Instruction> {
        if let Some(instruction) = self.decoded.get(&at) {
            return Some(*instruction);
        }
        let bytes = self.function.code.get(at as usize..)?;
        let mut decoder = Decoder::with_ip(64, bytes, at.into(), DecoderOptions::NONE);
        let instruction = decoder.decode();
        if instruction.is_invalid() {
            return None;
        }
        self.decoded.insert(at, instruction);
        Some(instruction)
    }

    /// Notes where the way into a loop goes on: its first instruction says so to the code that all have in common.
    fn find_way(&mut self, at: u32) {
        if let Some(instruction) = self.decode(at).filter(Instruction::is_ip_rel_memory_operand) {
            self.ways.insert(instruction.memory_displacement64() as u32);
        }
    }

    /// Finds where blocks begin, by following branches.
    fn find_leaders(&mut self, roots: &BTreeSet<u32>) {
        self.leaders.clone_from(roots);
        let mut work: Vec<u32> = roots.iter().copied().collect();
        let mut seen = BTreeSet::new();
        while let Some(mut at) = work.pop() {
            while seen.insert(at) {
                let Some(instruction) = self.decode(at) else { break };
                if let Some(target) = flow::target(&instruction) {
                    self.leaders.insert(target);
                    work.push(target);
                }
                if flow::is_end(&instruction) {
                    break;
                }
                at = instruction.next_ip() as u32;
            }
        }
    }

    /// Takes what is known on a way to a block.
    fn arrive(&mut self, way: u32, at: u32, mut state: State) {
        if self.reports {
            return;
        }
        if !self.leaders.contains(&at) {
            self.found.insert(at);
        }
        let Some(block) = self.blocks.get_mut(&at) else {
            let ways = [way].into();
            self.blocks.insert(at, Block { state, ways, visits: 0 });
            self.work.insert(at);
            return;
        };
        block.ways.insert(way);
        if block.ways.len() > 1 {
            state.settle(at);
            let mut known = block.state.clone();
            known.settle(at);
            known.join(&state);
            state = known;
        }
        if state != block.state {
            block.state = state;
            self.work.insert(at);
        }
    }

    /// Executes a block.
    fn execute(&mut self, start: u32) {
        let Some(block) = self.blocks.get_mut(&start) else { return };
        block.visits += 1;
        if block.visits > VISITS_MAX {
            return self.report_at(start, "what is known does not settle");
        }
        let (mut state, mut at) = (block.state.clone(), start);
        if let Some(end) = self.execute_slot_loop(start, &mut state) {
            at = end;
        }
        loop {
            let Some(instruction) = self.decode(at) else {
                return self.report_at(at, "no instruction");
            };
            let next = instruction.next_ip() as u32;
            match self.step(&instruction, &mut state) {
                Flow::Next => {}
                Flow::Split(target, taken) => self.arrive(2 * at + 1, target, *taken),
                Flow::To(targets) => {
                    for target in targets {
                        self.arrive(2 * at, target, state.clone());
                    }
                    return;
                }
            }
            if self.leaders.contains(&next) {
                return self.arrive(2 * at, next, state);
            }
            at = next;
        }
    }

    fn report(&mut self, instruction: &Instruction, why: impl Into<String>) {
        if !self.reports {
            return;
        }
        let mut text = String::new();
        FastFormatter::new().format(instruction, &mut text);
        let (func, offset) = (self.subject.func, instruction.ip() as u32);
        let why = why.into();
        self.violations.push(Violation { func, offset, instruction: text, why });
    }

    /// Reports something once that is of no instruction, or ends everything.
    fn report_at(&mut self, offset: u32, why: &str) {
        let violation = Violation {
            func: self.subject.func,
            offset,
            instruction: String::new(),
            why: why.into(),
        };
        if !self.violations.contains(&violation) {
            self.violations.push(violation);
        }
    }

    /// Instructions and data do not overlap: so no branch leads into the middle of an instruction.
    fn check_layout(&mut self) {
        let end_of = |of: &Instruction| of.next_ip() as u32;
        let instructions = self.decoded.iter().map(|(at, of)| (*at, end_of(of), true));
        let data = self.data.iter().map(|(from, to)| (*from, *to, false));
        let mut all: Vec<(u32, u32, bool)> = instructions.chain(data).collect();
        all.sort_unstable();
        let (mut code_end, mut data_end) = (0, 0);
        let mut overlapping = Vec::new();
        for (from, to, is_code) in all {
            if from < code_end || is_code && from < data_end {
                overlapping.push(from);
            }
            let end = if is_code { &mut code_end } else { &mut data_end };
            *end = to.max(*end);
        }
        for at in overlapping {
            self.report_at(at, "overlaps an instruction");
        }
    }

    /// What the function's tables say is of instructions.
    fn check_tables(&mut self) {
        let traps: Vec<u32> = self.traps.iter().copied().collect();
        for at in traps {
            // Code that nothing leads to has traps as well: it stands behind some instruction that is known.
            let before = self.decoded.range(..at).next_back();
            if before.is_some_and(|(_, of)| of.next_ip() > at.into()) {
                self.report_at(at, "a trap in the middle of an instruction");
            }
        }
        let returns: BTreeSet<u32> = self
            .decoded
            .values()
            .filter(|of| flow::is_call(of))
            .map(|of| of.next_ip() as u32)
            .collect();
        for handler in &self.function.handlers {
            if !returns.contains(&handler.returns_to)
                && self.decoded.contains_key(&handler.returns_to)
            {
                self.report_at(handler.returns_to, "no call that something is thrown by");
            }
        }
    }
}
