//! The verifier refuses what it is there for: code made by hand, and good code without what makes it so.

mod support;

use dunlin_baseline::Baseline;
use dunlin_module::{
    Bounds, CompiledFunction, Compiler, Module, Scratch, Settings, StaticTables, Unit,
};
use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic};
use support::verifier::{Subject, Violation, verify};
use support::{GUARDED, module};

fn settings(bounds: Bounds) -> Settings {
    Settings { bounds, ..Settings::default() }
}

fn decoded(code: &[u8]) -> Vec<Instruction> {
    Decoder::with_ip(64, code, 0, DecoderOptions::NONE).into_iter().collect()
}

/// What is wrong with a function, made by hand, whose context is in `rdi`, an `i32` in `rsi` and an `i64` in `rdx`.
/// Its frame has 16 bytes; every instruction may fault.
fn violations(body: &[u8], bounds: Bounds) -> Vec<Violation> {
    let made =
        module("(module (memory 1) (global (mut i64) (i64.const 0)) (func (param i32 i64)))");
    let enter = [0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x10];
    let code = [&enter[..], body, &[0xc9, 0xc3]].concat();
    let traps = decoded(&code)
        .into_iter()
        .map(|of| (of.ip() as u32, dunlin_core::TrapCode::MemoryOutOfBounds));
    let function = CompiledFunction { traps: traps.collect(), code, ..CompiledFunction::default() };
    let tables = StaticTables::default();
    let subject = Subject { module: &made, tables: &tables, settings: &settings(bounds), func: 0 };
    verify(subject, &function)
}

#[track_caller]
fn assert_accepted(body: &[u8], bounds: Bounds) {
    assert_eq!(violations(body, bounds), []);
}

#[track_caller]
fn assert_refused(body: &[u8], why: &str) {
    let found = violations(body, GUARDED);
    assert!(found.iter().any(|of| of.why.contains(why)), "{found:#?}");
}

/// `mov rax,[rdi+8]`: memory 0's base.
const BASE: [u8; 4] = [0x48, 0x8b, 0x47, 0x08];
/// `mov esi,esi`: the first argument without what is above it.
const NARROW: [u8; 2] = [0x89, 0xf6];

fn after(before: &[&[u8]], last: &[u8]) -> Vec<u8> {
    [&before.concat(), last].concat()
}

#[test]
fn an_index_has_32_bits() {
    // mov eax,[rax+rsi]
    let load = [0x8b, 0x04, 0x30];
    assert_accepted(&after(&[&BASE, &NARROW], &load), GUARDED);
    assert_refused(&after(&[&BASE], &load), "Base(0) with Number");
    // movzx esi,sil; movsxd rsi,esi
    assert_accepted(&after(&[&BASE, &[0x40, 0x0f, 0xb6, 0xf6]], &load), GUARDED);
    assert_refused(&after(&[&BASE, &[0x48, 0x63, 0xf6]], &load), "Base(0) with Number");
    // cmp rdx,rdi; cmova rsi,rdx
    let chosen = [0x48, 0x39, 0xfa, 0x48, 0x0f, 0x47, 0xf2];
    assert_refused(&after(&[&BASE, &NARROW, &chosen], &load), "Base(0) with Number");
    // mov eax,[rax+rsi*2]
    assert_refused(&after(&[&BASE, &NARROW], &[0x8b, 0x04, 0x70]), "Base(0) with");
}

#[test]
fn what_two_ways_know_is_what_both_know() {
    // test edx,edx; je to the load; mov rsi,rdx
    let either = [0x85, 0xd2, 0x74, 0x03, 0x48, 0x89, 0xd6];
    assert_refused(&after(&[&BASE, &NARROW, &either], &[0x8b, 0x04, 0x30]), "Base(0) with");
    // The same with `mov esi,edx`, and with a `nop`.
    let either = [0x85, 0xd2, 0x74, 0x02, 0x89, 0xd6];
    assert_accepted(&after(&[&BASE, &NARROW, &either], &[0x8b, 0x04, 0x30]), GUARDED);
    // A loop that makes it wide when it comes around: the load, add rsi,rdx, jne to the load.
    let around = [0x8b, 0x0c, 0x30, 0x48, 0x01, 0xd6, 0x75, 0xf8];
    assert_refused(&after(&[&BASE, &NARROW], &around), "Base(0) with");
}

#[test]
fn a_displacement_is_below_the_guard() {
    let load = |disp: u32| [&[0x8b, 0x84, 0x30][..], &disp.to_le_bytes()].concat();
    let code = |disp| after(&[&BASE, &NARROW], &load(disp));
    // Four bytes from the last address on end with the guard.
    assert_accepted(&code((1 << 31) - 3), GUARDED);
    assert_refused(&code((1 << 31) - 2), "Base(0) with");
    assert_refused(&code(u32::MAX), "Base(0) with");
}

#[test]
fn accesses_are_compared_where_nothing_is_guarded() {
    let found = violations(&after(&[&BASE, &NARROW], &[0x8b, 0x04, 0x30]), Bounds::Explicit);
    assert_eq!(found.len(), 1, "{found:#?}");
}

#[test]
fn a_base_is_no_data_of_the_guests() {
    // mov rax,[rax]; mov eax,[rax]
    assert_refused(&after(&[&BASE], &[0x48, 0x8b, 0x00, 0x8b, 0x00]), "Number");
    // A global: mov rax,[rdi+32]; mov rax,[rax]; mov rax,[rax]; mov eax,[rax]
    let global = [0x48, 0x8b, 0x47, 0x20, 0x48, 0x8b, 0x00, 0x48, 0x8b, 0x00];
    assert_accepted(&global, GUARDED);
    assert_refused(&after(&[&global], &[0x8b, 0x00]), "Number");
    // An argument: mov eax,[rdx]
    assert_refused(&[0x8b, 0x02], "Number");
}

#[test]
fn branches_lead_to_instructions() {
    // je into the next instruction: mov eax,90909090h
    assert_refused(&[0x74, 0x01, 0xb8, 0x90, 0x90, 0x90, 0x90], "overlaps");
    assert_refused(&[0xe9, 0x00, 0x00, 0x01, 0x00], "out of the code");
    assert_refused(&[0xff, 0xe6], "a jump to");
    assert_refused(&after(&[&BASE], &[0xff, 0x20]), "a jump to");
    assert_refused(&[0xff, 0xd6], "a call of");
    assert_refused(&after(&[&BASE], &[0xff, 0x10]), "a call of");
    // call rel32
    assert_refused(&[0xe8, 0x00, 0x00, 0x00, 0x00], "no use");
}

#[test]
fn instructions_are_those_of_this_tier() {
    for code in [
        &[0x0f, 0x05][..],
        &[0xcc],
        &[0xcd, 0x80],
        &[0xf4],
        &[0xf3, 0xa4],
        &[0xaa],
        &[0x9c],
        &[0xc8, 0, 0, 0],
        &[0x0f, 0x34],
    ] {
        let found = violations(code, GUARDED);
        assert!(!found.is_empty(), "{code:02x?}");
    }
    // mov eax,fs:[rdi]
    assert_refused(&[0x64, 0x8b, 0x07], "a segment");
}

#[test]
fn the_frame_is_the_functions_own() {
    assert_accepted(&[0x48, 0x89, 0x75, 0xf8], GUARDED);
    // Below the stack pointer, above the arguments, and one that ends there.
    assert_refused(&[0x48, 0x89, 0x74, 0x24, 0xf8], "outside of the frame");
    assert_refused(&[0x48, 0x89, 0x75, 0x10], "outside of the frame");
    assert_refused(&[0x48, 0x89, 0x75, 0x0c], "outside of the frame");
    assert_refused(&[0x48, 0x89, 0x75, 0xe8], "outside of the frame");
    // With an index: mov [rbp+rsi-8],rsi
    assert_refused(&after(&[&NARROW], &[0x48, 0x89, 0x74, 0x35, 0xf8]), "Frame");
}

#[test]
fn a_function_leaves_what_is_its_callers() {
    // The return address, and the caller's frame pointer.
    assert_refused(&[0x48, 0x89, 0x75, 0x08], "no return address");
    assert_refused(&[0x48, 0x89, 0x75, 0x00], "frame pointer is lost");
    // xor ebx,ebx; ret in the frame; ret 16
    assert_refused(&[0x31, 0xdb], "register 3 is lost");
    assert_refused(&[0xc3], "no return address");
    assert_refused(&[0xc9, 0xc2, 0x10, 0x00], "arguments stay");
}

#[test]
fn contexts_are_not_written() {
    assert_refused(&[0x48, 0x89, 0x77, 0x08], "Context");
    // mov rax,[rdi]; mov [rax+24],rsi: the types. The nursery's end, and its next object, which may be.
    let store = [0x48, 0x8b, 0x07];
    assert_refused(&after(&[&store], &[0x48, 0x89, 0x70, 0x18]), "Store");
    assert_refused(&after(&[&store], &[0x89, 0x70, 0x34]), "Store");
    assert_accepted(&after(&[&store], &[0x89, 0x70, 0x30]), GUARDED);
    // What stands behind the context, and half of a pointer of it.
    assert_refused(&[0x48, 0x8b, 0x87, 0x88, 0, 0, 0], "Context");
    assert_refused(&[0x8b, 0x47, 0x08], "Context");
    // Another function's budget: mov r11,[rdi+120]; sub dword [r11+16],1
    let budgets = [0x4c, 0x8b, 0x5f, 0x78];
    assert_refused(&after(&[&budgets], &[0x41, 0x83, 0x6b, 0x10, 0x01]), "Budgets");
    assert_accepted(&after(&[&budgets], &[0x41, 0x83, 0x6b, 0x04, 0x01]), GUARDED);
    assert_accepted(&after(&[&budgets], &[0x41, 0x83, 0x6b, 0x00, 0x01]), GUARDED);
    // Notes of an operator that is none of the function's: mov r11,[rdi+112]; mov byte [r11+1],1
    let notes = [0x4c, 0x8b, 0x5f, 0x70];
    assert_refused(&after(&[&notes], &[0x41, 0xc6, 0x43, 0x01, 0x01]), "Notes");
    // A cell of one: mov dword [r11+1073741840],1
    let cell = [0x41, 0xc7, 0x83, 0x10, 0, 0, 0x40, 1, 0, 0, 0];
    assert_refused(&after(&[&notes], &cell), "Notes");
}

#[test]
fn constants_are_read_from_the_code() {
    assert_refused(&[0x89, 0x05, 0x00, 0x00, 0x00, 0x00], "a constant outside");
    assert_refused(&[0x8b, 0x05, 0x00, 0x01, 0x00, 0x00], "a constant outside");
    // One in the middle of what is executed.
    assert_refused(&[0x8b, 0x05, 0xfa, 0xff, 0xff, 0xff], "overlaps");
}

/// Functions in whose code every move that depends on a comparison is there for safety.
const MASKED: &str = "(module
    (type $f (func)) (type $a (array (mut i64))) (type $v (array (mut v128)))
    (type $t0 (sub (func))) (type $t1 (sub $t0 (func))) (type $t2 (sub $t1 (func))) (type $t3 (sub $t2 (func)))
    (type $t4 (sub $t3 (func))) (type $t5 (sub $t4 (func))) (type $t6 (sub $t5 (func))) (type $t7 (sub $t6 (func)))
    (type $t8 (sub $t7 (func))) (type $t9 (sub $t8 (func)))
    (memory 1) (memory $wide i64 1)
    (table $t 4 funcref)
    (func $f (type $f))
    (func (param i32 i64) (i64.store offset=5000 (local.get 0) (local.get 1)))
    (func (param i64) (result i32) (i32.load $wide offset=8 (local.get 0)))
    (func (param i32) (result funcref) (table.get $t (local.get 0)))
    (func (param i32) (call_indirect $t (type $f) (local.get 0)))
    (func (param i32) (call_indirect $t (type $t8) (local.get 0)))
    (func (param i32) (block (block (br_table 0 1 (local.get 0))) (i32.store (i32.const 0) (i32.const 0))))
    (func (param (ref null $a) i32) (array.set $a (local.get 0) (local.get 1) (i64.const 1)))
    (func (param (ref null $v) i32) (result v128) (array.get $v (local.get 0) (local.get 1)))
    (func (param funcref) (result i32) (ref.test (ref $t8) (local.get 0))))";

/// The same of calls through a table that never changes.
const FIXED: &str = "(module
    (type $f (func)) (table 2 2 funcref) (elem (i32.const 0) func $f $f)
    (func $f (type $f))
    (func (param i32) (call_indirect (type $f) (local.get 0))))";

/// Compiles a function and changes its code at each instruction of a kind; how often the verifier has refused that.
fn refused_without(
    module: &Module,
    tables: &StaticTables,
    settings: &Settings,
    func: u32,
    is_of_kind: impl Fn(&Instruction) -> bool,
) -> Option<usize> {
    let baseline = Baseline::new(settings.clone()).ok()?;
    module.prepare(func, &mut Scratch::default()).expect("it is valid");
    let code = baseline.worker(module, tables).compile(Unit::Func(func)).expect("it has code");
    let subject = Subject { module, tables, settings, func };
    assert_eq!(verify(subject, &code), []);
    let kind: Vec<Instruction> = decoded(&code.code).into_iter().filter(is_of_kind).collect();
    for instruction in &kind {
        let mut changed = code.clone();
        let at = instruction.ip() as usize;
        changed.code[at..at + instruction.len()].fill(0x90);
        let found = verify(subject, &changed);
        assert!(!found.is_empty(), "function {func} without the instruction at {at}");
    }
    Some(kind.len())
}

#[test]
fn without_any_move_that_masks_code_is_refused() {
    for (text, least) in [(MASKED, 10), (FIXED, 1)] {
        let module = module(text);
        let (tables, mut count) = (StaticTables::of(&module), 0);
        assert_eq!(tables.is_empty(), text == MASKED);
        for func in 1..module.func_count() {
            let is_masking =
                |of: &Instruction| matches!(of.mnemonic(), Mnemonic::Cmova | Mnemonic::Cmovae);
            let explicit = settings(Bounds::Explicit);
            let found = refused_without(&module, &tables, &explicit, func, is_masking);
            let Some(found) = found else { return };
            assert!(found > 0, "function {func} has none");
            count += found;
        }
        assert!(count >= least, "{count}");
    }
}

#[test]
fn without_the_comparison_of_a_wide_address_code_is_refused() {
    let module = module(MASKED);
    let (tables, explicit) = (StaticTables::of(&module), settings(Bounds::Explicit));
    // The carry, and what is compared with the length.
    let is_of_kind = |of: &Instruction| {
        let compares =
            of.mnemonic() == Mnemonic::Cmp && of.op1_register() == iced_x86::Register::R11;
        // That of the stack pointer is about something else.
        compares && of.op0_register() != iced_x86::Register::RSP
    };
    let found = refused_without(&module, &tables, &explicit, 2, is_of_kind);
    assert!(found.is_none_or(|found| found == 1), "{found:?}");
}

#[test]
fn an_access_that_faults_is_in_the_table_of_traps() {
    let module =
        module("(module (memory 1) (func (param i32) (result i32) (i32.load (local.get 0))))");
    let (tables, settings) = (StaticTables::default(), settings(GUARDED));
    let Ok(baseline) = Baseline::new(settings.clone()) else { return };
    let mut code = baseline.worker(&module, &tables).compile(Unit::Func(0)).expect("it has code");
    let subject = Subject { module: &module, tables: &tables, settings: &settings, func: 0 };
    assert_eq!(verify(subject, &code), []);
    code.traps.clear();
    assert!(!verify(subject, &code).is_empty());
}

#[test]
fn the_entries_of_branch_tables_lead_to_instructions() {
    let module = module(MASKED);
    let (tables, settings) = (StaticTables::of(&module), settings(GUARDED));
    let Ok(baseline) = Baseline::new(settings.clone()) else { return };
    let code = baseline.worker(&module, &tables).compile(Unit::Func(6)).expect("it has code");
    let subject = Subject { module: &module, tables: &tables, settings: &settings, func: 6 };
    assert_eq!(verify(subject, &code), []);
    let jump = decoded(&code.code)
        .into_iter()
        .find(|of| of.mnemonic() == Mnemonic::Jmp && of.op0_register() != iced_x86::Register::None);
    let table = jump.expect("it has a table").next_ip() as usize;
    for change in [1, 1 << 24] {
        let mut changed = code.clone();
        let entry: [u8; 4] = changed.code[table..table + 4].try_into().expect("four bytes");
        let entry = i32::from_le_bytes(entry) + change;
        changed.code[table..table + 4].copy_from_slice(&entry.to_le_bytes());
        assert!(!verify(subject, &changed).is_empty(), "{change}");
    }
}
