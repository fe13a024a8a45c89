//! Pointers to code that calls through tables which never change read: the rows that `dunlin_module::targets` describes.
//!
//! 1. [`ModuleCode::fill_targets`] makes them when the elements of such tables are placed, before any code that reads
//!    them is found. By then every function in them has code or a way out.
//! 2. Whenever a function's pointer in the array of code changes, those that lead to the same function do
//!    ([`ModuleCode::lead_to_code`]): before the code that it led to is retired, so that the same threads are waited for.
//! 3. They go with all other code of the module (`dropping.rs`).
//!
//! Pointers of elements that cannot be called lead to stubs of ours that trap in the caller's place (`native/isa`), so
//! none is ever null.

use crate::ModuleCode;
use crate::code::Arena;
use crate::native;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};
use dunlin_module::Target;

/// The pointers of one module.
pub(crate) struct Targets {
    pointers: Box<[AtomicPtr<u8>]>,
    /// Functions, and which pointers lead to them: ascending.
    places: Box<[(u32, u32)]>,
}

impl Targets {
    /// Pointers to these; `code` has those of functions.
    fn new(targets: &[Target], code: &[AtomicPtr<u8>]) -> Self {
        let mut places = Vec::new();
        let mut pointer = |(at, target): (usize, &Target)| {
            let Target::Func(func) = *target else { return native::refusal(*target) };
            places.push((func, at as u32));
            let known =
                code.get(func as usize).map_or(null_mut(), |cell| cell.load(Ordering::Relaxed));
            // One without code is a defect of ours, which must not end more than the guest.
            if known.is_null() { native::refusal(*target) } else { known }
        };
        let pointers = targets.iter().enumerate().map(|of| AtomicPtr::new(pointer(of))).collect();
        places.sort_unstable();
        Self { pointers, places: places.into() }
    }

    /// Lets what leads to a function lead to this code.
    fn lead_to(&self, func: u32, address: *mut u8) {
        let start = self.places.partition_point(|(of, _)| *of < func);
        for (_, at) in self.places[start..].iter().take_while(|(of, _)| *of == func) {
            self.pointers[*at as usize].store(address, Ordering::Release);
        }
    }
}

impl ModuleCode {
    /// Lets a pointer to code lead to an address if it leads nowhere.
    pub(crate) fn fill_code(&self, index: usize, address: *const u8) {
        let (null, release) = (null_mut(), Ordering::Release);
        let of = &self.code[index];
        let _ = of.compare_exchange(null, address.cast_mut(), release, Ordering::Relaxed);
    }

    /// Lets calls of a function lead to code of its own, of compiled code whose module's it is.
    pub(crate) fn lead_to_code(&self, arena: &mut Arena, func: u32, address: *const u8) {
        self.code[func as usize].store(address.cast_mut(), Ordering::Release);
        if let Some(targets) = &arena.targets {
            targets.lead_to(func, address.cast_mut());
        }
    }

    /// Makes the pointers that calls through tables read, if they are not there.
    pub(crate) fn fill_targets(&self, arena: &mut Arena, targets: Option<Vec<Target>>) {
        let Some(targets) = targets.filter(|_| arena.targets.is_none()) else { return };
        let made = arena.targets.insert(Targets::new(&targets, &self.code));
        let index = self.module().func_count() as usize + self.module().types().len() + 1;
        self.code[index].store(made.pointers.as_ptr().cast_mut().cast(), Ordering::Release);
    }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use crate::ModuleCode;
    use crate::native::{self, CodeImage, CodeLimit, NativeCode, refusal};
    use crate::types::TypeRegistry;
    use alloc::sync::Arc;
    use alloc::vec;
    use alloc::vec::Vec;
    use core::sync::atomic::Ordering;
    use dunlin_module::{CompiledFunction, Features, Module, StaticTables, Target, Unit};

    /// `(type $t (func)) (type $u (func (param i32))) (func $f (type $t)) (func $g (type $u)) (func $h (type $t))
    /// (table 6 funcref) (elem (i32.const 1) $f $g $f $h)`
    const MODULE: &[u8] = b"\0asm\x01\0\0\0\x01\x08\x02\x60\0\0\x60\x01\x7f\0\x03\x04\x03\0\x01\0\x04\x04\x01\x70\0\x06\
        \x09\x0a\x01\0\x41\x01\x0b\x04\0\x01\0\x02\x0a\x0a\x03\x02\0\x0b\x02\0\x0b\x02\0\x0b";

    fn module() -> Arc<ModuleCode> {
        let module = Module::parse(Arc::new(MODULE.to_vec()), Features::default());
        let types = Arc::<TypeRegistry>::default();
        Arc::new(ModuleCode::new(module.expect("a valid module"), types))
    }

    /// Units of so many bytes of what nobody executes, and what stands in tables.
    fn units(code: &ModuleCode, bytes: usize, units: &[Unit]) -> Vec<(Unit, CompiledFunction)> {
        let made = |unit: &Unit| {
            let code = match unit {
                Unit::Tables => StaticTables::of(code.module()).to_bytes(),
                _ => vec![0xcc; bytes],
            };
            (*unit, CompiledFunction { code, alignment: 16, ..CompiledFunction::default() })
        };
        units.iter().map(made).collect()
    }

    /// Whether there are pointers, all of which lead where they should.
    fn lead_to_code(code: &ModuleCode) -> bool {
        let cell = code.module().func_count() as usize + code.module().types().len() + 1;
        let cell = code.code[cell].load(Ordering::Relaxed);
        let arena = code.arena.lock();
        let Some(made) = &arena.targets else {
            assert!(cell.is_null());
            return false;
        };
        assert_eq!(made.pointers.as_ptr().cast(), cell.cast_const());
        let of = |func: u32| code.code[func as usize].load(Ordering::Relaxed);
        let (null, other) = (refusal(Target::Null), refusal(Target::Other));
        let of_t = [null, of(0), other, of(0), of(2), null, null, null];
        let of_u = [null, other, of(1), other, other, null, null, null];
        let found: Vec<_> = made.pointers.iter().map(|of| of.load(Ordering::Relaxed)).collect();
        assert_eq!(found, [of_t, of_u].concat());
        assert!(found.iter().all(|pointer| !pointer.is_null()) && null != other);
        true
    }

    #[test]
    fn pointers_follow_the_code_of_their_functions() {
        if !native::is_supported() {
            return;
        }
        let (code, limit) = (module(), CodeLimit::new(1 << 20));
        assert!(!lead_to_code(&code));
        let add = |of: &[Unit], bytes: usize| {
            assert!(code.add_code(&limit, &units(&code, bytes, of), |_| {}));
        };
        let first = [Unit::LeaveFunc(0), Unit::LeaveFunc(1), Unit::LeaveFunc(2), Unit::Tables];
        add(&first, 16);
        assert!(lead_to_code(&code));
        let mut before = code.code[0].load(Ordering::Relaxed);
        // Code in place of a way out, and better code in place of that, twice.
        add(&[Unit::Func(0), Unit::Enter(0)], 64);
        for bytes in [32, 64, 128] {
            assert!(lead_to_code(&code));
            let now = code.code[0].load(Ordering::Relaxed);
            assert_ne!(now, before);
            before = now;
            add(&[Unit::Func(0)], bytes);
            assert!(lead_to_code(&code));
            code.reclaim();
        }
        add(&[Unit::Func(1), Unit::Enter(1)], 64);
        assert!(lead_to_code(&code));
        // What is there stays where somebody brings what is no better.
        add(&first, 32);
        assert!(lead_to_code(&code));
        // All of it goes, and comes back.
        assert!(code.drop_code());
        assert!(!lead_to_code(&code));
        // Functions that come with the tables: of a part, or of the whole module.
        add(&[Unit::Func(0), Unit::Func(2), Unit::Enter(0), Unit::LeaveFunc(1), Unit::Tables], 48);
        assert!(lead_to_code(&code));
        let mut all = Unit::all_of(code.module(), true);
        all.sort_unstable();
        let whole = units(&code, 80, &all);
        let image = CodeImage::lay_out(&whole).expect("an image");
        image.check(code.module()).expect("the module's");
        let before = [0, 1, 2].map(|func: usize| code.code[func].load(Ordering::Relaxed));
        code.set_native(NativeCode::load(code.module(), image).expect("memory for code"));
        assert!(lead_to_code(&code));
        for (func, before) in before.into_iter().enumerate() {
            assert_ne!(code.code[func].load(Ordering::Relaxed), before, "function {func}");
        }
    }

    #[test]
    fn pointers_come_with_the_code_of_a_whole_module() {
        if !native::is_supported() {
            return;
        }
        let code = module();
        let mut all = Unit::all_of(code.module(), true);
        all.sort_unstable();
        let image = CodeImage::lay_out(&units(&code, 32, &all)).expect("an image");
        code.set_native(NativeCode::load(code.module(), image).expect("memory for code"));
        assert!(lead_to_code(&code));
    }
}
