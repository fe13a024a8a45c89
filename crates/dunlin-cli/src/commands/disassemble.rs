//! `dunlin inspect --disassemble`: what is executed of one function, by the tier that is asked for.
//!
//! The interpreter executes the operators, so its listing is of them; compiled code is listed by
//! instructions, below the operator that each belongs to. Nothing is run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use dunlin::listing::{FunctionCode, OperatorText, Step};
use dunlin::{Error, ErrorKind, Module, ModuleFunction};
use dunlin_optimize::{Line, LineKind, disassemble};

use crate::args::edit_distance;
use crate::flags::InspectTier;
use crate::report::{Clean, Report};
use crate::values::show_size;

/// Bytes that a line shows; of an operator with more, they are counted. Instructions have 15 at most.
const BYTES_SHOWN_MAX: usize = 16;

/// Bytes of an operator that a line shows.
const OPERATOR_BYTES_SHOWN_MAX: usize = 6;

/// Names that an error lists.
const NAMES_SHOWN_MAX: usize = 5;

/// The function that a word means: its index, its name, or that of an export.
///
/// # Errors
///
/// When there is no such function, more than one, or it is imported.
pub(super) fn find(shown: &str, module: &Module, word: &str) -> Result<ModuleFunction, Report> {
    let functions = module.info().functions();
    if let Ok(index) = word.parse::<u32>() {
        let imported = functions.first().map_or(0, |function| function.index);
        let found = functions.iter().find(|function| function.index == index);
        return found.cloned().ok_or_else(|| no_index(shown, index, imported, &functions));
    }
    let exported = module.info().exported_func(word);
    let is_meant = |function: &&ModuleFunction| match exported {
        Some(index) => function.index == index,
        None => function.name.as_deref() == Some(word),
    };
    let found: Vec<&ModuleFunction> = functions.iter().filter(is_meant).collect();
    match found[..] {
        [function] => Ok(function.clone()),
        [] if exported.is_some() => {
            Err(Report::usage(format!("`{word}` of `{shown}` is an imported function"))
                .cause("it has no code here"))
        }
        [] => Err(unknown(shown, word, &functions)),
        [first, ..] => {
            let indices = found.iter().take(NAMES_SHOWN_MAX).map(|one| one.index.to_string());
            let indices = indices.collect::<Vec<_>>().join(", ");
            Err(Report::usage(format!("`{shown}` has {} functions `{word}`", found.len()))
                .cause(format!("their indices: {indices}"))
                .hint(format!("`dunlin inspect --disassemble {} {shown}`", first.index)))
        }
    }
}

#[cold]
fn no_index(shown: &str, index: u32, imported: u32, functions: &[ModuleFunction]) -> Report {
    let report = match functions {
        _ if index < imported => {
            return Report::usage(format!("function {index} of `{shown}` is imported"))
                .cause("it has no code here");
        }
        [] => return Report::usage(format!("`{shown}` has no functions")),
        _ => Report::usage(format!("`{shown}` has no function {index}")),
    };
    let last = functions.last().map_or(0, |function| function.index);
    report.cause(format!("those with code are {imported} to {last}"))
}

#[cold]
fn unknown(shown: &str, word: &str, functions: &[ModuleFunction]) -> Report {
    let report = Report::usage(format!("`{shown}` has no function `{word}`"));
    // Those that contain the word come first, and then those that resemble it.
    let chars = word.chars().count();
    let distance_max = chars.div_ceil(2);
    let resembles = |name: &str| match name.chars().count().abs_diff(chars) {
        more if more > distance_max => usize::MAX,
        _ => edit_distance(word, name),
    };
    let mut near: Vec<(usize, u32, &str)> = functions
        .iter()
        .filter_map(|function| Some((function.index, function.name.as_deref()?)))
        .map(|(index, name)| {
            let distance = if name.contains(word) { 0 } else { resembles(name) };
            (distance, index, name)
        })
        .filter(|(distance, ..)| *distance <= distance_max)
        .collect();
    near.sort_unstable();
    near.truncate(NAMES_SHOWN_MAX);
    let Some((_, first, _)) = near.first() else {
        return report.hint(format!("`dunlin inspect --json {shown}` lists its functions"));
    };
    let hint = format!("`dunlin inspect --disassemble {first} {shown}`");
    let line = |report: Report, (_, index, name): &(usize, u32, &str)| {
        report.cause(format!("function {index} is `{}`", shortened(name)))
    };
    near.iter().fold(report, line).hint(hint)
}

fn shortened(name: &str) -> String {
    const CHARS_MAX: usize = 100;
    let short: String = name.chars().take(CHARS_MAX).collect();
    if short.len() < name.len() { format!("{short}…") } else { short }
}

/// A function as the tier executes it.
///
/// # Errors
///
/// When it is not valid, or the compiler does not take it.
pub(super) fn list(
    shown: &str,
    module: &Module,
    function: &ModuleFunction,
    tier: InspectTier,
) -> Result<String, Report> {
    let mut text = title(function);
    let listed = match tier {
        InspectTier::Interp => interpreter(module, function, &mut text),
        InspectTier::Optimize => module
            .function_code(function.index)
            .map(|code| machine_code(module, function.index, "optimising", &code, &mut text)),
        InspectTier::Baseline => module
            .baseline_code(function.index)
            .map(|code| machine_code(module, function.index, "baseline", &code, &mut text)),
        InspectTier::Clif => {
            module.function_clif(function.index).map(|clif| text.push_str(&format!("\n{clif}")))
        }
    };
    match listed {
        Ok(()) => Ok(text),
        Err(error) => Err(refused(shown, function, &error)),
    }
}

/// The function's machine code in an artifact.
pub(super) fn list_code(module: &Module, function: &ModuleFunction, code: &FunctionCode) -> String {
    let mut text = title(function);
    machine_code(module, function.index, "optimising", code, &mut text);
    text
}

#[cold]
fn refused(shown: &str, function: &ModuleFunction, error: &Error) -> Report {
    let what = format!("cannot disassemble function {} of `{shown}`", function.index);
    let report = Report::engine(what, error);
    match error.kind() {
        ErrorKind::Usage => {
            let index = function.index;
            report.hint(format!("`dunlin inspect --disassemble {index} --tier interp {shown}`"))
        }
        _ => report,
    }
}

// Writing to a string cannot fail, so the results of `write!` are let go.

fn title(function: &ModuleFunction) -> String {
    let ModuleFunction { index, name, offset, bytes, .. } = function;
    let name = name.as_ref().map_or(String::new(), |name| format!(" `{}`", shortened(name)));
    format!("function {index}{}: {bytes} bytes at {offset:#x}\n", Clean(&name))
}

fn interpreter(module: &Module, function: &ModuleFunction, text: &mut String) -> Result<(), Error> {
    let listing = module.info().listing(function.index)?;
    let _ = writeln!(
        text,
        "interpreter: slots: parameters {}, locals {}, frame {}; words of the side table: {}\n",
        listing.params, listing.locals, listing.frame, listing.words
    );
    let bytes = module.info().bytes();
    let _ = writeln!(text, "  offset  {:<22}operator", "bytes");
    // Operators that the sequence at hand still executes.
    let mut rest = 0;
    for step in &listing.steps {
        let OperatorText { offset, bytes: len, depth, text: operator } = &step.operator;
        let shown = shown_bytes(&bytes[*offset..offset + len], OPERATOR_BYTES_SHOWN_MAX);
        let indented = format!("{}{}", "  ".repeat((*depth).min(20)), Clean(operator));
        let notes = notes(step, &mut rest);
        let line = format!("{offset:#8x}  {shown:<22}{indented:<36}  {notes}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    Ok(())
}

/// What stands behind an operator: how it is executed, and where it branches.
fn notes(step: &Step, rest: &mut usize) -> String {
    let mut notes = Vec::new();
    if let Some(code) = step.replaced_by {
        *rest = step.sequence.len();
        let names: Vec<String> = step.sequence.iter().map(ToString::to_string).collect();
        notes.push(match names[..] {
            [] => format!("as {code:#04x}"),
            _ => format!("as {code:#04x}: {}", names.join(", ")),
        });
    } else if *rest > 0 {
        notes.push("''".to_owned());
    }
    *rest = rest.saturating_sub(1);
    notes.extend(step.words.iter().map(|(index, word)| format!("[{index}] {word}")));
    notes.join("; ")
}

fn machine_code(module: &Module, func: u32, tier: &str, code: &FunctionCode, text: &mut String) {
    let size = show_size(code.bytes.len() as u64);
    let _ = writeln!(text, "{tier} tier: {size} of x86-64 code\n");
    // What an artifact says of its module may be wrong; then there are offsets only.
    let mut operators = Operators { module, func, known: BTreeMap::new() };
    let mut of = None;
    for line in disassemble(&code.bytes, &code.handlers) {
        let after = code.source.partition_point(|(at, _)| *at <= line.offset);
        let now = after.checked_sub(1).and_then(|index| code.source[index].1);
        if now != of && line.kind == LineKind::Instruction {
            operators.push(text, now);
            of = now;
        }
        push_line(text, &line, code);
    }
}

/// The operators of a function, and of those whose bodies stand in it in place of calls.
struct Operators<'m> {
    module: &'m Module,
    func: u32,
    known: BTreeMap<u32, Vec<OperatorText>>,
}

impl Operators<'_> {
    /// Writes which operator the code below is of: the function, and the offset in the module.
    fn push(&mut self, text: &mut String, of: Option<(u32, u32)>) {
        let Some((func, offset)) = of else {
            text.push_str("no operator\n");
            return;
        };
        let info = self.module.info();
        let operators =
            self.known.entry(func).or_insert_with(|| info.operators(func).unwrap_or_default());
        let found = operators.binary_search_by_key(&(offset as usize), |operator| operator.offset);
        let operator = found.map_or("", |index| &*operators[index].text);
        let place = match func == self.func {
            true => String::new(),
            false => format!(" of function {func}, in place of a call"),
        };
        let line = format!("{offset:#x} {}", Clean(operator));
        let _ = writeln!(text, "{}{place}", line.trim_end());
    }
}

fn push_line(text: &mut String, line: &Line, code: &FunctionCode) {
    let range = line.offset..line.offset + line.len;
    let bytes = &code.bytes[range.start as usize..range.end as usize];
    let mut notes = Vec::new();
    let traps = within(&code.traps, &range);
    notes.extend(traps.map(|(_, why)| format!("traps: {why}")));
    let builtins = within(&code.builtins, &range);
    notes.extend(builtins.map(|(_, name)| format!("the address of {name}")));
    let shown = shown_bytes(bytes, BYTES_SHOWN_MAX);
    let what = match line.kind {
        LineKind::Instruction => line.text.clone(),
        LineKind::Table => format!("table: {}", line.text),
        LineKind::Data => "data".to_owned(),
    };
    let notes = if notes.is_empty() { String::new() } else { format!("; {}", notes.join(", ")) };
    let line = format!("{:6x}  {shown:<30}  {what:<34}  {notes}", line.offset);
    text.push_str(line.trim_end());
    text.push('\n');
}

/// Rows of a table that ascends, at these offsets. Of one that does not, some are not found.
fn within<'r, T>(
    rows: &'r [(u32, T)],
    range: &Range<u32>,
) -> impl Iterator<Item = &'r (u32, T)> + use<'r, T> {
    let (first, end) = (rows.partition_point(|(at, _)| *at < range.start), range.end);
    rows[first..].iter().take_while(move |(at, _)| *at < end)
}

/// Bytes in hexadecimal; of many the first, and how many more there are.
fn shown_bytes(bytes: &[u8], max: usize) -> String {
    let shown = if bytes.len() > max { max - 1 } else { bytes.len() };
    let mut text: Vec<String> = bytes[..shown].iter().map(|byte| format!("{byte:02x}")).collect();
    if shown < bytes.len() {
        text.push(format!("+{}", bytes.len() - shown));
    }
    text.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_bytes_are_counted() {
        assert_eq!(shown_bytes(&[1, 2, 0xFF], 3), "01 02 ff");
        assert_eq!(shown_bytes(&[1, 2, 3, 4], 3), "01 02 +2");
        assert_eq!(shown_bytes(&[], 3), "");
    }
}
