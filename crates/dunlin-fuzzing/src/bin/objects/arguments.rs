//! What the program is asked for.

use dunlin_fuzzing::objects::generate::Source;
use dunlin_fuzzing::objects::judge::Peers;
use dunlin_fuzzing::objects::peer::Peer;

/// Modules when nobody says how many.
const MODULES_DEFAULT: u64 = 1_000;

pub(crate) const USAGE: &str = "Usage: objects [--node PROGRAM] [--wasmtime FOLDER] [--wasm-opt PROGRAM]
               [--source smith|binaryen] [--modules N] [--seed FIRST] [--one SEED]

`--node` compares with V8, `--wasmtime` with the Python package in that folder; one of them is needed.
`--source binaryen` needs `--node` and `--wasm-opt`.";

/// What the arguments ask for.
pub(crate) struct Arguments {
    node: Option<String>,
    wasmtime: Option<String>,
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
        let v8 = self.node.as_deref().filter(|_| self.wasmtime.is_none()).map(Peer::v8);
        let engines = v8.into_iter().chain(self.wasmtime.as_deref().map(Peer::wasmtime)).collect();
        let ttf = self.node.as_deref().zip(self.wasm_opt.as_deref());
        Peers { engines, ttf: ttf.map(|(node, program)| Peer::binaryen(node, program)) }
    }
}

/// Reads the words after the program's name; `None` if they make no sense.
pub(crate) fn parse(words: &[String]) -> Option<Arguments> {
    let mut arguments = Arguments {
        node: None,
        wasmtime: None,
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
            "--node" => arguments.node = Some(words.next()?.clone()),
            "--wasmtime" => arguments.wasmtime = Some(words.next()?.clone()),
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
    let engine = arguments.node.is_some() || arguments.wasmtime.is_some();
    let generator = arguments.node.is_some() && arguments.wasm_opt.is_some();
    (engine && (arguments.source == Source::Smith || generator)).then_some(arguments)
}
