//! Native code that a module is given while guests run in it: the interpreter enters it from the next call
//! on, and whoever runs goes on.
#![cfg(all(feature = "optimize", target_os = "linux", target_arch = "x86_64"))]

use dunlin_core::{FuncType, ValType};
use dunlin_interp::Metering;
use dunlin_module::{Compiler, Features, Module, Scratch, StaticTables, Unit};
use dunlin_optimize::{Optimizer, Polls, Settings};
use dunlin_vm::native::{self, CodeImage, NativeCode};
use dunlin_vm::types::TypeRegistry;
use dunlin_vm::{Extern, HostFn, ModuleCode, Store, StoreConfig};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

/// `run` calls `$f` until the host says that it is enough, and counts; `$f` calls on, in each way.
const TEXT: &str = r#"(module
    (import "host" "enough" (func $enough (param i32) (result i32)))
    (type $t (func (param i32) (result i32)))
    (table 2 funcref) (elem (i32.const 0) $g $h)
    (global $calls (mut i32) (i32.const 0))
    (func $f (type $t) (local i64 i64 i64)
        (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (i32.add (call $g (local.get 0)) (call_indirect (type $t) (local.get 0) (i32.const 1))))
    (func $g (type $t) (i32.add (local.get 0) (i32.const 1)))
    (func $h (type $t) (local f64) (return_call $g (i32.mul (local.get 0) (i32.const 2))))
    (func (export "run") (param i32) (result i32) (local $sum i32) (local $n i32)
        (loop $again
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (local.set $sum (i32.add (local.get $sum) (call $f (local.get 0))))
            (br_if $again (i32.eqz (call $enough (local.get $n)))))
        ;; What every call returned, if all returned the same.
        (i32.sub (i32.div_s (local.get $sum) (local.get $n))
            (i32.sub (global.get $calls) (local.get $n)))))"#;

fn load(code: &ModuleCode) -> NativeCode {
    let settings = Settings { polls: Polls::Off, verify: true, ..Settings::default() };
    let optimizer = Optimizer::new(settings).expect("a machine that is supported");
    let module = code.module();
    let tables = StaticTables::of(module);
    let mut worker = optimizer.worker(module, &tables);
    let mut units = Unit::all_of(module, !tables.is_empty());
    units.sort_unstable();
    let compiled = units.into_iter().map(|unit| {
        if let Unit::Func(func) = unit {
            module.prepare(func, &mut Scratch::default()).expect("a valid body");
        }
        (unit, worker.compile(unit).expect("code"))
    });
    let image = CodeImage::lay_out(&compiled.collect::<Vec<_>>()).expect("an image");
    NativeCode::load(module, image).expect("memory for code")
}

fn new() -> (Arc<ModuleCode>, Arc<TypeRegistry>) {
    assert!(native::is_supported());
    let bytes = wat::parse_str(TEXT).expect("a valid text");
    let module = Module::parse(Arc::new(bytes), Features::default()).expect("a valid module");
    let types = Arc::<TypeRegistry>::default();
    (Arc::new(ModuleCode::new(module, types.clone())), types)
}

/// Runs `run` with `argument` in a store whose host function is `enough`; what it returns.
fn run(
    (code, types): &(Arc<ModuleCode>, Arc<TypeRegistry>),
    argument: u64,
    enough: impl Fn(u32) -> bool + Send + Sync + 'static,
) -> u64 {
    let mut store = Store::new(types.clone(), StoreConfig::default());
    store.set_interpret(dunlin_interp::interpret(Metering::Off));
    let ty = FuncType::new([ValType::I32], [ValType::I32]);
    let enough = HostFn::new(1, move |call| {
        call.slots[0] = enough(call.slots[0] as u32).into();
        Ok(())
    });
    let import = store.create_host_func(&ty, enough);
    let Ok(instance) = store.instantiate(code, &[Extern::Func(import)]) else { panic!("one") };
    let Some(Extern::Func(func)) = store.export(instance, "run") else { panic!("an export") };
    let mut slots = [argument];
    assert!(native::call(&mut store, func, &mut slots).is_ok());
    slots[0]
}

#[test]
fn a_guest_that_runs_goes_on_in_the_code() {
    let module = new();
    let code = module.0.clone();
    let sum = run(&module, 10, move |n| {
        if n == 3 {
            assert!(!code.is_native(1), "it has been interpreted so far");
            code.set_native(load(&code));
            assert!((1..4).all(|func| code.is_native(func)));
        }
        n == 6
    });
    assert_eq!(sum, 11 + 21);
    // From the start on, now; nothing that was prepared is run any more.
    assert_eq!(run(&module, 5, |n| n == 4), 6 + 11);
    assert!(module.0.is_native(4));
}

#[test]
fn another_thread_may_publish_it_at_any_time() {
    for pause in 0..20 {
        let module = new();
        let is_published = Arc::new(AtomicBool::new(false));
        let begun = Arc::new(AtomicU32::new(0));
        thread::scope(|scope| {
            for _ in 0..2 {
                let (is_published, begun, module) = (is_published.clone(), begun.clone(), &module);
                scope.spawn(move || {
                    let after = AtomicU32::new(0);
                    let sum = run(module, 7, move |_| {
                        begun.fetch_add(1, Ordering::Relaxed);
                        // A few calls more once the code is there.
                        is_published.load(Ordering::Acquire)
                            && after.fetch_add(1, Ordering::Relaxed) == 5
                    });
                    assert_eq!(sum, 8 + 15);
                });
            }
            let native = load(&module.0);
            while begun.load(Ordering::Relaxed) < pause * 10 {
                thread::yield_now();
            }
            module.0.set_native(native);
            is_published.store(true, Ordering::Release);
        });
        // Compiled code calls the others without asking their records.
        assert!(module.0.is_native(4));
    }
}
