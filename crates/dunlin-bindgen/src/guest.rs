//! What a world exports: structs whose methods call the guest.

use crate::host::Root;
use crate::names::{Names, camel, snake};
use crate::text::docs;
use crate::types::Signature;
use crate::world::{Place, Result, World};
use std::fmt::Write as _;
use wit_parser::{Function, InterfaceId, WorldItem, WorldKey};

/// Functions of a guest's that become methods of a struct.
#[derive(Default)]
struct Calls {
    /// The struct's fields.
    fields: String,
    /// What fills them, from `store` and `instance`.
    finding: String,
    methods: String,
    count: usize,
}

impl Calls {
    fn add(
        &mut self,
        world: &World<'_>,
        function: &Function,
        place: &Place,
        names: &mut Names,
    ) -> Result<()> {
        let mut signature = world.signature(function, place)?;
        if let Some(resource) = signature.resource {
            let of = snake(world.resolve.types[resource].name.as_deref().unwrap_or(""));
            let parts = [of.trim_start_matches("r#"), signature.method.trim_start_matches("r#")];
            signature.method = parts.join("_");
        }
        signature.method = names.take(&signature.method);
        let (krate, field) = (&world.krate, format!("f{}", self.count));
        self.count += 1;
        let Signature { method, params, result, docs, .. } = &signature;
        let each = |print: &dyn Fn(&crate::types::Param) -> String| {
            params.iter().map(print).collect::<String>()
        };
        let lasting = each(&|param| format!("{}, ", param.borrowed.replace("'_", "'static")));
        let lent = each(&|param| format!("{}, ", param.borrowed));
        let given = each(&|param| format!("{}, ", param.name));
        let declared = each(&|param| format!(", {}: {}", param.name, param.borrowed));
        let _ = writeln!(self.fields, "{field}: {krate}::TypedFunc<({lasting}), {result}>,");
        let name = &function.name;
        let _ = writeln!(self.finding, "{field}: instance.get_typed_func(&mut store, {name:?})?,");
        let _ = writeln!(
            self.methods,
            "{docs}
            #[doc = \"\"] #[doc = \" # Errors\"] #[doc = \"\"] #[doc = \" As [`TypedFunc::call`]({krate}::TypedFunc::call).\"]
            pub fn {method}(&self, store: impl {krate}::custom::AsContextMut{declared}) -> {krate}::custom::Result<{result}> {{
                {krate}::custom::with_params::<_, ({lent}), {result}>(self.{field}).call(store, ({given}))
            }}"
        );
        Ok(())
    }
}

/// What is said of failing to find what a struct's methods call.
const FINDING: &str = "\n\n# Errors\n\nIf something is not exported, or of another type.";

/// The module of an interface: its types, and the struct of its functions.
pub(crate) fn interface(world: &World<'_>, id: InterfaceId) -> Result<String> {
    let interface = &world.resolve.interfaces[id];
    let place = world.place(id, true);
    let (mut names, mut text) = (Names::default(), String::new());
    for (name, ty) in &interface.types {
        names.take(&camel(name));
        text.push_str(&world.definition(*ty, &place)?);
    }
    if interface.functions.is_empty() {
        return Ok(text);
    }
    let (mut calls, mut methods) = (Calls::default(), Names::with(&["new"]));
    for function in interface.functions.values() {
        calls.add(world, function, &place, &mut methods)?;
    }
    let (krate, guest) = (&world.krate, names.take("Guest"));
    let what = docs(None, "The functions of an instance that exports this interface.");
    let found = docs(None, &format!("Finds the functions in an instance.{FINDING}"));
    let Calls { fields, finding, methods, .. } = calls;
    let _ = writeln!(
        text,
        "{what}#[derive(Clone, Copy, Debug)]
        pub struct {guest} {{ {fields} }}
        impl {guest} {{
            {found}
            pub fn new(mut store: impl {krate}::custom::AsContextMut, instance: &{krate}::Instance) -> {krate}::custom::Result<Self> {{
                ::core::result::Result::Ok(Self {{ {finding} }})
            }}
            {methods}
        }}"
    );
    Ok(text)
}

/// The struct of the world itself.
pub(crate) fn root(world: &World<'_>, host: &Root, names: &mut Names) -> Result<String> {
    let krate = &world.krate;
    let place = Place { exported: true, module: Vec::new() };
    let mut methods = Names::with(&["new", "instantiate", "instance", "add_to_linker"]);
    let mut calls = Calls::default();
    for (key, item) in &world.world.exports {
        match item {
            WorldItem::Function(function) => calls.add(world, function, &place, &mut methods)?,
            WorldItem::Interface { id, .. } => exported(world, key, *id, &mut calls, &mut methods),
            WorldItem::Type { .. } => {}
        }
    }
    let name = names.take(&camel(&world.world.name));
    let said = format!("The world `{}`: an instance of a component of it.", world.world.name);
    let what = docs(world.world.docs.contents.as_deref(), &said);
    let found = docs(None, &format!("Finds what the world exports in an instance.{FINDING}"));
    let makes = docs(
        None,
        "Instantiates a component of this world.\n\n# Errors\n\n\
         As `Linker::instantiate`, and if something is not exported, or of another type.",
    );
    let itself = docs(None, "The instance.");
    let Calls { fields, finding, methods, .. } = calls;
    let mut text = format!(
        "{what}#[derive(Clone, Copy, Debug)]
        #[allow(dead_code, clippy::all, clippy::pedantic, reason = \"made by `bindgen!`\")]
        pub struct {name} {{ instance: {krate}::Instance, {fields} }}
        #[allow(dead_code, unused_mut, unused_variables, clippy::all, clippy::pedantic, reason = \"made by `bindgen!`\")]
        impl {name} {{
            {found}
            pub fn new(mut store: impl {krate}::custom::AsContextMut, instance: &{krate}::Instance) -> {krate}::custom::Result<Self> {{
                ::core::result::Result::Ok(Self {{ instance: *instance, {finding} }})
            }}
            {makes}
            pub fn instantiate<T: 'static>(
                mut store: impl {krate}::custom::AsContextMut<Data = T>,
                component: &{krate}::Component,
                linker: &{krate}::Linker<T>,
            ) -> {krate}::custom::Result<Self> {{
                let instance = linker.instantiate(&mut store, component)?;
                Self::new(&mut store, &instance)
            }}
            {itself}
            pub fn instance(&self) -> &{krate}::Instance {{ &self.instance }}
            {methods}\n"
    );
    if !host.traits.is_empty() {
        let adds = docs(
            None,
            "Adds all that the world imports to a linker; `get` finds the host in what the stores \
             hold.\n\n# Errors\n\nIf a name is taken.",
        );
        let (bounds, adding) = (host.traits.join(" + "), &host.adding);
        let _ = writeln!(
            text,
            "{adds}pub fn add_to_linker<T, H, G>(linker: &mut {krate}::Linker<T>, get: G) -> {krate}::custom::Result<()>
            where
                T: 'static,
                H: {bounds} + 'static,
                G: for<'a> ::core::ops::Fn(&'a mut T) -> &'a mut H
                    + ::core::marker::Copy + ::core::marker::Send + ::core::marker::Sync + 'static,
            {{
                {adding}
                ::core::result::Result::Ok(())
            }}"
        );
    }
    text.push_str("}\n");
    Ok(text)
}

/// The field and method that lead to an interface.
fn exported(
    world: &World<'_>,
    key: &WorldKey,
    id: InterfaceId,
    calls: &mut Calls,
    methods: &mut Names,
) {
    let interface = &world.resolve.interfaces[id];
    if interface.functions.is_empty() {
        return;
    }
    let mut names = Names::default();
    interface.types.keys().for_each(|name| drop(names.take(&camel(name))));
    let module = &world.exports[&id];
    let guest = format!("self::{}::{}", module.join("::"), names.take("Guest"));
    let parts: Vec<&str> = module[1..].iter().map(|part| part.trim_start_matches("r#")).collect();
    let method = methods.take(&parts.join("_"));
    let (krate, field) = (&world.krate, format!("f{}", calls.count));
    calls.count += 1;
    let key = world.resolve.name_world_key(key);
    let _ = writeln!(calls.fields, "{field}: {guest},");
    let _ = writeln!(
        calls.finding,
        "{field}: {{
            let found = {krate}::custom::exported_instance(&mut store, instance, {key:?})?;
            {guest}::new(&mut store, &found)?
        }},"
    );
    let said = docs(None, &format!("The functions of `{key}`."));
    let _ = writeln!(calls.methods, "{said}pub fn {method}(&self) -> &{guest} {{ &self.{field} }}");
}
