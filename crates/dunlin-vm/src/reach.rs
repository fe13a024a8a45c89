//! Which instances anything in a store can still lead to.
//!
//! The search begins with the instances that are wanted, the tables and globals that the host has made, and the
//! host's handles, and follows everything that a guest could follow: an instance to what it imports, to what
//! its tables, globals and segments hold; a reference to a function to the instance of that; an object to what
//! its fields refer to, functions included; an exception to the instance whose tag it has. Whatever an instance
//! defines lives as long as it, so that a use of its memory leads to the instance.
//!
//! There is no recursion, nothing moves, and nothing is changed. No guest runs, so that there are no frames.

use crate::block::ImportedKind;
use crate::exception::TAG;
use crate::gc::{self, ARRAY_ELEMENTS, Heap, Layout, LayoutKind, Layouts};
use crate::objects::{StoreLayouts, is_traced};
use crate::store::Store;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use dunlin_core::ValType;
use dunlin_core::canon::index_of;

/// The owner of what the host has made.
const HOST: u32 = u32::MAX;

/// What has been reached, and what waits to be looked at.
struct Search<'s> {
    store: &'s Store,
    layouts: StoreLayouts,
    owners: Owners,
    /// By the instances' places: whether they have been reached.
    reached: Vec<bool>,
    instances: Vec<u32>,
    /// A bit for each granule of the heap, what has been given back included: an object that has been reached
    /// begins there.
    marks: Vec<u64>,
    objects: Vec<u32>,
    types: BTreeSet<u32>,
    /// The type that was last added to these.
    last_type: u32,
    /// Whether there was no memory to note something.
    has_failed: bool,
}

/// By the things' places: whose they are.
struct Owners {
    tables: Vec<u32>,
    memories: Vec<u32>,
    globals: Vec<u32>,
    tags: Vec<u32>,
}

impl Owners {
    fn of(store: &Store) -> Option<Self> {
        let mut owners = Self {
            tables: filled(store.tables.places(), HOST)?,
            memories: filled(store.memories.places(), HOST)?,
            globals: filled(store.globals.places(), HOST)?,
            tags: filled(store.tags.places(), HOST)?,
        };
        for (place, instance) in store.instances.entries() {
            let (module, first) = (instance.code().module(), instance.first);
            let own = |list: &mut Vec<u32>, first: u32, len: usize| {
                list[first as usize..][..len].fill(place);
            };
            own(&mut owners.tables, first.table, module.tables().len());
            own(&mut owners.memories, first.memory, module.defined_memories().len());
            own(&mut owners.globals, first.global, module.globals().len());
            own(&mut owners.tags, first.tag, module.tags().len() - module.tag_imports());
        }
        Some(owners)
    }
}

fn filled<T: Copy>(len: usize, value: T) -> Option<Vec<T>> {
    let mut list = Vec::new();
    list.try_reserve_exact(len).ok()?;
    list.resize(len, value);
    Some(list)
}

/// What can be reached.
pub(crate) struct Reached {
    /// By the instances' places.
    pub(crate) instances: Vec<bool>,
    /// The places of the types of objects; of exceptions, that of the function type that says what they carry.
    pub(crate) types: BTreeSet<u32>,
}

/// What can be reached. `None` where there is no memory to find out.
///
/// No guest of the store runs, and it knows all of its types.
pub(crate) fn reached(store: &Store) -> Option<Reached> {
    let extent = store.heap().map_or(0, |heap| heap.extent() as usize);
    let mut search = Search {
        store,
        layouts: StoreLayouts::of(store),
        owners: Owners::of(store)?,
        reached: filled(store.instances.places(), false)?,
        instances: Vec::new(),
        marks: filled(extent.div_ceil(64 * gc::GRANULE as usize), 0)?,
        objects: Vec::new(),
        types: BTreeSet::new(),
        last_type: u32::MAX,
        has_failed: false,
    };
    search.begin();
    search.run();
    (!search.has_failed).then_some(Reached { instances: search.reached, types: search.types })
}

impl Search<'_> {
    fn begin(&mut self) {
        let store = self.store;
        for (place, instance) in store.instances.entries() {
            if !instance.is_unwanted {
                self.instance(place);
            }
        }
        for (place, _) in store.tables.entries() {
            if self.owners.tables[place as usize] == HOST {
                self.table(place);
            }
        }
        for (place, _) in store.globals.entries() {
            if self.owners.globals[place as usize] == HOST {
                self.global(place);
            }
        }
        store.handles.visit_each(&mut |reference| self.object(reference));
    }

    fn run(&mut self) {
        while !self.has_failed {
            if let Some(object) = self.objects.pop() {
                self.look_at_object(object);
            } else if let Some(instance) = self.instances.pop() {
                self.look_at_instance(instance);
            } else {
                break;
            }
        }
    }

    fn instance(&mut self, place: u32) {
        let Some(reached) = self.reached.get_mut(place as usize) else { return };
        if !core::mem::replace(reached, true) {
            self.has_failed |= self.instances.try_reserve(1).is_err();
            if !self.has_failed {
                self.instances.push(place);
            }
        }
    }

    fn func(&mut self, reference: u32) {
        let Some(record) = self.store.funcs.get(reference as usize) else { return };
        if !record.cx.is_null() {
            // SAFETY: a record that leads to a context is one of an instance that has not been freed.
            let instance = unsafe { (*record.cx).instance };
            self.instance(instance);
        }
    }

    fn object(&mut self, reference: u32) {
        if !gc::is_object(reference) {
            return;
        }
        let granule = reference / gc::GRANULE;
        let Some(word) = self.marks.get_mut(granule as usize / 64) else {
            // Nothing is freed on the word of a search that has not seen everything.
            self.has_failed = true;
            return;
        };
        let bit = 1 << (granule % 64);
        if *word & bit == 0 {
            *word |= bit;
            self.has_failed |= self.objects.try_reserve(1).is_err();
            if !self.has_failed {
                self.objects.push(reference);
            }
        }
    }

    fn value(&mut self, ty: ValType, reference: u32) {
        if is_traced(ty) {
            self.object(reference);
        } else if matches!(ty, ValType::Ref(_)) {
            self.func(reference);
        }
    }

    fn table(&mut self, place: u32) {
        let Some(table) = self.store.tables.get(place) else { return };
        let ty = ValType::Ref(table.ty().element);
        table.elements().iter().for_each(|element| self.value(ty, *element));
    }

    fn global(&mut self, place: u32) {
        let Some(global) = self.store.globals.get(place) else { return };
        self.value(global.ty.content, self.store.global(place)[0] as u32);
    }

    fn look_at_instance(&mut self, place: u32) {
        let Some(instance) = self.store.instances.get(place) else { return };
        let module = instance.code().module();
        let imports = |kind| (0..).map_while(move |index| instance.import(kind, index));
        imports(ImportedKind::Func).for_each(|func| self.func(func));
        for table in imports(ImportedKind::Table) {
            self.owner(self.owners.tables[table as usize]);
        }
        for memory in imports(ImportedKind::Memory) {
            self.owner(self.owners.memories[memory as usize]);
        }
        for global in imports(ImportedKind::Global) {
            self.owner(self.owners.globals[global as usize]);
        }
        for tag in 0..module.tags().len() as u32 {
            self.owner(self.owners.tags[instance.tag(tag) as usize]);
        }
        let first = instance.first;
        (first.table..).take(module.tables().len()).for_each(|table| self.table(table));
        (first.global..).take(module.globals().len()).for_each(|global| self.global(global));
        for (ty, element) in instance.kept_elements() {
            element.iter().for_each(|value| self.value(ty, *value));
        }
    }

    fn owner(&mut self, owner: u32) {
        // What the host has made was there from the beginning.
        if owner != HOST {
            self.instance(owner);
        }
    }

    fn look_at_object(&mut self, object: u32) {
        let Some(heap) = self.store.heap() else { return };
        let ty = heap.type_id(object);
        if ty != self.last_type {
            self.last_type = ty;
            self.types.insert(index_of(ty) as u32);
        }
        let layout: *const Layout = self.layouts.layout(ty);
        // SAFETY: layouts outlive the search, and are never written again.
        let layout = unsafe { &*layout };
        match layout.kind() {
            LayoutKind::Array => self.look_at_array(heap, layout, object),
            kind => {
                if kind == LayoutKind::Exception {
                    let tag = heap.load_u32(object, TAG);
                    self.owner(self.owners.tags.get(tag as usize).copied().unwrap_or(HOST));
                }
                layout.traced_fields().for_each(|at| self.object(heap.load_u32(object, at)));
                layout.func_fields().iter().for_each(|at| self.func(heap.load_u32(object, *at)));
            }
        }
    }

    fn look_at_array(&mut self, heap: &Heap, layout: &Layout, array: u32) {
        if !layout.is_traced() && !layout.has_func_elements() {
            return;
        }
        for index in 0..heap.array_len(array) {
            let value = heap.load_u32(array, ARRAY_ELEMENTS + 4 * index);
            if layout.is_traced() { self.object(value) } else { self.func(value) }
        }
    }
}
