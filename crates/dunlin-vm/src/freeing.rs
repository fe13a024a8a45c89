//! When instances are freed, in a store that goes on without them.
//!
//! 1. The host says that an instance is not wanted any more. From then on its handles to the instance, and to
//!    what that defines, are void.
//! 2. If nothing can lead to it, it is freed at once. That is known where its module has no way to give away
//!    references to functions, and nobody else has been given one, or imports anything of it: what most
//!    modules are that compute with numbers.
//! 3. Otherwise it waits for a search of all that can be reached (`reach.rs`), which is made when the host asks
//!    for a collection, when the store needs what is waiting, and when so much waits that searching is a small
//!    part of what instantiating has cost.
//!
//! Nothing is freed while a guest runs: a frame may be of any instance.

use crate::gc::Request;
use crate::instance::First;
use crate::reach;
use crate::store::{Extern, NO_FUNC, Store};
use alloc::collections::BTreeSet;
use core::sync::atomic::Ordering;
use dunlin_core::{CompositeType, RefType, StorageType, SubType, ValType};
use dunlin_module::{ImportKind, Module};

/// Instances that may wait in any case, before a search is made for them.
const WAITING_MIN: usize = 32;

/// Types of objects that are kept without an instance that has them, before a collection is made for them.
const OBJECT_TYPES_MIN: usize = 1 << 10;

/// Bytes of the heap, for each of which one more may wait.
const HEAP_BYTES_PER_WAITING: u64 = 64 << 10;

impl Store {
    /// The generation of what has this index: handles to it are of the same one, or void.
    #[must_use]
    #[inline]
    pub fn generation(&self, item: Extern) -> u32 {
        match item {
            Extern::Func(index) => self.func_places.generation(index),
            Extern::Table(index) => self.tables.generation(index),
            Extern::Memory(index) => self.memories.generation(index),
            Extern::Global(index) => self.globals.generation(index),
            Extern::Tag(index) => self.tags.generation(index),
        }
    }

    /// The generation of an instance's index.
    #[must_use]
    #[inline]
    pub fn instance_generation(&self, instance: u32) -> u32 {
        self.instances.generation(instance)
    }

    /// How often something was freed: what was found out about indices before may not be so after.
    #[must_use]
    #[inline]
    pub fn frees(&self) -> u64 {
        self.frees
    }

    /// What a tag's exceptions carry: the number of the function type whose parameters they are.
    ///
    /// # Panics
    ///
    /// If there is no such tag.
    #[must_use]
    pub fn tag_type_id(&self, tag: u32) -> u32 {
        self.tags[tag as usize]
    }

    /// Notes that the host has put a reference to a function somewhere.
    pub fn note_given(&self, func: u32) {
        if let Some(record) = self.funcs.get(func as usize)
            && !record.cx.is_null()
        {
            // SAFETY: a record that leads to a context is one of an instance that has not been freed.
            let instance = unsafe { (*record.cx).instance };
            self.instances[instance as usize].is_known.store(true, Ordering::Relaxed);
        }
    }

    /// Notes that elements of a table are copied elsewhere by the host.
    pub(crate) fn note_copied(&mut self, table: u32) {
        self.tables[table as usize].is_imported = true;
    }

    /// Notes what an instance imports, of whichever others.
    pub(crate) fn note_imported(&mut self, imports: &[Extern]) {
        for import in imports {
            match *import {
                Extern::Func(func) => self.note_given(func),
                Extern::Table(index) => self.tables[index as usize].is_imported = true,
                Extern::Memory(index) => self.memories[index as usize].is_imported = true,
                Extern::Global(index) => self.globals[index as usize].is_imported = true,
                // Who defines tags is searched for in any case.
                Extern::Tag(_) => {}
            }
        }
    }

    /// Removes an instance: handles to it and to what it defines are void, and it is freed as soon as nothing
    /// leads to it.
    ///
    /// # Panics
    ///
    /// If there is no such instance.
    pub fn remove_instance(&mut self, instance: u32) {
        let is_unwanted = &mut self.instances[instance as usize].is_unwanted;
        let is_waiting = core::mem::replace(is_unwanted, true);
        if !is_waiting && self.is_idle() && self.is_apart(instance) {
            // Which ends the generations, too.
            return self.free_instance(instance);
        }
        self.expire(instance);
        if !is_waiting {
            self.waiting.push(instance);
            self.free_if_due();
        }
    }

    /// Removes an instance to which the host has been given no handle, or only in passing: those stay valid
    /// until it is freed.
    ///
    /// # Panics
    ///
    /// If there is no such instance.
    pub fn abandon(&mut self, instance: u32) {
        let is_unwanted = &mut self.instances[instance as usize].is_unwanted;
        if !core::mem::replace(is_unwanted, true) {
            self.waiting.push(instance);
        }
    }

    /// Frees the removed instances that nothing leads to any more, unless a guest runs; says how many.
    pub fn free_unreached(&mut self) -> usize {
        if self.waiting.is_empty() || !self.is_idle() {
            return 0;
        }
        self.renew_types();
        let Some(reached) = reach::reached(self) else { return 0 };
        let mut waiting = core::mem::take(&mut self.waiting);
        let before = waiting.len();
        waiting.retain(|instance| {
            let is_reached = reached.instances[*instance as usize];
            if !is_reached {
                self.free_instance(*instance);
            }
            is_reached
        });
        let freed = before - waiting.len();
        self.waiting = waiting;
        self.searched = self.waiting.len();
        freed
    }

    /// As [`free_unreached`](Self::free_unreached), if so much waits that it is worth while.
    #[inline]
    pub(crate) fn free_if_due(&mut self) {
        if !self.waiting.is_empty() || self.object_types.is_some() {
            self.free_much();
        }
    }

    #[cold]
    fn free_much(&mut self) {
        let heap = self.heap().map_or(0, |heap| heap.stats().heap_bytes / HEAP_BYTES_PER_WAITING);
        // What was found to be reached is likely to be still.
        let due = self.searched + WAITING_MIN + self.instances.len() / 2 + heap as usize;
        if self.waiting.len() >= due {
            self.free_unreached();
        }
        let kept = self.object_types.as_ref().map_or(0, BTreeSet::len);
        if kept >= self.types_used * 2 + OBJECT_TYPES_MIN && self.is_idle() {
            // Other modules may want their places.
            self.collect(Request::Major);
        }
    }

    /// Whether no guest runs, whose frames would have to be looked at, and nothing is left of a defect.
    pub(crate) fn is_idle(&self) -> bool {
        // SAFETY: the context lives as long as the store.
        self.bug().is_none() && unsafe { (*self.context()).depth } == 0
    }

    /// Whether nothing but the host's handles can lead to an instance.
    fn is_apart(&self, instance: u32) -> bool {
        let of = &self.instances[instance as usize];
        let (module, first) = (of.code().module(), of.first);
        !of.is_known.load(Ordering::Relaxed)
            && of.code().keeps_funcs()
            && self.tables.all(first.table, module.tables().len(), |table| !table.is_imported)
            && self.globals.all(first.global, module.globals().len(), |it| !it.is_imported)
            && self.memories.all(first.memory, module.defined_memories().len(), |memory| {
                !memory.is_imported && memory.shared().is_none()
            })
    }

    /// Makes handles to an instance and to what it defines void.
    fn expire(&mut self, instance: u32) {
        let of = &self.instances[instance as usize];
        let (module, first) = (of.code().module(), of.first);
        of.func_refs().flatten().for_each(|func| self.func_places.expire(func));
        let memories = first.memory..first.memory + module.defined_memories().len() as u32;
        // One that the host still has becomes another one of the store's when it is next asked for.
        self.shared.retain(|_, place| !memories.contains(place));
        memories.for_each(|place| self.memories.expire(place));
        (first.table..).take(module.tables().len()).for_each(|place| self.tables.expire(place));
        (first.global..).take(module.globals().len()).for_each(|place| self.globals.expire(place));
        let tags = module.tags().len() - module.tag_imports();
        (first.tag..).take(tags).for_each(|place| self.tags.expire(place));
        self.instances.expire(instance);
    }

    /// Frees an instance that nothing leads to. No guest runs.
    fn free_instance(&mut self, instance: u32) {
        let of = &self.instances[instance as usize];
        let (code, first, cx) = (of.code().clone(), of.first, of.cx());
        if !code.module().memories().is_empty()
            && let Some(memory) = self.memories.get_mut(of.memory(0))
        {
            memory.remove_user(cx);
        }
        for run in of.func_refs() {
            self.funcs[run.start as usize..run.end as usize].fill(NO_FUNC.0);
            self.func_places.give(run);
        }
        self.free_things(code.module(), first);
        self.keep_types_of_objects(&code);
        self.resources().subtract(1, 0, 0);
        // After its things, which have their cells in its block.
        self.instances.free(instance..instance + 1);
        self.frees += 1;
        // They are kept by the addresses of operators, which may be another module's next.
        self.frame_maps.clear();
    }

    /// Frees what an instance of this module defines, as far as it has been created.
    pub(crate) fn free_things(&mut self, module: &Module, first: First) {
        let memories = first.memory..first.memory + module.defined_memories().len() as u32;
        let tables = first.table..first.table + module.tables().len() as u32;
        let tags = first.tag..first.tag + (module.tags().len() - module.tag_imports()) as u32;
        let is_reached = self.is_reached();
        let mut counted = 0;
        for place in memories.clone() {
            let Some(memory) = self.memories.get_mut(place) else { continue };
            counted += usize::from(memory.is_counted());
            if !is_reached {
                memory.set_unreached();
            }
        }
        self.shared.retain(|_, place| !memories.contains(place));
        let table_count = tables.clone().filter(|place| self.tables.get(*place).is_some()).count();
        self.resources().subtract(0, counted, table_count);
        self.memories.free(memories);
        self.tables.free(tables);
        self.globals.free(first.global..first.global + module.globals().len() as u32);
        self.exceptions.forget(tags.clone());
        self.tags.free(tags);
    }
}

/// Whether an instance of this module cannot give away references to its functions: to be called is all that
/// its exports are good for.
pub(crate) fn keeps_funcs(module: &Module) -> bool {
    let is_func = |ty: RefType| {
        let is_func_type =
            |index: u32| module.types()[index as usize].composite.as_func().is_some();
        !ty.is_traced(is_func_type)
    };
    let is_func_value = |ty: &ValType| matches!(ty, ValType::Ref(ty) if is_func(*ty));
    let is_func_field =
        |ty: StorageType| matches!(ty, StorageType::Val(ValType::Ref(ty)) if is_func(ty));
    let holds_funcs = |ty: &SubType| match &ty.composite {
        CompositeType::Func(_) => false,
        CompositeType::Struct(fields) => fields.iter().any(|field| is_func_field(field.storage)),
        CompositeType::Array(element) => is_func_field(element.storage),
    };
    let gives_funcs = |kind: ImportKind| match kind {
        ImportKind::Func(ty) => module.types()[ty as usize]
            .composite
            .as_func()
            .is_none_or(|ty| ty.params().iter().chain(ty.results()).any(is_func_value)),
        ImportKind::Table(ty) => is_func(ty.element),
        ImportKind::Global(ty) => is_func_value(&ty.content),
        ImportKind::Memory(_) | ImportKind::Tag(_) => false,
    };
    // An exception, too, can carry one.
    module.tags().is_empty()
        && !module.types().iter().any(holds_funcs)
        && !module.imports().iter().any(|import| gives_funcs(import.kind))
}
