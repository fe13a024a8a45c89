//! Writes the machine code of one function, for a disassembler.
//!
//! `cargo run -p dunlin-optimize --example machine_code MODULE FUNCTION [off|flag|page] > code`, then
//! `objdump -D -b binary -m i386:x86-64 code`. Without a function: the functions and their code's bytes.

use dunlin_module::{Compiler as _, Features, Module, Scratch, StaticTables, Unit};
use dunlin_optimize::{Bounds, Optimizer, Polls, Settings};
use std::error::Error;
use std::io::Write as _;
use std::sync::Arc;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("which module")?;
    let func = arguments.next().map(|func| func.parse::<u32>()).transpose()?;
    let polls = match arguments.next().as_deref() {
        Some("page") => Polls::DeadLoad,
        Some("flag") => Polls::Flag,
        _ => Polls::Off,
    };
    let bounds = Bounds::Guarded { reserved_bytes: 1 << 32, guard_bytes: 1 << 25 };
    let settings = Settings { bounds, polls, ..Settings::default() };
    let optimizer = Optimizer::new(settings)?;
    let module = Module::parse(Arc::new(std::fs::read(path)?), Features::default())?;
    let tables = StaticTables::of(&module);
    let mut worker = optimizer.worker(&module, &tables);
    let mut scratch = Scratch::default();
    for index in module.func_imports()..module.func_count() {
        if func.is_some_and(|func| func != index) {
            continue;
        }
        module.prepare(index, &mut scratch)?;
        let code = worker.compile(Unit::Func(index))?.code;
        match func {
            Some(_) => std::io::stdout().write_all(&code)?,
            None => println!("{index} {}", code.len()),
        }
    }
    Ok(())
}
