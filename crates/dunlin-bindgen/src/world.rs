//! A WIT world: where it is read from, and which module each of its interfaces gets.

use crate::names::{Names, camel, snake};
use crate::options::Options;
use crate::text::{Tree, docs};
use crate::{guest, host};
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use wit_parser::{
    Function, InterfaceId, PackageId, Resolve, Span, Type, TypeDefKind, TypeId, WorldId, WorldItem,
    WorldKey,
};

/// What is wrong, with its place in the WIT.
pub(crate) type Result<T> = std::result::Result<T, String>;

/// What the text of inline WIT is called in errors.
const INLINE: &str = "inline";

/// A world that Rust is made of.
pub(crate) struct World<'a> {
    pub(crate) resolve: &'a Resolve,
    pub(crate) world: &'a wit_parser::World,
    /// The path of `dunlin_component`.
    pub(crate) krate: String,
    /// Types of Rust that stand for resources.
    pub(crate) with: &'a [(String, String)],
    /// The module of each interface that is imported.
    pub(crate) imports: HashMap<InterfaceId, Vec<String>>,
    /// The module of each interface that is exported.
    pub(crate) exports: HashMap<InterfaceId, Vec<String>>,
    /// Types that functions fail with.
    pub(crate) errors: HashSet<TypeId>,
}

/// Where a piece of Rust stands.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Whether it is of what the world exports.
    pub(crate) exported: bool,
    /// The module, from the macro's place.
    pub(crate) module: Vec<String>,
}

/// Makes the Rust for a world; relative paths begin at `root`.
pub(crate) fn generate(options: &Options, root: &Path) -> Result<String> {
    let mut resolve = Resolve::new();
    let (package, files) = read(options, root, &mut resolve)?;
    let world = resolve.select_world(&[package], options.world.as_deref());
    let world = world.map_err(|error| format!("{error:#}"))?;
    check_with(options, &resolve)?;
    let mut code = World::new(&resolve, world, options).print()?;
    for file in files {
        // The compiler looks at the macro again when a file has changed that was included.
        let _ = writeln!(
            code,
            "const _: &[u8] = ::core::include_bytes!({:?});",
            file.display().to_string()
        );
    }
    Ok(code)
}

/// Reads WIT; its package, and the files that it was in.
fn read(
    options: &Options,
    root: &Path,
    resolve: &mut Resolve,
) -> Result<(PackageId, Vec<PathBuf>)> {
    let path = match (&options.path, &options.inline) {
        (None, Some(_)) => None,
        (path, _) => Some(root.join(path.as_deref().unwrap_or("wit"))),
    };
    let (mut package, mut files) = (None, Vec::new());
    if let Some(path) = path {
        let read = resolve.push_path(&path);
        let (id, sources) = read.map_err(|error| resolve.render_error(&error))?;
        files.extend(sources.paths().map(Path::to_path_buf));
        package = Some(id);
    }
    if let Some(text) = &options.inline {
        let read = resolve.push_source(INLINE, text);
        package = Some(read.map_err(|error| resolve.render_error(&error))?);
    }
    let package = package.ok_or("there is no WIT")?;
    Ok((package, files))
}

/// Refuses names of resources that are not there, before they are looked for in vain.
fn check_with(options: &Options, resolve: &Resolve) -> Result<()> {
    for (name, _) in &options.with {
        let is = |(id, interface): (InterfaceId, &wit_parser::Interface)| {
            let Some(base) = resolve.id_of(id) else { return false };
            let mut resources = interface.types.iter().filter(|(_, ty)| is_resource(resolve, **ty));
            resources.any(|(resource, _)| is_named(name, &base, resource))
        };
        if !resolve.interfaces.iter().any(is) {
            return Err(format!("`with` names `{name}`, and there is no such resource"));
        }
    }
    Ok(())
}

/// Whether a name of `with` is that of a resource of an interface, with its version or without.
pub(crate) fn is_named(name: &str, interface: &str, resource: &str) -> bool {
    let unversioned = interface.split('@').next().unwrap_or(interface);
    name.strip_suffix(resource)
        .and_then(|rest| rest.strip_suffix('/'))
        .is_some_and(|rest| rest == interface || rest == unversioned)
}

fn is_resource(resolve: &Resolve, ty: TypeId) -> bool {
    matches!(resolve.types[ty].kind, TypeDefKind::Resource)
}

impl<'a> World<'a> {
    fn new(resolve: &'a Resolve, id: WorldId, options: &'a Options) -> Self {
        let world = &resolve.worlds[id];
        let krate = options.krate.clone().unwrap_or_else(|| "::dunlin_component".into());
        let mut made = Self {
            resolve,
            world,
            krate,
            with: &options.with,
            imports: HashMap::new(),
            exports: HashMap::new(),
            errors: HashSet::new(),
        };
        for (items, exported) in [(&world.imports, false), (&world.exports, true)] {
            for (key, item) in items {
                if let WorldItem::Interface { id, .. } = item {
                    let module = made.module(key, exported);
                    let modules = if exported { &mut made.exports } else { &mut made.imports };
                    modules.insert(*id, module);
                }
            }
        }
        made.errors = made.functions().filter_map(|function| made.fails_with(function)).collect();
        made
    }

    /// The module of an interface.
    fn module(&self, key: &WorldKey, exported: bool) -> Vec<String> {
        let mut module = if exported { vec!["exports".to_owned()] } else { Vec::new() };
        match key {
            WorldKey::Name(name) => module.push(snake(name)),
            WorldKey::Interface(id) => {
                let interface = &self.resolve.interfaces[*id];
                if let Some(package) = interface.package {
                    module.extend(self.package(package));
                }
                module.extend(interface.name.as_deref().map(snake));
            }
        }
        if !exported && module[0] == "exports" {
            module[0].push('_');
        }
        module
    }

    /// The modules of a package. Its version is in the name if there are several.
    fn package(&self, id: PackageId) -> [String; 2] {
        let name = &self.resolve.packages[id].name;
        let same = self.resolve.packages.iter().filter(|(_, other)| {
            (&other.name.namespace, &other.name.name) == (&name.namespace, &name.name)
        });
        let several = same.count() > 1;
        let version = name.version.as_ref().filter(|_| several).map(ToString::to_string);
        let version = version.unwrap_or_default().replace(['.', '-', '+'], "_");
        [snake(&name.namespace), snake(&format!("{}{version}", name.name))]
    }

    /// All functions that it imports and exports.
    fn functions(&self) -> impl Iterator<Item = &'a Function> {
        let (resolve, world) = (self.resolve, self.world);
        world.imports.values().chain(world.exports.values()).flat_map(move |item| {
            let (one, many) = match item {
                WorldItem::Function(function) => (Some(function), None),
                WorldItem::Interface { id, .. } => (None, Some(&resolve.interfaces[*id])),
                WorldItem::Type { .. } => (None, None),
            };
            one.into_iter().chain(many.into_iter().flat_map(|many| many.functions.values()))
        })
    }

    fn fails_with(&self, function: &Function) -> Option<TypeId> {
        let Some(Type::Id(result)) = function.result else { return None };
        match &self.resolve.types[self.dealias(result)].kind {
            TypeDefKind::Result(result) => match result.err {
                Some(Type::Id(error)) => Some(self.dealias(error)),
                _ => None,
            },
            _ => None,
        }
    }

    fn print(&self) -> Result<String> {
        let mut tree = Tree::default();
        let root = Place { exported: false, module: Vec::new() };
        let mut text = String::new();
        let mut seen = HashSet::new();
        let mut names = Names::with(&["exports"]);
        for item in self.world.imports.values().chain(self.world.exports.values()) {
            if let WorldItem::Type { id, .. } = item
                && seen.insert(*id)
            {
                names.take(&camel(self.resolve.types[*id].name.as_deref().unwrap_or("")));
                text.push_str(&self.definition(*id, &root)?);
            }
        }
        for (key, item) in &self.world.imports {
            if let WorldItem::Interface { id, .. } = item {
                let text = host::interface(self, key, *id)?;
                tree.add(&self.imports[id], &self.said(*id), &text);
            }
        }
        for item in self.world.exports.values() {
            if let WorldItem::Interface { id, .. } = item {
                let text = guest::interface(self, *id)?;
                tree.add(&self.exports[id], &self.said(*id), &text);
            }
        }
        let host = host::root(self, &mut names)?;
        text.push_str(&host.text);
        text.push_str(&guest::root(self, &host, &mut names)?);
        tree.add(&[], "", &text);
        Ok(tree.print())
    }

    /// What an interface says of itself.
    fn said(&self, id: InterfaceId) -> String {
        let interface = &self.resolve.interfaces[id];
        let name = interface.name.as_deref().unwrap_or("of the world");
        docs(interface.docs.contents.as_deref(), &format!("The interface `{name}`."))
    }

    /// An error at a place of the WIT.
    pub(crate) fn refuse<T>(&self, span: Span, what: impl std::fmt::Display) -> Result<T> {
        Err(format!("{}: {what}", self.resolve.render_location(span)))
    }

    /// The place of an imported or exported interface.
    pub(crate) fn place(&self, id: InterfaceId, exported: bool) -> Place {
        let modules = if exported { &self.exports } else { &self.imports };
        Place { exported, module: modules.get(&id).cloned().unwrap_or_default() }
    }

    /// From a place to a module.
    pub(crate) fn path(&self, place: &Place, module: &[String], name: &str) -> String {
        if place.module == module {
            return format!("self::{name}");
        }
        let mut path = match place.module.len() {
            0 => "self::".to_owned(),
            deep => "super::".repeat(deep),
        };
        module.iter().for_each(|part| path.extend([part, "::"]));
        path + name
    }
}
