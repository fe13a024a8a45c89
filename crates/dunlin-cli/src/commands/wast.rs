//! `dunlin wast`: runs scripts of the specification's test suite and counts.

use std::ffi::OsString;
use std::io::Write;

use dunlin_wast::{Config, Runner};

use super::Outcome;
use super::run::tier;
use crate::flags::{RelaxedSimd, WastOptions};
use crate::report::{Clean, Report};

pub(super) fn run(options: WastOptions, files: Vec<OsString>, out: &mut dyn Write) -> Outcome {
    let mut config = Config::default();
    config.tier = tier(options.tier);
    config.fuel_units = options.fuel;
    config.artifacts = options.artifacts;
    config.relaxed_deterministic = options.relaxed_simd == RelaxedSimd::Deterministic;
    let runner =
        Runner::new(config).map_err(|error| Report::engine("cannot start the engine", &error))?;
    let (mut passed, mut failed, mut unreadable) = (0, 0, false);
    for file in &files {
        match runner.run_file(file) {
            Ok(report) => {
                passed += report.passed;
                failed += report.failed();
                for failure in &report.failures {
                    let line = format!("{}:{failure}", report.name);
                    writeln!(out, "{}", Clean(&line)).map_err(Report::output)?;
                }
            }
            Err(error) => {
                unreadable = true;
                let what = format!("cannot read `{}`", file.to_string_lossy());
                Report::failure(what).cause(error).print();
            }
        }
    }
    writeln!(out, "{passed} passed, {failed} failed").map_err(Report::output)?;
    Ok(i32::from(failed > 0 || unreadable))
}
