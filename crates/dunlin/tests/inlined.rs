//! Bodies of small functions in place of calls are not to be seen: failures say where they were, and fuel counts
//! what it counts without.
#![cfg(feature = "optimize")]

use dunlin::{ArtifactKey, Config, Engine, Instance, Module, Store, Tier, Val};

/// Small functions in one another, and around a host's.
const GUEST: &str = "(module
    (import \"\" \"tell\" (func $tell (param i32)))
    (tag $odd)
    (func $third (param i32) (result i32) (i32.div_u (i32.const 96) (local.get 0)))
    (func $second (param i32) (result i32)
        (if (i32.eq (local.get 0) (i32.const 7)) (then (throw $odd)))
        (i32.add (call $third (local.get 0)) (i32.const 1)))
    (func $first (param i32) (result i32)
        (call $tell (local.get 0))
        (i32.mul (call $second (local.get 0)) (i32.const 2)))
    (func (export \"main\") (param i32) (result i32) (local i32)
        (loop $l
            (local.set 1 (i32.add (local.get 1) (call $first (local.get 0))))
            (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (i32.add (local.get 1) (call $first (local.get 0)))))";

fn engine(tier: Tier, fuel: bool) -> Engine {
    let mut config = Config::new();
    config.tier(tier).verify_code(true).consume_fuel(fuel);
    config.artifact_key(ArtifactKey::from_secret(b"inlined.rs"));
    Engine::new(&config).expect("a tier of this machine")
}

/// What a call of `main` ends with, and what the host was told of meanwhile, in fuel if it is counted.
fn run(module: &Module, argument: i32) -> (String, Vec<u64>) {
    let mut store = Store::new(module.engine(), Vec::new());
    let _ = store.set_fuel(10_000);
    let tell =
        dunlin::Func::wrap(&mut store, |mut caller: dunlin::Caller<'_, Vec<u64>>, number: i32| {
            let left = caller.get_fuel().unwrap_or_default();
            caller.data_mut().push(left << 8 | u64::from(number as u8));
            if number == 9 { Err(dunlin::Error::msg("nine")) } else { Ok(()) }
        });
    let instance = Instance::new(&mut store, module, &[tell.into()]).expect("an instance");
    let main = instance.get_func(&mut store, "main").expect("a function");
    let mut results = [Val::I32(0)];
    let ended = match main.call(&mut store, &[Val::I32(argument)], &mut results) {
        Ok(()) => format!("{results:?}"),
        Err(error) => {
            let frames = error.backtrace().map(|trace| {
                let frames = trace.frames().iter();
                frames.map(|frame| (frame.func_index(), frame.module_offset())).collect::<Vec<_>>()
            });
            format!("{error}: {frames:?}")
        }
    };
    (ended, store.data().clone())
}

#[test]
fn failures_in_bodies_in_place_of_calls_say_where_they_were() {
    let interp = Module::new(&engine(Tier::Interp, false), GUEST).expect("a module");
    let compiled = Module::new(&engine(Tier::Optimize, false), GUEST).expect("a module");
    let artifact = compiled.serialize().expect("an artifact");
    let loaded = Module::deserialize(compiled.engine(), &artifact).expect("ours");
    // A trap, an exception, and a host's failure.
    for argument in [4, 8, 9] {
        let expected = run(&interp, argument);
        assert!(expected.0.matches("), (").count() >= 1, "{expected:?}");
        assert_eq!(run(&compiled, argument), expected);
        assert_eq!(run(&loaded, argument), expected);
    }
    let (trap, _) = run(&compiled, 4);
    let functions = [1, 2, 3, 4].map(|func| trap.find(&format!("({func}, ")));
    assert!(
        functions.is_sorted_by(|inner, outer| inner < outer) && functions[0].is_some(),
        "{trap}"
    );
}

#[test]
fn fuel_is_what_it_is_where_bodies_are_called() {
    let [interp, compiled] =
        [Tier::Interp, Tier::Optimize].map(|tier| Module::new(&engine(tier, true), GUEST));
    let (interp, compiled) = (interp.expect("a module"), compiled.expect("a module"));
    let (_, told) = run(&interp, 6);
    assert_eq!(told.len(), 7, "once a turn, and once more");
    assert_eq!(run(&compiled, 6).1, told);
}
