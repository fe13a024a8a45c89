//! `wasi:cli`: arguments, variables, standard streams, terminals, and leaving.

use super::link::Interfaces;
use super::state::ComponentCtx;
use super::streams::{InputStream, OutputStream};
use crate::exit::ExitCode;
use crate::types::FileType;

/// The descriptors of the standard streams.
const STDIN: u32 = 0;
const STDOUT: u32 = 1;
const STDERR: u32 = 2;

/// Stands for the terminal that a guest reads; nothing can be done with it.
struct TerminalInput;

/// Stands for a terminal that a guest writes; nothing can be done with it.
struct TerminalOutput;

pub(super) fn define<T, G>(all: &mut Interfaces<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    all.named("wasi:cli/environment")?
        .func("get-environment", |state, ()| {
            let pairs = state.ctx.env.iter().filter_map(|pair| pair.split_once('='));
            let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
            Ok(pairs.map(owned).collect::<Vec<_>>())
        })?
        .func("get-arguments", |state, ()| Ok(state.ctx.args.clone()))?
        .func("initial-cwd", |_, ()| Ok(None::<String>))?;
    all.named("wasi:cli/exit")?
        .func("exit", |_, (status,): (Result<(), ()>,)| leave(i32::from(status.is_err())))?
        .func("exit-with-code", |_, (code,): (u8,)| leave(code.into()))?;
    all.named("wasi:cli/stdin")?
        .func("get-stdin", |state, ()| state.give(InputStream::standard(STDIN)))?;
    all.named("wasi:cli/stdout")?
        .func("get-stdout", |state, ()| state.give(OutputStream::standard(STDOUT)))?;
    all.named("wasi:cli/stderr")?
        .func("get-stderr", |state, ()| state.give(OutputStream::standard(STDERR)))?;
    define_terminals(all)
}

fn define_terminals<T, G>(all: &mut Interfaces<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    all.named("wasi:cli/terminal-input")?.resource::<TerminalInput>("terminal-input")?;
    all.named("wasi:cli/terminal-output")?.resource::<TerminalOutput>("terminal-output")?;
    all.named("wasi:cli/terminal-stdin")?.func("get-terminal-stdin", |state, ()| {
        is_terminal(state, STDIN).then(|| state.give(TerminalInput)).transpose()
    })?;
    all.named("wasi:cli/terminal-stdout")?.func("get-terminal-stdout", |state, ()| {
        is_terminal(state, STDOUT).then(|| state.give(TerminalOutput)).transpose()
    })?;
    all.named("wasi:cli/terminal-stderr")?.func("get-terminal-stderr", |state, ()| {
        is_terminal(state, STDERR).then(|| state.give(TerminalOutput)).transpose()
    })?;
    Ok(())
}

/// Ends the guest: the exit code travels in the error.
fn leave(code: i32) -> dunlin::Result<()> {
    Err(dunlin::Error::host(ExitCode(code)))
}

fn is_terminal(state: &ComponentCtx, fd: u32) -> bool {
    let filetype = state.ctx.table.get(fd).map(|descriptor| descriptor.fdstat().filetype);
    filetype == Ok(FileType::CharacterDevice)
}
