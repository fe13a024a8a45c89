//! Calls between components beside a second engine: random types, and bytes of which about half are values of them.
//!
//! ```sh
//! cargo run --release -p dunlin-component --features optimize --example differential -- \
//!     --components 100 [--from SEED] [--peer PYTHON SCRIPT PACKAGES]
//! ```
//!
//! 1. A component has two in it, and a function of each passes a value of a random type: as a parameter, and as a result.
//!    Strings are encoded in random ways on both sides.
//! 2. The guests themselves make what they pass, of a seed: core values, and the bytes of their memories, most of them
//!    small numbers, pointers and ASCII. So pointers, discriminants and characters are wrong often.
//! 3. Each call is made in a fresh instance, and ends in a trap, or in a number that is made of all that has arrived: core
//!    values, what was allocated, and where the result is.
//! 4. It is the same with adapters and without, in the interpreter and compiled, and in the peer. What is wrong is told
//!    otherwise by each engine, so that of a trap only counts that it is one; without and with adapters its text does.

#[path = "../tests/support/mod.rs"]
mod support;

use dunlin::{Config, Engine, ErrorKind, Result, Store, Tier};
use dunlin_component::{Component, Linker};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use support::Random;
use support::types::Ty;

/// Seeds of values for each component.
const VALUES: u64 = 24;

/// What both modules have: memory, an allocator, numbers by a seed, and a number of all that has arrived.
const COMMON: &str = r#"
    (memory (export "memory") 16)
    (global $next (mut i32) (i32.const 131072))
    (global $state (mut i64) (i64.const 1))
    (global $seen (mut i64) (i64.const 0))
    (func (export "realloc") (param $old i32) (param $had i32) (param $align i32) (param $size i32)
        (result i32) (local $at i32)
        (local.set $at (i32.and
            (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
            (i32.sub (i32.const 0) (local.get $align))))
        (global.set $next (i32.add (local.get $at) (local.get $size)))
        (memory.copy (local.get $at) (local.get $old) (select (local.get $had) (local.get $size)
            (i32.lt_u (local.get $had) (local.get $size))))
        (local.get $at))
    (func $random (result i64) (local $x i64)
        (local.set $x (global.get $state))
        (local.set $x (i64.xor (local.get $x) (i64.shl (local.get $x) (i64.const 13))))
        (local.set $x (i64.xor (local.get $x) (i64.shr_u (local.get $x) (i64.const 7))))
        (local.set $x (i64.xor (local.get $x) (i64.shl (local.get $x) (i64.const 17))))
        (global.set $state (local.get $x))
        (i64.shr_u (i64.mul (local.get $x) (i64.const 0x2545F4914F6CDD1D)) (i64.const 11)))
    (func $word (export "word") (result i32) (local $x i64) (local $kind i32)
        (local.set $x (call $random))
        (local.set $kind (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 31)))
        (local.set $x (i64.shr_u (local.get $x) (i64.const 8)))
        (if (i32.lt_u (local.get $kind) (i32.const 16))
            (then (return (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 1)))))
        (if (i32.lt_u (local.get $kind) (i32.const 20))
            (then (return (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 7)))))
        (if (i32.lt_u (local.get $kind) (i32.const 28))
            (then (return (i32.add (i32.const 1024)
                (i32.shl (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 1023)) (i32.const 3))))))
        (if (i32.lt_u (local.get $kind) (i32.const 31))
            (then (return (i32.add (i32.const 0x30303030)
                (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 0x3f3f3f3f))))))
        (i32.wrap_i64 (local.get $x)))
    (func $fill (export "fill") (param $seed i64) (local $at i32)
        (global.set $state (i64.or (local.get $seed) (i64.const 1)))
        (drop (call $random)) (drop (call $random)) (drop (call $random))
        (local.set $at (i32.const 1024))
        (loop $more
            (i32.store (local.get $at) (call $word))
            (local.set $at (i32.add (local.get $at) (i32.const 4)))
            (br_if $more (i32.lt_u (local.get $at) (i32.const 10240)))))
    (func $see (param $x i64)
        (global.set $seen (i64.mul (i64.xor (i64.rotl (global.get $seen) (i64.const 5)) (local.get $x))
            (i64.const 0x9E3779B97F4A7C15))))
    (func $see-range (param $at i32) (param $end i32)
        (loop $more
            (call $see (i64.load (local.get $at)))
            (local.set $at (i32.add (local.get $at) (i32.const 8)))
            (br_if $more (i32.lt_u (local.get $at) (local.get $end)))))
    (func $sum (export "sum") (result i64)
        (call $see-range (i32.const 16384) (i32.const 24576))
        (call $see-range (i32.const 131072) (i32.const 139264))
        (call $see (i64.extend_i32_u (global.get $next)))
        (global.get $seen))"#;

/// A component, by its seed.
fn component(seed: u64) -> String {
    let random = &mut Random::new(seed);
    random.newer = false;
    let deep = 1 + random.below(3);
    let ty = Ty::random(random, deep);
    let mut named = Vec::new();
    let text = ty.text(&mut named);
    let numbered = || named.iter().enumerate();
    let types: String = numbered()
        .map(|(n, of)| format!(r#"(type $d{n} {of}) (import "t{n}" (type $t{n} (eq $d{n})))"#))
        .collect();
    let made: String = numbered()
        .map(|(n, of)| format!(r#"(type $d{n} {of}) (export $t{n} "t{n}" (type $d{n}))"#))
        .collect();
    let aliases: String =
        numbered().map(|(n, _)| format!(r#"(alias export $types "t{n}" (type $t{n}))"#)).collect();
    let with: String = numbered().map(|(n, _)| format!(r#"(with "t{n}" (type $t{n}))"#)).collect();
    let mut options = |instance: &str| {
        let encoding = random.pick(&["utf8", "utf16", "latin1+utf16"]);
        format!(
            r#"string-encoding={encoding} (memory (core memory ${instance} "memory"))
                (realloc (core func ${instance} "realloc"))"#
        )
    };
    let (inner, outer) = (options("m"), options("libc"));
    let Guests { callee, caller, imports } = guests(&ty);
    format!(
        r#"(component
            (component $Types {made}) (instance $types (instantiate $Types)) {aliases}
            (component $Inner {types}
                (core module $M {COMMON} {callee})
                (core instance $m (instantiate $M))
                (func (export "f") (param "a" {text}) (canon lift (core func $m "f") {inner}))
                (func (export "g") (result {text}) (canon lift (core func $m "g") {inner}))
                (func (export "fill") (param "seed" u64) (canon lift (core func $m "fill")))
                (func (export "sum") (result u64) (canon lift (core func $m "sum"))))
            (instance $inner (instantiate $Inner {with}))
            (core module $Libc {COMMON})
            (core instance $libc (instantiate $Libc))
            (core func $f (canon lower (func $inner "f") {outer}))
            (core func $g (canon lower (func $inner "g") {outer}))
            (core func $fill (canon lower (func $inner "fill")))
            (core func $sum (canon lower (func $inner "sum")))
            (core module $M {imports} {caller})
            (core instance $m (instantiate $M (with "libc" (instance $libc)) (with "" (instance
                (export "f" (func $f)) (export "g" (func $g))
                (export "fill" (func $fill)) (export "sum" (func $sum))))))
            (func (export "run") (param "seed" u64) (param "result" bool) (result u64)
                (canon lift (core func $m "run"))))"#
    )
}

/// What the guests' modules have beside what both have.
struct Guests {
    callee: String,
    caller: String,
    imports: String,
}

fn guests(ty: &Ty) -> Guests {
    let flat = ty.flat();
    let params = if flat.len() > 16 { vec!["i32"] } else { flat.clone() };
    let in_memory = flat.len() > 1;
    let see: String = (0..params.len())
        .map(|at| format!("(call $see {})", seen(params[at], &format!("(local.get {at})"))))
        .collect();
    // A pointer to what the guest has made, or a value.
    let pointer = "(i32.and (call $word) (i32.const 0x1ff8))";
    let (result, value) = match in_memory {
        true => ("i32", pointer.to_owned()),
        false => (flat[0], made(flat[0])),
    };
    let arguments: String = match flat.len() > 16 {
        true => pointer.into(),
        false => params.iter().map(|ty| made(ty)).collect(),
    };
    let params = params.join(" ");
    let (g, call) = match in_memory {
        true => ("(param i32)".into(), "(call $g (i32.const 16384))".into()),
        false => {
            let seen = seen(result, "(call $g)");
            (format!("(result {result})"), format!("(local.set $x {seen})"))
        }
    };
    Guests {
        callee: format!(
            r#"(func (export "f") (param {params}) {see}) (func (export "g") (result {result}) {value})"#
        ),
        imports: format!(
            r#"(import "libc" "fill" (func $own-fill (param i64)))
            (import "libc" "word" (func $word (result i32)))
            (import "libc" "sum" (func $own-sum (result i64)))
            (import "" "f" (func $f (param {params}))) (import "" "g" (func $g {g}))
            (import "" "fill" (func $fill (param i64))) (import "" "sum" (func $sum (result i64)))"#
        ),
        caller: format!(
            r#"(func (export "run") (param $seed i64) (param $result i32) (result i64) (local $x i64)
                (call $own-fill (local.get $seed))
                (call $fill (i64.xor (local.get $seed) (i64.const 0x5555555555555555)))
                (if (local.get $result) (then {call}) (else (call $f {arguments})))
                (i64.add (local.get $x) (i64.xor (call $sum) (i64.rotl (call $own-sum) (i64.const 32)))))"#
        ),
    }
}

/// A value of this core type that a guest makes; floats are no NaN, of whose bits nothing is said.
fn made(ty: &str) -> String {
    match ty {
        "i32" => "(call $word)".into(),
        "i64" => "(i64.extend_i32_u (call $word))".into(),
        other => format!("({other}.convert_i32_s (call $word))"),
    }
}

/// A value's bits as a number of 64.
fn seen(ty: &str, value: &str) -> String {
    match ty {
        "i32" => format!("(i64.extend_i32_u {value})"),
        "i64" => value.into(),
        "f32" => format!("(i64.extend_i32_u (i32.reinterpret_f32 {value}))"),
        _ => format!("(i64.reinterpret_f64 {value})"),
    }
}

/// What a call comes to: a number, or a trap.
type Outcome = std::result::Result<u64, String>;

/// One of ours.
struct Ours {
    name: &'static str,
    engine: Engine,
    adapters: bool,
}

impl Ours {
    fn run(&self, component: &Component, seed: u64, result: bool) -> Result<Outcome> {
        let mut linker = Linker::new(&self.engine);
        linker.adapters(self.adapters);
        let mut store = Store::new(&self.engine, ());
        let instance = linker.instantiate(&mut store, component)?;
        let run = instance.get_typed_func::<(u64, bool), u64>(&mut store, "run")?;
        match run.call(&mut store, (seed, result)) {
            Ok(number) => Ok(Ok(number)),
            Err(error) if error.kind() == ErrorKind::Trap => Ok(Err(error.to_string())),
            Err(error) => Err(error),
        }
    }
}

fn ours() -> Result<Vec<Ours>> {
    let tiers = [("interpreted", Tier::Interp), ("compiled", Tier::Baseline)];
    let mut all = Vec::new();
    for (name, tier) in tiers {
        // A build may have but one.
        let Ok(engine) = Engine::new(Config::new().tier(tier)) else { continue };
        for adapters in [true, false] {
            all.push(Ours { name, engine: engine.clone(), adapters });
        }
    }
    Ok(all)
}

/// A second engine in a process of its own, which is given one line for each call and answers with one.
struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    fn new(program: &[String]) -> std::io::Result<Self> {
        let mut child = Command::new(&program[0])
            .args(&program[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let missing = || std::io::Error::other("a pipe is missing");
        let input = child.stdin.take().ok_or_else(missing)?;
        let output = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        Ok(Self { child, input, output })
    }

    fn ask(&mut self, line: &str) -> std::io::Result<String> {
        writeln!(self.input, "{line}")?;
        self.input.flush()?;
        let mut answer = String::new();
        self.output.read_line(&mut answer)?;
        match answer.trim_end() {
            "" => Err(std::io::Error::other("the peer has ended")),
            answer => Ok(answer.into()),
        }
    }

    fn run(&mut self, seed: u64, result: bool) -> std::io::Result<Outcome> {
        let answer = self.ask(&format!("run {seed} {}", u8::from(result)))?;
        Ok(match answer.parse() {
            Ok(number) => Ok(number),
            Err(_) => Err(answer),
        })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the search has found.
#[derive(Default)]
struct Found {
    calls: u64,
    traps: u64,
    differences: u64,
}

fn search(
    seed: u64,
    (ours, peer): (&[Ours], &mut Option<Peer>),
    found: &mut Found,
) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let text = component(seed);
    let mut components = Vec::new();
    for ours in ours {
        let component = Component::new(&ours.engine, &text);
        components.push(component.map_err(|error| format!("seed {seed}: {error}\n{text}"))?);
    }
    if let Some(peer) = peer {
        let answer = peer.ask(&format!("component {}", text.replace('\n', " ")))?;
        if answer != "ok" {
            return Err(
                format!("seed {seed}: the peer refuses the component: {answer}\n{text}").into()
            );
        }
    }
    for (values, result) in (0..VALUES).flat_map(|values| [(values, false), (values, true)]) {
        let values = values.wrapping_add(seed << 8);
        let mut first: Option<Outcome> = None;
        for (ours, component) in ours.iter().zip(&components) {
            let outcome = ours.run(component, values, result)?;
            let first = first.get_or_insert_with(|| outcome.clone());
            if *first != outcome {
                found.differences += 1;
                let adapters = if ours.adapters { "with" } else { "without" };
                println!("seed {seed}, values {values}, result {result}:");
                println!("{first:?} first, {outcome:?} {}, {adapters} adapters\n{text}", ours.name);
            }
        }
        let Some(first) = first else { return Err("no tier is to be had".into()) };
        if let Some(peer) = peer {
            let outcome = peer.run(values, result)?;
            if first.as_ref().ok() != outcome.as_ref().ok() {
                found.differences += 1;
                println!(
                    "seed {seed}, values {values}, result {result}: {first:?} here, and {outcome:?} in the peer\n{text}"
                );
            }
        }
        found.calls += 1;
        found.traps += u64::from(first.is_err());
    }
    Ok(())
}

fn main() -> std::result::Result<ExitCode, Box<dyn std::error::Error>> {
    let (mut components, mut from, mut peer) = (100, 0, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--components" => components = arguments.next().unwrap_or_default().parse()?,
            "--from" => from = arguments.next().unwrap_or_default().parse()?,
            "--peer" => peer = Some(Peer::new(&arguments.by_ref().collect::<Vec<_>>())?),
            other => return Err(format!("unexpected argument `{other}`").into()),
        }
    }
    let (ours, mut found) = (ours()?, Found::default());
    for seed in from..from + components {
        search(seed, (&ours, &mut peer), &mut found)?;
    }
    let Found { calls, traps, differences } = found;
    println!(
        "{components} components, {calls} calls of which {traps} trap, {differences} differences"
    );
    Ok(if differences == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
