//! Objects of a store: its heap, when it is collected, and the values of the host that references lead to.

use crate::context::GlobalCell;
use crate::gc::{self, Heap, HeapConfig, HeapStats, Layout, Layouts, Request, Roots};
use crate::roots::Handle;
use crate::store::{Growth, Store};
use crate::types::TypeRecord;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::any::Any;
use core::ptr::NonNull;
use dunlin_core::canon::{KIND_EXCEPTION, KIND_MASK, index_of};
use dunlin_core::{HeapType, StorageType, TrapCode, ValType};

/// The values of the host that references lead to.
#[derive(Default)]
pub(crate) struct HostValues {
    values: Vec<Option<Box<dyn Any + Send + Sync>>>,
    free: Vec<u32>,
}

impl HostValues {
    /// Keeps a value; its index, unless there are too many.
    fn add(&mut self, value: Box<dyn Any + Send + Sync>) -> Option<u32> {
        if let Some(index) = self.free.pop() {
            self.values[index as usize] = Some(value);
            return Some(index);
        }
        let index = u32::try_from(self.values.len()).ok()?;
        gc::from_host(index)?;
        self.values.push(Some(value));
        Some(index)
    }

    /// Drops what is not alive.
    fn sweep(&mut self, is_alive: &[bool]) {
        for (index, value) in self.values.iter_mut().enumerate() {
            if value.is_some() && !is_alive[index] {
                *value = None;
                self.free.push(index as u32);
            }
        }
    }
}

/// The layouts of the types that a store knows.
pub(crate) struct StoreLayouts {
    records: *const TypeRecord,
    count: usize,
    /// Of what has no layout.
    none: Layout,
}

impl StoreLayouts {
    /// The layouts of the types that the store has been told of last.
    pub(crate) fn of(store: &Store) -> Self {
        // SAFETY: the context lives as long as the store.
        let context = unsafe { &*store.context() };
        let none = Layout::of_exception(&dunlin_core::FuncType::new([], []), |_| true);
        Self { records: context.types, count: context.type_count, none }
    }
}

impl Layouts for StoreLayouts {
    #[inline]
    fn layout(&self, number: u32) -> &Layout {
        let index = index_of(number);
        if index >= self.count {
            return &self.none;
        }
        // SAFETY: the table has as many records, and lives as long as the registry.
        let record = unsafe { &*self.records.add(index) };
        let layout =
            if number & KIND_MASK == KIND_EXCEPTION { record.exception } else { record.layout };
        // SAFETY: layouts live as long as their types: those of objects that have not been swept.
        unsafe { layout.as_ref() }.unwrap_or(&self.none)
    }
}

/// The roots of a store that is not used otherwise while they are visited.
struct StoreRoots(*mut Store);

// SAFETY: what is visited are slots of frames, cells, elements and lists, all of which last longer than the
// collection, since the store is borrowed exclusively by whoever collects.
unsafe impl Roots for StoreRoots {
    fn visit(&mut self, visit: &mut dyn FnMut(*mut u32)) {
        // SAFETY: the pointer is that of the store, which nobody else uses meanwhile.
        unsafe { &mut *self.0 }.visit_roots(visit);
    }
}

/// Whether values of this type, with the engine's numbers, are references that the collector follows.
pub(crate) fn is_traced(ty: ValType) -> bool {
    matches!(ty, ValType::Ref(ty) if ty.is_traced(dunlin_core::canon::is_func))
}

impl Store {
    fn visit_roots(&mut self, visit: &mut dyn FnMut(*mut u32)) {
        // SAFETY: a collection happens where all activations have noted their places, or none runs.
        unsafe { self.visit_frames(visit) };
        #[cfg(feature = "native")]
        // SAFETY: as above.
        unsafe {
            self.visit_native_frames(visit);
        };
        for global in self.globals.iter() {
            if is_traced(global.ty.content) {
                visit(global.cell.as_ptr().cast());
            }
        }
        for table in self.tables.iter_mut() {
            if is_traced(ValType::Ref(table.ty().element)) {
                table.elements_mut().iter_mut().for_each(|element| visit(element));
            }
        }
        for instance in self.instances.iter_mut() {
            instance.visit_elements(visit);
        }
        self.handles.visit(visit);
        // SAFETY: the context lives as long as the store.
        visit(unsafe { &raw mut (*self.context()).exception });
    }

    /// The objects' heap, which is made when it is first needed.
    fn heap_mut(&mut self) -> &mut Heap {
        let context = self.context();
        let config = self.heap_config;
        self.heap.get_or_insert_with(|| {
            // SAFETY: the context lives as long as the store.
            let heap =
                NonNull::new(unsafe { &raw mut (*context).heap }).expect("a field's address");
            // SAFETY: the store owns both; tiers bump as they must.
            Box::new(unsafe { Heap::new(config, heap) })
        })
    }

    /// Sets how the heap is to be, before there is one.
    pub fn set_heap_config(&mut self, config: HeapConfig) {
        self.heap_config = config;
    }

    /// The heap, if there is one.
    #[must_use]
    pub fn heap(&self) -> Option<&Heap> {
        self.heap.as_deref()
    }

    /// What the heap has done so far.
    #[must_use]
    pub fn heap_stats(&self) -> HeapStats {
        self.heap().map(Heap::stats).unwrap_or_default()
    }

    /// A new object of this type and so many bytes, all zeros.
    ///
    /// # Errors
    ///
    /// [`TrapCode::OutOfHeap`] if there is no room.
    pub fn allocate(&mut self, number: u32, bytes: u64) -> Result<u32, TrapCode> {
        for attempt in 0..2 {
            if let Some(made) = self.heap_mut().allocate(number, bytes) {
                return Ok(made);
            }
            if attempt == 0 {
                self.collect(Request::Auto);
            }
        }
        Err(TrapCode::OutOfHeap)
    }

    /// Collects what the request says, and frees removed instances too if it is [`Request::Major`] and no guest
    /// runs. Every activation has noted its place.
    pub fn collect(&mut self, request: Request) {
        // What a defect has left behind is not to be walked.
        if self.bug().is_some() {
            return;
        }
        if request == Request::Major {
            self.free_unreached();
        }
        self.renew_types();
        let types = if request == Request::Major { self.types_in_use() } else { None };
        let layouts = StoreLayouts::of(self);
        // SAFETY: the context lives as long as the store.
        let (owner, hook) = (unsafe { (*self.context()).owner }, self.growth_hook());
        self.heap_mut();
        let Some(mut heap) = self.heap.take() else { return };
        let mut is_alive = alloc::vec![false; self.values.values.len()];
        let majors = heap.stats().major_collections;
        let mut failure = None;
        let mut allow = |current, desired| {
            let growth = Growth::Heap { current, desired };
            match hook.map_or(Ok(true), |hook| hook(owner, growth)) {
                Ok(allowed) => allowed,
                Err(failed) => {
                    failure = Some(failed);
                    false
                }
            }
        };
        let mut note = |index: u32| {
            if let Some(alive) = is_alive.get_mut(index as usize) {
                *alive = true;
            }
        };
        heap.collect(request, &layouts, &mut StoreRoots(self), &mut note, &mut allow);
        if heap.stats().major_collections > majors {
            self.values.sweep(&is_alive);
        }
        let stats = heap.stats();
        let is_swept = stats.major_collections > majors || stats.heap_bytes == 0;
        self.heap = Some(heap);
        if let Some(types) = types.filter(|_| is_swept) {
            self.release_types(&types);
        }
        if let Some(failure) = failure {
            self.failure = Some(failure);
        }
    }

    /// Keeps a host value for as long as something refers to it; the reference, unless there are too many.
    pub fn create_value(&mut self, value: Box<dyn Any + Send + Sync>) -> Option<u32> {
        self.values.add(value).and_then(gc::from_host)
    }

    /// The host value of a reference; `None` for null and what else is no host value.
    #[must_use]
    pub fn value(&self, reference: u32) -> Option<&(dyn Any + Send + Sync)> {
        let index = gc::as_host(reference)?;
        self.values.values.get(index as usize)?.as_deref()
    }

    /// The most precise type of what a reference of the `any` hierarchy leads to.
    #[must_use]
    pub fn heap_type_of(&self, reference: u32) -> HeapType {
        match reference {
            gc::NULL => HeapType::None,
            small if small & 1 == 1 => HeapType::I31,
            object if gc::is_object(object) => {
                let number = self.heap().map(|heap| heap.type_id(object));
                number.map_or(HeapType::None, HeapType::Concrete)
            }
            _ => HeapType::Any,
        }
    }

    /// A handle that keeps what a reference leads to, until the scope ends in which it is made.
    #[must_use]
    pub fn handle(&self, reference: u32) -> Handle {
        self.handles.add(reference)
    }

    /// The reference of a handle; `None` if its scope has ended.
    #[must_use]
    pub fn handled(&self, handle: Handle) -> Option<u32> {
        self.handles.get(handle)
    }

    /// How many handles there are: what [`Store::end_scope`] goes back to.
    #[must_use]
    #[inline]
    pub fn handle_count(&self) -> usize {
        self.handles.len()
    }

    /// Ends the handles that have been made since there were so many.
    #[inline]
    pub fn end_scope(&self, count: usize) {
        if self.handles.len() > count {
            self.handles.truncate(count);
        }
    }

    /// Reads a field as a value: packed ones with zeros above.
    #[must_use]
    pub fn load_field(&self, object: u32, offset: u32, ty: StorageType) -> GlobalCell {
        let Some(heap) = self.heap() else { return [0; 2] };
        match ty.bytes() {
            1 => [heap.load_u8(object, offset).into(), 0],
            2 => [heap.load_u16(object, offset).into(), 0],
            4 => [heap.load_u32(object, offset).into(), 0],
            8 => [heap.load_u64(object, offset), 0],
            _ => {
                let bits = heap.load_u128(object, offset);
                [bits as u64, (bits >> 64) as u64]
            }
        }
    }

    /// Writes a field.
    pub fn store_field(&mut self, object: u32, offset: u32, ty: StorageType, value: GlobalCell) {
        let Some(heap) = &mut self.heap else { return };
        match ty.bytes() {
            1 => heap.store_u8(object, offset, value[0] as u8),
            2 => heap.store_u16(object, offset, value[0] as u16),
            4 => heap.store_u32(object, offset, value[0] as u32),
            8 => heap.store_u64(object, offset, value[0]),
            _ => heap.store_u128(object, offset, u128::from(value[0]) | u128::from(value[1]) << 64),
        }
        if matches!(ty, StorageType::Val(ty) if is_traced(ty)) {
            heap.mark_card(object, offset);
        }
    }
}
