//! A script that executes every operator very often in one activation.
//!
//! An interpreter whose handlers jump to each other must not leave anything on the native stack, and
//! the handlers of rare operators are the ones where that goes wrong unseen: each of them may be
//! compiled to a call of the next. The loop is long enough that one return address a turn overflows
//! the native stack of a test's thread.

use std::fmt::Write as _;

/// Turns of the loop: 16 bytes a turn exceed the 2 MiB that threads get. Unoptimised builds dispatch by
/// a loop, which has no such defect to find, and are slow.
const TURNS: u32 = if cfg!(debug_assertions) { 500 } else { 160_000 };

/// Operators by the types of their operands, all of which leave one value.
const VALUES: &[(&str, &str)] = &[
    (
        "i32",
        "i32.clz i32.ctz i32.popcnt i32.eqz i32.extend8_s i32.extend16_s i64.extend_i32_s \
         i64.extend_i32_u f32.convert_i32_s f32.convert_i32_u f64.convert_i32_s f64.convert_i32_u \
         f32.reinterpret_i32 i8x16.splat i16x8.splat i32x4.splat",
    ),
    (
        "i32 i32",
        "i32.add i32.sub i32.mul i32.div_s i32.div_u i32.rem_s i32.rem_u i32.and i32.or i32.xor \
         i32.shl i32.shr_s i32.shr_u i32.rotl i32.rotr i32.eq i32.ne i32.lt_s i32.lt_u i32.gt_s \
         i32.gt_u i32.le_s i32.le_u i32.ge_s i32.ge_u",
    ),
    (
        "i64",
        "i64.clz i64.ctz i64.popcnt i64.eqz i64.extend8_s i64.extend16_s i64.extend32_s \
         i32.wrap_i64 f32.convert_i64_s f32.convert_i64_u f64.convert_i64_s f64.convert_i64_u \
         f64.reinterpret_i64 i64x2.splat",
    ),
    (
        "i64 i64",
        "i64.add i64.sub i64.mul i64.div_s i64.div_u i64.rem_s i64.rem_u i64.and i64.or i64.xor \
         i64.shl i64.shr_s i64.shr_u i64.rotl i64.rotr i64.eq i64.ne i64.lt_s i64.lt_u i64.gt_s \
         i64.gt_u i64.le_s i64.le_u i64.ge_s i64.ge_u",
    ),
    (
        "f32",
        "f32.abs f32.neg f32.ceil f32.floor f32.trunc f32.nearest f32.sqrt i32.trunc_f32_s \
         i32.trunc_f32_u i64.trunc_f32_s i64.trunc_f32_u i32.trunc_sat_f32_s i32.trunc_sat_f32_u \
         i64.trunc_sat_f32_s i64.trunc_sat_f32_u f64.promote_f32 i32.reinterpret_f32 f32x4.splat",
    ),
    (
        "f32 f32",
        "f32.add f32.sub f32.mul f32.div f32.min f32.max f32.copysign f32.eq f32.ne f32.lt f32.gt \
         f32.le f32.ge",
    ),
    (
        "f64",
        "f64.abs f64.neg f64.ceil f64.floor f64.trunc f64.nearest f64.sqrt i32.trunc_f64_s \
         i32.trunc_f64_u i64.trunc_f64_s i64.trunc_f64_u i32.trunc_sat_f64_s i32.trunc_sat_f64_u \
         i64.trunc_sat_f64_s i64.trunc_sat_f64_u f32.demote_f64 i64.reinterpret_f64 f64x2.splat",
    ),
    (
        "f64 f64",
        "f64.add f64.sub f64.mul f64.div f64.min f64.max f64.copysign f64.eq f64.ne f64.lt f64.gt \
         f64.le f64.ge",
    ),
    (
        "v128",
        "v128.not v128.any_true i8x16.abs i8x16.neg i8x16.popcnt i8x16.all_true i8x16.bitmask \
         i16x8.abs i16x8.neg i16x8.all_true i16x8.bitmask i32x4.abs i32x4.neg i32x4.all_true \
         i32x4.bitmask i64x2.abs i64x2.neg i64x2.all_true i64x2.bitmask f32x4.abs f32x4.neg \
         f32x4.sqrt f32x4.ceil f32x4.floor f32x4.trunc f32x4.nearest f64x2.abs f64x2.neg f64x2.sqrt \
         f64x2.ceil f64x2.floor f64x2.trunc f64x2.nearest i16x8.extend_low_i8x16_s \
         i16x8.extend_high_i8x16_s i16x8.extend_low_i8x16_u i16x8.extend_high_i8x16_u \
         i32x4.extend_low_i16x8_s i32x4.extend_high_i16x8_s i32x4.extend_low_i16x8_u \
         i32x4.extend_high_i16x8_u i64x2.extend_low_i32x4_s i64x2.extend_high_i32x4_s \
         i64x2.extend_low_i32x4_u i64x2.extend_high_i32x4_u i16x8.extadd_pairwise_i8x16_s \
         i16x8.extadd_pairwise_i8x16_u i32x4.extadd_pairwise_i16x8_s i32x4.extadd_pairwise_i16x8_u \
         f32x4.demote_f64x2_zero f64x2.promote_low_f32x4 i32x4.trunc_sat_f32x4_s \
         i32x4.trunc_sat_f32x4_u f32x4.convert_i32x4_s f32x4.convert_i32x4_u \
         i32x4.trunc_sat_f64x2_s_zero i32x4.trunc_sat_f64x2_u_zero f64x2.convert_low_i32x4_s \
         f64x2.convert_low_i32x4_u i32x4.relaxed_trunc_f32x4_s i32x4.relaxed_trunc_f32x4_u \
         i32x4.relaxed_trunc_f64x2_s_zero i32x4.relaxed_trunc_f64x2_u_zero",
    ),
    (
        "v128 v128",
        "v128.and v128.andnot v128.or v128.xor i8x16.swizzle i8x16.narrow_i16x8_s \
         i8x16.narrow_i16x8_u i16x8.narrow_i32x4_s i16x8.narrow_i32x4_u i8x16.add i8x16.add_sat_s \
         i8x16.add_sat_u i8x16.sub i8x16.sub_sat_s i8x16.sub_sat_u i8x16.min_s i8x16.min_u \
         i8x16.max_s i8x16.max_u i8x16.avgr_u i16x8.add i16x8.add_sat_s i16x8.add_sat_u i16x8.sub \
         i16x8.sub_sat_s i16x8.sub_sat_u i16x8.mul i16x8.min_s i16x8.min_u i16x8.max_s i16x8.max_u \
         i16x8.avgr_u i16x8.q15mulr_sat_s i32x4.add i32x4.sub i32x4.mul i32x4.min_s i32x4.min_u \
         i32x4.max_s i32x4.max_u i32x4.dot_i16x8_s i64x2.add i64x2.sub i64x2.mul \
         i16x8.extmul_low_i8x16_s i16x8.extmul_high_i8x16_s i16x8.extmul_low_i8x16_u \
         i16x8.extmul_high_i8x16_u i32x4.extmul_low_i16x8_s i32x4.extmul_high_i16x8_s \
         i32x4.extmul_low_i16x8_u i32x4.extmul_high_i16x8_u i64x2.extmul_low_i32x4_s \
         i64x2.extmul_high_i32x4_s i64x2.extmul_low_i32x4_u i64x2.extmul_high_i32x4_u f32x4.add \
         f32x4.sub f32x4.mul f32x4.div f32x4.min f32x4.max f32x4.pmin f32x4.pmax f64x2.add f64x2.sub \
         f64x2.mul f64x2.div f64x2.min f64x2.max f64x2.pmin f64x2.pmax i8x16.eq i8x16.ne i8x16.lt_s \
         i8x16.lt_u i8x16.gt_s i8x16.gt_u i8x16.le_s i8x16.le_u i8x16.ge_s i8x16.ge_u i16x8.eq \
         i16x8.ne i16x8.lt_s i16x8.lt_u i16x8.gt_s i16x8.gt_u i16x8.le_s i16x8.le_u i16x8.ge_s \
         i16x8.ge_u i32x4.eq i32x4.ne i32x4.lt_s i32x4.lt_u i32x4.gt_s i32x4.gt_u i32x4.le_s \
         i32x4.le_u i32x4.ge_s i32x4.ge_u i64x2.eq i64x2.ne i64x2.lt_s i64x2.gt_s i64x2.le_s \
         i64x2.ge_s f32x4.eq f32x4.ne f32x4.lt f32x4.gt f32x4.le f32x4.ge f64x2.eq f64x2.ne f64x2.lt \
         f64x2.gt f64x2.le f64x2.ge i8x16.relaxed_swizzle f32x4.relaxed_min f32x4.relaxed_max \
         f64x2.relaxed_min f64x2.relaxed_max i16x8.relaxed_q15mulr_s \
         i16x8.relaxed_dot_i8x16_i7x16_s",
    ),
    (
        "v128 i32",
        "i8x16.shl i8x16.shr_s i8x16.shr_u i16x8.shl i16x8.shr_s i16x8.shr_u i32x4.shl i32x4.shr_s \
         i32x4.shr_u i64x2.shl i64x2.shr_s i64x2.shr_u",
    ),
    (
        "v128 v128 v128",
        "v128.bitselect f32x4.relaxed_madd f32x4.relaxed_nmadd f64x2.relaxed_madd f64x2.relaxed_nmadd \
         i8x16.relaxed_laneselect i16x8.relaxed_laneselect i32x4.relaxed_laneselect \
         i64x2.relaxed_laneselect i32x4.relaxed_dot_i8x16_i7x16_add_s",
    ),
];

/// Loads, which take an address.
const LOADS: &str = "i32.load i64.load f32.load f64.load i32.load8_s i32.load8_u i32.load16_s \
    i32.load16_u i64.load8_s i64.load8_u i64.load16_s i64.load16_u i64.load32_s i64.load32_u \
    v128.load v128.load8x8_s v128.load8x8_u v128.load16x4_s v128.load16x4_u v128.load32x2_s \
    v128.load32x2_u v128.load8_splat v128.load16_splat v128.load32_splat v128.load64_splat \
    v128.load32_zero v128.load64_zero";

/// Stores, each with the type of what it stores.
const STORES: &str = "i32:i32.store i64:i64.store f32:f32.store f64:f64.store i32:i32.store8 \
    i32:i32.store16 i64:i64.store8 i64:i64.store16 i64:i64.store32 v128:v128.store";

/// What needs more than operands: instructions that leave the stack as they found it.
const REST: &str = r"
    i32.const 1 global.set $g  global.get $g drop
    v128.const i32x4 1 2 3 4 global.set $v  global.get $v drop
    i64.const 1 i64.const 2 i32.const 0 select drop
    v128.const i32x4 1 2 3 4 v128.const i32x4 1 2 3 4 i32.const 1 select drop
    i64.const 1 i64.const 2 i64.const 3 i64.const 4 i64.add128 drop drop
    i64.const 1 i64.const 2 i64.const 3 i64.const 4 i64.sub128 drop drop
    i64.const 1 i64.const 2 i64.mul_wide_s drop drop  i64.const 1 i64.const 2 i64.mul_wide_u drop drop
    ref.null func ref.null func i32.const 1 select (result funcref) drop
    ref.null extern ref.is_null drop  ref.func $nothing drop
    v128.const i32x4 1 2 3 4 local.set $vector  local.get $vector local.tee $vector drop
    v128.const i32x4 1 2 3 4 v128.const i32x4 1 2 3 4
    i8x16.shuffle 0 1 2 3 4 5 6 7 24 25 26 27 28 29 30 31 drop
    memory.size drop  i32.const 0 memory.grow drop
    memory.size $b drop  i64.const 0 memory.grow $b drop
    i32.const 0 i32.const 0 i32.const 8 memory.fill
    i32.const 0 i32.const 8 i32.const 8 memory.copy
    i32.const 0 i32.const 0 i32.const 2 memory.init $data
    i64.const 0 i32.const 0 i64.const 8 memory.fill $b
    i32.const 0 i64.const 8 i32.const 8 memory.copy $a $b
    data.drop $dropped  elem.drop $gone
    i64.const 16 i64.const 16 i64.load $b offset=300 i64.store $b offset=200
    i32.const 0 table.get drop  i32.const 0 ref.func $nothing table.set
    table.size drop  ref.null func i32.const 0 table.grow drop
    i32.const 0 ref.func $nothing i32.const 1 table.fill
    i32.const 0 i32.const 0 i32.const 1 table.copy
    i32.const 0 i32.const 0 i32.const 1 table.init $elem
    call $nothing  i32.const 0 call_indirect
    call $tail  call $tail-indirect  call $tail-host
    call $host  i32.const 1 call_indirect  i32.const 1 call $host-i32
    v128.const i32x4 1 2 3 4 i32.const 1 v128.const i32x4 1 2 3 4 call $swap drop drop drop
    call $other  i32.const 2 call_indirect  call $tail-other
    ref.func $nothing call $call
    block nop end  loop end  i32.const 0 if end  i32.const 1 if nop else nop end  block br 0 end
    block i32.const 1 br_if 0 end
    block block i32.const 1 br_table 0 1 0 end end
    block block i32.const 7 br_table 0 1 0 end end
    block (result i32 v128) i64.const 1 i32.const 1 v128.const i32x4 1 2 3 4 br 0 end drop drop
    block (result i32) i64.const 1 i32.const 1 i32.const 1 br_if 0 drop drop i32.const 2 end drop
";

/// The script.
pub(crate) fn script() -> String {
    let constant = |ty: &str| match ty {
        "v128" => "v128.const i32x4 1 2 3 4 ".to_owned(),
        "f32" | "f64" => format!("{ty}.const 1.5 "),
        _ => format!("{ty}.const 5 "),
    };
    let mut body = String::new();
    for (operands, operators) in VALUES {
        let operands: String = operands.split(' ').map(constant).collect();
        for operator in operators.split_whitespace() {
            let _ = writeln!(body, "{operands}{operator} drop");
        }
    }
    for load in LOADS.split_whitespace() {
        let _ = writeln!(body, "i32.const 8 {load} drop i32.const 8 {load} offset=400 drop");
    }
    for (ty, store) in STORES.split_whitespace().filter_map(|store| store.split_once(':')) {
        let value = constant(ty);
        let _ = writeln!(body, "i32.const 8 {value}{store} i32.const 8 {value}{store} offset=400");
    }
    body.push_str(&lanes(&constant));
    body.push_str(&atomics(&constant));
    format!(
        r#"(module (func (export "f")))
(register "other")
(module
  (import "spectest" "print" (func $host))
  (import "spectest" "print_i32" (func $host-i32 (param i32)))
  (import "host" "swap" (func $swap (param v128 i32 v128) (result v128 i32 v128)))
  (import "host" "call" (func $call (param funcref)))
  (import "other" "f" (func $other))
  (memory $a 1) (memory $b i64 1) (memory $c 1 1 shared)
  (table 3 3 funcref)
  (elem (i32.const 1) func $host $other)
  (elem $elem func $nothing) (elem $gone func $nothing)
  (data $data "ab") (data $dropped "cd")
  (global $g (mut i32) (i32.const 0)) (global $v (mut v128) (v128.const i64x2 0 0))
  (func $nothing)
  (func $tail (return_call $nothing))
  (func $tail-indirect (return_call_indirect (i32.const 0)))
  (func $tail-host (return_call $host))
  (func $tail-other (return_call_indirect (i32.const 2)))
  (func (export "run") (param $turns i32) (result i32) (local $vector v128)
    loop
{body}{REST}
      local.get $turns i32.const 1 i32.sub local.tee $turns br_if 0
    end
    local.get $turns))
(assert_return (invoke "run" (i32.const {TURNS})) (i32.const 0))
"#
    )
}

/// The atomic operators, on a shared memory and on one that is not.
fn atomics(constant: &dyn Fn(&str) -> String) -> String {
    let mut body = String::from(
        "atomic.fence i32.const 16 i32.const 1 memory.atomic.notify $c drop \
         i32.const 16 i32.const 1 i64.const 0 memory.atomic.wait32 $c drop \
         i32.const 16 i64.const 0 i64.const 0 memory.atomic.wait64 $c drop\n",
    );
    for (ty, widths) in [("i32", &["", "8", "16"][..]), ("i64", &["", "8", "16", "32"])] {
        let value = constant(ty);
        for (width, memory) in widths.iter().flat_map(|width| [(width, ""), (width, "$c")]) {
            let sign = if width.is_empty() { "" } else { "_u" };
            let _ = writeln!(body, "i32.const 8 {ty}.atomic.load{width}{sign} {memory} drop");
            let _ = writeln!(body, "i32.const 8 {value}{ty}.atomic.store{width} {memory}");
            for op in ["add", "sub", "and", "or", "xor", "xchg"] {
                let operator = format!("{ty}.atomic.rmw{width}.{op}{sign}");
                let _ = writeln!(body, "i32.const 8 {value}{operator} {memory} drop");
            }
            let operator = format!("{ty}.atomic.rmw{width}.cmpxchg{sign}");
            let _ = writeln!(body, "i32.const 8 {value}{value}{operator} {memory} drop");
        }
    }
    body
}

/// The operators on one lane.
fn lanes(constant: &dyn Fn(&str) -> String) -> String {
    let mut body = String::new();
    for (shape, ty) in [
        ("i8x16", "i32"),
        ("i16x8", "i32"),
        ("i32x4", "i32"),
        ("i64x2", "i64"),
        ("f32x4", "f32"),
        ("f64x2", "f64"),
    ] {
        let (vector, value) = (constant("v128"), constant(ty));
        let signs: &[&str] =
            if shape == "i8x16" || shape == "i16x8" { &["_s", "_u"] } else { &[""] };
        for sign in signs {
            let _ = writeln!(body, "{vector}{shape}.extract_lane{sign} 1 drop");
        }
        let _ = writeln!(body, "{vector}{value}{shape}.replace_lane 1 drop");
    }
    for bits in [8, 16, 32, 64] {
        let vector = constant("v128");
        let _ = writeln!(body, "i32.const 8 {vector}v128.load{bits}_lane 1 drop");
        let _ = writeln!(body, "i32.const 8 {vector}v128.store{bits}_lane 1");
    }
    body
}
