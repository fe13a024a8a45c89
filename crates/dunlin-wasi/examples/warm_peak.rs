//! What is left between the tier that one gets by default and the optimising tier once a command is warm: processor
//! time of whole runs in one process, in turns, least of all, each in a store of its own.
//!
//! `cargo run --release -p dunlin-wasi --example warm_peak ROUNDS SECONDS MODULE:WORK…`, with kernels of `cargo xtask bench`.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use dunlin::{Config, Engine, Interruption, Linker, Module, Store, Tier};
use dunlin_wasi::{ExitCode, WasiCtx, add_to_linker};
use rustix::time::{ClockId, clock_gettime};

/// A run that takes so many times what the other does, or less, is as fast.
const ALLOWED: f64 = 1.03;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let rounds: usize = arguments.next().ok_or("how many rounds")?.parse()?;
    let seconds: f64 = arguments.next().ok_or("how long it warms up")?.parse()?;
    let warm = Duration::from_secs_f64(seconds);
    let mut slower = 0;
    let mut product = 1.0;
    let mut modules = 0;
    println!("{:<12} {:>10} {:>10} {:>7}", "module", "auto ms", "optimize", "ratio");
    for argument in arguments {
        let (path, work) = argument.split_once(':').ok_or("how much work")?;
        let [auto, optimize] = measure(path, work, rounds, warm)?;
        let ratio = auto / optimize;
        let name = Path::new(path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mark = if ratio > ALLOWED { " *" } else { "" };
        println!("{name:<12} {:>10.2} {:>10.2} {ratio:>7.3}{mark}", auto * 1e3, optimize * 1e3);
        slower += usize::from(ratio > ALLOWED);
        product *= ratio;
        modules += 1;
    }
    let mean = f64::powf(product, 1.0 / f64::from(modules.max(1)));
    println!("geometric mean {mean:.3}; {slower} of {modules} slower by more than 3 %");
    Ok(())
}

/// The least processor seconds of a run: by default, then optimised before the first run.
fn measure(
    path: &str,
    work: &str,
    rounds: usize,
    warm: Duration,
) -> Result<[f64; 2], Box<dyn Error>> {
    let bytes = std::fs::read(path)?;
    let ways = [Tier::Auto, Tier::Optimize].map(|tier| {
        let engine = Engine::new(Config::new().tier(tier).interruption(Interruption::Page))?;
        let module = Module::new(&engine, &bytes)?;
        Ok::<_, dunlin::Error>((engine, module))
    });
    let [auto, optimize] = ways;
    let ways = [auto?, optimize?];
    for (engine, module) in &ways {
        let start = Instant::now();
        while start.elapsed() < warm {
            run(engine, module, work)?;
        }
    }
    let mut least = [f64::INFINITY; 2];
    for _ in 0..rounds {
        for ((engine, module), least) in ways.iter().zip(&mut least) {
            *least = least.min(run(engine, module, work)?);
        }
    }
    Ok(least)
}

/// Processor seconds of the thread in one run of a command, the making of its instance left out.
fn run(engine: &Engine, module: &Module, work: &str) -> Result<f64, Box<dyn Error>> {
    let mut linker = Linker::new(engine);
    add_to_linker(&mut linker, |cx: &mut WasiCtx| cx)?;
    let mut store = Store::new(engine, WasiCtx::builder().arg("kernel").arg(work).build()?);
    let instance = linker.instantiate(&mut store, module)?;
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
    let before = processor_seconds();
    let ended = start.call(&mut store, ());
    let taken = processor_seconds() - before;
    match ended {
        Err(error) if !matches!(error.downcast_ref::<ExitCode>(), Some(ExitCode(0))) => {
            Err(error.into())
        }
        _ => Ok(taken),
    }
}

fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
