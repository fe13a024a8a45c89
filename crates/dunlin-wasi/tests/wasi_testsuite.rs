//! Runs the WASI 0.1 programs of wasi-testsuite, found through `DUNLIN_SUITES`, each as one test.
//!
//! The JSON beside a program says what it is given and what must come of it; a program without one is
//! given nothing and must exit with 0. A program's directory is copied before it runs, so that programs
//! do not meet each other's leavings and the suite itself is never changed. Programs of WASI 0.3 lie in
//! the same suite and are not run here.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode as ProcessExitCode;

use dunlin::{Engine, Linker, Module, Store};
use dunlin_wasi::{DirRights, ExitCode, Output, OutputPipe, WasiCtx};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;

/// The folder of one language's WASI 0.1 programs.
const FOLDER: &str = "wasm32-wasip1";

/// How much a program may print.
const OUTPUT_BYTES_MAX: usize = 1 << 20;

fn main() -> ProcessExitCode {
    let arguments = Arguments::from_args();
    let Some(suite) = suite() else {
        println!("wasi-testsuite is absent: set DUNLIN_SUITES to the folder that holds it");
        return ProcessExitCode::SUCCESS;
    };
    let mut programs = Vec::new();
    if let Err(error) = find(&suite, &mut programs) {
        eprintln!("cannot read `{}`: {error}", suite.display());
        return ProcessExitCode::FAILURE;
    }
    programs.sort();
    if programs.is_empty() {
        eprintln!("`{}` holds no WASI 0.1 programs", suite.display());
        return ProcessExitCode::FAILURE;
    }
    let trials = programs.into_iter().map(|program| {
        let name = program.strip_prefix(&suite).unwrap_or(&program).display().to_string();
        Trial::test(name, move || run(&program))
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// Where the suite lies, if it does. A relative path is the caller's, and tests run in the folder of
/// their crate: it is looked for from the root of the workspace too.
fn suite() -> Option<PathBuf> {
    let suites = PathBuf::from(std::env::var_os("DUNLIN_SUITES")?);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let places = [suites.clone(), root.join(suites)];
    places.into_iter().map(|place| place.join("wasi-testsuite")).find(|place| place.is_dir())
}

/// All programs in folders of WASI 0.1.
fn find(folder: &Path, programs: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, programs)?;
        } else if path.extension().is_some_and(|extension| extension == "wasm")
            && folder.file_name().is_some_and(|name| name == FOLDER)
        {
            programs.push(path);
        }
    }
    Ok(())
}

/// What a program is given and what must come of it.
struct Expectation {
    args: Vec<String>,
    env: Vec<(String, String)>,
    root: Option<PathBuf>,
    exit_code: i32,
    stdout: Option<String>,
    stderr: Option<String>,
}

/// Reads the JSON beside a program.
fn expectation(program: &Path) -> Result<Expectation, Failed> {
    let json = program.with_extension("json");
    let value = if json.exists() {
        serde_json::from_slice::<Value>(&fs::read(&json)?)?
    } else {
        Value::Null
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let args = value["args"].as_array().into_iter().flatten().filter_map(text).collect();
    let env = value["env"].as_object().into_iter().flatten();
    let env = env.filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect();
    let root = text(&value["root"]).map(|root| program.with_file_name(root));
    let exit_code = i32::try_from(value["exit_code"].as_i64().unwrap_or(0))?;
    let (stdout, stderr) = (text(&value["stdout"]), text(&value["stderr"]));
    Ok(Expectation { args, env, root, exit_code, stdout, stderr })
}

/// Runs one program and compares.
fn run(program: &Path) -> Result<(), Failed> {
    let expected = expectation(program)?;
    let (stdout, stderr) = (OutputPipe::new(OUTPUT_BYTES_MAX), OutputPipe::new(OUTPUT_BYTES_MAX));
    let scratch = tempfile::tempdir()?;
    let mut builder = WasiCtx::builder();
    builder
        .arg(program.file_name().unwrap_or_default().to_string_lossy())
        .args(expected.args)
        .stdout(Output::Pipe(stdout.clone()))
        .stderr(Output::Pipe(stderr.clone()));
    for (name, value) in expected.env {
        builder.env(name, value);
    }
    if let Some(root) = expected.root {
        copy(&root, scratch.path())?;
        builder.preopened_dir(scratch.path(), "/", DirRights::ReadWrite)?;
    }
    let exit_code = start(program, builder.build()?)
        .map_err(|error| format!("{error}\n{}", said(&stdout, &stderr)))?;
    let told = |pipe: &OutputPipe| String::from_utf8_lossy(&pipe.contents()).into_owned();
    if exit_code != expected.exit_code {
        let wanted = expected.exit_code;
        return Err(
            format!("exit code {exit_code}, not {wanted}\n{}", said(&stdout, &stderr)).into()
        );
    }
    for (what, wanted, pipe) in
        [("stdout", expected.stdout, &stdout), ("stderr", expected.stderr, &stderr)]
    {
        if let Some(wanted) = wanted
            && told(pipe) != wanted
        {
            return Err(format!("{what} is {:?}, not {wanted:?}", told(pipe)).into());
        }
    }
    Ok(())
}

/// What a program printed, for the report of a failure.
fn said(stdout: &OutputPipe, stderr: &OutputPipe) -> String {
    let text = |pipe: &OutputPipe| String::from_utf8_lossy(&pipe.contents()).into_owned();
    format!("stdout: {}\nstderr: {}", text(stdout), text(stderr))
}

/// Runs `_start` and returns the exit code.
fn start(program: &Path, ctx: WasiCtx) -> dunlin::Result<i32> {
    let engine = Engine::default();
    let module = Module::from_file(&engine, program)?;
    let mut linker: Linker<WasiCtx> = Linker::new(&engine);
    dunlin_wasi::add_to_linker(&mut linker, |ctx| ctx)?;
    let mut store = Store::new(&engine, ctx);
    let instance = linker.instantiate(&mut store, &module)?;
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
    match start.call(&mut store, ()) {
        Ok(()) => Ok(0),
        Err(error) => match error.downcast_ref::<ExitCode>() {
            Some(code) => Ok(code.0),
            None => Err(error),
        },
    }
}

/// Copies a directory, so that a program can change it.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&place)?;
            copy(&entry.path(), &place)?;
        } else {
            fs::write(&place, fs::read(entry.path())?)?;
        }
    }
    Ok(())
}
