//! What it costs to throw and to catch, by how far and between which kinds of code; and what a block that catches
//! costs when nothing is thrown.
//!
//! `cargo run --release -p dunlin --features optimize --example exception_cost [THROWS]`

use dunlin::{Config, Engine, Instance, Module, Result, Store, Tier};
use std::time::{Duration, Instant};

const THROWS_DEFAULT: u32 = 200_000;
const ROUNDS: usize = 10;

/// Function 0 throws or returns; 1 calls it through as many frames as it is told; the others catch.
const GUEST: &str = r#"(module (tag $t (param i32))
    (func $throws (param $throw i32)
        (if (local.get $throw) (then (throw $t (local.get $throw)))))
    (func $deep (param $frames i32)
        (if (i32.eqz (local.get $frames)) (then (throw $t (local.get $frames))))
        (call $deep (i32.sub (local.get $frames) (i32.const 1))))
    (func (export "plain") (param $n i32)
        (loop $next
            (call $throws (i32.const 0))
            (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
    (func (export "try_table, no throw") (param $n i32)
        (loop $next
            (block $caught (result i32)
                (try_table (catch $t $caught) (call $throws (i32.const 0)))
                (i32.const 0))
            (drop)
            (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
    (func (export "throw, 1 frame") (param $n i32)
        (loop $next
            (block $caught (result i32)
                (try_table (catch $t $caught) (call $throws (i32.const 1)))
                (i32.const 0))
            (drop)
            (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
    (func (export "throw, same function") (param $n i32)
        (loop $next
            (block $caught (result i32)
                (try_table (catch $t $caught) (throw $t (local.get $n)))
                (i32.const 0))
            (drop)
            (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
    (func (export "throw, 20 frames") (param $n i32)
        (loop $next
            (block $caught (result i32)
                (try_table (catch $t $caught) (call $deep (i32.const 19)))
                (i32.const 0))
            (drop)
            (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
    (func (export "early form, 1 frame") (param $n i32)
        (loop $next
            try (call $throws (i32.const 1)) catch $t drop end
            (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"#;

fn main() -> Result<()> {
    let throws = std::env::args().nth(1).and_then(|throws| throws.parse().ok());
    let throws: u32 = throws.unwrap_or(THROWS_DEFAULT);
    let rows = [
        ("interpreted", 0),
        ("compiled", u64::MAX),
        ("compiled throws", 0b11),
        ("interpreted throws", !0b11),
    ];
    for (what, compiled) in rows {
        let engine = Engine::new(Config::new().tier(Tier::Optimize).mix_tiers(compiled))?;
        let module = Module::new(&engine, GUEST)?;
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[])?;
        let names: Vec<String> = module.exports().map(|export| export.name().to_owned()).collect();
        for name in names {
            let run = instance.get_typed_func::<u32, ()>(&mut store, &name)?;
            let mut best = Duration::MAX;
            for _ in 0..ROUNDS {
                let begun = Instant::now();
                run.call(&mut store, throws)?;
                best = best.min(begun.elapsed());
            }
            let nanoseconds = best.as_nanos() as f64 / f64::from(throws);
            println!("{what:20} {name:22} {nanoseconds:8.1} ns");
        }
    }
    Ok(())
}
