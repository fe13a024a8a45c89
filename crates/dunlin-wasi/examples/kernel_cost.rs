//! Processor time of a command's run in compiled code, without making the code, by how it is interrupted.
//!
//! `cargo run --release -p dunlin-wasi --example kernel_cost {off|flag|page|fuel}[-dense] MODULE [ARGUMENT…]`

use dunlin::{Config, Engine, Interruption, Linker, MemoryStrategy, Module, Store, Tier};
use dunlin_wasi::{ExitCode, WasiCtx, add_to_linker};
use rustix::time::{ClockId, clock_gettime};
use std::error::Error;

/// Fuel that no kernel uses up.
const FUEL: u64 = u64::MAX >> 2;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().ok_or("how to interrupt: off, flag, page, fuel")?;
    let (mode, is_dense) = match mode.strip_suffix("-dense") {
        Some(mode) => (mode, true),
        None => (&*mode, false),
    };
    let arguments: Vec<String> = arguments.collect();
    let path = arguments.first().ok_or("which module")?;
    let mut config = Config::new();
    config.tier(Tier::Optimize).consume_fuel(mode == "fuel").interruption(match mode {
        "flag" => Interruption::Flag,
        "page" => Interruption::Page,
        _ => Interruption::Off,
    });
    if is_dense {
        config.memory_strategy(MemoryStrategy::Dense);
    }
    let engine = Engine::new(&config)?;
    let module = Module::new(&engine, std::fs::read(path)?)?;
    let mut linker = Linker::new(&engine);
    add_to_linker(&mut linker, |cx: &mut WasiCtx| cx)?;
    let mut builder = WasiCtx::builder();
    let mut store = Store::new(&engine, builder.args(&arguments).inherit_stdio().build()?);
    if mode == "fuel" {
        store.set_fuel(FUEL)?;
    }
    let instance = linker.instantiate(&mut store, &module)?;
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
    let before = processor_seconds();
    let ended = start.call(&mut store, ());
    let taken = processor_seconds() - before;
    if let Err(error) = ended
        && !matches!(error.downcast_ref::<ExitCode>(), Some(ExitCode(0)))
    {
        return Err(error.into());
    }
    eprintln!("{:.2}", taken * 1e3);
    Ok(())
}

fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
