//! Calls between host and guest, in both directions: values of every type, errors, panics, depth.

mod support;

use dunlin::{
    Caller, Error, ErrorKind, ExternRef, Func, FuncType, Instance, Linker, Memory, Module, Result,
    Store, TrapCode, V128, Val, ValType,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use support::{any_engine, func, link, refused, start};

#[test]
fn numbers_keep_every_bit() {
    const IDENTITIES: &str = r#"(module
        (func (export "i32") (param i32) (result i32) (local.get 0))
        (func (export "i64") (param i64) (result i64) (local.get 0))
        (func (export "f32") (param f32) (result f32) (local.get 0))
        (func (export "f64") (param f64) (result f64) (local.get 0))
        (func (export "v128") (param v128) (result v128) (local.get 0)))"#;
    let (mut store, instance) = start(&any_engine(), (), IDENTITIES);
    let s = &mut store;
    for x in [0, 1, -1, i32::MIN, i32::MAX] {
        assert_eq!(func::<i32, i32>(s, instance, "i32").call(&mut *s, x).unwrap(), x);
        let x = x.cast_unsigned();
        assert_eq!(func::<u32, u32>(s, instance, "i32").call(&mut *s, x).unwrap(), x);
    }
    for x in [0, 1, -1, i64::MIN, i64::MAX] {
        assert_eq!(func::<i64, i64>(s, instance, "i64").call(&mut *s, x).unwrap(), x);
        let x = x.cast_unsigned();
        assert_eq!(func::<u64, u64>(s, instance, "i64").call(&mut *s, x).unwrap(), x);
    }
    for bits in [0, 0x8000_0000, 0x7fa0_0001, 0xffc0_0000, 0x3f80_0000_u32] {
        let x = f32::from_bits(bits);
        let y = func::<f32, f32>(s, instance, "f32").call(&mut *s, x).unwrap();
        assert_eq!(y.to_bits(), bits);
    }
    for bits in [0, 1 << 63, 0x7ff4_0000_0000_0001, 0xfff8_0000_0000_0000_u64] {
        let x = f64::from_bits(bits);
        let y = func::<f64, f64>(s, instance, "f64").call(&mut *s, x).unwrap();
        assert_eq!(y.to_bits(), bits);
    }
    let x = V128::from_bits(0x0123_4567_89ab_cdef_fedc_ba98_7654_3210);
    assert_eq!(func::<V128, V128>(s, instance, "v128").call(&mut *s, x).unwrap(), x);
}

/// Lists of 17, of mixed types with vectors between them: the longest that closures can have.
#[test]
#[rustfmt::skip]
fn the_longest_typed_lists() {
    type List = (i32, V128, i64, V128, f32, V128, f64, V128, u32,
                 V128, u64, V128, i32, V128, i64, V128, f32);
    const TYPES: &str =
        "i32 v128 i64 v128 f32 v128 f64 v128 i32 v128 i64 v128 i32 v128 i64 v128 f32";
    let values = |list: List| {
        let (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q) = list;
        let first: [Val; 9] = [a.into(), b.into(), c.into(), d.into(), e.into(), f.into(), g.into(),
                               h.into(), i.into()];
        let second: [Val; 8] = [j.into(), k.into(), l.into(), m.into(), n.into(), o.into(), p.into(),
                                q.into()];
        format!("{first:?}{second:?}")
    };
    let v = |bits: u128| V128::from(bits);
    let list: List = (-1, v(1), -2, v(1 << 127), 1.5, v(2), 2.5, v(3), 7,
                      v(4), 8, v(5), -9, v(6), -10, v(7), 3.5);
    let gets: String = (0..17).map(|i| format!("(local.get {i})")).collect();
    let text = format!(
        r#"(module
            (import "host" "f" (func $f (param {TYPES}) (result {TYPES})))
            (func (export "f") (param {TYPES}) (result {TYPES}) {gets} (call $f)))"#
    );
    let mut linker = Linker::new(&any_engine());
    linker
        .func_wrap("host", "f", |a: i32, b: V128, c: i64, d: V128, e: f32, f: V128, g: f64, h: V128,
            i: u32, j: V128, k: u64, l: V128, m: i32, n: V128, o: i64, p: V128, q: f32|
            (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q))
        .unwrap();
    let (mut store, instance) = link(&linker, (), &text);
    let function = func::<List, List>(&mut store, instance, "f");
    assert_eq!(values(function.call(&mut store, list).unwrap()), values(list));
}

#[test]
fn several_results() {
    const GUEST: &str = r#"(module
        (import "host" "swap" (func $swap (param i32 f64) (result f64 i32)))
        (func (export "swap") (param i32 f64) (result f64 i32)
            (call $swap (local.get 0) (local.get 1)))
        (func (export "count") (result i32 i32 i32 i32 i32 i32)
            i32.const 1 i32.const 2 i32.const 3 i32.const 4 i32.const 5 i32.const 6))"#;
    let mut linker = Linker::new(&any_engine());
    linker.func_wrap("host", "swap", |a: i32, b: f64| (b, a)).unwrap();
    let (mut store, instance) = link(&linker, (), GUEST);
    let swap = func::<(i32, f64), (f64, i32)>(&mut store, instance, "swap");
    assert_eq!(swap.call(&mut store, (3, 0.5)).unwrap(), (0.5, 3));
    let count = instance.get_func(&mut store, "count").unwrap();
    let mut results = [Val::I32(0); 6];
    count.call(&mut store, &[], &mut results).unwrap();
    assert_eq!(results.map(|value| value.i32().unwrap()), [1, 2, 3, 4, 5, 6]);
}

/// Lists that are longer than what untyped calls keep on the native stack.
#[test]
fn long_untyped_lists() {
    let types = vec![ValType::I64; 100];
    let ty = FuncType::new(types.clone(), types);
    let mut store = Store::new(&any_engine(), ());
    let reverse = Func::new(&mut store, ty, |_, params, results| {
        for (result, param) in results.iter_mut().zip(params.iter().rev()) {
            *result = *param;
        }
        Ok(())
    });
    let params: Vec<Val> = (0..100_i64).map(Val::I64).collect();
    let mut results = vec![Val::I32(0); 100];
    reverse.call(&mut store, &params, &mut results).unwrap();
    let results: Vec<i64> = results.iter().map(|value| value.i64().unwrap()).collect();
    assert_eq!(results, (0..100).rev().collect::<Vec<_>>());
}

const REFERENCES: &str = r#"(module
    (import "host" "note" (func $note (param externref) (result externref)))
    (table (export "table") 4 funcref)
    (global (export "last") (mut externref) (ref.null extern))
    (type $unary (func (param i32) (result i32)))
    (func $double (export "double") (param i32) (result i32)
        (i32.mul (local.get 0) (i32.const 2)))
    (func (export "pass") (param externref) (result externref)
        (global.set 0 (local.get 0))
        (call $note (local.get 0)))
    (func (export "get") (result funcref) (ref.func $double))
    (func (export "apply") (param funcref i32) (result i32)
        (table.set 0 (i32.const 3) (local.get 0))
        (call_indirect (type $unary) (local.get 1) (i32.const 3))))"#;

#[test]
fn references_make_the_round_trip() {
    let mut linker = Linker::new(&any_engine());
    let note = |mut caller: Caller<'_, Vec<String>>, value: Option<ExternRef>| -> Result<_> {
        let text = match value {
            Some(value) => value.data(&caller)?.unwrap().downcast_ref::<String>().unwrap().clone(),
            None => "null".into(),
        };
        caller.data_mut().push(text);
        Ok(value)
    };
    linker.func_wrap("host", "note", note).unwrap();
    let (mut store, instance) = link(&linker, Vec::new(), REFERENCES);

    let value = ExternRef::new(&mut store, String::from("hello")).unwrap();
    let pass = func::<Option<ExternRef>, Option<ExternRef>>(&mut store, instance, "pass");
    let passed = pass.call(&mut store, Some(value)).unwrap().unwrap();
    assert!(passed.ref_eq(&store, &value).unwrap());
    let last = instance.get_global(&mut store, "last").unwrap();
    let kept = last.get(&store).unwrap().extern_ref().unwrap().unwrap();
    assert!(kept.ref_eq(&store, &value).unwrap());
    assert!(pass.call(&mut store, None).unwrap().is_none());
    assert!(last.get(&store).unwrap().extern_ref().unwrap().is_none());
    assert_eq!(store.data(), &["hello", "null"]);

    let get = func::<(), Option<Func>>(&mut store, instance, "get");
    let double = get.call(&mut store, ()).unwrap().unwrap();
    assert_eq!(Some(double), instance.get_func(&mut store, "double"), "one function, one handle");
    let apply = func::<(Option<Func>, i32), i32>(&mut store, instance, "apply");
    assert_eq!(apply.call(&mut store, (Some(double), 21)).unwrap(), 42);
    let triple = Func::wrap(&mut store, |x: i32| x * 3);
    assert_eq!(apply.call(&mut store, (Some(triple), 5)).unwrap(), 15);
    let table = instance.get_table(&mut store, "table").unwrap();
    assert_eq!(table.get(&store, 3).unwrap().func_ref(), Some(Some(triple)));
    let error = apply.call(&mut store, (None, 5)).unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::UninitializedElement));
    let nothing = Func::wrap(&mut store, || ());
    let error = apply.call(&mut store, (Some(nothing), 5)).unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::IndirectCallTypeMismatch));
}

const CALLS_HOST: &str = r#"(module $guest
    (import "host" "f" (func $f))
    (func $inner (call $f))
    (func (export "run") (call $inner)))"#;

#[derive(Debug, PartialEq)]
struct Exit(i32);

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit with {}", self.0)
    }
}

impl std::error::Error for Exit {}

#[test]
fn errors_of_the_host_pass_through_guests() {
    type Row = (fn() -> Error, ErrorKind, &'static str);
    let makers: [Row; 3] = [
        (|| Error::host(Exit(3)), ErrorKind::Host, "exit with 3"),
        (|| Error::msg("no luck"), ErrorKind::Host, "no luck"),
        (|| TrapCode::IntegerOverflow.into(), ErrorKind::Trap, "integer overflow"),
    ];
    for (make, kind, text) in makers {
        let mut linker = Linker::new(&any_engine());
        linker.func_wrap("host", "f", move || -> Result<()> { Err(make()) }).unwrap();
        let (mut store, instance) = link(&linker, (), CALLS_HOST);
        let run = func::<(), ()>(&mut store, instance, "run");
        for _ in 0..2 {
            let error = run.call(&mut store, ()).unwrap_err();
            assert_eq!((error.kind(), error.to_string().as_str()), (kind, text));
            let frames = error.backtrace().unwrap().frames();
            let names: Vec<_> = frames.iter().map(|frame| frame.func_name().unwrap()).collect();
            assert_eq!(names, ["inner", "run"]);
            if text == "exit with 3" {
                assert_eq!(error.downcast::<Exit>().unwrap(), Exit(3));
            }
        }
    }
}

#[test]
fn panics_of_the_host_unwind_to_the_outer_call() {
    let mut linker = Linker::new(&any_engine());
    linker
        .func_wrap("host", "f", |caller: Caller<'_, bool>| {
            assert!(!caller.data(), "the host's own panic");
        })
        .unwrap();
    let (mut store, instance) = link(&linker, true, CALLS_HOST);
    let run = func::<(), ()>(&mut store, instance, "run");
    for _ in 0..3 {
        let panic = catch_unwind(AssertUnwindSafe(|| run.call(&mut store, ()))).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"the host's own panic"));
    }
    *store.data_mut() = false;
    run.call(&mut store, ()).expect("the store works on after a panic");
}

/// Guest, host, guest: the inner guest's trap comes out with the frames of both.
#[test]
fn a_trap_below_a_host_function_shows_all_guests() {
    const GUEST: &str = r#"(module
        (import "host" "again" (func $again (param i32)))
        (func $run (export "run") (param $n i32)
            (if (i32.eqz (local.get $n)) (then (call $boom)))
            (call $again (i32.sub (local.get $n) (i32.const 1))))
        (func $boom unreachable))"#;
    let mut linker = Linker::new(&any_engine());
    let again = |mut caller: Caller<'_, ()>, n: i32| {
        let run = caller.get_export("run").unwrap().into_func().unwrap();
        run.typed::<i32, ()>(&caller)?.call(&mut caller, n)
    };
    linker.func_wrap("host", "again", again).unwrap();
    let (mut store, instance) = link(&linker, (), GUEST);
    let error = func::<i32, ()>(&mut store, instance, "run").call(&mut store, 2).unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::Unreachable));
    let frames = error.backtrace().unwrap().frames();
    let names: Vec<_> = frames.iter().map(|frame| frame.func_name().unwrap()).collect();
    assert_eq!(names, ["boom", "run", "run", "run"]);
}

/// Host and guest that call each other without end: a trap, and the native stack holds.
#[test]
fn endless_reentry_traps() {
    let mut linker = Linker::new(&any_engine());
    let again = |mut caller: Caller<'_, u32>| {
        *caller.data_mut() += 1;
        let run = caller.get_export("run").unwrap().into_func().unwrap();
        run.call(&mut caller, &[], &mut [])
    };
    linker.func_wrap("host", "f", again).unwrap();
    let (mut store, instance) = link(&linker, 0, CALLS_HOST);
    let run = func::<(), ()>(&mut store, instance, "run");
    for round in 1..=3 {
        let error = run.call(&mut store, ()).unwrap_err();
        assert_eq!(error.trap_code(), Some(TrapCode::StackOverflow));
        assert_eq!(*store.data(), 100 * round, "the depth is the same each time");
    }
}

#[test]
fn endless_recursion_traps() {
    const GUEST: &str = r#"(module
        (func $f (export "f") (param i64) (result i64)
            (i64.add (i64.const 1) (call $f (local.get 0)))))"#;
    let (mut store, instance) = start(&any_engine(), (), GUEST);
    let f = func::<i64, i64>(&mut store, instance, "f");
    for _ in 0..2 {
        let error = f.call(&mut store, 0).unwrap_err();
        assert_eq!(error.trap_code(), Some(TrapCode::StackOverflow));
        let frames = error.backtrace().unwrap().frames();
        assert_eq!(frames.len(), dunlin::BACKTRACE_FRAMES_MAX);
        assert!(frames.iter().all(|frame| frame.func_name() == Some("f")));
    }
}

/// The host keeps handles to a memory while guests and hosts grow it, which may move it.
#[test]
fn handles_survive_growth() {
    const GUEST: &str = r#"(module
        (import "host" "grow" (func $grow (result i32)))
        (memory (export "memory") 1 64)
        (func (export "run") (result i32)
            (i32.store (i32.const 8) (i32.const 41))
            (drop (memory.grow (i32.const 7)))
            (i32.store (i32.const 524284) (i32.const 1))
            (i32.store (i32.sub (call $grow) (i32.const 4)) (i32.const 2))
            (i32.add (i32.load (i32.const 8)) (i32.load (i32.const 524284)))))"#;
    let mut linker = Linker::new(&any_engine());
    let grow = |mut caller: Caller<'_, Option<Memory>>| -> Result<i32> {
        let memory = caller.data().unwrap();
        assert_eq!(memory.grow(&mut caller, 8)?, 8);
        let (bytes, data) = memory.data_and_store_mut(&mut caller);
        assert_eq!((bytes.len(), *data), (16 << 16, Some(memory)));
        bytes[8] += 1;
        Ok(memory.data_size(&caller) as i32)
    };
    linker.func_wrap("host", "grow", grow).unwrap();
    let (mut store, instance) = link(&linker, None, GUEST);
    let memory = instance.get_memory(&mut store, "memory").unwrap();
    *store.data_mut() = Some(memory);
    let run = func::<(), i32>(&mut store, instance, "run");
    assert_eq!(run.call(&mut store, ()).unwrap(), 43);
    assert_eq!(memory.size(&store), 16);
    assert_eq!(memory.data(&store)[(16 << 16) - 4], 2);
    assert_eq!(memory.ty(&store).unwrap().min, 16);
    let mut word = [0; 4];
    memory.read(&store, 8, &mut word).unwrap();
    assert_eq!(word, [42, 0, 0, 0]);
    let past = memory.read(&store, (16 << 16) - 3, &mut word);
    refused(past, ErrorKind::Trap, "out of bounds memory access");
    refused(memory.write(&mut store, usize::MAX, &word), ErrorKind::Trap, "out of bounds");
    refused(memory.grow(&mut store, 49), ErrorKind::Resource, "cannot grow a memory by 49");
}

/// One memory shared by two instances: what one grows, the other sees.
#[test]
fn instances_share_what_they_import() {
    let engine = any_engine();
    let (mut store, owner) = start(
        &engine,
        (),
        r#"(module (memory (export "memory") 1 4) (global (export "g") (mut i32) (i32.const 1))
            (func (export "grow") (drop (memory.grow (i32.const 1)))))"#,
    );
    let text = r#"(module (import "m" "memory" (memory 1)) (import "m" "g" (global (mut i32)))
        (func (export "size") (result i32)
            (global.set 0 (i32.add (global.get 0) (i32.const 1)))
            (i32.store (i32.const 65536) (i32.const 7))
            (memory.size)))"#;
    let module = Module::new(&engine, text).unwrap();
    let memory = owner.get_memory(&mut store, "memory").unwrap();
    let global = owner.get_global(&mut store, "g").unwrap();
    let user = Instance::new(&mut store, &module, &[memory.into(), global.into()]).unwrap();
    let size = func::<(), i32>(&mut store, user, "size");
    refused(size.call(&mut store, ()), ErrorKind::Trap, "out of bounds memory access");
    func::<(), ()>(&mut store, owner, "grow").call(&mut store, ()).unwrap();
    assert_eq!(size.call(&mut store, ()).unwrap(), 2);
    assert_eq!(memory.data(&store)[65536], 7);
    assert_eq!(global.get(&store).unwrap().i32(), Some(3));
}

#[test]
fn a_caller_without_an_instance_has_no_exports() {
    let mut store = Store::new(&any_engine(), ());
    let look = Func::wrap(&mut store, |mut caller: Caller<'_, ()>| {
        i32::from(caller.get_export("memory").is_some())
    });
    assert_eq!(look.typed::<(), i32>(&store).unwrap().call(&mut store, ()).unwrap(), 0);
}

/// Stores move to other threads, with their guests.
#[test]
fn stores_move_between_threads() {
    let text = r#"(module (func (export "f") (param i32) (result i32)
        (i32.add (local.get 0) (i32.const 1))))"#;
    let (mut store, instance) = start(&any_engine(), 5, text);
    let f = func::<i32, i32>(&mut store, instance, "f");
    let thread = std::thread::spawn(move || {
        let data = *store.data();
        (f.call(&mut store, data).unwrap(), store)
    });
    let (result, mut store) = thread.join().unwrap();
    assert_eq!(result, 6);
    assert_eq!(f.call(&mut store, 6).unwrap(), 7);
}
