//! `dunlin inspect` of what `dunlin compile` made: what the file says of itself, and the module in it.
//!
//! Anybody may have written the file. It is read, its bounds are checked, and nothing of it is executed.

use dunlin::{ArtifactInfo, Engine, Module};

use super::disassemble;
use super::inspect::{Summary, quote};
use crate::flags::{InspectOptions, InspectTier};
use crate::report::{Clean, Report};

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
    let Some(module) = module else {
        return Err(Report::failure(format!("`{shown}` holds no module")));
    };
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

    /// Names and values, for people.
    pub(super) fn text(&self) -> Vec<(String, String)> {
        let text = |fact: &Fact| match fact {
            Fact::Text(text) => Clean(text).to_string(),
            Fact::Number(number) => number.to_string(),
        };
        self.0.iter().map(|(name, fact)| (name.replace('_', " "), text(fact))).collect()
    }

    /// Names and values, for programs.
    pub(super) fn json(&self) -> Vec<(&'static str, String)> {
        let json = |fact: &Fact| match fact {
            Fact::Text(text) => quote(text),
            Fact::Number(number) => number.to_string(),
        };
        self.0.iter().map(|(name, fact)| (*name, json(fact))).collect()
    }
}
