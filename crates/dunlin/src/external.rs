//! What can be imported and exported.

use crate::context::AsContext;
use crate::error::Result;
use crate::func::Func;
use crate::global::Global;
use crate::memory::Memory;
use crate::table::Table;
use crate::tag::Tag;
use crate::val::Home;
use core::fmt;
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
    pub(crate) fn new(home: Home<'_>, item: dunlin_vm::Extern) -> Self {
        match item {
            dunlin_vm::Extern::Func(index) => Self::Func(Func::of(home, index)),
            dunlin_vm::Extern::Memory(index) => Self::Memory(Memory::of(home, index)),
            dunlin_vm::Extern::Table(index) => Self::Table(Table::of(home, index)),
            dunlin_vm::Extern::Global(index) => Self::Global(Global::of(home, index)),
            dunlin_vm::Extern::Tag(index) => Self::Tag(Tag::of(home, index)),
        }
    }

    /// What the store at home calls this.
    ///
    /// # Errors
    ///
    /// If it is one of another store, or of an instance that has been removed.
    pub(crate) fn item(self, home: Home<'_>, what: &str) -> Result<dunlin_vm::Extern> {
        let (checked, item) = match self {
            Self::Func(of) => (of.check_as(home, what), dunlin_vm::Extern::Func(of.index)),
            Self::Memory(of) => (of.check_as(home, what), dunlin_vm::Extern::Memory(of.index)),
            Self::Table(of) => (of.check_as(home, what), dunlin_vm::Extern::Table(of.index)),
            Self::Global(of) => (of.check_as(home, what), dunlin_vm::Extern::Global(of.index)),
            Self::Tag(of) => (of.check_as(home, what), dunlin_vm::Extern::Tag(of.index)),
        };
        checked.map(|()| item)
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
        let item = self.item(inner.home(), "the extern")?;
        Ok(inner.vm.extern_type(item))
    }
}

macro_rules! handles {
    ($($name:ident $what:literal;)*) => {$(
        impl $name {
            /// A handle to what has this index in the store at home.
            #[inline]
            pub(crate) fn of(home: Home<'_>, index: u32) -> Self {
                let item = dunlin_vm::Extern::$name(index);
                let generation = home.vm.generation(item);
                Self { store: home.id_of(item, generation), index, generation }
            }

            /// Whether this is of the store at home, and there still.
            #[inline]
            pub(crate) fn is_of(&self, home: Home<'_>) -> bool {
                let item = dunlin_vm::Extern::$name(self.index);
                self.generation == home.vm.generation(item)
                    && (self.store == home.id || home.has_planned(self.store, item))
            }

            /// # Errors
            ///
            /// If it is one of another store, or of an instance that has been removed.
            #[inline]
            pub(crate) fn check(&self, home: Home<'_>) -> Result<()> {
                self.check_as(home, $what)
            }

            #[inline]
            pub(crate) fn check_as(&self, home: Home<'_>, what: &str) -> Result<()> {
                if self.is_of(home) { Ok(()) } else { Err(home.refused(self.store, what)) }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({}:{})"), self.store, self.index)
            }
        }
    )*};
}

handles! {
    Func "the function";
    Memory "the memory";
    Table "the table";
    Global "the global";
    Tag "the tag";
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
