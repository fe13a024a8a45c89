//! What can be imported and exported.

use crate::context::AsContext;
use crate::error::Result;
use crate::func::Func;
use crate::global::Global;
use crate::memory::Memory;
use crate::table::Table;
use crate::tag::Tag;
use dunlin_core::ExternType;

/// A function, memory, table, global or tag: what can be imported and exported.
#[derive(Clone, Copy, Debug)]
pub enum Extern {
    /// A function.
    Func(Func),
    /// A memory.
    Memory(Memory),
    /// A table.
    Table(Table),
    /// A global.
    Global(Global),
    /// A tag.
    Tag(Tag),
}

impl Extern {
    pub(crate) fn new(store: u64, item: dunlin_vm::Extern) -> Self {
        match item {
            dunlin_vm::Extern::Func(index) => Self::Func(Func { store, index }),
            dunlin_vm::Extern::Memory(index) => Self::Memory(Memory { store, index }),
            dunlin_vm::Extern::Table(index) => Self::Table(Table { store, index }),
            dunlin_vm::Extern::Global(index) => Self::Global(Global { store, index }),
            dunlin_vm::Extern::Tag(index) => Self::Tag(Tag { store, index }),
        }
    }

    pub(crate) fn parts(self) -> (u64, dunlin_vm::Extern) {
        match self {
            Self::Func(Func { store, index }) => (store, dunlin_vm::Extern::Func(index)),
            Self::Memory(Memory { store, index }) => (store, dunlin_vm::Extern::Memory(index)),
            Self::Table(Table { store, index }) => (store, dunlin_vm::Extern::Table(index)),
            Self::Global(Global { store, index }) => (store, dunlin_vm::Extern::Global(index)),
            Self::Tag(Tag { store, index }) => (store, dunlin_vm::Extern::Tag(index)),
        }
    }

    /// The function, if it is one.
    #[must_use]
    pub fn into_func(self) -> Option<Func> {
        match self {
            Self::Func(func) => Some(func),
            _ => None,
        }
    }

    /// The memory, if it is one.
    #[must_use]
    pub fn into_memory(self) -> Option<Memory> {
        match self {
            Self::Memory(memory) => Some(memory),
            _ => None,
        }
    }

    /// The table, if it is one.
    #[must_use]
    pub fn into_table(self) -> Option<Table> {
        match self {
            Self::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The global, if it is one.
    #[must_use]
    pub fn into_global(self) -> Option<Global> {
        match self {
            Self::Global(global) => Some(global),
            _ => None,
        }
    }

    /// The tag, if it is one.
    #[must_use]
    pub fn into_tag(self) -> Option<Tag> {
        match self {
            Self::Tag(tag) => Some(tag),
            _ => None,
        }
    }

    /// Its type; of memories and tables, with the current size as the minimum.
    ///
    /// # Errors
    ///
    /// If it is one of another store.
    pub fn ty(&self, store: impl AsContext) -> Result<ExternType> {
        let inner = store.as_context().0;
        let (id, item) = self.parts();
        inner.check(id, "the extern")?;
        Ok(inner.vm.extern_type(item))
    }
}

macro_rules! from {
    ($($kind:ident)*) => {$(
        impl From<$kind> for Extern {
            fn from(item: $kind) -> Self {
                Self::$kind(item)
            }
        }
    )*};
}

from! { Func Memory Table Global Tag }

/// An export of an instance: a name and what it stands for.
#[derive(Clone, Debug)]
pub struct Export {
    name: alloc::string::String,
    item: Extern,
}

impl Export {
    pub(crate) fn new(name: alloc::string::String, item: Extern) -> Self {
        Self { name, item }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it stands for.
    #[must_use]
    pub fn into_extern(self) -> Extern {
        self.item
    }
}
