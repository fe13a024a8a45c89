//! Rule: functions stay within 70 lines; those that were longer stand in a list that only shrinks.
//!
//! A function's length is its lines from `fn` to the closing brace, blank ones and comments included.
//! The list holds one row a function: its lines, its file, its name. A function may not be longer than
//! its row, and a row that is longer than its function is stale: `cargo xtask tidy --bless` lowers or
//! removes rows and never adds or raises one.

use std::collections::BTreeMap;

use super::Finding;
use super::source;
use super::tree::Tree;
use crate::error::Error;
use crate::workspace;

/// Lines that a function may have.
const LINES_MAX: usize = 70;

/// The list of functions that are longer.
const LIST: &str = "xtask/tidy/long-functions.txt";

/// A function by file and name; several of one name in one file share a key.
type Key = (String, String);

/// One function: where it starts and how long it is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Function {
    name: String,
    line: usize,
    lines: usize,
}

/// Judges every function, and every row of the list.
pub fn judge(tree: &Tree) -> Vec<Finding> {
    let long = long_functions(tree);
    let list = tree.get(LIST).map_or("", |file| &file.text);
    let allowed = parse(list);
    let mut findings = Vec::new();
    for ((path, name), functions) in &long {
        let rows = allowed.get(&(path.clone(), name.clone())).map_or(&[][..], Vec::as_slice);
        for (index, function) in functions.iter().enumerate() {
            let bound = rows.get(index).copied().unwrap_or(LINES_MAX);
            if function.lines > bound {
                let what = format!("`{name}` has {} lines, allowed are {bound}", function.lines);
                findings.push(Finding::new(path, function.line, what));
            }
        }
    }
    if render(&lowered(&allowed, &long)) != render(&allowed) {
        let what = "rows are longer than their functions: run `cargo xtask tidy --bless`";
        findings.push(Finding::new(LIST, 1, what));
    }
    findings
}

/// Lowers the list to what the functions need.
///
/// # Errors
///
/// When the list cannot be written.
pub fn bless(tree: &Tree) -> Result<(), Error> {
    let list = tree.get(LIST).map_or("", |file| &file.text);
    let head: String =
        list.lines().filter(|line| line.starts_with('#')).flat_map(|line| [line, "\n"]).collect();
    let rows = lowered(&parse(list), &long_functions(tree));
    let text = head + &render(&rows);
    if text != list {
        workspace::write(&workspace::root().join(LIST), &text)?;
        eprintln!("lowered `{LIST}`");
    }
    Ok(())
}

/// Functions above the bound by key, the longest first.
fn long_functions(tree: &Tree) -> BTreeMap<Key, Vec<Function>> {
    let mut long: BTreeMap<Key, Vec<Function>> = BTreeMap::new();
    for (file, views) in tree.rust() {
        for function in functions(&views.code) {
            if function.lines > LINES_MAX {
                long.entry((file.path.clone(), function.name.clone())).or_default().push(function);
            }
        }
    }
    for functions in long.values_mut() {
        functions.sort_by_key(|function| std::cmp::Reverse(function.lines));
    }
    long
}

/// The rows that remain, none longer than its function.
fn lowered(
    allowed: &BTreeMap<Key, Vec<usize>>,
    long: &BTreeMap<Key, Vec<Function>>,
) -> BTreeMap<Key, Vec<usize>> {
    let lower = |(key, rows): (&Key, &Vec<usize>)| {
        let functions = long.get(key)?;
        let rows = rows.iter().zip(functions).map(|(&row, function)| row.min(function.lines));
        Some((key.clone(), rows.collect()))
    };
    allowed.iter().filter_map(lower).collect()
}

/// Reads the list: `LINES PATH NAME` a row, `#` before remarks.
fn parse(list: &str) -> BTreeMap<Key, Vec<usize>> {
    let mut rows: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        if let (Some(lines), Some(path), Some(name)) = (words.next(), words.next(), words.next())
            && let Ok(lines) = lines.parse()
        {
            rows.entry((path.into(), name.into())).or_default().push(lines);
        }
    }
    for lengths in rows.values_mut() {
        lengths.sort_by_key(|&lines| std::cmp::Reverse(lines));
    }
    rows
}

/// Writes the rows of the list, in the order of files and names.
fn render(rows: &BTreeMap<Key, Vec<usize>>) -> String {
    let mut text = String::new();
    for ((path, name), lengths) in rows {
        for lines in lengths {
            text.push_str(&format!("{lines} {path} {name}\n"));
        }
    }
    text
}

/// Every function with a body, also those inside macros.
fn functions(code: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for start in source::words(code, "fn") {
        let after = code[start + 2..].trim_start();
        let end = after.bytes().take_while(|&byte| source::is_word(byte) || byte == b'$').count();
        // Without a name it is a function pointer's type.
        if end == 0 {
            continue;
        }
        if let Some(close) = body_end(code, start) {
            let line = source::line(code, start);
            let lines = source::line(code, close) - line + 1;
            found.push(Function { name: after[..end].into(), line, lines });
        }
    }
    found
}

/// The offset of the brace that closes the body of the function at `start`; a declaration has none.
fn body_end(code: &str, start: usize) -> Option<usize> {
    let bytes = code.as_bytes();
    let mut nested = 0_usize;
    let mut braces = 0_usize;
    for (offset, &byte) in bytes.iter().enumerate().skip(start) {
        match byte {
            b'(' | b'[' if braces == 0 => nested += 1,
            b')' | b']' if braces == 0 => nested = nested.checked_sub(1)?,
            b';' if braces == 0 && nested == 0 => return None,
            b'{' if nested == 0 => braces += 1,
            b'}' if nested == 0 => {
                braces = braces.checked_sub(1)?;
                if braces == 0 {
                    return Some(offset);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{LIST, Tree, functions, judge, lowered, parse, render};

    const PATH: &str = "crates/x/src/a.rs";

    fn long(name: &str, lines: usize) -> String {
        format!("fn {name}() {{\n{}}}\n", "    f();\n".repeat(lines - 2))
    }

    fn findings(text: &str, list: &str) -> Vec<String> {
        let tree = Tree::of(&[(PATH, text), (LIST, list)]);
        judge(&tree).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn functions_are_measured_from_fn_to_the_closing_brace() {
        let code = "trait T {\n fn d(&self);\n}\nfn a(f: fn() -> [u8; 3]) -> u8\nwhere\n{\n \
                    { }\n}\nmacro_rules! m { () => { fn $name() {} } }";
        let found: Vec<(String, usize)> =
            functions(code).into_iter().map(|function| (function.name, function.lines)).collect();
        assert_eq!(found, [("a".into(), 5), ("$name".into(), 1)]);
    }

    #[test]
    fn seventy_lines_pass_and_one_more_does_not() {
        assert!(findings(&long("f", 70), "").is_empty());
        assert_eq!(findings(&long("f", 71), "").len(), 1);
    }

    #[test]
    fn a_listed_function_may_not_grow_and_its_row_may_not_be_stale() {
        let row = format!("80 {PATH} f\n");
        assert!(findings(&long("f", 80), &row).is_empty());
        assert_eq!(findings(&long("f", 81), &row).len(), 1);
        assert_eq!(findings(&long("f", 79), &row).len(), 1, "stale");
        assert_eq!(findings(&long("f", 70), &row).len(), 1, "stale");
    }

    #[test]
    fn blessing_lowers_and_removes_and_never_adds_or_raises() {
        let text = long("a", 75) + &long("b", 99) + &long("new", 90);
        let tree = Tree::of(&[(PATH, &text)]);
        let list = parse(&format!("80 {PATH} a\n90 {PATH} b\n85 {PATH} gone\n"));
        let rows = lowered(&list, &super::long_functions(&tree));
        assert_eq!(render(&rows), format!("75 {PATH} a\n90 {PATH} b\n"));
    }

    #[test]
    fn two_functions_of_one_name_need_two_rows() {
        let text = long("f", 80) + &long("f", 75);
        assert_eq!(findings(&text, &format!("80 {PATH} f\n")).len(), 1);
        assert!(findings(&text, &format!("75 {PATH} f\n80 {PATH} f\n")).is_empty());
    }
}
