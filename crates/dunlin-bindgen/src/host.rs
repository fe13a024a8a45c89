//! What a world imports: traits that the host implements, and what adds them to a linker.

use crate::names::{Names, camel};
use crate::text::docs;
use crate::types::Signature;
use crate::world::{Place, Result, World};
use std::fmt::Write as _;
use wit_parser::{Function, InterfaceId, TypeDefKind, TypeId, WorldItem, WorldKey};

/// What the host is to do for one interface, or for the functions of the world itself.
struct Duties<'w> {
    place: Place,
    functions: Vec<&'w Function>,
    resources: Vec<TypeId>,
    /// What the trait of functions is called.
    name: String,
    /// What it is said to be.
    said: String,
}

/// The trait of a resource, with the names of its methods.
struct ResourceTrait {
    resource: TypeId,
    name: String,
    methods: Names,
    drop: String,
    text: String,
}

/// What the world's own functions make, and what is needed for all that it imports.
pub(crate) struct Root {
    pub(crate) text: String,
    /// The traits that the host implements.
    pub(crate) traits: Vec<String>,
    /// Calls that add all of them to a linker.
    pub(crate) adding: String,
}

/// The module of an interface: its types, the traits, and `add_to_linker`.
pub(crate) fn interface(world: &World<'_>, key: &WorldKey, id: InterfaceId) -> Result<String> {
    let interface = &world.resolve.interfaces[id];
    let place = world.place(id, false);
    let mut names = Names::default();
    let mut text = String::new();
    for (name, ty) in &interface.types {
        names.take(&camel(name));
        text.push_str(&world.definition(*ty, &place)?);
    }
    let key = world.resolve.name_world_key(key);
    let duties = Duties {
        place,
        functions: interface.functions.values().collect(),
        resources: resources(world, interface.types.values().copied()),
        name: names.take("Host"),
        said: format!("What a host does for `{key}`."),
    };
    if duties.is_nothing() {
        return Ok(text);
    }
    let instance = format!("linker.instance({key:?})?");
    text.push_str(&duties.print(world, &mut names, &instance, "add_to_linker")?);
    Ok(text)
}

fn resources(world: &World<'_>, types: impl Iterator<Item = TypeId>) -> Vec<TypeId> {
    types.filter(|ty| matches!(world.resolve.types[*ty].kind, TypeDefKind::Resource)).collect()
}

/// The trait of functions that the world imports by themselves, and what all imports come to.
pub(crate) fn root(world: &World<'_>, names: &mut Names) -> Result<Root> {
    let items = &world.world.imports;
    let functions = items.values().filter_map(|item| match item {
        WorldItem::Function(function) => Some(function),
        _ => None,
    });
    let types = items.values().filter_map(|item| match item {
        WorldItem::Type { id, .. } => Some(*id),
        _ => None,
    });
    let duties = Duties {
        place: Place { exported: false, module: Vec::new() },
        functions: functions.collect(),
        resources: resources(world, types),
        name: names.take(&format!("{}Imports", camel(&world.world.name))),
        said: format!("What a host does for the world `{}` itself.", world.world.name),
    };
    let mut root = Root { text: String::new(), traits: Vec::new(), adding: String::new() };
    for item in items.values() {
        let WorldItem::Interface { id, .. } = item else { continue };
        let interface = &world.resolve.interfaces[*id];
        let none = resources(world, interface.types.values().copied()).is_empty();
        if interface.functions.is_empty() && none {
            continue;
        }
        let mut names = Names::default();
        interface.types.keys().for_each(|name| drop(names.take(&camel(name))));
        let path = world.imports[id].join("::");
        root.traits.push(format!("self::{path}::{}", names.take("Host")));
        let _ = writeln!(root.adding, "self::{path}::add_to_linker(linker, get)?;");
    }
    if !duties.is_nothing() {
        let add = format!(
            "add_{}_to_linker",
            crate::names::snake(&world.world.name).trim_start_matches("r#")
        );
        root.text = duties.print(world, names, "linker.root()", &add)?;
        root.traits.push(format!("self::{}", duties.name));
        let _ = writeln!(root.adding, "self::{add}(linker, get)?;");
    }
    Ok(root)
}

impl Duties<'_> {
    fn is_nothing(&self) -> bool {
        self.functions.is_empty() && self.resources.is_empty()
    }

    /// The traits, and what adds them to a linker, whose items go where `instance` says.
    fn print(
        &self,
        world: &World<'_>,
        names: &mut Names,
        instance: &str,
        add: &str,
    ) -> Result<String> {
        let krate = &world.krate;
        let mut traits: Vec<ResourceTrait> =
            self.resources.iter().map(|id| resource_trait(world, *id, names)).collect();
        let (mut methods, mut functions) = (Names::default(), String::new());
        let mut adding = String::new();
        for made in &traits {
            adding.push_str(&self.add_resource(world, made));
        }
        for function in &self.functions {
            let mut signature = world.signature(function, &self.place)?;
            let of = traits.iter_mut().find(|made| Some(made.resource) == signature.resource);
            let (taken, text, name) = match of {
                Some(made) => (&mut made.methods, &mut made.text, &made.name),
                None => (&mut methods, &mut functions, &self.name),
            };
            signature.method = taken.take(&signature.method);
            text.push_str(&declaration(krate, &signature));
            adding.push_str(&add_function(krate, function, &signature, name));
        }
        let mut text = String::new();
        for made in &traits {
            let resource = world.resolve.types[made.resource].name.as_deref().unwrap_or("");
            let said = docs(None, &format!("What a host does for the resource `{resource}`."));
            let (name, handle) = (&made.name, world.named(made.resource, &self.place));
            let gone = docs(None, "A guest that owned it has dropped it.");
            let _ = writeln!(
                text,
                "{said}pub trait {name} {{
                    {}{gone}
                    fn {}(&mut self, this: {krate}::Resource<{handle}>) -> {krate}::custom::Result<()>;
                }}",
                made.text, made.drop
            );
        }
        let supertraits: Vec<String> =
            traits.iter().map(|made| format!("self::{}", made.name)).collect();
        let above = if supertraits.is_empty() {
            String::new()
        } else {
            format!(": {}", supertraits.join(" + "))
        };
        let said = docs(None, &self.said);
        let _ = writeln!(text, "{said}pub trait {}{above} {{ {functions} }}", self.name);
        text.push_str(&self.adder(krate, instance, add, &adding));
        Ok(text)
    }

    /// The function that adds it to a linker.
    fn adder(&self, krate: &str, instance: &str, add: &str, adding: &str) -> String {
        let said = docs(
            None,
            "Adds it to a linker; `get` finds the host in what the stores hold.\n\n# Errors\n\nIf a name is taken.",
        );
        format!(
            "{said}pub fn {add}<T, H, G>(linker: &mut {krate}::Linker<T>, get: G) -> {krate}::custom::Result<()>
            where
                T: 'static,
                H: self::{} + 'static,
                G: for<'a> ::core::ops::Fn(&'a mut T) -> &'a mut H
                    + ::core::marker::Copy + ::core::marker::Send + ::core::marker::Sync + 'static,
            {{
                let mut instance = {instance};
                {adding}
                let _ = (&mut instance, get);
                ::core::result::Result::Ok(())
            }}",
            self.name
        )
    }

    fn add_resource(&self, world: &World<'_>, made: &ResourceTrait) -> String {
        let name = world.resolve.types[made.resource].name.as_deref().unwrap_or("");
        let (krate, handle) = (&world.krate, world.named(made.resource, &self.place));
        let (of, gone) = (&made.name, &made.drop);
        format!(
            "instance.resource::<{handle}>({name:?}, move |mut store, rep| {{
                <H as self::{of}>::{gone}(get(store.data_mut()), {krate}::Resource::new(rep))
            }})?;\n"
        )
    }
}

fn resource_trait(world: &World<'_>, resource: TypeId, names: &mut Names) -> ResourceTrait {
    let def = &world.resolve.types[resource];
    let name = names.take(&format!("Host{}", camel(def.name.as_deref().unwrap_or(""))));
    let mut methods = Names::default();
    let drop = methods.take("drop");
    ResourceTrait { resource, name, methods, drop, text: String::new() }
}

/// A function of a trait.
fn declaration(krate: &str, signature: &Signature) -> String {
    let params = signature.params.iter().map(|param| format!(", {}: {}", param.name, param.owned));
    let params: String = params.collect();
    let Signature { docs, method, result, .. } = signature;
    format!("{docs}fn {method}(&mut self{params}) -> {krate}::custom::Result<{result}>;\n")
}

/// What defines a function of a trait in a linker.
fn add_function(krate: &str, function: &Function, signature: &Signature, of: &str) -> String {
    let names = signature.params.iter().map(|param| format!("{}, ", param.name));
    let names: String = names.collect();
    let types = signature.params.iter().map(|param| format!("{}, ", param.owned));
    let types: String = types.collect();
    let method = &signature.method;
    format!(
        "instance.func_wrap({:?}, move |mut store: {krate}::custom::StoreContextMut<'_, T>, ({names}): ({types})| {{
            <H as self::{of}>::{method}(get(store.data_mut()), {names})
        }})?;\n",
        function.name
    )
}
