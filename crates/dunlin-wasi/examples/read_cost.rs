//! Nanoseconds of a small read of a file that is in memory, and of a call that a disk may keep waiting.
//!
//! `cargo run --release -p dunlin-wasi --example read_cost`

use dunlin::{Config, Engine, Linker, Module, Store, Tier};
use dunlin_wasi::{DirRights, WasiCtx, add_to_linker};
use std::error::Error;
use std::time::Instant;

/// Reads 64 bytes of the first granted folder's `file` so often as it is told, and looks at it so often.
const GUEST: &str = r#"(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pread" (func $read (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get"
    (func $stat (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "file")
  (data (i32.const 16) "\00\01\00\00\40\00\00\00")
  (func (export "reads") (param $left i32)
    (if (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 0)
      (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 8)) (then (unreachable)))
    (loop $again
      (if (call $read (i32.load (i32.const 8)) (i32.const 16) (i32.const 1) (i64.const 100) (i32.const 12))
        (then (unreachable)))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))
  (func (export "stats") (param $left i32)
    (loop $again
      (if (call $stat (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 512))
        (then (unreachable)))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))))"#;

const TIMES: i32 = 200_000;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("dunlin-read-cost-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    std::fs::write(folder.join("file"), [7; 4096])?;
    let mut config = Config::new();
    config.tier(Tier::Optimize);
    let engine = Engine::new(&config)?;
    let module = Module::new(&engine, GUEST)?;
    let mut linker = Linker::new(&engine);
    add_to_linker(&mut linker, |ctx: &mut WasiCtx| ctx)?;
    let mut builder = WasiCtx::builder();
    builder.preopened_dir(&folder, "/", DirRights::ReadOnly)?;
    let mut store = Store::new(&engine, builder.build()?);
    let instance = linker.instantiate(&mut store, &module)?;
    for name in ["reads", "stats"] {
        let function = instance.get_typed_func::<i32, ()>(&mut store, name)?;
        let mut least = f64::MAX;
        for _ in 0..7 {
            let begun = Instant::now();
            function.call(&mut store, TIMES)?;
            least = least.min(begun.elapsed().as_nanos() as f64 / f64::from(TIMES));
        }
        println!("{name}: {least:.0} ns");
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
