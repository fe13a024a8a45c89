//! The engine's function types: equal types have one number, in every module and store.

use crate::sync::Mutex;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use dunlin_core::FuncType;

/// Numbers function types, so that `call_indirect` compares two integers.
///
/// Types are kept for as long as the engine lives: there are as many as distinct signatures.
#[derive(Default)]
pub struct TypeRegistry(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    by_type: BTreeMap<Arc<FuncType>, u32>,
    by_id: Vec<Arc<FuncType>>,
}

impl TypeRegistry {
    /// The number of this type.
    pub fn intern(&self, ty: &FuncType) -> u32 {
        let mut inner = self.0.lock();
        if let Some(id) = inner.by_type.get(ty) {
            return *id;
        }
        let id = inner.by_id.len() as u32;
        let ty = Arc::new(ty.clone());
        inner.by_id.push(ty.clone());
        inner.by_type.insert(ty, id);
        id
    }

    /// The type with this number.
    ///
    /// # Panics
    ///
    /// If the number is not of this registry.
    #[must_use]
    pub fn get(&self, id: u32) -> Arc<FuncType> {
        self.0.lock().by_id[id as usize].clone()
    }
}

impl core::fmt::Debug for TypeRegistry {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TypeRegistry").finish_non_exhaustive()
    }
}
