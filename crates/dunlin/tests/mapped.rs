//! A module's file that is changed while it is mapped: what has been validated stays as it was, and what
//! has not is validated as it is when it is first called.

use dunlin::{Config, Engine, Instance, Module, Store, TrapCode, ValidateMode};
use std::fs;
use std::io::{Seek, SeekFrom, Write};

/// A module large enough to be mapped, with two functions that return 1 and 2.
fn module() -> Vec<u8> {
    let filler = "x".repeat(200_000);
    let text = format!(
        r#"(module (memory 4) (data (i32.const 0) "{filler}")
            (func (export "one") (result i32) (i32.const 1))
            (func (export "two") (result i32) (i32.const 2)))"#
    );
    wat::parse_str(text).expect("the text is well-formed")
}

/// Where the body of the function that returns `value` says so.
fn constant(bytes: &[u8], value: u8) -> u64 {
    let body = [0, 0x41, value, 0x0B];
    bytes.windows(4).position(|window| window == body).expect("the body is there") as u64 + 1
}

#[test]
fn functions_that_were_called_do_not_change_and_others_are_validated_as_they_are() {
    let bytes = module();
    let path = std::env::temp_dir().join(format!("dunlin-mapped-{}.wasm", std::process::id()));
    fs::write(&path, &bytes).expect("a temporary file");
    let engine = Engine::new(Config::new().validate(ValidateMode::Lazy)).expect("an engine");
    let module = Module::from_file(&engine, &path).expect("the module is valid");
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("it instantiates");
    let one = instance.get_typed_func::<(), i32>(&mut store, "one").expect("exported");
    let two = instance.get_typed_func::<(), i32>(&mut store, "two").expect("exported");
    assert_eq!(one.call(&mut store, ()).expect("it returns"), 1);

    // Both bodies now begin with a byte that is no operator.
    let mut file = fs::OpenOptions::new().write(true).open(&path).expect("the file is ours");
    for value in [1, 2] {
        file.seek(SeekFrom::Start(constant(&bytes, value))).expect("within the file");
        file.write_all(&[0xFF]).expect("written");
    }
    file.sync_all().expect("written");
    assert_eq!(one.call(&mut store, ()).expect("it has been validated"), 1);
    // The second function shares the first one's page, which is the module's own by now; either way it
    // runs as it was, or is refused as it is.
    match two.call(&mut store, ()) {
        Ok(value) => assert_eq!(value, 2),
        Err(error) => assert_eq!(error.trap_code(), Some(TrapCode::InvalidFunction)),
    }
    fs::remove_file(&path).expect("the file is ours");
}
