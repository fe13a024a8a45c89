//! Core instances of a component, and where their imports are found.

use super::{CoreInstance, Frame, mixed_up};
use crate::state::state;
use crate::template::{CoreItem, CoreSort, Def};
use crate::trap::link;
use dunlin::{AsContextMut, Extern, Module, Result, StoreContextMut};
use std::sync::{Arc, OnceLock};

impl Frame {
    pub(super) fn core_instantiate<T: 'static>(
        &mut self,
        store: &mut StoreContextMut<'_, T>,
        module: u32,
        args: &[(Arc<str>, u32)],
        found: &OnceLock<Box<[CoreItem]>>,
    ) -> Result<()> {
        let module = self.modules[module as usize].clone();
        let now;
        let items = match found.get() {
            Some(items) => items,
            None => {
                let items = self.find_imports(store, &module, args)?;
                if self.closure.inner.has_own_modules {
                    found.get_or_init(|| items)
                } else {
                    now = items;
                    &now
                }
            }
        };
        let mut imports = Vec::with_capacity(items.len());
        for item in items {
            imports.push(self.core_item(store, item)?);
        }
        state(store).core_instances += 1;
        let instance = dunlin::Instance::new(store.as_context_mut(), &module, &imports)?;
        self.core_instances.push(CoreInstance::Instance(instance));
        Ok(())
    }

    /// Finds the imports of a module among what it is instantiated with.
    fn find_imports<T: 'static>(
        &self,
        store: &StoreContextMut<'_, T>,
        module: &Module,
        args: &[(Arc<str>, u32)],
    ) -> Result<Box<[CoreItem]>> {
        let find = |import: dunlin::ImportType<'_>| {
            let arg = args.iter().find(|arg| arg.0.as_ref() == import.module());
            let found = arg.map(|arg| self.find_core(store, arg.1, import.name())).transpose()?;
            found.flatten().ok_or_else(|| {
                let (module, name) = (import.module(), import.name());
                link(format_args!("unknown import `{module}` `{name}` of a core module"))
            })
        };
        module.imports().map(find).collect()
    }

    /// Where an item of a core instance is.
    fn find_core<T: 'static>(
        &self,
        store: &StoreContextMut<'_, T>,
        index: u32,
        name: &str,
    ) -> Result<Option<CoreItem>> {
        match self.core_instances[index as usize] {
            CoreInstance::Instance(instance) => {
                let export = instance.module(store)?.get_export_index(name);
                Ok(export.map(|export| CoreItem::Export(index, export)))
            }
            CoreInstance::Bundle(place) => {
                let Def::CoreBundle(items) = &self.closure.template.defs[place] else {
                    return Err(mixed_up());
                };
                let found = items.iter().find(|item| item.0.as_ref() == name);
                Ok(found.map(|(_, sort, index)| CoreItem::Space(*sort, *index)))
            }
        }
    }

    fn core_item<T: 'static>(
        &mut self,
        store: &mut StoreContextMut<'_, T>,
        item: &CoreItem,
    ) -> Result<Extern> {
        let (sort, index) = match item {
            CoreItem::Space(sort, index) => (*sort, *index),
            CoreItem::Export(index, export) => {
                let CoreInstance::Instance(instance) = self.core_instances[*index as usize] else {
                    return Err(mixed_up());
                };
                let found = instance.get_module_export(store.as_context_mut(), export);
                return found.ok_or_else(mixed_up);
            }
        };
        let place = index as usize;
        Ok(match sort {
            CoreSort::Func => Extern::Func(self.core_func(store, index)?),
            CoreSort::Memory => Extern::Memory(self.memories[place]),
            CoreSort::Table => self.others[0][place],
            CoreSort::Global => self.others[1][place],
            CoreSort::Tag => self.others[2][place],
        })
    }

    /// A core function, which is lowered now if it has waited for that.
    pub(super) fn core_func<T: 'static>(
        &mut self,
        store: &mut StoreContextMut<'_, T>,
        index: u32,
    ) -> Result<dunlin::Func> {
        let place = index as usize;
        if self.core_funcs[place].is_none() {
            self.lower_waiting(store)?;
        }
        self.core_funcs[place].ok_or_else(mixed_up)
    }

    pub(super) fn core_alias<T: 'static>(
        &mut self,
        store: &mut StoreContextMut<'_, T>,
        (instance, name, sort): (u32, &Arc<str>, CoreSort),
        found: &OnceLock<CoreItem>,
    ) -> Result<()> {
        let lacks = || link(format_args!("a core instance lacks the export `{name}`"));
        let now;
        let item = match found.get() {
            Some(item) => item,
            None => {
                let item = self.find_core(store, instance, name)?.ok_or_else(lacks)?;
                if self.closure.inner.has_own_modules {
                    found.get_or_init(|| item)
                } else {
                    now = item;
                    &now
                }
            }
        };
        match (sort, self.core_item(store, item)?) {
            (CoreSort::Func, Extern::Func(func)) => self.core_funcs.push(Some(func)),
            (CoreSort::Memory, Extern::Memory(memory)) => self.memories.push(memory),
            (CoreSort::Table, item @ Extern::Table(_)) => self.others[0].push(item),
            (CoreSort::Global, item @ Extern::Global(_)) => self.others[1].push(item),
            (CoreSort::Tag, item @ Extern::Tag(_)) => self.others[2].push(item),
            _ => return Err(lacks()),
        }
        Ok(())
    }
}
