//! `dunlin inspect`: what a module needs, offers and uses, and where its bytes go.
//!
//! [`Summary`] is gathered from the engine's module; the two renderings, text and JSON, know only it.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Write;

use dunlin::{Config, Engine, ExternType, MemoryType, Module, Tier, ValidateMode};
use dunlin_component::Component;

use super::compiled::{self, Compiled};
use super::{Outcome, disassemble, source};
use crate::flags::{DOWNLOAD_BYTES_MAX, InspectOptions};
use crate::report::{Clean, Report};
use crate::values::show_size;

/// Functions that the text shows; JSON has them all.
const BIGGEST_SHOWN_MAX: usize = 10;

pub(super) fn run(options: InspectOptions, words: Vec<OsString>, out: &mut dyn Write) -> Outcome {
    check(&options)?;
    let file = &words[0];
    let shown = file.to_string_lossy();
    // Of a function that is looked at, only itself must be valid.
    let engine = engine(match options.disassemble {
        Some(_) => ValidateMode::Lazy,
        None => ValidateMode::Eager,
    })?;
    let text = if let Some(component) = source::component(file)? {
        inspect_component(&engine, &shown, &component, &options)?
    } else if source::is_artifact(file) {
        compiled::inspect(&engine, &shown, &source::read(file)?, &options)?
    } else {
        let module = source::load(&engine, file, DOWNLOAD_BYTES_MAX)?;
        match &options.disassemble {
            Some(word) => {
                let function = disassemble::find(&shown, &module, word)?;
                let tier = options.tier.unwrap_or_default();
                disassemble::list(&shown, &module, &function, tier)?
            }
            None => Summary::of(&shown, &module).show(&options),
        }
    };
    out.write_all(text.as_bytes()).map(|()| 0).map_err(Report::output)
}

/// What a component imports and exports, as WIT.
fn inspect_component(
    engine: &Engine,
    shown: &str,
    component: &[u8],
    options: &InspectOptions,
) -> Result<String, Report> {
    if options.json || options.disassemble.is_some() {
        let what = "of a component only its world is shown";
        return Err(Report::usage(what).hint(format!("`dunlin inspect {shown}`")));
    }
    Component::validate(engine, component)
        .map_err(|error| source::refused_component(shown, &error))?;
    dunlin_component::wit::print(component)
        .map_err(|error| source::refused_component(shown, &error))
}

/// Refuses flags that contradict each other.
fn check(options: &InspectOptions) -> Result<(), Report> {
    match options {
        InspectOptions { disassemble: None, tier: Some(_), .. } => {
            Err(Report::usage("`--tier` says whose code of a function is shown")
                .hint("`--disassemble FUNC --tier interp`"))
        }
        InspectOptions { disassemble: Some(_), json: true, .. } => {
            Err(Report::usage("`--disassemble` is for people, and `--json` for programs")
                .hint("leave out one of them"))
        }
        _ => Ok(()),
    }
}

/// An engine that executes nothing.
fn engine(validate: ValidateMode) -> Result<Engine, Report> {
    let mut config = Config::new();
    config.tier(Tier::Interp).validate(validate);
    Engine::new(&config).map_err(|error| Report::engine("cannot start the engine", &error))
}

/// A module as people ask about it.
pub(super) struct Summary {
    file: String,
    name: Option<String>,
    pub(super) bytes: usize,
    /// What is said of machine code, if there is some.
    pub(super) compiled: Option<Compiled>,
    /// Module, name, kind, type.
    imports: Vec<(String, String, ExternType)>,
    exports: Vec<(String, ExternType)>,
    memories: Vec<MemoryType>,
    features: Vec<&'static str>,
    sections: Vec<Section>,
    /// Biggest first.
    functions: Vec<Function>,
}

struct Section {
    id: u8,
    name: String,
    offset: usize,
    bytes: usize,
}

struct Function {
    index: u32,
    name: Option<String>,
    offset: usize,
    bytes: usize,
}

impl Summary {
    pub(super) fn of(file: &str, module: &Module) -> Self {
        let info = module.info();
        let imports = module
            .imports()
            .map(|import| (import.module().to_owned(), import.name().to_owned(), import.ty()));
        let exports = module.exports().map(|export| (export.name().to_owned(), export.ty()));
        let sections = info.sections().into_iter().map(|section| Section {
            id: section.id,
            name: section.name,
            offset: section.range.start,
            bytes: section.range.len(),
        });
        let functions = info.functions().into_iter().map(|function| Function {
            index: function.index,
            name: function.name,
            offset: function.offset,
            bytes: function.bytes,
        });
        let mut summary = Self {
            file: file.to_owned(),
            name: module.name().map(str::to_owned),
            bytes: info.bytes_len(),
            compiled: None,
            imports: imports.collect(),
            exports: exports.collect(),
            memories: info.memories(),
            features: info.features_used().into_iter().map(dunlin::Feature::name).collect(),
            sections: sections.collect(),
            functions: functions.collect(),
        };
        summary
            .functions
            .sort_by_key(|function| (std::cmp::Reverse(function.bytes), function.index));
        summary
    }

    pub(super) fn show(&self, options: &InspectOptions) -> String {
        if options.json { self.json() } else { self.text() }
    }

    /// For people. Writing to a string cannot fail, so the results of `write!` are let go.
    fn text(&self) -> String {
        let mut text = String::new();
        let name = self.name.as_ref().map_or(String::new(), |name| format!(", module `{name}`"));
        let _ = writeln!(
            text,
            "{}: {}{}",
            Clean(&self.file),
            show_size(self.bytes as u64),
            Clean(&name)
        );
        if let Some(compiled) = &self.compiled {
            compiled.push_text(&mut text);
        }
        let imports = self.imports.iter().map(|(module, name, ty)| {
            (format!("{}.{}", Clean(module), Clean(name)), ty.to_string())
        });
        table(&mut text, "imports", imports.collect());
        let exports =
            self.exports.iter().map(|(name, ty)| (Clean(name).to_string(), ty.to_string()));
        table(&mut text, "exports", exports.collect());
        let memories = self.memories.iter().enumerate();
        table(&mut text, "memories", memories.map(|(i, ty)| (i.to_string(), pages(ty))).collect());
        let features = self.features.iter().map(|name| ((*name).to_owned(), String::new()));
        table(&mut text, "features used beyond 1.0", features.collect());
        let sections = self.sections.iter().map(|section| {
            let share = 100.0 * section.bytes as f64 / self.bytes.max(1) as f64;
            let size = show_size(section.bytes as u64);
            (Clean(&section.label()).to_string(), format!("{size:>10}  {share:>5.1} %"))
        });
        table(&mut text, "sections", sections.collect());
        let shown = self.functions.iter().take(BIGGEST_SHOWN_MAX).map(|function| {
            let name = function.name.as_deref().unwrap_or("(no name)");
            (
                format!("#{}", function.index),
                format!("{:>10}  {}", show_size(function.bytes as u64), Clean(name)),
            )
        });
        let title = match self.functions.len() {
            count if count > BIGGEST_SHOWN_MAX => {
                format!("functions: {count}, the {BIGGEST_SHOWN_MAX} biggest")
            }
            count => format!("functions: {count}"),
        };
        rows(&mut text, &title, shown.collect());
        text
    }

    /// For programs: one object, one line a row.
    fn json(&self) -> String {
        let mut json = Json::default();
        json.open("{");
        json.field("file", &quote(&self.file));
        json.field("bytes", &self.bytes.to_string());
        json.field("name", &optional(self.name.as_deref().map(quote)));
        if let Some(compiled) = &self.compiled {
            json.field("compiled", &compiled.json());
        }
        let imports = self.imports.iter().map(|(module, name, ty)| {
            object(&[
                ("module", quote(module)),
                ("name", quote(name)),
                ("kind", quote(ty.kind())),
                ("type", quote(&ty.to_string())),
            ])
        });
        json.list("imports", imports);
        let exports = self.exports.iter().map(|(name, ty)| {
            object(&[
                ("name", quote(name)),
                ("kind", quote(ty.kind())),
                ("type", quote(&ty.to_string())),
            ])
        });
        json.list("exports", exports);
        let memories = self.memories.iter().map(|ty| {
            object(&[
                ("pages_min", ty.min.to_string()),
                ("pages_max", optional(ty.max.map(|max| max.to_string()))),
                ("memory64", ty.memory64.to_string()),
                ("page_bytes", optional(ty.bytes_of(1).map(|bytes| bytes.to_string()))),
                ("shared", ty.shared.to_string()),
            ])
        });
        json.list("memories", memories);
        json.list("features", self.features.iter().map(|name| quote(name)));
        let sections = self.sections.iter().map(|section| {
            object(&[
                ("id", section.id.to_string()),
                ("name", quote(&section.name)),
                ("offset", section.offset.to_string()),
                ("bytes", section.bytes.to_string()),
            ])
        });
        json.list("sections", sections);
        let functions = self.functions.iter().map(|function| {
            object(&[
                ("index", function.index.to_string()),
                ("name", optional(function.name.as_deref().map(quote))),
                ("offset", function.offset.to_string()),
                ("bytes", function.bytes.to_string()),
            ])
        });
        json.list("functions", functions);
        json.close("}");
        json.text
    }
}

impl Section {
    fn label(&self) -> String {
        if self.id == 0 { format!("custom `{}`", self.name) } else { self.name.clone() }
    }
}

fn pages(ty: &MemoryType) -> String {
    let size = |pages: u64| {
        let unit = if pages == 1 { "page" } else { "pages" };
        match ty.bytes_of(pages) {
            Some(_) if !ty.has_plain_pages() => format!("{pages} {unit} of one byte"),
            Some(bytes) => format!("{pages} {unit} ({})", show_size(bytes)),
            None => format!("{pages} {unit}"),
        }
    };
    let most = ty.max.map_or("no maximum".to_owned(), |max| format!("at most {}", size(max)));
    let addresses = if ty.memory64 { ", 64-bit addresses" } else { "" };
    format!("{}, {most}{addresses}{}", size(ty.min), if ty.shared { ", shared" } else { "" })
}

/// A titled list with a count, in columns; a list of nothing is its title and a zero.
fn table(text: &mut String, title: &str, lines: Vec<(String, String)>) {
    rows(text, &format!("{title}: {}", lines.len()), lines);
}

pub(super) fn rows(text: &mut String, title: &str, lines: Vec<(String, String)>) {
    /// A name longer than this shifts its own line rather than all of them.
    const COLUMN_CHARS_MAX: usize = 48;
    let widths = lines.iter().map(|(left, _)| left.chars().count());
    let width = widths.filter(|width| *width <= COLUMN_CHARS_MAX).max().unwrap_or(0);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "\n{title}");
    for (left, right) in lines {
        let line = format!("  {left:width$}  {right}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

/// An object of JSON in the making, its fields a line each.
#[derive(Default)]
struct Json {
    text: String,
    fields: usize,
}

impl Json {
    fn open(&mut self, bracket: &str) {
        self.text.push_str(bracket);
    }

    fn field(&mut self, name: &str, value: &str) {
        self.text.push_str(if self.fields == 0 { "\n  " } else { ",\n  " });
        self.fields += 1;
        self.text.push_str(&quote(name));
        self.text.push_str(": ");
        self.text.push_str(value);
    }

    fn list(&mut self, name: &str, values: impl Iterator<Item = String>) {
        let values: Vec<String> = values.map(|value| format!("\n    {value}")).collect();
        let end = if values.is_empty() { "" } else { "\n  " };
        self.field(name, &format!("[{}{end}]", values.join(",")));
    }

    fn close(&mut self, bracket: &str) {
        self.text.push('\n');
        self.text.push_str(bracket);
        self.text.push('\n');
    }
}

pub(super) fn object(fields: &[(&str, String)]) -> String {
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("{}: {value}", quote(name))).collect();
    format!("{{{}}}", fields.join(", "))
}

fn optional(value: Option<String>) -> String {
    value.unwrap_or_else(|| "null".to_owned())
}

/// A string of JSON (RFC 8259, section 7).
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\u{7f}'..='\u{9f}' | '\0'..='\u{1f}' => {
                // Writing to a string cannot fail.
                let _ = write!(quoted, "\\u{:04x}", c as u32);
            }
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_json_are_escaped() {
        assert_eq!(quote("a\"b\\c\n\u{1b}é"), r#""a\"b\\c\n\u001bé""#);
    }

    #[test]
    fn an_object_of_json_has_its_commas() {
        let mut json = Json::default();
        json.open("{");
        json.field("a", "1");
        json.list("b", ["2".to_owned(), "3".to_owned()].into_iter());
        json.list("c", std::iter::empty());
        json.close("}");
        assert_eq!(json.text, "{\n  \"a\": 1,\n  \"b\": [\n    2,\n    3\n  ],\n  \"c\": []\n}\n");
    }

    #[test]
    fn columns_line_up_except_for_the_longest_names() {
        let mut text = String::new();
        let long = "x".repeat(60);
        let lines = vec![("a", "1"), ("bbb", "2"), (&long, "3")];
        table(&mut text, "t", lines.into_iter().map(|(a, b)| (a.into(), b.into())).collect());
        assert_eq!(text, format!("\nt: 3\n  a    1\n  bbb  2\n  {long}  3\n"));
    }

    #[test]
    fn memories_are_shown_in_pages_and_bytes() {
        let shown = pages(&MemoryType::new(2, Some(65536)));
        assert_eq!(shown, "2 pages (128.0 KiB), at most 65536 pages (4.0 GiB)");
        let huge = MemoryType { max: Some(u64::MAX), memory64: true, ..MemoryType::new(0, None) };
        assert_eq!(
            pages(&huge),
            format!("0 pages (0 B), at most {} pages, 64-bit addresses", u64::MAX)
        );
        let bytes = MemoryType { page_size_log2: 0, ..MemoryType::new(1, Some(70)) };
        assert_eq!(pages(&bytes), "1 page of one byte, at most 70 pages of one byte");
    }
}
