//! What opening a module costs: eager and lazy, from a file.
//!
//! `cargo run --release -p dunlin --example open_cost -- FILE`

use dunlin::{Config, Engine, Error, Module, Result, ValidateMode};
use std::time::{Duration, Instant};

const ROUNDS: usize = 7;

fn main() -> Result<()> {
    let path = std::env::args_os().nth(1).ok_or_else(|| Error::msg("which FILE?"))?;
    let bytes = std::fs::metadata(&path)?.len();
    for mode in [ValidateMode::Lazy, ValidateMode::Eager] {
        let engine = Engine::new(Config::new().validate(mode))?;
        let mut best = Duration::MAX;
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            let module = Module::from_file(&engine, &path)?;
            best = best.min(begun.elapsed());
            drop(module);
        }
        let each = best.as_nanos() as f64 / bytes as f64;
        println!("{mode:?}: {:.3} ms, {each:.2} ns a byte", best.as_secs_f64() * 1e3);
    }
    Ok(())
}
