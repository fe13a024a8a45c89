//! Which types a store keeps besides those of its instances' modules: those of what the host has made in it, and
//! those that objects may have whose module is gone.

use crate::ModuleCode;
use crate::reach;
use crate::store::Store;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use dunlin_core::HeapType;
use dunlin_core::canon::index_of;

impl Store {
    /// Keeps the type that a table, global or object of the host's mentions for as long as there is this store; says
    /// whether there is such a type.
    pub fn keep_type(&mut self, ty: HeapType) -> bool {
        let HeapType::Concrete(number) = ty else { return true };
        let is_kept = self.types().keep(number);
        if is_kept {
            self.host_types.push(number);
            self.renew_types();
        }
        is_kept
    }

    /// Keeps the type of an object that the host is about to make, for as long as there may be such objects; says
    /// whether there is such a type.
    pub fn keep_object_type(&mut self, number: u32) -> bool {
        if self.has_object_type(number) {
            return true;
        }
        let is_kept = self.types().keep(number);
        if is_kept {
            self.object_types.get_or_insert_default().insert(number);
            self.renew_types();
        }
        is_kept
    }

    /// Keeps the types that objects may have which an instance of this module has made.
    pub(crate) fn keep_types_of_objects(&mut self, code: &ModuleCode) {
        let makes_objects = !code.objects().is_empty() || !code.module().tags().is_empty();
        // Without memory there are no objects.
        if !makes_objects || self.heap_stats().heap_bytes == 0 {
            return;
        }
        for number in code.type_ids() {
            if !self.has_object_type(*number) && self.types().keep(*number) {
                self.object_types.get_or_insert_default().insert(*number);
            }
        }
    }

    fn has_object_type(&self, number: u32) -> bool {
        self.object_types.as_ref().is_some_and(|types| types.contains(&number))
    }

    /// Which types objects still have, unless a guest runs or there is no memory to find out. What nothing leads
    /// to must be collected before others are released.
    pub(crate) fn types_in_use(&self) -> Option<BTreeSet<u32>> {
        if self.object_types.is_none() || !self.is_idle() {
            return None;
        }
        reach::reached(self).map(|reached| reached.types)
    }

    /// Releases the types that no object has any more.
    pub(crate) fn release_types(&mut self, used: &BTreeSet<u32>) {
        let Some(mut types) = self.object_types.take() else { return };
        let mut released = Vec::new();
        types.retain(|number| {
            let is_used = used.contains(&(index_of(*number) as u32));
            if !is_used {
                released.push(*number);
            }
            is_used
        });
        self.types().release(&released);
        self.types_used = types.len();
        self.object_types = (!types.is_empty()).then_some(types);
        // What has been found out about them is void.
        self.frees += 1;
    }
}
