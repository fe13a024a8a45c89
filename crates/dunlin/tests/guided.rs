//! Code that follows a profile: calls ask for the function that they have called most. Whatever else they are to call, they
//! call that.
#![cfg(all(feature = "optimize", target_os = "linux", target_arch = "x86_64"))]

use dunlin::{
    Config, Engine, Extern, Func, Instance, Module, Store, Table, Tier, TierUp, TrapCode,
    TypedFunc, Val,
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

/// The index of `$add`.
const ADD: u32 = 1;

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
    for index in [4, 5, 6] {
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
