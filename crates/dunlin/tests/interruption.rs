//! Guests that would run forever, and those that stop them.

mod support;

use dunlin::{Caller, Linker, Module, Result, Store, TrapCode};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use support::{any_engine, engine, func, link, start};

/// Ways to run forever: a loop, a loop with a call, recursion by tail calls, a loop in an argument.
const FOREVER: [&str; 4] = [
    r#"(module (func (export "run") (loop (br 0))))"#,
    r#"(module (func $f) (func (export "run") (loop (call $f) (br 0))))"#,
    r#"(module (func $f (export "run") (return_call $f)))"#,
    r#"(module (func (export "run") (loop $l (br_table $l $l (i32.const 7)))))"#,
];

const ONCE: &str = r#"(module (func $f) (func (export "run") (call $f)))"#;

#[track_caller]
fn interrupted(result: Result<()>) {
    let error = result.expect_err("the guest was interrupted");
    assert_eq!(error.trap_code(), Some(TrapCode::Interrupted), "{error:?}");
    assert_eq!(error.to_string(), "interrupted");
}

#[test]
fn another_thread_interrupts_a_running_guest() {
    for text in FOREVER {
        let (mut store, instance) = start(&any_engine(), (), text);
        let run = func::<(), ()>(&mut store, instance, "run");
        for _ in 0..3 {
            let handle = store.interrupt_handle();
            let thread = thread::spawn(move || {
                thread::sleep(Duration::from_millis(10));
                handle.interrupt();
            });
            interrupted(run.call(&mut store, ()));
            thread.join().unwrap();
        }
    }
}

#[test]
fn a_request_stops_one_call_and_may_come_before_it() {
    let (mut store, instance) = start(&any_engine(), (), ONCE);
    let run = func::<(), ()>(&mut store, instance, "run");
    let handle = store.interrupt_handle();
    handle.interrupt();
    handle.interrupt();
    interrupted(run.call(&mut store, ()));
    run.call(&mut store, ()).expect("the request was for one call");
    handle.clone().interrupt();
    interrupted(run.call(&mut store, ()));
}

#[test]
fn a_request_before_the_first_call_of_a_store_counts() {
    let module = Module::new(&any_engine(), ONCE).unwrap();
    let mut store = Store::new(module.engine(), ());
    store.interrupt_handle().interrupt();
    let instance = dunlin::Instance::new(&mut store, &module, &[]).unwrap();
    interrupted(func::<(), ()>(&mut store, instance, "run").call(&mut store, ()));
}

#[test]
fn a_guest_in_a_host_function_stops_when_it_returns() {
    let (entered, has_entered) = mpsc::channel();
    let (leave, may_leave) = mpsc::channel::<()>();
    let may_leave = std::sync::Mutex::new(may_leave);
    let mut linker = Linker::new(&any_engine());
    linker
        .func_wrap("host", "wait", move |mut caller: Caller<'_, u32>| {
            *caller.data_mut() += 1;
            entered.send(()).unwrap();
            may_leave.lock().unwrap().recv().unwrap();
        })
        .unwrap();
    let text = r#"(module (import "host" "wait" (func $wait))
        (func (export "run") (loop (call $wait) (br 0))))"#;
    let (mut store, instance) = link(&linker, 0, text);
    let handle = store.interrupt_handle();
    let thread = thread::spawn(move || {
        has_entered.recv().unwrap();
        handle.interrupt();
        leave.send(()).unwrap();
    });
    interrupted(func::<(), ()>(&mut store, instance, "run").call(&mut store, ()));
    thread.join().unwrap();
    assert_eq!(*store.data(), 1);
}

#[test]
fn an_epoch_deadline_interrupts() {
    let engine = engine(|config| config.epoch_interruption(true));
    for text in FOREVER {
        let (mut store, instance) = start(&engine, (), text);
        let run = func::<(), ()>(&mut store, instance, "run");
        store.set_epoch_deadline(2);
        let clock = engine.clone();
        let thread = thread::spawn(move || {
            for _ in 0..2 {
                thread::sleep(Duration::from_millis(5));
                clock.increment_epoch();
            }
        });
        interrupted(run.call(&mut store, ()));
        thread.join().unwrap();
    }
}

#[test]
fn a_passed_deadline_stops_every_call_until_another_is_set() {
    let engine = engine(|config| config.epoch_interruption(true));
    let (mut store, instance) = start(&engine, (), ONCE);
    let run = func::<(), ()>(&mut store, instance, "run");
    interrupted(run.call(&mut store, ()));
    store.set_epoch_deadline(2);
    run.call(&mut store, ()).expect("two epochs are left");
    engine.increment_epoch();
    run.call(&mut store, ()).expect("one epoch is left");
    engine.increment_epoch();
    for _ in 0..3 {
        interrupted(run.call(&mut store, ()));
    }
    engine.increment_epoch();
    store.set_epoch_deadline(1);
    run.call(&mut store, ()).expect("the request of the deadline before is void");
    engine.increment_epoch();
    store.set_epoch_deadline(u64::MAX);
    engine.increment_epoch();
    run.call(&mut store, ()).expect("that deadline never comes");
}

#[test]
fn a_deadline_moved_by_a_host_function_counts_at_once() {
    let engine = engine(|config| config.epoch_interruption(true));
    let mut linker = Linker::new(&engine);
    let clock = engine.clone();
    let extend = move |mut caller: Caller<'_, u32>| {
        clock.increment_epoch();
        *caller.data_mut() += 1;
        if *caller.data() < 50 {
            caller.set_epoch_deadline(1);
        }
    };
    linker.func_wrap("host", "extend", extend).unwrap();
    let text = r#"(module (import "host" "extend" (func $extend))
        (func (export "run") (loop (call $extend) (br 0))))"#;
    let (mut store, instance) = link(&linker, 0, text);
    store.set_epoch_deadline(1);
    interrupted(func::<(), ()>(&mut store, instance, "run").call(&mut store, ()));
    assert_eq!(*store.data(), 50);
}

#[test]
fn a_new_deadline_keeps_the_request_of_a_handle() {
    let engine = engine(|config| config.epoch_interruption(true));
    let (mut store, instance) = start(&engine, (), ONCE);
    let run = func::<(), ()>(&mut store, instance, "run");
    store.interrupt_handle().interrupt();
    store.set_epoch_deadline(5);
    interrupted(run.call(&mut store, ()));
    run.call(&mut store, ()).expect("the request is done with");
}

#[test]
fn epochs_interrupt_only_stores_whose_deadline_it_is() {
    let engine = engine(|config| config.epoch_interruption(true));
    let mut stores = [1, 2, 3, 3].map(|deadline| {
        let (mut store, instance) = start(&engine, (), ONCE);
        store.set_epoch_deadline(deadline);
        let run = func::<(), ()>(&mut store, instance, "run");
        (deadline, store, run)
    });
    drop(start(&engine, (), ONCE));
    for now in 1..=3 {
        engine.increment_epoch();
        for (deadline, store, run) in &mut stores {
            let result = run.call(store, ());
            assert_eq!(result.is_err(), *deadline <= now, "deadline {deadline} at {now}");
        }
    }
}

#[test]
fn epochs_do_nothing_where_they_are_off() {
    let engine = any_engine();
    let (mut store, instance) = start(&engine, (), ONCE);
    store.set_epoch_deadline(0);
    engine.increment_epoch();
    func::<(), ()>(&mut store, instance, "run").call(&mut store, ()).unwrap();
}

/// Many stores with deadlines of their own, ticked by one thread, run and dropped by others.
#[test]
fn one_clock_for_many_threads() {
    let engine = engine(|config| config.epoch_interruption(true));
    let (done, is_done) = mpsc::channel::<()>();
    let clock = engine.clone();
    let ticker = thread::spawn(move || {
        while is_done.recv_timeout(Duration::from_millis(1)) == Err(mpsc::RecvTimeoutError::Timeout)
        {
            clock.increment_epoch();
        }
    });
    let guests: Vec<_> = (0..4)
        .map(|i| {
            let engine = engine.clone();
            thread::spawn(move || {
                for round in 0..10 {
                    let (mut store, instance) = start(&engine, (), FOREVER[i]);
                    store.set_epoch_deadline(1 + round % 3);
                    interrupted(func::<(), ()>(&mut store, instance, "run").call(&mut store, ()));
                }
            })
        })
        .collect();
    for guest in guests {
        guest.join().unwrap();
    }
    drop(done);
    ticker.join().unwrap();
}
