//! The sections of a component: imports, instances, aliases, exports.

use super::types::Types;
use super::{Decoder, Items, invalid, unsupported};
use crate::exports::Hint;
use crate::template::{Bind, Captured, CoreSort, Def, Operand, Sort, Source, Template};
use crate::types::Var;
use dunlin::Result;
use std::collections::HashSet;
use std::sync::{Arc, OnceLock};
use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType};
use wasmparser::types::TypesRef;
use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ComponentType, ComponentTypeRef, ExternalKind, FromReader, Instance, Payload, SectionLimited,
};

/// A component that has begun: its definitions, and how far its index spaces are.
#[derive(Default)]
pub(super) struct Open {
    pub(super) template: Template,
    pub(super) modules: u32,
    pub(super) components: u32,
    pub(super) funcs: u32,
    pub(super) core_funcs: u32,
    instances: u32,
    types: u32,
    /// Resource types that definitions so far have bound.
    bound: HashSet<Var>,
    pub(super) imports: Items,
    pub(super) exports: Items,
}

impl Open {
    pub(super) fn def(&mut self, def: Def) {
        self.template.defs.push(def);
    }

    /// The place of a capture, which is made if there is none.
    pub(super) fn capture(&mut self, what: Captured, source: Source) -> u32 {
        let captures = &mut self.template.captures;
        let found = captures.iter().position(|capture| *capture == (what, source));
        found.unwrap_or_else(|| {
            captures.push((what, source));
            captures.len() - 1
        }) as u32
    }

    /// Adds an item to its index space; its index there.
    fn add(&mut self, sort: Sort) -> u32 {
        let space = match sort {
            Sort::Module => &mut self.modules,
            Sort::Func => &mut self.funcs,
            Sort::Type => &mut self.types,
            Sort::Component => &mut self.components,
            Sort::Instance => &mut self.instances,
        };
        *space += 1;
        *space - 1
    }
}

impl Decoder<'_> {
    /// A section of the innermost component, which has been validated.
    pub(super) fn section(&mut self, payload: &Payload<'_>) -> Result<()> {
        match payload {
            Payload::ComponentImportSection(section) => {
                each(section, |import| self.import(import.name.name, import.ty))
            }
            Payload::ComponentTypeSection(section) => each(section, |ty| self.ty(&ty)),
            Payload::InstanceSection(section) => each(section, |instance| {
                self.core_instance(instance);
                Ok(())
            }),
            Payload::ComponentInstanceSection(section) => {
                each(section, |item| self.instance(&item))
            }
            Payload::ComponentAliasSection(section) => each(section, |alias| self.alias(alias)),
            Payload::ComponentCanonicalSection(section) => each(section, |func| self.canon(&func)),
            Payload::ComponentExportSection(section) => {
                each(section, |export| self.export(export.name.name, export.kind, export.index))
            }
            Payload::ComponentStartSection { .. } => {
                Err(unsupported("a start function of a component"))
            }
            _ => Ok(()),
        }
    }

    fn import(&mut self, name: &str, ty: ComponentTypeRef) -> Result<()> {
        let sort = match ty {
            ComponentTypeRef::Module(_) => Sort::Module,
            ComponentTypeRef::Func(_) => Sort::Func,
            ComponentTypeRef::Value(_) => return Err(unsupported("an import of a value")),
            ComponentTypeRef::Type(_) => Sort::Type,
            ComponentTypeRef::Instance(_) => Sort::Instance,
            ComponentTypeRef::Component(_) => Sort::Component,
        };
        let name: Arc<str> = name.into();
        let entity = self.add(sort);
        let binds = self.binds(&entity)?;
        if self.open.len() == 1 {
            let item = self.item(&entity)?;
            self.top().imports.push((name.clone(), item));
        }
        self.top().def(Def::Import { name, sort, binds, hint: Hint::default() });
        Ok(())
    }

    fn ty(&mut self, ty: &ComponentType<'_>) -> Result<()> {
        let index = self.top().add(Sort::Type);
        if let ComponentType::Resource { dtor, .. } = ty {
            let var = self.resource(index).expect("a resource type has just been defined");
            self.top().bound.insert(var);
            self.top().def(Def::Resource { var, destructor: *dtor });
        }
        Ok(())
    }

    fn core_instance(&mut self, instance: Instance<'_>) {
        let def = match instance {
            Instance::Instantiate { module_index: module, args } => {
                let args = args.iter().map(|arg| (arg.name.into(), arg.index)).collect();
                Def::CoreInstantiate { module, args, found: OnceLock::new() }
            }
            Instance::FromExports(exports) => {
                let export = |export: &wasmparser::Export<'_>| {
                    (export.name.into(), core_sort(export.kind), export.index)
                };
                Def::CoreBundle(exports.iter().map(export).collect())
            }
        };
        self.top().def(def);
    }

    fn instance(&mut self, instance: &ComponentInstance<'_>) -> Result<()> {
        match instance {
            ComponentInstance::Instantiate { component_index: component, args } => {
                let mut operands = Vec::with_capacity(args.len());
                for arg in args {
                    operands.push((arg.name.into(), self.operand(arg.kind, arg.index)?));
                }
                let entity = self.add(Sort::Instance);
                let (args, binds) = (operands.into(), self.binds(&entity)?);
                self.top().def(Def::Instantiate { component: *component, args, binds });
            }
            ComponentInstance::FromExports(exports) => {
                let mut operands = Vec::with_capacity(exports.len());
                for export in exports {
                    operands
                        .push((export.name.name.into(), self.operand(export.kind, export.index)?));
                }
                self.add(Sort::Instance);
                self.top().def(Def::Bundle(operands.into()));
            }
        }
        Ok(())
    }

    fn alias(&mut self, alias: ComponentAlias<'_>) -> Result<()> {
        match alias {
            ComponentAlias::InstanceExport { kind, instance_index: instance, name } => {
                let sort = sort(kind)?;
                let entity = self.add(sort);
                let binds = self.binds(&entity)?;
                let (name, hint) = (name.into(), Hint::default());
                self.top().def(Def::Alias { instance, name, sort, binds, hint });
            }
            ComponentAlias::CoreInstanceExport { kind, instance_index: instance, name } => {
                let sort = core_sort(kind);
                self.top().core_funcs += u32::from(sort == CoreSort::Func);
                let found = OnceLock::new();
                self.top().def(Def::CoreAlias { instance, name: name.into(), sort, found });
            }
            ComponentAlias::Outer { kind, count, index } => self.outer(kind, count, index),
        }
        Ok(())
    }

    /// An alias of what a component around this one has, or this one itself.
    fn outer(&mut self, kind: ComponentOuterAliasKind, count: u32, index: u32) {
        let what = match kind {
            ComponentOuterAliasKind::CoreType => return,
            ComponentOuterAliasKind::Type => {
                self.top().add(Sort::Type);
                return;
            }
            ComponentOuterAliasKind::CoreModule => Captured::Module,
            ComponentOuterAliasKind::Component => Captured::Component,
        };
        // What is at no distance is the component's own.
        let place = if count == 0 { index } else { self.capture(what, count, index) };
        let def = match (what, count) {
            (Captured::Module, 0) => Def::SameModule(place),
            (Captured::Component, 0) => Def::SameComponent(place),
            (Captured::Module, _) => Def::CapturedModule(place),
            (Captured::Component, _) => Def::CapturedComponent(place),
        };
        self.top().add(if what == Captured::Module { Sort::Module } else { Sort::Component });
        self.top().def(def);
    }

    fn export(&mut self, name: &str, kind: ComponentExternalKind, index: u32) -> Result<()> {
        let name: Arc<str> = name.into();
        let item = self.operand(kind, index)?;
        let entity = self.add(sort(kind)?);
        let binds = self.binds(&entity)?;
        if self.open.len() == 1 {
            let ty = self.item(&entity)?;
            self.top().exports.push((name.clone(), ty));
        }
        self.top().def(Def::Export { name, item, binds });
        Ok(())
    }

    /// Adds an item to the innermost component's index space; its type.
    fn add(&mut self, sort: Sort) -> ComponentEntityType {
        let index = self.top().add(sort);
        let types = known(&self.validator);
        match sort {
            Sort::Module => ComponentEntityType::Module(types.module_at(index)),
            Sort::Func => ComponentEntityType::Func(types.component_function_at(index)),
            Sort::Component => ComponentEntityType::Component(types.component_at(index)),
            Sort::Instance => ComponentEntityType::Instance(types.component_instance_at(index)),
            Sort::Type => {
                let ty = types.component_any_type_at(index);
                ComponentEntityType::Type { referenced: ty, created: ty }
            }
        }
    }

    /// An item of the innermost component's.
    fn operand(&mut self, kind: ComponentExternalKind, index: u32) -> Result<Operand> {
        Ok(match sort(kind)? {
            Sort::Module => Operand::Module(index),
            Sort::Func => Operand::Func(index),
            Sort::Type => Operand::Type(self.resource(index)),
            Sort::Component => Operand::Component(index),
            Sort::Instance => Operand::Instance(index),
        })
    }

    /// The resource type that a type of the innermost component is, if it is one.
    pub(super) fn resource(&mut self, index: u32) -> Option<Var> {
        match known(&self.validator).component_any_type_at(index) {
            ComponentAnyTypeId::Resource(id) => Some(self.types.var(id.resource())),
            _ => None,
        }
    }

    fn item(&mut self, entity: &ComponentEntityType) -> Result<crate::template::ItemType> {
        self.types.item(known(&self.validator), entity)
    }

    /// The resource types that come with an item and are new.
    fn binds(&mut self, entity: &ComponentEntityType) -> Result<Box<[Bind]>> {
        let open = self.open.last_mut().expect("a component is open");
        let mut binds = Vec::new();
        let mut path = Vec::new();
        let types = &mut self.types;
        collect(types, known(&self.validator), entity, &mut path, &mut |var, path| {
            if open.bound.insert(var) {
                binds.push(Bind { path: path.into(), var });
            }
        })?;
        Ok(binds.into())
    }
}

/// Visits the resource types of an item, with the names that lead to them. As deep as types nest, which is bounded.
fn collect(
    types: &mut Types,
    known: TypesRef<'_>,
    entity: &ComponentEntityType,
    path: &mut Vec<Arc<str>>,
    found: &mut dyn FnMut(Var, &[Arc<str>]),
) -> Result<()> {
    types.count_item()?;
    match entity {
        ComponentEntityType::Type { created: ComponentAnyTypeId::Resource(id), .. } => {
            found(types.var(id.resource()), path);
        }
        ComponentEntityType::Instance(id) => {
            for (name, item) in &known[*id].exports {
                path.push(name.as_str().into());
                collect(types, known, &item.ty, path, found)?;
                path.pop();
            }
        }
        _ => {}
    }
    Ok(())
}

/// What the validator knows of the innermost component.
pub(super) fn known(validator: &wasmparser::Validator) -> TypesRef<'_> {
    validator.types(0).expect("a component is being validated")
}

/// Does something for each item of a section.
fn each<'a, T: FromReader<'a>>(
    section: &SectionLimited<'a, T>,
    mut run: impl FnMut(T) -> Result<()>,
) -> Result<()> {
    for item in section.clone() {
        run(item.map_err(invalid)?)?;
    }
    Ok(())
}

fn sort(kind: ComponentExternalKind) -> Result<Sort> {
    Ok(match kind {
        ComponentExternalKind::Module => Sort::Module,
        ComponentExternalKind::Func => Sort::Func,
        ComponentExternalKind::Value => return Err(unsupported("a value")),
        ComponentExternalKind::Type => Sort::Type,
        ComponentExternalKind::Instance => Sort::Instance,
        ComponentExternalKind::Component => Sort::Component,
    })
}

fn core_sort(kind: ExternalKind) -> CoreSort {
    match kind {
        ExternalKind::Func | ExternalKind::FuncExact => CoreSort::Func,
        ExternalKind::Table => CoreSort::Table,
        ExternalKind::Memory => CoreSort::Memory,
        ExternalKind::Global => CoreSort::Global,
        ExternalKind::Tag => CoreSort::Tag,
    }
}
