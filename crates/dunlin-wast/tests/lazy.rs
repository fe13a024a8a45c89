//! What scripts cannot say of lazy validation: a module with an invalid function loads, its other
//! functions run, and the invalid one traps at every call, whoever calls it.

use dunlin::{Config, Engine, ErrorKind, Linker, Module, Store, TrapCode, ValidateMode};

/// `good` returns 1; `bad` leaves an i64 where an i32 is due; `caller` and `table` call it. The fifth
/// function is as bad, and the start function if asked for.
fn module(start: bool) -> Vec<u8> {
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    let mut section = |id: u8, contents: &[u8]| {
        module.push(id);
        module.push(u8::try_from(contents.len()).expect("the sections are short"));
        module.extend_from_slice(contents);
    };
    section(1, &[2, 0x60, 0, 1, 0x7f, 0x60, 0, 0]);
    section(3, &[5, 0, 0, 0, 0, 1]);
    section(4, &[1, 0x70, 0, 1]);
    section(7, b"\x04\x04good\0\0\x03bad\0\x01\x06caller\0\x02\x05table\0\x03");
    if start {
        section(8, &[4]);
    }
    section(9, &[1, 0, 0x41, 0, 0x0b, 1, 1]);
    let code: [&[u8]; 5] = [
        &[0, 0x41, 1, 0x0b],
        &[0, 0x42, 1, 0x0b],
        &[0, 0x10, 1, 0x0b],
        &[0, 0x41, 0, 0x11, 0, 0, 0x0b],
        &[0, 0x41, 1, 0x0b],
    ];
    let mut bodies = vec![5];
    for body in code {
        bodies.push(body.len() as u8);
        bodies.extend_from_slice(body);
    }
    section(10, &bodies);
    module
}

fn engine(validate: ValidateMode) -> Engine {
    let mut config = Config::new();
    config.validate(validate);
    Engine::new(&config).expect("the configuration is one that every build has")
}

#[test]
fn eager_validation_refuses_the_module() {
    let error = Module::new(&engine(ValidateMode::Eager), module(false)).err();
    assert_eq!(error.map(|error| error.kind()), Some(ErrorKind::Invalid));
}

#[test]
fn an_invalid_function_traps_at_every_call() {
    let engine = engine(ValidateMode::Lazy);
    let module = Module::new(&engine, module(false)).expect("only a body is invalid");
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .expect("nothing runs at instantiation");
    let mut call = |name: &str| {
        let func = instance.get_typed_func::<(), i32>(&mut store, name).expect("it is exported");
        func.call(&mut store, ()).map_err(|error| error.trap_code())
    };
    for _ in 0..3 {
        assert_eq!(call("good"), Ok(1));
        assert_eq!(call("bad"), Err(Some(TrapCode::InvalidFunction)));
        assert_eq!(call("caller"), Err(Some(TrapCode::InvalidFunction)));
        assert_eq!(call("table"), Err(Some(TrapCode::InvalidFunction)));
    }
}

#[test]
fn an_invalid_start_function_traps_at_instantiation() {
    let engine = engine(ValidateMode::Lazy);
    let module = Module::new(&engine, module(true)).expect("only bodies are invalid");
    let mut store = Store::new(&engine, ());
    let error = Linker::new(&engine).instantiate(&mut store, &module).err();
    assert_eq!(error.and_then(|error| error.trap_code()), Some(TrapCode::InvalidFunction));
}
