//! `dunlin inspect` of what `dunlin compile` made: what the file says of itself, and the module in it.
//!
//! Anybody may have written the file. It is read, its bounds are checked, and nothing of it is executed.

use dunlin::{ArtifactInfo, Engine, Module};

use super::disassemble;
use super::inspect::{Summary, object, quote, rows};
use crate::flags::{InspectOptions, InspectTier};
use crate::report::{Clean, Report};
use crate::values::show_size;

/// What a file of `dunlin compile` says of itself, or of a function.
pub(super) fn inspect(
    engine: &Engine,
    shown: &str,
    bytes: &[u8],
    options: &InspectOptions,
) -> Result<String, Report> {
    let info = ArtifactInfo::read(bytes)
        .map_err(|error| Report::engine(format!("cannot inspect `{shown}`"), &error))?;
    let module = info.module.map(|module| Module::new(engine, module)).transpose();
    let module = module
        .map_err(|error| Report::engine(format!("the module in `{shown}` is refused"), &error))?;
    let Some(module) = module else { return without_module(shown, bytes.len(), &info, options) };
    let Some(word) = &options.disassemble else {
        let mut summary = Summary::of(shown, &module);
        summary.bytes = bytes.len();
        summary.compiled = Some(Compiled::of(&info));
        return Ok(summary.show(options));
    };
    let function = disassemble::find(shown, &module, word)?;
    match options.tier.unwrap_or_default() {
        InspectTier::Optimize => match info.function_code(function.index) {
            Some(code) => Ok(disassemble::list_code(&module, &function, &code)),
            None => Err(Report::failure(format!("`{word}` of `{shown}` has no machine code"))
                .cause("the compiler refused it, and the interpreter executes it")
                .hint("`--tier interp` shows what that executes")),
        },
        tier => disassemble::list(shown, &module, &function, tier),
    }
}

/// What an entry of the cache says, which holds machine code alone.
fn without_module(
    shown: &str,
    bytes: usize,
    info: &ArtifactInfo<'_>,
    options: &InspectOptions,
) -> Result<String, Report> {
    if options.disassemble.is_some() {
        return Err(Report::failure(format!("`{shown}` holds machine code without its module"))
            .hint("`dunlin inspect --disassemble` takes the module that it was made of"));
    }
    let compiled = Compiled::of(info);
    if options.json {
        let fields =
            [("file", quote(shown)), ("bytes", bytes.to_string()), ("compiled", compiled.json())];
        return Ok(format!("{}\n", object(&fields)));
    }
    let size = show_size(bytes as u64);
    let mut text = format!("{}: {size}, machine code without its module\n", Clean(shown));
    compiled.push_text(&mut text);
    Ok(text)
}

/// What an artifact says of its machine code.
pub(super) struct Compiled(Vec<(&'static str, Fact)>);

/// A thing that it says.
enum Fact {
    Text(String),
    Number(usize),
}

impl Compiled {
    fn of(info: &ArtifactInfo<'_>) -> Self {
        Self(vec![
            ("engine", Fact::Text(info.engine.clone())),
            ("machine", Fact::Text(info.target.clone())),
            ("extensions", Fact::Text(info.extensions.join(" "))),
            ("settings", Fact::Text(info.settings.clone())),
            ("functions", Fact::Number(info.functions)),
            ("code_bytes", Fact::Number(info.code_bytes)),
            ("relocations", Fact::Number(info.relocations)),
            ("traps", Fact::Number(info.traps)),
        ])
    }

    /// Adds names and values, for people.
    pub(super) fn push_text(&self, out: &mut String) {
        let text = |fact: &Fact| match fact {
            Fact::Text(text) => Clean(text).to_string(),
            Fact::Number(number) => number.to_string(),
        };
        let lines = self.0.iter().map(|(name, fact)| (name.replace('_', " "), text(fact)));
        rows(out, "compiled, as it says itself; its seal is not looked at", lines.collect());
    }

    /// Names and values, for programs.
    pub(super) fn json(&self) -> String {
        let json = |fact: &Fact| match fact {
            Fact::Text(text) => quote(text),
            Fact::Number(number) => number.to_string(),
        };
        let fields: Vec<_> = self.0.iter().map(|(name, fact)| (*name, json(fact))).collect();
        object(&fields)
    }
}
