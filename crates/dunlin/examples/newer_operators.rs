//! What relaxed multiplication with addition, and whole products of 64-bit integers, save in compiled code
//! over what they replace: `cargo run --release -p dunlin --features optimize --example newer_operators`.

use dunlin::{Config, Engine, Instance, Module, Result, Store, Tier};
use std::time::Instant;

/// Turns of a kernel's loop.
const TURNS: i32 = 20_000;

/// Rounds, of which the shortest counts: each takes less than a slice of a busy machine.
const ROUNDS: u32 = 1_000;

/// A polynomial of degree 7 at four points a turn, each step of which waits for the one before; and six
/// sums of products a turn that wait for nobody.
const MULTIPLY_ADD: &str = r#"(module
  (func (export "polynomial") (param $turns i32) (result f32) (local $x v128) (local $y v128)
    (local.set $x (f32x4.splat (f32.const 0.5)))
    (loop $turn
      (local.set $y (local.get $x))
      STEP(local.set $y (f32x4.relaxed_madd (local.get $y) (local.get $x) (local.get $x)))*7
      (local.set $x (f32x4.min (local.get $y) (f32x4.splat (f32.const 0.75))))
      (br_if $turn (local.tee $turns (i32.sub (local.get $turns) (i32.const 1)))))
    (f32x4.extract_lane 0 (local.get $x)))
  (func (export "sums") (param $turns i32) (result f32) (local $x v128)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128) (local $e v128) (local $f v128)
    (local.set $x (f32x4.splat (f32.const 0.5)))
    (loop $turn
      (local.set $a (f32x4.relaxed_madd (local.get $x) (f32x4.splat (f32.const 3)) (local.get $a)))
      (local.set $b (f32x4.relaxed_madd (local.get $x) (f32x4.splat (f32.const 4)) (local.get $b)))
      (local.set $c (f32x4.relaxed_madd (local.get $x) (f32x4.splat (f32.const 5)) (local.get $c)))
      (local.set $d (f32x4.relaxed_madd (local.get $x) (f32x4.splat (f32.const 6)) (local.get $d)))
      (local.set $e (f32x4.relaxed_madd (local.get $x) (f32x4.splat (f32.const 7)) (local.get $e)))
      (local.set $f (f32x4.relaxed_madd (local.get $x) (f32x4.splat (f32.const 8)) (local.get $f)))
      (local.set $x (f32x4.add (local.get $x) (local.get $x)))
      (br_if $turn (local.tee $turns (i32.sub (local.get $turns) (i32.const 1)))))
    (f32x4.extract_lane 0
      (f32x4.add (f32x4.add (f32x4.add (local.get $a) (local.get $b)) (local.get $c))
                 (f32x4.add (f32x4.add (local.get $d) (local.get $e)) (local.get $f))))))"#;

/// A digit of a long product a turn, four times: `a * b + c`, of which the upper half is carried on. Once by
/// the operators, and once as compilers do without them: four products of halves.
const WIDE: &str = r#"(module
  (func (export "wide") (param $turns i32) (result i64) (local $x i64) (local $carry i64)
    (local.set $x (i64.const 0x9e3779b97f4a7c15))
    (loop $turn
      STEP(i64.mul_wide_u (local.get $x) (i64.const 0xd1342543de82ef95))
      (i64.add128 (local.get $carry) (i64.const 0)) (local.set $carry) (local.set $x)*4
      (br_if $turn (local.tee $turns (i32.sub (local.get $turns) (i32.const 1)))))
    (i64.xor (local.get $x) (local.get $carry)))
  (func (export "halves") (param $turns i32) (result i64) (local $x i64) (local $carry i64)
    (local $a i64) (local $al i64) (local $ah i64) (local $m i64) (local $low i64)
    (local.set $x (i64.const 0x9e3779b97f4a7c15))
    (loop $turn
      STEP(local.set $al (i64.and (local.get $x) (i64.const 0xffffffff)))
      (local.set $ah (i64.shr_u (local.get $x) (i64.const 32)))
      (local.set $m (i64.add (i64.mul (local.get $ah) (i64.const 0xde82ef95))
                             (i64.shr_u (i64.mul (local.get $al) (i64.const 0xde82ef95)) (i64.const 32))))
      (local.set $low (i64.add (i64.mul (local.get $x) (i64.const 0xd1342543de82ef95)) (local.get $carry)))
      (local.set $carry
        (i64.add
          (i64.add
            (i64.add (i64.mul (local.get $ah) (i64.const 0xd1342543)) (i64.shr_u (local.get $m) (i64.const 32)))
            (i64.shr_u (i64.add (i64.mul (local.get $al) (i64.const 0xd1342543))
                                (i64.and (local.get $m) (i64.const 0xffffffff)))
                       (i64.const 32)))
          (i64.extend_i32_u (i64.lt_u (local.get $low) (local.get $carry)))))
      (local.set $x (local.get $low))*4
      (br_if $turn (local.tee $turns (i32.sub (local.get $turns) (i32.const 1)))))
    (i64.xor (local.get $x) (local.get $carry))))"#;

/// The text with everything between `STEP` and `*N` written N times.
fn unrolled(text: &str) -> String {
    let mut parts = text.split("STEP");
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (step, rest) = part.split_once('*').expect("a step says how often");
        let (times, rest) = rest.split_at(1);
        all.push_str(&step.repeat(times.parse().expect("a number")));
        all.push_str(rest);
    }
    all
}

/// Nanoseconds of a turn.
fn measure(text: &str, name: &str, deterministic: bool) -> Result<f64> {
    let mut config = Config::new();
    config.tier(Tier::Optimize).relaxed_simd_deterministic(deterministic);
    let engine = Engine::new(&config)?;
    let module = Module::new(&engine, unrolled(text))?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let func = instance.get_func(&mut store, name).expect("an export");
    let mut results = [dunlin::Val::I32(0)];
    let mut least = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        func.call(&mut store, &[TURNS.into()], &mut results)?;
        least = least.min(start.elapsed().as_nanos() as f64 / f64::from(TURNS));
    }
    println!(
        "{name:>12} {:>14}: {least:.2} ns a turn, {:?}",
        if deterministic { "deterministic" } else { "fast" },
        results[0]
    );
    Ok(least)
}

fn main() -> Result<()> {
    for name in ["polynomial", "sums"] {
        let (fast, exact) =
            (measure(MULTIPLY_ADD, name, false)?, measure(MULTIPLY_ADD, name, true)?);
        println!("{name}: {:.2} times as fast as a product and a sum", exact / fast);
    }
    let (wide, halves) = (measure(WIDE, "wide", false)?, measure(WIDE, "halves", false)?);
    println!("wide: {:.2} times as fast as products of halves", halves / wide);
    Ok(())
}
