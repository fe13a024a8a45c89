//! How long a compiler takes for a module's functions, validation included: processor time for each byte of their
//! bodies.
//!
//! `cargo run --release -p dunlin --features optimize --example compile_speed FILE [baseline|optimize]`

use dunlin::{Config, Engine, Module, Result, Tier, ValidateMode};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let Some(file) = arguments.next() else {
        eprintln!("compile_speed FILE [baseline|optimize]");
        std::process::exit(2);
    };
    let tier = match arguments.next().as_deref() {
        Some("optimize") => Tier::Optimize,
        _ => Tier::Baseline,
    };
    let bytes = std::fs::read(&file).map_err(dunlin::Error::host)?;
    let mut config = Config::new();
    config.tier(Tier::Interp).validate(ValidateMode::Lazy);
    let module = Module::new(&Engine::new(&config)?, &bytes)?;
    let bodies: usize = module.info().functions().iter().map(|func| func.bytes).sum();
    let mut least = f64::MAX;
    for _ in 0..3 {
        let mut config = Config::new();
        config.tier(tier);
        let engine = Engine::new(&config)?;
        let begun = processor_time();
        Module::new(&engine, &bytes)?;
        least = least.min(processor_time() - begun);
    }
    println!("{tier:?}: {bodies} bytes of bodies, {:.1} ns a byte", least / bodies as f64);
    Ok(())
}

/// Nanoseconds of processor time that this process has used.
fn processor_time() -> f64 {
    #[cfg(target_os = "linux")]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
    }
    #[cfg(not(target_os = "linux"))]
    {
        static BEGUN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        BEGUN.get_or_init(std::time::Instant::now).elapsed().as_nanos() as f64
    }
}
