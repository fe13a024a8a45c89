//! What the tests share: engines as the environment asks for, guests' allocators, numbers without a pattern.

#![allow(dead_code, reason = "each test program uses a part")]

pub(crate) mod types;

use dunlin::{Config, Engine, Error, ErrorKind, Result, Store, Tier};
use dunlin_component::{Component, Instance, Linker};

/// An engine of the tier that `DUNLIN_TIER` names.
pub(crate) fn engine() -> Engine {
    let tier = match std::env::var("DUNLIN_TIER").as_deref() {
        Ok("interp") => Tier::Interp,
        Ok("optimize" | "mixed") => Tier::Optimize,
        Ok("baseline") => Tier::Baseline,
        _ => Tier::Auto,
    };
    Engine::new(Config::new().tier(tier)).expect("an engine")
}

/// A module with a memory of 16 pages, and an allocator that never frees; it copies what it is asked to.
pub(crate) const LIBC: &str = r#"
    (core module $Libc
        (memory (export "memory") 16)
        (global $next (mut i32) (i32.const 131072))
        (func (export "realloc") (param $old i32) (param $had i32) (param $align i32) (param $size i32)
            (result i32) (local $at i32)
            (local.set $at (i32.and
                (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
                (i32.sub (i32.const 0) (local.get $align))))
            (global.set $next (i32.add (local.get $at) (local.get $size)))
            (memory.copy (local.get $at) (local.get $old) (select (local.get $had) (local.get $size)
                (i32.lt_u (local.get $had) (local.get $size))))
            (local.get $at)))
    (core instance $libc (instantiate $Libc))"#;

/// A component that imports nothing, in a store of its own, made by the plan of another.
pub(crate) fn instantiate(text: &str) -> (Store<()>, Instance) {
    let engine = engine();
    let component = Component::new(&engine, text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let pre = Linker::new(&engine).instantiate_pre(&component).expect("no imports");
    pre.instantiate(Store::new(&engine, ())).expect("a first instance");
    let mut store = Store::new(&engine, ());
    let instance = pre.instantiate(&mut store);
    (store, instance.expect("an instance"))
}

/// What a call that must trap says.
pub(crate) fn trap<R>(result: Result<R>) -> String {
    let error: Error = result.err().expect("a trap");
    assert_eq!(error.kind(), ErrorKind::Trap, "{error}");
    error.to_string()
}

/// Numbers without a pattern (SplitMix64).
pub(crate) struct Random {
    state: u64,
    /// Whether types are made that not all engines have: maps, and lists of fixed length.
    pub(crate) newer: bool,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed, newer: true }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}
