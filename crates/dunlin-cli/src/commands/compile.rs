//! `dunlin compile`: a module to a file that starts without compiling.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write;
use std::path::PathBuf;

use dunlin::{Config, Engine, Tier};

use super::{Outcome, source};
use crate::flags::{CompileOptions, DOWNLOAD_BYTES_MAX, RelaxedSimd};
use crate::home;
use crate::progress::watch_compilation;
use crate::report::Report;

/// What the names of compiled modules end in.
const EXTENSION: &str = "cwasm";

pub(super) fn run(options: CompileOptions, files: Vec<OsString>, _: &mut dyn Write) -> Outcome {
    let file = files.first().map_or(OsStr::new("-"), OsString::as_os_str);
    let output = output(&options, file)?;
    if source::is_artifact(file) {
        let what = format!("`{}` has been compiled already", file.to_string_lossy());
        return Err(Report::usage(what).hint("`dunlin compile` takes the original module"));
    }
    let mut config = Config::new();
    config.tier(Tier::Optimize).consume_fuel(options.fuel);
    config.features(options.features);
    config.relaxed_simd_deterministic(options.relaxed_simd == RelaxedSimd::Deterministic);
    watch_compilation(&mut config);
    config.artifact_key(home::key(options.key.as_deref())?);
    let engine = Engine::new(&config)
        .map_err(|error| Report::engine("cannot start the compiler", &error))?;
    let module = source::load(&engine, file, DOWNLOAD_BYTES_MAX)?;
    let artifact = module.serialize().map_err(|error| {
        Report::engine(format!("cannot compile `{}`", file.to_string_lossy()), &error)
    })?;
    fs::write(&output, artifact).map_err(|error| {
        Report::failure(format!("cannot write `{}`", output.display())).cause(error)
    })?;
    Ok(0)
}

/// Where the result goes: where it is asked for, else the module's name here, with our ending.
fn output(options: &CompileOptions, file: &OsStr) -> Result<PathBuf, Report> {
    if let Some(output) = &options.output {
        return Ok(output.clone());
    }
    if file == "-" {
        return Err(Report::usage("the module on standard input has no name to be kept under")
            .hint("`dunlin compile -o module.cwasm -`"));
    }
    Ok(PathBuf::from(source::program_name(file)).with_extension(EXTENSION))
}
