//! Where references into a store's heap stand outside of it: in frames, tables, globals, segments, and in
//! the hands of the host.
//!
//! * **The interpreter's frames.** Whoever leaves the interpreter for something that may collect notes the
//!   [`Place`] at which it leaves; an activation inside another keeps the outer one's place in an
//!   [`OuterPlace`] on the native stack. From a place the frame records lead outwards. Which slots of a
//!   frame hold references depends on the function and the operator only, so it is found when it is first
//!   asked for, and kept.
//! * **Compiled code's frames.** See `native/roots.rs`.
//! * **The host's handles.** A handle is a place in a list of the store's; the list is cut back when the
//!   host function ends, or the scope, in which it was added to.

use crate::context::{StoreContext, VmContext};
use crate::store::Store;
use crate::sync::Mutex;
use crate::walk::{locals_of, record};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ptr::{null, null_mut};
use core::sync::atomic::{AtomicUsize, Ordering};
use dunlin_module::side::pseudo;

/// Where an activation of the interpreter has been left.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Behind the opcode that is executed, or behind the whole operator.
    pub ip: *const u8,
    /// The locals of the innermost frame; null if it has not been left.
    pub fp: *mut u64,
    /// The instance.
    pub cx: *mut VmContext,
}

impl Place {
    /// The interpreter has not been left.
    pub const NONE: Self = Self { ip: null(), fp: null_mut(), cx: null_mut() };
}

/// What an activation of the interpreter keeps of those around it.
#[derive(Debug)]
pub struct OuterPlace {
    place: Place,
    next: *const OuterPlace,
}

impl OuterPlace {
    /// The places so far, which `context` must be given back at the end.
    ///
    /// # Safety
    ///
    /// `context` is that of a store.
    #[inline(always)]
    #[must_use]
    pub unsafe fn of(context: *mut StoreContext) -> Self {
        // SAFETY: the caller's promise.
        let context = unsafe { &*context };
        Self { place: context.place, next: context.outer_places }
    }

    /// Notes the outer places, for as long as an activation inside them lasts.
    ///
    /// # Safety
    ///
    /// `context` is that of a store; [`OuterPlace::end`] follows before this moves or ends.
    #[inline(always)]
    pub unsafe fn begin(&self, context: *mut StoreContext) {
        // SAFETY: the caller's promise.
        let context = unsafe { &mut *context };
        (context.place, context.outer_places) = (Place::NONE, self);
    }

    /// Gives the places back.
    ///
    /// # Safety
    ///
    /// `context` is that of a store.
    #[inline(always)]
    pub unsafe fn end(&self, context: *mut StoreContext) {
        // SAFETY: the caller's promise.
        let context = unsafe { &mut *context };
        (context.place, context.outer_places) = (self.place, self.next);
    }
}

/// The slots of a frame that hold references, by the address of an operator.
pub(crate) type FrameMaps = BTreeMap<usize, FrameMap>;

/// The slots of a frame that hold references.
pub(crate) struct FrameMap {
    slots: Box<[u32]>,
    /// Slots of the locals, behind which the frame record stands.
    locals: usize,
}

impl Store {
    /// Calls `visit` with every reference in frames of the interpreter.
    ///
    /// # Safety
    ///
    /// Every activation of the interpreter has been left at the place that it has noted.
    pub(crate) unsafe fn visit_frames(&mut self, visit: &mut dyn FnMut(*mut u32)) {
        // SAFETY: the context lives as long as the store.
        let context = unsafe { &*self.context() };
        let (mut place, mut next) = (context.place, context.outer_places);
        let mut maps = core::mem::take(&mut self.frame_maps);
        loop {
            if !place.fp.is_null() {
                // SAFETY: the caller's promise.
                unsafe { self.visit_activation(place, &mut maps, visit) };
            }
            // SAFETY: outer places live as long as the activations inside them.
            let Some(outer) = (unsafe { next.as_ref() }) else { break };
            (place, next) = (outer.place, outer.next);
        }
        self.frame_maps = maps;
    }

    /// # Safety
    ///
    /// The place is one of a live activation.
    unsafe fn visit_activation(
        &self,
        mut place: Place,
        maps: &mut FrameMaps,
        visit: &mut dyn FnMut(*mut u32),
    ) {
        loop {
            let ip = (place.ip as usize).wrapping_sub(1);
            let map = maps.entry(ip).or_insert_with(|| {
                // SAFETY: the caller's promise.
                let instance = unsafe { (*place.cx).instance };
                self.frame_map(instance, ip)
            });
            for slot in &map.slots {
                visit(place.fp.wrapping_add(*slot as usize).cast());
            }
            let record = place.fp.wrapping_add(map.locals);
            // SAFETY: the frame record of a live activation stands behind its locals.
            let word = |index: usize| unsafe { record.add(index).read() as usize };
            place = Place {
                ip: core::ptr::with_exposed_provenance(word(record::RETURN_IP)),
                fp: core::ptr::with_exposed_provenance_mut(word(record::CALLER_FP)),
                cx: core::ptr::with_exposed_provenance_mut(word(record::CALLER_CX)),
            };
            // SAFETY: return addresses point at an operator: the caller's next, or the host's exit.
            if unsafe { *place.ip } == pseudo::EXIT {
                break;
            }
        }
    }

    #[cold]
    fn frame_map(&self, instance: u32, ip: usize) -> FrameMap {
        let code = self.instance_code(instance);
        let (func, offset) = code.locate(ip).expect("frames are of functions of their instances");
        let locals = locals_of(&code.entries()[func as usize]);
        let slots = code.module().ref_map(func, offset, locals as u32);
        FrameMap { slots: slots.expect("what runs has been validated").into(), locals }
    }
}

/// A reference in the hands of the host: a place in the store's list, as long as that has not been cut back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handle {
    place: u32,
    generation: u32,
}

/// The references in the hands of the host.
#[derive(Default)]
pub(crate) struct Handles {
    list: Mutex<HandleList>,
    len: AtomicUsize,
}

#[derive(Default)]
struct HandleList {
    /// References and the generations of their handles.
    slots: Vec<(u32, u32)>,
    /// How often the list has been cut back.
    generation: u32,
}

impl Handles {
    /// A handle of a reference.
    pub(crate) fn add(&self, reference: u32) -> Handle {
        let mut list = self.list.lock();
        let handle = Handle { place: list.slots.len() as u32, generation: list.generation };
        let slot = (reference, list.generation);
        list.slots.push(slot);
        self.len.store(list.slots.len(), Ordering::Relaxed);
        handle
    }

    /// The reference of a handle; `None` if its scope has ended.
    pub(crate) fn get(&self, handle: Handle) -> Option<u32> {
        let list = self.list.lock();
        let (reference, generation) = *list.slots.get(handle.place as usize)?;
        (generation == handle.generation).then_some(reference)
    }

    /// How many handles there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Cuts the list back to so many handles.
    #[cold]
    pub(crate) fn truncate(&self, len: usize) {
        let mut list = self.list.lock();
        list.slots.truncate(len);
        list.generation = list.generation.wrapping_add(1);
        self.len.store(list.slots.len(), Ordering::Relaxed);
    }

    /// Calls `visit` with every reference, to look at it.
    pub(crate) fn visit_each(&self, visit: &mut dyn FnMut(u32)) {
        self.list.lock().slots.iter().for_each(|(reference, _)| visit(*reference));
    }

    /// Calls `visit` with every reference.
    pub(crate) fn visit(&self, visit: &mut dyn FnMut(*mut u32)) {
        self.list.lock().slots.iter_mut().for_each(|(reference, _)| visit(reference));
    }
}
