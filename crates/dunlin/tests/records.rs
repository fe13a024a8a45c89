//! An instance with many functions in tables takes over the records that another has left: its references
//! lead to itself, whatever else its store holds, and nothing is allocated for them.
//!
//! A program of its own, since it counts what is allocated.

mod support;

use dunlin::{Config, Engine, Func, Instance, Module, PoolingConfig, Store, Val};
use peak_alloc::PeakAlloc;
use std::sync::Mutex;
use support::tier;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// One test at a time, so that nobody else allocates.
static ALONE: Mutex<()> = Mutex::new(());

/// Functions in the table: function `i` adds the instance's own number to `i`.
const FUNCS: u32 = 300;

/// Functions that a store knows, some of them exported, some only called by number.
fn module(import: &str) -> String {
    let funcs: String = (0..FUNCS)
        .map(|i| format!("(func $f{i} (result i32) (i32.add (global.get $own) (i32.const {i})))"))
        .collect();
    let names: String = (0..FUNCS).map(|i| format!(" $f{i}")).collect();
    format!(
        r#"(module {import} (type $f (func (result i32))) (table (export "table") {} funcref)
            (global $own (export "own") (mut i32) (i32.const 0)) {funcs}
            (elem (i32.const 1) func {names})
            (func (export "sum") (result i32) (local $at i32) (local $sum i32)
                (loop $next
                    (local.set $at (i32.add (local.get $at) (i32.const 1)))
                    (local.set $sum (i32.add (local.get $sum) (call_indirect (type $f) (local.get $at))))
                    (br_if $next (i32.lt_u (local.get $at) (i32.const {FUNCS}))))
                (local.get $sum))
            (func (export "later") (param i32) (result i32) (i32.mul (local.get 0) (global.get $own))))"#,
        FUNCS + 1
    )
}

fn engine() -> Engine {
    let mut config = Config::new();
    let mut pooling = PoolingConfig::new();
    pooling.total_core_instances(100).total_memories(100).total_tables(200);
    tier::choose(&mut config).pooling(pooling);
    Engine::new(&config).expect("this machine has it")
}

/// Gives an instance a number, and checks that every way to its functions leads to it.
fn check(store: &mut Store<()>, instance: &Instance, own: i32) {
    instance
        .get_global(&mut *store, "own")
        .expect("exported")
        .set(&mut *store, own.into())
        .expect("an i32");
    let sum = instance.get_typed_func::<(), i32>(&mut *store, "sum").expect("exported");
    let funcs = FUNCS as i32;
    let expected = own.wrapping_mul(funcs).wrapping_add(funcs * (funcs - 1) / 2);
    assert_eq!(sum.call(&mut *store, ()).expect("returns"), expected);
    let table = instance.get_table(&mut *store, "table").expect("exported");
    for at in [1, FUNCS / 2, FUNCS] {
        let Some(Val::FuncRef(Some(found))) = table.get(&mut *store, at.into()) else {
            panic!("a function at {at}");
        };
        let found = found.typed::<(), i32>(&mut *store).expect("its type");
        assert_eq!(found.call(&mut *store, ()).expect("returns"), own + at as i32 - 1);
    }
    let later = instance.get_typed_func::<i32, i32>(&mut *store, "later").expect("exported");
    assert_eq!(later.call(&mut *store, 3).expect("returns"), 3 * own);
}

#[test]
fn functions_in_tables_lead_to_their_own_instance() {
    let _alone = ALONE.lock();
    let engine = engine();
    let plain = Module::new(&engine, module("")).expect("valid");
    let importing = module(r#"(import "" "" (func)) (import "" "" (func (param i32)))"#);
    let importing = Module::new(&engine, importing).expect("valid");
    let mut own = 0;
    for round in 0..20 {
        let mut store = Store::new(&engine, ());
        let mut other = Store::new(&engine, ());
        // Sometimes references begin elsewhere than in the store that left its records.
        for _ in 0..round % 3 {
            Func::wrap(&mut store, || ());
        }
        for (module, store) in [(&plain, &mut store), (&importing, &mut other)] {
            let hosts = [Func::wrap(&mut *store, || ()), Func::wrap(&mut *store, |_: i32| ())];
            let imports: Vec<_> = hosts.into_iter().map(Into::into).collect();
            let imports = &imports[..module.imports().count()];
            let mut instances = Vec::new();
            for _ in 0..=round % 2 {
                own += 1_000;
                let instance = Instance::new(&mut *store, module, imports).expect("matches");
                check(store, &instance, own);
                instances.push((instance, own));
            }
            for (instance, own) in &instances {
                check(store, instance, *own);
            }
            if round % 5 == 4 {
                // What is left is not the first, or nothing.
                let (first, _) = instances.swap_remove(0);
                first.remove(&mut *store).expect("is of the store");
            }
        }
    }
}

#[test]
fn threads_that_share_a_module_do_not_share_records() {
    let _alone = ALONE.lock();
    let engine = engine();
    let module = Module::new(&engine, module("")).expect("valid");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (engine, module) = (&engine, &module);
            scope.spawn(move || {
                for round in 0..25 {
                    let mut store = Store::new(engine, ());
                    let instance = Instance::new(&mut store, module, &[]).expect("no imports");
                    check(&mut store, &instance, thread * 1_000_000 + round * 1_000);
                }
            });
        }
    });
}

#[test]
fn records_are_not_allocated_again() {
    let _alone = ALONE.lock();
    let engine = engine();
    let module = Module::new(&engine, module("")).expect("valid");
    let taken = |own| {
        let before = ALLOCATED.current_usage();
        ALLOCATED.reset_peak_usage();
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("no imports");
        let taken = ALLOCATED.peak_usage() - before;
        check(&mut store, &instance, own);
        taken
    };
    let (first, second) = (taken(1_000), taken(2_000));
    let records = FUNCS as usize * 40;
    assert!(first > records && second + records <= first, "{first} bytes, and then {second}");
}
