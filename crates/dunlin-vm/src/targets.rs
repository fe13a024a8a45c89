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
