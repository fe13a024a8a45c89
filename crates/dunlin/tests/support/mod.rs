//! What the tests of this crate share.

#![allow(dead_code, reason = "each test program uses a part")]

pub(crate) mod tier;

use dunlin::{Config, Engine, Error, ErrorKind, Instance, Linker, Module, Store, TypedFunc};
use dunlin::{WasmParams, WasmResults};

/// An instance of a module without imports, in a store of its own.
pub(crate) fn start<T: 'static>(engine: &Engine, data: T, text: &str) -> (Store<T>, Instance) {
    let module = Module::new(engine, text).expect("the test's module is valid");
    let mut store = Store::new(engine, data);
    let instance = Instance::new(&mut store, &module, &[]).expect("it can be instantiated");
    (store, instance)
}

/// An instance of a module with imports from `linker`.
pub(crate) fn link<T: 'static>(linker: &Linker<T>, data: T, text: &str) -> (Store<T>, Instance) {
    let module = Module::new(linker.engine(), text).expect("the test's module is valid");
    let mut store = Store::new(linker.engine(), data);
    let instance = linker.instantiate(&mut store, &module).expect("it can be instantiated");
    (store, instance)
}

/// An exported function with these types.
pub(crate) fn func<P: WasmParams, R: WasmResults>(
    store: &mut Store<impl Sized + 'static>,
    instance: Instance,
    name: &str,
) -> TypedFunc<P, R> {
    instance.get_typed_func(store, name).expect("the export has these types")
}

/// An engine that differs from the default in the tier that the environment asks for.
pub(crate) fn any_engine() -> Engine {
    engine(|config| config)
}

/// An engine with this configuration, of the tier that the environment asks for.
pub(crate) fn engine(set: impl FnOnce(&mut Config) -> &mut Config) -> Engine {
    let mut config = Config::new();
    tier::choose(&mut config);
    set(&mut config);
    Engine::new(&config).expect("the configuration makes sense")
}

/// Asserts that this is an error of a kind, with this in its message.
#[track_caller]
pub(crate) fn refused<V: std::fmt::Debug>(
    result: Result<V, Error>,
    kind: ErrorKind,
    message: &str,
) {
    let error = result.expect_err("the operation is refused");
    assert_eq!(error.kind(), kind, "{error:?}");
    assert!(error.to_string().contains(message), "`{error}` does not mention `{message}`");
}
