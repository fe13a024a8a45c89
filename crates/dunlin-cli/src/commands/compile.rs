//! `dunlin compile`: a module to a file that starts without compiling.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use dunlin::{Config, Engine, HotFunctions, Interruption, Tier};

use super::{Outcome, source};
use crate::flags::{CompileOptions, DOWNLOAD_BYTES_MAX, RelaxedSimd};
use crate::home;
use crate::progress::watch_compilation;
use crate::report::Report;

/// Bytes of a profile that are read: a line for each function of the largest module.
const PROFILE_BYTES_MAX: u64 = 32 << 20;

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
    config.consume_fuel(options.fuel);
    // As the code will be run, whichever functions are compiled.
    config.interruption(Interruption::Page);
    config.tier(if options.profile.is_some() { Tier::Auto } else { Tier::Optimize });
    config.features(options.features);
    config.relaxed_simd_deterministic(options.relaxed_simd == RelaxedSimd::Deterministic);
    watch_compilation(&mut config);
    config.artifact_key(home::key(options.key.as_deref())?);
    let engine = Engine::new(&config)
        .map_err(|error| Report::engine("cannot start the compiler", &error))?;
    let module = source::load(&engine, file, DOWNLOAD_BYTES_MAX)?;
    let shown = file.to_string_lossy();
    let artifact = match &options.profile {
        None => module.serialize(),
        Some(path) => module.serialize_hot(&profile(path, &shown)?),
    };
    let artifact =
        artifact.map_err(|error| Report::engine(format!("cannot compile `{shown}`"), &error))?;
    fs::write(&output, artifact).map_err(|error| {
        Report::failure(format!("cannot write `{}`", output.display())).cause(error)
    })?;
    Ok(0)
}

/// The profile in a file, which must say something.
fn profile(path: &Path, module: &str) -> Result<HotFunctions, Report> {
    let shown = path.display();
    let failed = || Report::failure(format!("cannot use the profile `{shown}`"));
    let hint = format!("`dunlin run --profile-out {shown} {module}` makes one");
    let mut text = String::new();
    let file = File::open(path).map_err(|error| failed().cause(error).hint(&hint))?;
    let read = file.take(PROFILE_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|error| failed().cause(error).hint(&hint))?;
    let hot = HotFunctions::from_text(&text).map_err(|error| failed().cause(error).hint(&hint))?;
    match hot.functions() {
        [] => Err(failed().cause("no function got hot: the run was too short").hint(hint)),
        _ => Ok(hot),
    }
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
