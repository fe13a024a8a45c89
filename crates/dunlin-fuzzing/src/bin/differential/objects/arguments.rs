//! What the program is asked for.

use dunlin_fuzzing::objects::generate::Source;
use dunlin_fuzzing::objects::judge::Peers;
use dunlin_fuzzing::objects::peer::Peer;

/// Modules when nobody says how many.
const MODULES_DEFAULT: u64 = 1_000;

pub(crate) const USAGE: &str =
    "Usage: differential objects --node PROGRAM [--modules N] [--seed FIRST] [--one SEED]
       differential objects --node PROGRAM --source binaryen --wasm-opt PROGRAM …";

/// What the arguments ask for.
pub(crate) struct Arguments {
    node: String,
    wasm_opt: Option<String>,
    pub(crate) source: Source,
    pub(crate) modules: u64,
    pub(crate) seed: u64,
    pub(crate) one: Option<u64>,
    pub(crate) worker: bool,
}

impl Arguments {
    /// The processes, not started yet.
    pub(crate) fn peers(&self) -> Peers {
        let ttf = self.wasm_opt.as_deref().map(|program| Peer::binaryen(&self.node, program));
        Peers { engines: vec![Peer::v8(&self.node)], ttf }
    }
}

/// Reads the words after the program's name; `None` if they make no sense.
pub(crate) fn parse(words: &[String]) -> Option<Arguments> {
    let mut arguments = Arguments {
        node: String::new(),
        wasm_opt: None,
        source: Source::Smith,
        modules: MODULES_DEFAULT,
        seed: 0,
        one: None,
        worker: false,
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--worker" => arguments.worker = true,
            "--node" => arguments.node.clone_from(words.next()?),
            "--wasm-opt" => arguments.wasm_opt = Some(words.next()?.clone()),
            "--source" => {
                arguments.source = match words.next()?.as_str() {
                    "smith" => Source::Smith,
                    "binaryen" => Source::Binaryen,
                    _ => return None,
                };
            }
            "--modules" => arguments.modules = words.next()?.parse().ok()?,
            "--seed" => arguments.seed = words.next()?.parse().ok()?,
            "--one" => arguments.one = Some(words.next()?.parse().ok()?),
            _ => return None,
        }
    }
    let generator = arguments.source == Source::Smith || arguments.wasm_opt.is_some();
    (!arguments.node.is_empty() && generator).then_some(arguments)
}
