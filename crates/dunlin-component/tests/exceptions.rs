//! Exceptions of core WebAssembly do not leave the component that they are thrown in: whoever would let one out traps, and
//! whoever is beyond catches nothing.

mod support;

use dunlin::{AsContextMut, Engine, ErrorKind, ExnRef, FuncType, Result, Store, Tag, ValType};
use dunlin_component::{Component, Linker};
use support::{engine, trap};

const THROWN: &str = "an exception left its component";

/// Two components, of which the inner one throws where `at` says: in the function `f`, in what cleans up after it, in its
/// allocator, in the destructor of what it owns, or nowhere; also if the exception goes through a module without a tag. The
/// outer one catches all that it can, and says 7 then.
fn pair(at: &str) -> String {
    let throw = |here| if at == here { "(call $throw)" } else { "" };
    let (f, clean, allocate, destroy) =
        (throw("f"), throw("clean"), throw("allocate"), throw("destroy"));
    format!(
        r#"(component
  (component $Inner
    (core module $Throws (tag $e (param i32)) (func (export "throw") (throw $e (i32.const 1))))
    (core instance $throws (instantiate $Throws))
    (core module $M
      (import "throws" "throw" (func $throw))
      (memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) {allocate} (i32.const 64))
      (func (export "f") (param i32 i32) (result i32) {f} (i32.store (i32.const 8) (i32.const 16))
        (i32.store (i32.const 12) (i32.const 5)) (i32.const 8))
      (func (export "clean") (param i32) {clean})
      (func (export "destroy") (param i32) {destroy}))
    (core instance $m (instantiate $M (with "throws" (instance $throws))))
    (type $r (resource (rep i32) (dtor (core func $m "destroy"))))
    (core func $new (canon resource.new $r))
    (core module $N (import "" "new" (func $new (param i32) (result i32)))
      (func (export "make") (result i32) (call $new (i32.const 3))))
    (core instance $n (instantiate $N (with "" (instance (export "new" (func $new))))))
    (export $r' "r" (type $r))
    (func (export "make") (result (own $r')) (canon lift (core func $n "make")))
    (func (export "f") (param "a" string) (result string) (canon lift (core func $m "f")
      (memory (core memory $m "memory")) (realloc (core func $m "realloc"))
      (post-return (core func $m "clean")))))
  (instance $inner (instantiate $Inner))
  (alias export $inner "r" (type $r))
  (core module $Libc (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 512)))
  (core instance $libc (instantiate $Libc))
  (core func $f (canon lower (func $inner "f") (memory (core memory $libc "memory"))
    (realloc (core func $libc "realloc"))))
  (core func $make (canon lower (func $inner "make")))
  (core func $drop (canon resource.drop $r))
  (core module $Main
    (import "" "f" (func $f (param i32 i32 i32)))
    (import "" "make" (func $make (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "f") (result i32)
      (block $caught
        (try_table (catch_all $caught)
          (call $f (i32.const 0) (i32.const 3) (i32.const 256))
          (call $drop (call $make))
          (return (i32.const 6))))
      (i32.const 7)))
  (core instance $main (instantiate $Main (with "" (instance
    (export "f" (func $f)) (export "make" (func $make)) (export "drop" (func $drop))))))
  (func (export "f") (result u32) (canon lift (core func $main "f")))
  (export "inner" (func $inner "f")))"#
    )
}

/// What the outer component answers, with adapters or without, and how many there are.
fn outer(engine: &Engine, at: &str, adapters: bool) -> (Result<u32>, usize) {
    let component = Component::new(engine, pair(at)).expect("a component");
    let mut linker = Linker::new(engine);
    linker.adapters(adapters);
    let mut store = Store::new(engine, ());
    let instance = linker.instantiate(&mut store, &component).expect("an instance");
    let f = instance.get_typed_func::<(), u32>(&mut store, "f").expect("a function");
    (f.call(&mut store, ()), component.adapter_modules())
}

#[test]
fn no_component_catches_what_another_throws() {
    for adapters in [true, false] {
        let (answer, modules) = outer(&engine(), "nowhere", adapters);
        assert_eq!((answer.expect("an answer"), modules), (6, usize::from(adapters)));
        for at in ["f", "clean", "allocate", "destroy"] {
            let (answer, modules) = outer(&engine(), at, adapters);
            assert_eq!(trap(answer), THROWN, "{at}, {adapters}");
            assert_eq!(modules, usize::from(adapters));
        }
    }
}

#[test]
fn the_host_is_told_of_a_trap() {
    let engine = engine();
    for at in ["f", "clean", "allocate"] {
        let component = Component::new(&engine, pair(at)).expect("a component");
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &component).expect("one");
        let inner = instance.get_typed_func::<(&str,), String>(&mut store, "inner");
        let error = inner.expect("a function").call(&mut store, ("abc",)).expect_err(at);
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Trap, THROWN), "{at}");
    }
}

#[test]
fn what_the_host_throws_is_no_exception_to_a_component() {
    let engine = engine();
    let mut linker = Linker::<()>::new(&engine);
    let throws = |mut store: dunlin::StoreContextMut<'_, ()>, (): ()| -> Result<()> {
        let ty = FuncType::new([ValType::I32], []);
        let tag = Tag::new(store.as_context_mut(), ty)?;
        let exception = ExnRef::new(store.as_context_mut(), tag, &[dunlin::Val::I32(1)])?;
        Err(exception.into())
    };
    linker.root().func_wrap("throws", throws).expect("a new name");
    let component = Component::new(
        &engine,
        r#"(component
            (import "throws" (func $throws))
            (core func $throws (canon lower (func $throws)))
            (core module $M (import "" "throws" (func $throws))
                (func (export "f") (result i32)
                    (block $caught (try_table (catch_all $caught)
                        (call $throws) (return (i32.const 6))))
                    (i32.const 7)))
            (core instance $m (instantiate $M (with "" (instance (export "throws" (func $throws))))))
            (func (export "f") (result u32) (canon lift (core func $m "f"))))"#,
    );
    let component = component.expect("a component");
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &component).expect("an instance");
    let f = instance.get_typed_func::<(), u32>(&mut store, "f").expect("a function");
    assert_eq!(trap(f.call(&mut store, ())), THROWN);
}
