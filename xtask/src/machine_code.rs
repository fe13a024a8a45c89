//! `cargo xtask machine-code`: proves on the release build that no hot handler pushes or calls.
//!
//! The interpreter's threading holds only while every hot handler is a leaf that ends in a jump: one
//! call in a slow path that was not moved out makes the compiler save registers at the entry of the
//! fast path, which halves the speed, and a lost sibling call makes a long loop overflow the native
//! stack. Neither shows in a test of results, so this reads the machine code.
//!
//! 1. Build the program in release mode, with names that say which handler an instance of a generic
//!    function is (the older scheme calls them all `entry`), and disassemble it.
//! 2. For each row of the interpreter's list, find the symbols whose name holds it. Handlers of the same
//!    code are folded into one, so some rows find none; where many do, the list proves nothing.
//! 3. Object to each `push` and `call` in them.

use std::path::PathBuf;

use crate::error::Error;
use crate::steps::{capture, cargo, program, run as step, timed};
use crate::workspace;

/// The interpreter's list: a part of a symbol's name a row, `#` before remarks.
const LIST: &str = "crates/dunlin-interp/tests/hot-handlers.txt";

/// The flag that makes symbols hold the types that a generic function was made for.
const NAMES: &str = "-Csymbol-mangling-version=v0";

/// The start of the instructions that a hot handler does not hold.
const FORBIDDEN: &[&str] = &["push", "call"];

/// One row in so many may name a handler that was folded into another one of the same code.
const FOLDED_SHARE: usize = 5;

/// Runs `cargo xtask machine-code`.
///
/// # Errors
///
/// When a handler pushes or calls, or a row of the list matches nothing.
pub fn run(arguments: &[String]) -> Result<(), Error> {
    if !arguments.is_empty() {
        return Err(Error::new(format!("unknown arguments `{}`", arguments.join(" ")))
            .hint("cargo xtask machine-code"));
    }
    if !cfg!(target_arch = "x86_64") {
        eprintln!("machine-code: nothing checked, the rule is written for x86-64");
        return Ok(());
    }
    let list = workspace::read(&workspace::root().join(LIST))?;
    let binary = build()?;
    timed("machine-code", || {
        let listing = capture(
            "disassemble",
            &mut program(
                "objdump",
                &["--disassemble", "--demangle", "--no-show-raw-insn", &binary.to_string_lossy()],
            ),
        )
        .map_err(|error| error.hint("apt-get install binutils"))?;
        judge(&list, &listing)
    })
}

/// Builds the program and says where it is.
///
/// Where `RUSTFLAGS` asks for the names already, as `.ci/run` does, this is the ordinary release build;
/// elsewhere it has a folder of its own, so that the ordinary one stays as it is.
fn build() -> Result<PathBuf, Error> {
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    let mut command = cargo(&["build", "--release", "--package", "dunlin-cli"]);
    let mut target = workspace::target();
    if !flags.contains(NAMES) {
        target = target.join("machine-code");
        command.env("RUSTFLAGS", format!("{flags} {NAMES}").trim());
        command.arg("--target-dir").arg(&target);
    }
    step("build", &mut command)?;
    Ok(workspace::dunlin_in(&target))
}

/// Judges a disassembly by the list.
fn judge(list: &str, listing: &str) -> Result<(), Error> {
    let functions = functions(listing);
    let rows = list.lines().map(str::trim).filter(|row| !row.is_empty() && !row.starts_with('#'));
    let (mut complaints, mut missing) = (Vec::new(), Vec::new());
    let (mut handlers, mut count) = (0, 0);
    for row in rows {
        count += 1;
        let matching = functions.iter().filter(|function| function.name.contains(row));
        let mut found = 0;
        for function in matching {
            found += 1;
            let bad = function.instructions.iter().filter(|text| is_forbidden(text));
            complaints.extend(bad.map(|text| format!("`{}`: {text}", function.name)));
        }
        if found == 0 {
            missing.push(format!("no symbol holds `{row}`"));
        }
        handlers += found;
    }
    eprintln!("    machine-code: {handlers} handlers for {count} rows");
    // Handlers of the same code are one symbol, named after any of them: a few rows find nothing.
    if missing.len() * FOLDED_SHARE > count {
        complaints.extend(missing);
    }
    if count == 0 {
        return Err(Error::new(format!("`{LIST}` has no rows")));
    }
    if complaints.is_empty() {
        return Ok(());
    }
    let error = Error::new(format!("`machine-code` has {} findings", complaints.len()));
    Err(complaints
        .into_iter()
        .fold(error, Error::cause)
        .hint("move what calls into a handler of its own that is tail-called"))
}

/// One function of a disassembly.
struct Function<'a> {
    name: &'a str,
    instructions: Vec<&'a str>,
}

/// Splits a disassembly: `ADDRESS <NAME>:`, then `ADDRESS:\tINSTRUCTION` lines.
fn functions(listing: &str) -> Vec<Function<'_>> {
    let mut functions: Vec<Function<'_>> = Vec::new();
    for line in listing.lines() {
        if let Some((_, name)) = line.strip_suffix(">:").and_then(|line| line.split_once(" <")) {
            functions.push(Function { name, instructions: Vec::new() });
        } else if let Some((_, instruction)) = line.split_once(":\t")
            && let Some(function) = functions.last_mut()
        {
            function.instructions.push(instruction.trim());
        }
    }
    functions
}

fn is_forbidden(instruction: &str) -> bool {
    FORBIDDEN.iter().any(|start| instruction.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::judge;

    const LISTING: &str = "\n0000000000001000 <interp::exec::i32_add>:\n    1000:\tadd    %rax,%rdx\n    \
        1003:\tjmp    *0x10(%rcx,%rax,8)\n\n0000000000001010 <interp::exec::slow_call>:\n    \
        1010:\tpush   %rbx\n    1011:\tcall   2000 <f>\n    1016:\tret\n";

    #[test]
    fn a_leaf_that_ends_in_a_jump_passes() {
        assert!(judge("# remark\n\nexec::i32_add\n", LISTING).is_ok());
    }

    #[test]
    fn a_push_and_a_call_are_both_found() {
        let text = judge("slow_call\n", LISTING).expect_err("it pushes").to_string();
        assert!(text.contains("2 findings"), "{text}");
        assert!(text.contains("push   %rbx") && text.contains("call   2000"), "{text}");
    }

    #[test]
    fn a_row_that_matches_nothing_and_an_empty_list_are_refused() {
        let text = judge("i64_add\n", LISTING).expect_err("no symbol").to_string();
        assert!(text.contains("`i64_add`"), "{text}");
        assert!(judge("# nothing\n", LISTING).is_err());
    }
}
