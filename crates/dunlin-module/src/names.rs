//! Names of functions, read from the custom `name` section where somebody asks for one.

use crate::Module;
use alloc::collections::BTreeMap;
use wasmparser::{Name, NameSectionReader};

impl Module {
    /// The module's own name, from its `name` section.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name_subsections()?.flatten().find_map(|part| match part {
            Name::Module { name, .. } => Some(name),
            _ => None,
        })
    }

    /// The name of a function: from the `name` section, else the first export of it.
    ///
    /// Each call reads the section anew: names are for reports, never for running.
    #[must_use]
    pub fn func_name(&self, func: u32) -> Option<&str> {
        self.debug_name(func).or_else(|| {
            let export =
                self.exports().iter().find(|export| export.item == crate::ExternIdx::Func(func))?;
            Some(self.export_name(export))
        })
    }

    /// The names of all functions that have one, as [`Module::func_name`] would find them, in one pass.
    #[must_use]
    pub fn func_names(&self) -> BTreeMap<u32, &str> {
        let mut found = BTreeMap::new();
        for part in self.name_subsections().into_iter().flatten().flatten() {
            if let Name::Function(names) = part {
                for naming in names.into_iter().flatten() {
                    found.entry(naming.index).or_insert(naming.name);
                }
                break;
            }
        }
        for export in self.exports() {
            if let crate::ExternIdx::Func(func) = export.item {
                found.entry(func).or_insert_with(|| self.export_name(export));
            }
        }
        found
    }

    fn debug_name(&self, func: u32) -> Option<&str> {
        for part in self.name_subsections()?.flatten() {
            if let Name::Function(names) = part {
                return names.into_iter().flatten().find(|n| n.index == func).map(|n| n.name);
            }
        }
        None
    }

    fn name_subsections(&self) -> Option<NameSectionReader<'_>> {
        let span = self.name_section?;
        self.bytes.pin(span.range());
        Some(NameSectionReader::new(self.reader(span)))
    }
}
