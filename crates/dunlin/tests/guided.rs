//! Code that follows a profile: calls ask for the function that they have called most. Whatever else they are to call, they
//! call that.
#![cfg(all(feature = "optimize", target_os = "linux", target_arch = "x86_64"))]

use dunlin::{
    ArtifactKey, Config, Engine, Extern, Func, HotFunctions, Instance, Interruption, Module, Store,
    Table, Tier, TierUp, TrapCode, TypedFunc, Val,
};

/// Loops that call through a table that may change, by reference, and through one that does not change. What is called
/// most adds a global, which is each instance's own.
const TEXT: &str = r#"(module
    (type $t (func (param i32) (result i32)))
    (type $u (func (param i32)))
    (import "" "host" (func $host (type $t)))
    (global $g (export "g") (mut i32) (i32.const 1))
    (table $t (export "t") 6 funcref)
    (elem (table $t) (i32.const 0) func $add $sub $other)
    (table $fixed 4 funcref)
    (elem (table $fixed) (i32.const 1) func $add $sub)
    (func $add (export "add") (type $t) (i32.add (local.get 0) (global.get $g)))
    (func $sub (export "sub") (type $t) (i32.sub (local.get 0) (i32.const 2)))
    (func $other (type $u))
    (func (export "indirect") (param $n i32) (param $k i32) (result i32) (local $sum i32)
        (loop $next
            (local.set $sum (call_indirect $t (type $t) (local.get $sum) (local.get $k)))
            (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $sum))
    (func (export "fixed") (param $n i32) (param $k i32) (result i32) (local $sum i32)
        (loop $next
            (local.set $sum (call_indirect $fixed (type $t) (local.get $sum) (local.get $k)))
            (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $sum))
    (func (export "by_ref") (param $n i32) (param $k i32) (result i32) (local $sum i32)
        (local $f (ref null $t))
        (local.set $f (ref.cast (ref null $t) (table.get $t (local.get $k))))
        (loop $next
            (local.set $sum (call_ref $t (local.get $sum) (local.get $f)))
            (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $sum))
    (func (export "import") (type $t) (call $host (local.get 0))))"#;

/// The index of `$add`, and those of the loops.
const ADD: u32 = 1;
const LOOPS: [u32; 3] = [4, 5, 6];

type Loop = TypedFunc<(i32, i32), i32>;

struct Guest {
    store: Store<()>,
    instance: Instance,
    host: Func,
}

impl Guest {
    /// A guest all of whose loops have been compiled while they called `$add`.
    fn new(module: &Module) -> Self {
        let mut store = Store::new(module.engine(), ());
        let host = Func::wrap(&mut store, |value: i32| value * 3 + 1);
        let instance = Instance::new(&mut store, module, &[host.into()]).expect("an instance");
        let mut guest = Self { store, instance, host };
        for (name, k) in [("indirect", 0), ("fixed", 1), ("by_ref", 0)] {
            for _ in 0..100 {
                assert_eq!(guest.run(name, 50, k).expect("no trap"), 50, "{name}");
            }
        }
        guest
    }

    fn run(&mut self, name: &str, n: i32, k: i32) -> dunlin::Result<i32> {
        let run: Loop = self.instance.get_typed_func(&mut self.store, name).expect("an export");
        run.call(&mut self.store, (n, k))
    }

    fn table(&mut self) -> Table {
        self.instance.get_table(&mut self.store, "t").expect("an export")
    }

    fn trap(&mut self, name: &str, k: i32) -> Option<TrapCode> {
        self.run(name, 5, k).expect_err("a trap").trap_code()
    }
}

fn module() -> Module {
    let engine = Engine::new(Config::new().tier_up(TierUp::AtOnce { within: 200 }));
    Module::new(&engine.expect("a machine that is supported"), TEXT).expect("a valid module")
}

#[test]
fn what_is_called_most_stands_in_place_of_its_calls() {
    let module = module();
    Guest::new(&module);
    let stats = module.compile_stats();
    let guarded: Vec<u32> = stats
        .functions
        .iter()
        .filter(|of| of.tier == Tier::Optimize && of.inlined.contains(&ADD))
        .map(|of| of.index)
        .collect();
    for index in LOOPS {
        assert!(guarded.contains(&index), "function {index}: {guarded:?}");
    }
}

#[test]
fn whatever_else_is_to_be_called_is_called() {
    let module = module();
    let mut guest = Guest::new(&module);
    for name in ["indirect", "by_ref"] {
        assert_eq!(guest.run(name, 5, 1).expect("no trap"), -10, "{name}");
        let (table, host) = (guest.table(), guest.host);
        table.set(&mut guest.store, 3, host.into()).expect("of its type");
        // 0, 1, 4, 13
        assert_eq!(guest.run(name, 3, 3).expect("no trap"), 13, "{name}");
        // What was called most may go elsewhere meanwhile.
        table.set(&mut guest.store, 0, host.into()).expect("of its type");
        assert_eq!(guest.run(name, 3, 0).expect("no trap"), 13, "{name}");
        let add = guest.instance.get_func(&mut guest.store, "add").expect("an export");
        table.set(&mut guest.store, 0, add.into()).expect("of its type");
        assert_eq!(guest.run(name, 3, 0).expect("no trap"), 3, "{name}");
    }
    assert_eq!(guest.run("fixed", 5, 2).expect("no trap"), -10);
}

#[test]
fn what_is_not_to_be_called_traps_as_ever() {
    let module = module();
    let mut guest = Guest::new(&module);
    assert_eq!(guest.trap("indirect", 2), Some(TrapCode::IndirectCallTypeMismatch));
    assert_eq!(guest.trap("indirect", 5), Some(TrapCode::UninitializedElement));
    assert_eq!(guest.trap("indirect", 6), Some(TrapCode::UndefinedElement));
    assert_eq!(guest.trap("fixed", 0), Some(TrapCode::UninitializedElement));
    assert_eq!(guest.trap("fixed", 3), Some(TrapCode::UninitializedElement));
    assert_eq!(guest.trap("fixed", -1), Some(TrapCode::UndefinedElement));
    assert_eq!(guest.trap("by_ref", 5), Some(TrapCode::NullFunctionReference));
    assert_eq!(guest.run("indirect", 5, 0).expect("no trap"), 5);
}

#[test]
fn the_same_function_of_another_instance_is_another_function() {
    let module = module();
    let mut guest = Guest::new(&module);
    let imports: [Extern; 1] = [guest.host.into()];
    let other = Instance::new(&mut guest.store, &module, &imports).expect("an instance");
    let global = other.get_global(&mut guest.store, "g").expect("an export");
    global.set(&mut guest.store, Val::I32(7)).expect("of its type");
    let add = other.get_func(&mut guest.store, "add").expect("an export");
    guest.table().set(&mut guest.store, 0, add.into()).expect("of its type");
    for name in ["indirect", "by_ref"] {
        assert_eq!(guest.run(name, 5, 0).expect("no trap"), 35, "{name}");
    }
}

/// An engine that seals artifacts.
fn sealing(when: TierUp) -> Engine {
    let mut config = Config::new();
    config.artifact_key(ArtifactKey::from_secret(b"of a test")).tier_up(when);
    // The same settings for all tiers.
    Engine::new(config.interruption(Interruption::Page)).expect("a machine that is supported")
}

/// The text of a profile of the module.
fn profile() -> String {
    let module = Module::new(&sealing(TierUp::AtOnce { within: 200 }), TEXT).expect("valid");
    Guest::new(&module);
    module.hot_functions().to_text()
}

#[test]
fn a_profile_guides_what_is_compiled_ahead() {
    let hot = HotFunctions::from_text(&profile()).expect("a profile");
    let module = Module::new(&sealing(TierUp::Background), TEXT).expect("valid");
    let artifact = module.serialize_hot(&hot).expect("an artifact");
    let functions = module.compile_stats().functions;
    for index in LOOPS {
        let of = functions.iter().find(|of| of.index == index).expect("it is hot");
        assert!(of.inlined.contains(&ADD), "function {index}: {:?}", of.inlined);
    }
    let module = Module::deserialize(&sealing(TierUp::Background), artifact).expect("ours");
    Guest::new(&module);
}

#[test]
fn code_that_was_guided_by_lies_does_the_same() {
    let text = profile();
    let others = ["0", "2", "3", "4", "99", "4294967295"];
    for other in others {
        let lie = |line: &str| match line.split(' ').collect::<Vec<_>>()[..] {
            ["call", offset, _, _] => {
                format!("call {offset} {other} 100\ncast {offset} {other} 100")
            }
            ["func", index, _] => format!("func {index} 1000"),
            ["reached", ..] => "reached 1 2 3".into(),
            _ => line.into(),
        };
        let lies: Vec<String> = text.lines().map(lie).collect();
        assert_ne!(lies.join("\n"), text);
        let hot = HotFunctions::from_text(&lies.join("\n")).expect("a profile");
        let module = Module::new(&sealing(TierUp::Background), TEXT).expect("valid");
        let artifact = module.serialize_hot(&hot).expect("an artifact");
        let module = Module::deserialize(&sealing(TierUp::Background), artifact).expect("ours");
        assert!(module.compiled_functions() >= LOOPS.len());
        let mut guest = Guest::new(&module);
        assert_eq!(guest.run("indirect", 5, 1).expect("no trap"), -10);
        assert_eq!(guest.run("fixed", 5, 2).expect("no trap"), -10);
        assert_eq!(guest.run("by_ref", 5, 1).expect("no trap"), -10);
        assert_eq!(guest.trap("indirect", 2), Some(TrapCode::IndirectCallTypeMismatch));
        assert_eq!(guest.trap("fixed", 0), Some(TrapCode::UninitializedElement));
    }
}

/// Tests and casts to a type of objects of types below it, of it, above it and beside it; of null, and of numbers.
const CASTS: &str = r#"(module
    (type $top (sub (struct)))
    (type $mid (sub $top (struct (field i32))))
    (type $low (sub $mid (struct (field i32) (field i32))))
    (type $else (sub $mid (struct (field i32) (field i64))))
    (type $other (sub (struct (field f32))))
    (func $make (param $kind i32) (result anyref)
        (block $d (block $c (block $b (block $a (block $z (block $y
            (br_table $y $z $a $b $c $d (local.get $kind)))
            (return (struct.new $low (i32.const 1) (i32.const 2))))
            (return (struct.new $mid (i32.const 1))))
            (return (struct.new $top)))
            (return (struct.new $else (i32.const 1) (i64.const 2))))
            (return (struct.new $other (f32.const 1))))
        (if (i32.eq (local.get $kind) (i32.const 5)) (then (return (ref.i31 (i32.const 7)))))
        (ref.null any))
    (func (export "test") (param $kind i32) (result i32) (local $of anyref)
        (local.set $of (call $make (local.get $kind)))
        (i32.add (ref.test (ref $mid) (local.get $of))
            (i32.shl (block $is (result i32)
                (block $yes (result (ref null $mid))
                    (drop (br_on_cast $yes anyref (ref null $mid) (local.get $of)))
                    (br $is (i32.const 0)))
                (drop) (i32.const 1)) (i32.const 1))))
    (func (export "cast") (param $kind i32) (result i32)
        (struct.get $mid 0 (ref.cast (ref $mid) (call $make (local.get $kind))))))"#;

#[test]
fn tests_and_casts_find_the_same_whatever_they_met_before() {
    let engine = Engine::new(Config::new().tier_up(TierUp::AtOnce { within: 60 }));
    for first in 0..7 {
        let module = Module::new(engine.as_ref().expect("supported"), CASTS).expect("valid");
        let mut store = Store::new(module.engine(), ());
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        let test: TypedFunc<i32, i32> = instance.get_typed_func(&mut store, "test").expect("there");
        let cast: TypedFunc<i32, i32> = instance.get_typed_func(&mut store, "cast").expect("there");
        let mut look = |kind: i32, times: u32| {
            for _ in 0..times {
                let is = [3, 3, 0, 3, 0, 0, 2][kind as usize];
                assert_eq!(test.call(&mut store, kind).expect("no trap"), is, "{first}, {kind}");
                let found = cast.call(&mut store, kind).map_err(|error| error.trap_code());
                let expected = if is == 3 { Ok(1) } else { Err(Some(TrapCode::CastFailure)) };
                assert_eq!(found, expected, "{first}, {kind}");
            }
        };
        look(first, 150);
        (0..7).for_each(|kind| look(kind, 2));
        let text = module.hot_functions().to_text();
        // Only types below the one that is asked for, and others, are worth a note.
        let has_note = text.lines().any(|line| line.starts_with("cast "));
        assert_eq!(has_note, first != 1 && first < 5, "{first}: {text}");
    }
}
