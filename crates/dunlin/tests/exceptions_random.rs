//! Exceptions in programs that nobody would write: made from a seed, of blocks that catch in both encodings,
//! calls of guests and of the host, branches and throws. What they do is told by a model in a few lines, and
//! each must do the same in both tiers and mixtures of them.

use dunlin::{
    Caller, Config, Engine, Error, Extern, Global, Linker, Module, Store, Tag, Tier, Val,
};
use std::fmt::Write as _;

const TAGS: u32 = 3;
const FUNCTIONS: u32 = 6;
const SEEDS: u64 = 120;
/// Statements that a program executes at most: longer ones are passed over.
const STEPS_MAX: u32 = 3_000;

/// A statement. Numbers of blocks are unique in their function.
enum Stmt {
    Mark(u32),
    Throw(u32, u32),
    Call(u32),
    /// As a call, through the host.
    Host(u32),
    Leave(u32),
    Rethrow(u32),
    Block(u32, Vec<Stmt>),
    /// A `try_table`: each clause has a tag unless it catches all, whether it has a reference, what it does, and
    /// whether it throws again in the end.
    TryTable(u32, Vec<Stmt>, Vec<(Option<u32>, bool, Vec<Stmt>, bool)>),
    /// An early `try`.
    Try(u32, Vec<Stmt>, Vec<(Option<u32>, Vec<Stmt>)>),
    /// An early `try` that delegates to a block, or out of the function.
    Delegate(u32, Vec<Stmt>, Option<u32>),
}

/// Numbers from a seed (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 33) % u64::from(bound)) as u32
    }
}

/// A function under construction.
struct Maker<'r> {
    random: &'r mut Random,
    func: u32,
    blocks: u32,
    /// Blocks around the place, which branches may leave.
    open: Vec<u32>,
    /// Those in whose clauses the place is.
    caught: Vec<u32>,
    left: u32,
}

impl Maker<'_> {
    fn list(&mut self, depth: u32) -> Vec<Stmt> {
        (0..1 + self.random.below(3)).map(|_| self.stmt(depth)).collect()
    }

    fn open(&mut self, id: u32, depth: u32) -> Vec<Stmt> {
        self.open.push(id);
        let list = self.list(depth);
        self.open.pop();
        list
    }

    fn tag(&mut self) -> Option<u32> {
        let tag = self.random.below(TAGS + 1);
        (tag < TAGS).then_some(tag)
    }

    fn stmt(&mut self, depth: u32) -> Stmt {
        self.left = self.left.saturating_sub(1);
        let is_leaf = depth == 0 || self.left == 0;
        let id = self.blocks;
        match self.random.below(if is_leaf { 7 } else { 14 }) {
            0 | 1 => Stmt::Mark(self.random.below(1_000)),
            2 => Stmt::Throw(self.random.below(TAGS), self.random.below(1_000)),
            3 | 4 if self.func + 1 < FUNCTIONS => {
                let func = self.func + 1 + self.random.below(FUNCTIONS - self.func - 1);
                if self.random.below(4) == 0 { Stmt::Host(func) } else { Stmt::Call(func) }
            }
            5 if !self.open.is_empty() => {
                let index = self.random.below(self.open.len() as u32);
                Stmt::Leave(self.open[index as usize])
            }
            6 if !self.caught.is_empty() => {
                let index = self.random.below(self.caught.len() as u32);
                Stmt::Rethrow(self.caught[index as usize])
            }
            7 => {
                self.blocks += 1;
                Stmt::Block(id, self.open(id, depth - 1))
            }
            8..=10 => {
                self.blocks += 1;
                let body = self.open(id, depth - 1);
                let clause = |maker: &mut Self| {
                    let (tag, has_reference) = (maker.tag(), maker.random.below(2) == 0);
                    let throws = has_reference && maker.random.below(2) == 0;
                    (tag, has_reference, maker.open(id, depth - 1), throws)
                };
                let clauses = (0..self.random.below(4)).map(|_| clause(self)).collect();
                Stmt::TryTable(id, body, clauses)
            }
            11 | 12 => {
                self.blocks += 1;
                let body = self.open(id, depth - 1);
                self.caught.push(id);
                let mut clauses = Vec::new();
                for _ in 0..self.random.below(4) {
                    let tag = self.tag();
                    clauses.push((tag, self.open(id, depth - 1)));
                    // Nothing comes behind one that catches all.
                    if tag.is_none() {
                        break;
                    }
                }
                self.caught.pop();
                Stmt::Try(id, body, clauses)
            }
            13 => {
                self.blocks += 1;
                let body = self.open(id, depth - 1);
                let index = self.random.below(self.open.len() as u32 + 1) as usize;
                Stmt::Delegate(id, body, self.open.get(index).copied())
            }
            _ => Stmt::Mark(7),
        }
    }
}

fn program(seed: u64) -> Vec<Vec<Stmt>> {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    (0..FUNCTIONS)
        .map(|func| {
            let (open, caught) = (Vec::new(), Vec::new());
            let random = &mut random;
            Maker { random, func, blocks: 0, open, caught, left: 25 }.list(4)
        })
        .collect()
}

// The model.

type Exception = (u32, u32);

/// How a statement ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Next,
    Leave(u32),
    Throw(Exception),
    /// An exception that a block, or the caller, looks at.
    Delegated(Exception, Option<u32>),
}

struct Model<'p> {
    program: &'p [Vec<Stmt>],
    trace: i64,
    steps: u32,
}

impl Model<'_> {
    fn mark(&mut self, number: u32) {
        self.trace = self.trace.wrapping_mul(31).wrapping_add(number.into());
    }

    fn call(&mut self, func: u32) -> End {
        let program = self.program;
        match self.list(&program[func as usize], &mut Vec::new()) {
            End::Delegated(exception, None) => End::Throw(exception),
            end => end,
        }
    }

    fn list(&mut self, list: &[Stmt], caught: &mut Vec<(u32, Exception)>) -> End {
        for stmt in list {
            let end = self.stmt(stmt, caught);
            if end != End::Next {
                return end;
            }
        }
        End::Next
    }

    /// The statements of a block with this number, of which what is delegated to it comes out as thrown.
    fn within(&mut self, id: u32, list: &[Stmt], caught: &mut Vec<(u32, Exception)>) -> End {
        match self.list(list, caught) {
            End::Delegated(exception, Some(to)) if to == id => End::Throw(exception),
            end => end,
        }
    }

    fn stmt(&mut self, stmt: &Stmt, caught: &mut Vec<(u32, Exception)>) -> End {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return End::Throw((u32::MAX, 0));
        }
        let (id, end) = match stmt {
            Stmt::Mark(number) => {
                self.mark(*number);
                return End::Next;
            }
            Stmt::Throw(tag, payload) => return End::Throw((*tag, *payload)),
            Stmt::Call(func) | Stmt::Host(func) => return self.call(*func),
            Stmt::Leave(id) => return End::Leave(*id),
            Stmt::Rethrow(id) => {
                let found = caught.iter().rev().find(|(of, _)| of == id).expect("a clause's");
                return End::Throw(found.1);
            }
            Stmt::Block(id, body) => (*id, self.within(*id, body, caught)),
            Stmt::TryTable(id, body, clauses) => {
                let mut end = self.within(*id, body, caught);
                if let End::Throw(exception) = end
                    && let Some((tag, _, handler, throws)) =
                        clauses.iter().find(|(tag, ..)| tag.is_none_or(|tag| tag == exception.0))
                {
                    if tag.is_some() {
                        self.mark(exception.1);
                    }
                    end = self.within(*id, handler, caught);
                    if end == End::Next && *throws {
                        end = End::Throw(exception);
                    }
                }
                (*id, end)
            }
            Stmt::Try(id, body, clauses) => {
                let mut end = self.within(*id, body, caught);
                if let End::Throw(exception) = end
                    && let Some((tag, handler)) =
                        clauses.iter().find(|(tag, _)| tag.is_none_or(|tag| tag == exception.0))
                {
                    if tag.is_some() {
                        self.mark(exception.1);
                    }
                    caught.push((*id, exception));
                    end = self.within(*id, handler, caught);
                    caught.pop();
                }
                (*id, end)
            }
            Stmt::Delegate(id, body, to) => match self.within(*id, body, caught) {
                End::Throw(exception) => (*id, End::Delegated(exception, *to)),
                end => (*id, end),
            },
        };
        if end == End::Leave(id) { End::Next } else { end }
    }
}

// The text.

/// Writes a function; `depth` counts the labels around the place.
struct Text {
    text: String,
    depth: u32,
    /// Which label's name leads to a block, and to what looks at exceptions for it.
    names: Vec<(u32, String)>,
}

impl Text {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn begin(&mut self, line: &str) {
        self.line(line);
        self.depth += 1;
    }

    fn end(&mut self) {
        self.line("end");
        self.depth -= 1;
    }

    fn list(&mut self, list: &[Stmt]) {
        list.iter().for_each(|stmt| self.stmt(stmt));
    }

    /// Statements within a block that has this name for delegation.
    fn within(&mut self, id: u32, name: &str, list: &[Stmt]) {
        self.names.push((id, name.to_owned()));
        self.list(list);
        self.names.pop();
    }

    fn mark_payload(&mut self) {
        self.line(
            "i64.extend_i32_u global.get $trace i64.const 31 i64.mul i64.add global.set $trace",
        );
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Mark(number) => {
                self.line(&format!("i32.const {number}"));
                self.mark_payload();
            }
            Stmt::Throw(tag, payload) => self.line(&format!("i32.const {payload} throw $t{tag}")),
            Stmt::Call(func) => self.line(&format!("call $f{func}")),
            Stmt::Host(func) => self.line(&format!("i32.const {func} call $host")),
            Stmt::Leave(id) => self.line(&format!("br $b{id}")),
            Stmt::Rethrow(id) => self.line(&format!("rethrow $b{id}")),
            Stmt::Block(id, body) => {
                self.begin(&format!("block $b{id}"));
                self.within(*id, &format!("$b{id}"), body);
                self.end();
            }
            Stmt::TryTable(id, body, clauses) => self.try_table(*id, body, clauses),
            Stmt::Try(id, body, clauses) => {
                self.begin(&format!("try $b{id}"));
                self.within(*id, &format!("$b{id}"), body);
                for (tag, handler) in clauses {
                    match tag {
                        Some(tag) => {
                            self.line(&format!("catch $t{tag}"));
                            self.mark_payload();
                        }
                        None => self.line("catch_all"),
                    }
                    self.within(*id, &format!("$b{id}"), handler);
                }
                self.end();
            }
            Stmt::Delegate(id, body, to) => {
                self.begin(&format!("try $b{id}"));
                self.within(*id, &format!("$b{id}"), body);
                self.depth -= 1;
                let to = to.and_then(|to| self.names.iter().rev().find(|(id, _)| *id == to));
                let to = to.map_or_else(|| self.depth.to_string(), |(_, name)| name.clone());
                self.line(&format!("delegate {to}"));
            }
        }
    }

    fn try_table(
        &mut self,
        id: u32,
        body: &[Stmt],
        clauses: &[(Option<u32>, bool, Vec<Stmt>, bool)],
    ) {
        self.begin(&format!("block $b{id}"));
        let mut head = String::new();
        for (index, (tag, has_reference, ..)) in clauses.iter().enumerate() {
            let reference = if *has_reference { "_ref" } else { "" };
            let _ = match tag {
                Some(tag) => write!(head, " (catch{reference} $t{tag} $c{id}_{index})"),
                None => write!(head, " (catch_all{reference} $c{id}_{index})"),
            };
        }
        for (index, (tag, has_reference, ..)) in clauses.iter().enumerate().rev() {
            let carried = if tag.is_some() { "i32" } else { "" };
            let reference = if *has_reference { "exnref" } else { "" };
            self.begin(&format!("block $c{id}_{index} (result {carried} {reference})"));
        }
        self.begin(&format!("try_table $y{id}{head}"));
        self.within(id, &format!("$y{id}"), body);
        self.end();
        self.line(&format!("br $b{id}"));
        for (tag, has_reference, handler, throws) in clauses {
            self.end();
            if *has_reference {
                self.line(&format!("local.set $e{id}"));
            }
            if tag.is_some() {
                self.mark_payload();
            }
            self.within(id, &format!("$b{id}"), handler);
            if *throws {
                self.line(&format!("local.get $e{id} throw_ref"));
            }
            self.line(&format!("br $b{id}"));
        }
        self.end();
    }
}

fn text(program: &[Vec<Stmt>]) -> String {
    let mut text = String::from("(module (import \"host\" \"call\" (func $host (param i32)))\n");
    for tag in 0..TAGS {
        let _ = writeln!(text, "(tag $t{tag} (export \"t{tag}\") (param i32))");
    }
    text.push_str("(global $trace (export \"trace\") (mut i64) (i64.const 0))\n");
    for (func, body) in program.iter().enumerate() {
        let mut of = Text { text: String::new(), depth: 0, names: Vec::new() };
        of.list(body);
        let locals: String = (0..200)
            .filter(|id| of.text.contains(&format!("$e{id}")))
            .map(|id| format!("(local $e{id} exnref)"))
            .collect();
        let _ = writeln!(text, "(func $f{func} (export \"f{func}\") {locals}\n{})", of.text);
    }
    text + ")"
}

fn run(config: &Config, text: &str) -> (End, i64) {
    let engine = Engine::new(config).expect("a tier of this machine");
    let module = Module::new(&engine, text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut linker = Linker::new(&engine);
    let host = |mut caller: Caller<'_, ()>, func: i32| -> Result<(), Error> {
        let func = caller.get_export(&format!("f{func}")).and_then(Extern::into_func);
        func.expect("an export").typed::<(), ()>(&caller)?.call(&mut caller, ())
    };
    linker.func_wrap("host", "call", host).expect("a new name");
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).expect("an instance");
    let run = instance.get_typed_func::<(), ()>(&mut store, "f0").expect("an export");
    let end = match run.call(&mut store, ()) {
        Ok(()) => End::Next,
        Err(error) => {
            let exception = error.exception().unwrap_or_else(|| panic!("{error:?}"));
            let tag = exception.tag(&store).expect("this store");
            let mut tags = (0..TAGS).map(|tag| -> Tag {
                let export = instance.get_export(&mut store, &format!("t{tag}"));
                export.and_then(Extern::into_tag).expect("an export")
            });
            let index = tags.position(|of| of == tag).expect("a tag of the module");
            let payload = exception.payload(&store).expect("this store");
            End::Throw((index as u32, payload[0].i32().expect("a number").cast_unsigned()))
        }
    };
    let trace: Global = instance.get_global(&mut store, "trace").expect("an export");
    let Val::I64(trace) = trace.get(&mut store).expect("a value") else { panic!("a number") };
    (end, trace)
}

fn configs(seed: u64) -> Vec<Config> {
    let mut configs = vec![Config::new()];
    configs[0].tier(Tier::Interp);
    if cfg!(feature = "optimize") {
        let mut random = Random(seed | 1);
        for tier in [Tier::Optimize, Tier::Baseline] {
            let some = [1 + u64::from(random.below(126)), u64::from(random.below(126))];
            for chosen in [u64::MAX].into_iter().chain(some) {
                let mut config = Config::new();
                config.tier(tier).mix_tiers(chosen);
                configs.push(config);
            }
        }
    }
    configs
}

#[test]
fn programs_do_what_the_model_does() {
    let (mut thrown, mut done) = (0, 0);
    for seed in 0..SEEDS {
        let program = program(seed);
        let mut model = Model { program: &program, trace: 0, steps: 0 };
        let end = model.call(0);
        if model.steps > STEPS_MAX {
            continue;
        }
        let (expected, text) = ((end, model.trace), text(&program));
        for config in configs(seed) {
            assert_eq!(run(&config, &text), expected, "seed {seed}, {config:?}\n{text}");
        }
        done += 1;
        thrown += u32::from(end != End::Next);
    }
    assert!(done > SEEDS / 2 && thrown > 10, "{done} programs, {thrown} end with an exception");
}
