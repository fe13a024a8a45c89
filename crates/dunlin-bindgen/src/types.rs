//! Types of WIT → types of Rust.

use crate::limits::{PARAMS_MAX, TUPLE_MAX};
use crate::names::{Names, camel, shouted, snake};
use crate::text::docs;
use crate::world::{Place, Result, World, is_named};
use std::fmt::Write as _;
use wit_parser::{
    Function, FunctionKind, Handle, Span, Type, TypeDef, TypeDefKind, TypeId, TypeOwner,
};

/// A function, as Rust has it.
pub(crate) struct Signature {
    /// Its name among those of the interface, or the resource.
    pub(crate) method: String,
    /// The resource that it is of.
    pub(crate) resource: Option<TypeId>,
    pub(crate) params: Vec<Param>,
    /// Its result; `()` if there is none.
    pub(crate) result: String,
    pub(crate) docs: String,
}

/// A parameter.
pub(crate) struct Param {
    pub(crate) name: String,
    /// Its type where it comes out of a component.
    pub(crate) owned: String,
    /// Its type where it goes into one, borrowed as it is written there: with `'_`.
    pub(crate) borrowed: String,
}

impl World<'_> {
    /// The type that a name stands for in the end.
    pub(crate) fn dealias(&self, mut id: TypeId) -> TypeId {
        while let TypeDefKind::Type(Type::Id(next)) = self.resolve.types[id].kind {
            id = next;
        }
        id
    }

    /// Whether some values of a type are handles, or have them in them.
    fn has_handles(&self, ty: &Type) -> bool {
        self.has(ty, &|kind| matches!(kind, Some(TypeDefKind::Handle(_) | TypeDefKind::Resource)))
    }

    /// Whether some values of a type own memory, or are handles.
    fn has_more(&self, ty: &Type) -> bool {
        self.has(ty, &|kind| {
            matches!(kind, None | Some(TypeDefKind::List(_) | TypeDefKind::Handle(_)))
        })
    }

    /// Whether a type, or one in it, is such; strings have no definition.
    fn has(&self, ty: &Type, is: &dyn Fn(Option<&TypeDefKind>) -> bool) -> bool {
        let any = |types: &mut dyn Iterator<Item = &Type>| {
            let mut found = types.filter(|ty| self.has(ty, is));
            found.next().is_some()
        };
        let id = match ty {
            Type::Id(id) => *id,
            Type::String => return is(None),
            _ => return false,
        };
        let kind = &self.resolve.types[id].kind;
        is(Some(kind))
            || match kind {
                TypeDefKind::Record(record) => {
                    any(&mut record.fields.iter().map(|field| &field.ty))
                }
                TypeDefKind::Tuple(tuple) => any(&mut tuple.types.iter()),
                TypeDefKind::Variant(variant) => {
                    any(&mut variant.cases.iter().filter_map(|case| case.ty.as_ref()))
                }
                TypeDefKind::Result(result) => any(&mut result.ok.iter().chain(&result.err)),
                TypeDefKind::Option(ty) | TypeDefKind::List(ty) | TypeDefKind::Type(ty) => {
                    self.has(ty, is)
                }
                _ => false,
            }
    }

    /// The path of a type that has a name.
    pub(crate) fn named(&self, id: TypeId, place: &Place) -> String {
        let def = &self.resolve.types[id];
        let module = match def.owner {
            TypeOwner::Interface(id) => {
                let exported = self.exports.get(&id).filter(|_| place.exported);
                let found = exported.or_else(|| self.imports.get(&id));
                found.or_else(|| self.exports.get(&id)).cloned().unwrap_or_default()
            }
            _ => Vec::new(),
        };
        self.path(place, &module, &camel(def.name.as_deref().unwrap_or("")))
    }

    /// Whether a guest has the values of a resource type.
    fn is_guests(&self, id: TypeId, place: &Place) -> bool {
        let owner = self.resolve.types[self.dealias(id)].owner;
        matches!(owner, TypeOwner::Interface(id) if place.exported && self.exports.contains_key(&id))
    }

    /// The type of values that are owned. `span` is where it is written.
    pub(crate) fn value(&self, ty: &Type, place: &Place, span: Span) -> Result<String> {
        let name = match ty {
            Type::Bool => "bool",
            Type::U8 => "u8",
            Type::U16 => "u16",
            Type::U32 => "u32",
            Type::U64 => "u64",
            Type::S8 => "i8",
            Type::S16 => "i16",
            Type::S32 => "i32",
            Type::S64 => "i64",
            Type::F32 => "f32",
            Type::F64 => "f64",
            Type::Char => "char",
            Type::String => return Ok("::std::string::String".into()),
            Type::ErrorContext => return self.refuse(span, "`error-context` is not supported yet"),
            Type::Id(id) => return self.compound(*id, place, span),
        };
        Ok(format!("::core::primitive::{name}"))
    }

    fn compound(&self, id: TypeId, place: &Place, span: Span) -> Result<String> {
        let def = &self.resolve.types[id];
        if def.name.is_some() {
            return Ok(self.named(id, place));
        }
        self.structure(def, place, span)
    }

    /// A type that is written out.
    fn structure(&self, def: &TypeDef, place: &Place, span: Span) -> Result<String> {
        let krate = &self.krate;
        Ok(match &def.kind {
            TypeDefKind::Type(ty) => self.value(ty, place, span)?,
            TypeDefKind::Option(ty) => {
                format!("::core::option::Option<{}>", self.value(ty, place, span)?)
            }
            TypeDefKind::List(ty) => format!("::std::vec::Vec<{}>", self.value(ty, place, span)?),
            TypeDefKind::Result(result) => {
                let payload = |ty: &Option<Type>| match ty {
                    Some(ty) => self.value(ty, place, span),
                    None => Ok("()".into()),
                };
                let (ok, err) = (payload(&result.ok)?, payload(&result.err)?);
                format!("::core::result::Result<{ok}, {err}>")
            }
            TypeDefKind::Tuple(tuple) => {
                self.tuple(&tuple.types, span, |ty| self.value(ty, place, span))?
            }
            TypeDefKind::Handle(handle) => {
                let (id, host, guest) = match handle {
                    Handle::Own(id) => (*id, "Resource", "GuestResource"),
                    Handle::Borrow(id) => (*id, "Borrow", "GuestBorrow"),
                };
                let handle = if self.is_guests(id, place) { guest } else { host };
                format!("{krate}::{handle}<{}>", self.named(id, place))
            }
            other => {
                let what = format!("`{}` types are not supported yet", other.as_str());
                return self.refuse(span, what);
            }
        })
    }

    fn tuple(
        &self,
        types: &[Type],
        span: Span,
        print: impl Fn(&Type) -> Result<String>,
    ) -> Result<String> {
        if types.len() > TUPLE_MAX {
            return self
                .refuse(span, format_args!("tuples of more than {TUPLE_MAX} are not supported"));
        }
        let types: Vec<String> = types.iter().map(print).collect::<Result<_>>()?;
        Ok(format!("({},)", types.join(", ")))
    }

    /// The type of values that are lent where that spares a copy.
    fn borrowed(&self, ty: &Type, place: &Place, span: Span) -> Result<String> {
        let id = match ty {
            Type::String => return Ok("&'_ ::core::primitive::str".into()),
            Type::Id(id) => *id,
            _ => return self.value(ty, place, span),
        };
        let def = &self.resolve.types[id];
        Ok(match &def.kind {
            TypeDefKind::Type(ty) => self.borrowed(ty, place, span)?,
            TypeDefKind::Record(_) | TypeDefKind::Variant(_) => {
                format!("&'_ {}", self.named(id, place))
            }
            TypeDefKind::List(ty) => format!("&'_ [{}]", self.value(ty, place, span)?),
            TypeDefKind::Option(ty) => {
                format!("::core::option::Option<{}>", self.borrowed(ty, place, span)?)
            }
            TypeDefKind::Result(result) => {
                let payload = |ty: &Option<Type>| match ty {
                    Some(ty) => self.borrowed(ty, place, span),
                    None => Ok("()".into()),
                };
                let (ok, err) = (payload(&result.ok)?, payload(&result.err)?);
                format!("::core::result::Result<{ok}, {err}>")
            }
            TypeDefKind::Tuple(tuple) => {
                self.tuple(&tuple.types, span, |ty| self.borrowed(ty, place, span))?
            }
            _ => self.value(ty, place, span)?,
        })
    }

    /// A function as Rust has it.
    pub(crate) fn signature(&self, function: &Function, place: &Place) -> Result<Signature> {
        let span = function.span;
        if function.kind.is_async() {
            return self.refuse(span, "asynchronous functions are not supported yet");
        }
        if function.params.len() > PARAMS_MAX {
            let what =
                format_args!("functions of more than {PARAMS_MAX} parameters are not supported");
            return self.refuse(span, what);
        }
        let mut names = Names::with(&["self", "store"]);
        let is_method = matches!(
            function.kind,
            FunctionKind::Method(_) | FunctionKind::MethodGetter(_) | FunctionKind::MethodSetter(_)
        );
        let param = |(at, param): (usize, &wit_parser::Param)| {
            let name = if at == 0 && is_method { "this".into() } else { snake(&param.name) };
            Ok(Param {
                name: names.take(&name),
                owned: self.value(&param.ty, place, span)?,
                borrowed: self.borrowed(&param.ty, place, span)?,
            })
        };
        let params = function.params.iter().enumerate().map(param).collect::<Result<_>>()?;
        let result = match &function.result {
            Some(ty) => self.value(ty, place, span)?,
            None => "()".into(),
        };
        let method = match function.kind {
            FunctionKind::Constructor(_) => "new".into(),
            _ => snake(method_name(function)),
        };
        let said = format!("The function `{}`.", function.name);
        let docs = docs(function.docs.contents.as_deref(), &said);
        Ok(Signature { method, resource: function.kind.resource(), params, result, docs })
    }

    /// The definition of a type that has a name.
    pub(crate) fn definition(&self, id: TypeId, place: &Place) -> Result<String> {
        let def = &self.resolve.types[id];
        let wit = def.name.as_deref().unwrap_or("");
        if place.exported
            && !self.has_handles(&Type::Id(id))
            && let TypeOwner::Interface(interface) = def.owner
            && let Some(module) = self.imports.get(&interface)
        {
            // The host gives and gets values of one type.
            return Ok(format!("pub use {};\n", self.path(place, module, &camel(wit))));
        }
        let said = format!("The type `{wit}`.");
        let docs = docs(def.docs.contents.as_deref(), &said);
        let (name, krate) = (camel(wit), &self.krate);
        let ty = Type::Id(id);
        let derive = match (self.has_handles(&ty), self.has_more(&ty)) {
            (true, _) => "#[derive(Debug)]",
            (_, true) => "#[derive(Clone, Debug, PartialEq)]",
            _ => "#[derive(Clone, Copy, Debug, PartialEq)]",
        };
        let span = def.span;
        let parts = self.parts(id, place)?;
        let mut text = match &def.kind {
            TypeDefKind::Record(_) => {
                format!("{krate}::record! {{ {docs}{derive} pub struct {name} {{ {parts} }} }}\n")
            }
            TypeDefKind::Variant(_) => {
                format!("{krate}::variant! {{ {docs}{derive} pub enum {name} {{ {parts} }} }}\n")
            }
            TypeDefKind::Enum(_) => {
                let derive = "#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]";
                format!(
                    "{krate}::enumeration! {{ {docs}{derive} pub enum {name} {{ {parts} }} }}\n"
                )
            }
            TypeDefKind::Flags(_) => {
                format!("{krate}::flags! {{ {docs}pub struct {name} {{ {parts} }} }}\n")
            }
            TypeDefKind::Resource => match self.stands_for(def).filter(|_| !place.exported) {
                Some(rust) => format!("{docs}pub type {name} = {rust};\n"),
                None => format!("{docs}#[derive(Debug)] pub enum {name} {{}}\n"),
            },
            TypeDefKind::Type(Type::Id(other)) if self.resolve.types[*other].name.is_some() => {
                format!("{docs}pub type {name} = {};\n", self.named(*other, place))
            }
            _ => format!("{docs}pub type {name} = {};\n", self.structure(def, place, span)?),
        };
        let is_error = matches!(
            def.kind,
            TypeDefKind::Record(_) | TypeDefKind::Variant(_) | TypeDefKind::Enum(_)
        );
        if is_error && self.errors.contains(&id) {
            let _ = writeln!(
                text,
                "impl ::core::fmt::Display for {name} {{
                    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {{
                        ::core::fmt::Debug::fmt(self, f)
                    }}
                }}
                impl ::core::error::Error for {name} {{}}"
            );
        }
        Ok(text)
    }

    /// Fields, cases or members.
    fn parts(&self, id: TypeId, place: &Place) -> Result<String> {
        let def = &self.resolve.types[id];
        let mut text = String::new();
        match &def.kind {
            TypeDefKind::Record(record) => {
                for field in &record.fields {
                    let said = docs(field.docs.contents.as_deref(), &format!("`{}`.", field.name));
                    let (name, ty) =
                        (snake(&field.name), self.value(&field.ty, place, field.span)?);
                    let _ = writeln!(text, "{said}pub {name}: {ty} => {:?},", field.name);
                }
            }
            TypeDefKind::Variant(variant) => {
                for case in &variant.cases {
                    let said = docs(case.docs.contents.as_deref(), &format!("`{}`.", case.name));
                    let payload = match &case.ty {
                        Some(ty) => format!("({})", self.value(ty, place, case.span)?),
                        None => String::new(),
                    };
                    let _ =
                        writeln!(text, "{said}{}{payload} => {:?},", camel(&case.name), case.name);
                }
            }
            TypeDefKind::Enum(cases) => {
                for case in &cases.cases {
                    let said = docs(case.docs.contents.as_deref(), &format!("`{}`.", case.name));
                    let _ = writeln!(text, "{said}{} => {:?},", camel(&case.name), case.name);
                }
            }
            TypeDefKind::Flags(flags) => {
                for flag in &flags.flags {
                    let said = docs(flag.docs.contents.as_deref(), &format!("`{}`.", flag.name));
                    let _ = writeln!(text, "{said}{} => {:?},", shouted(&flag.name), flag.name);
                }
            }
            _ => {}
        }
        Ok(text)
    }

    /// The embedder's type that stands for a resource.
    fn stands_for(&self, def: &TypeDef) -> Option<&str> {
        let TypeOwner::Interface(id) = def.owner else { return None };
        let (base, resource) = (self.resolve.id_of(id)?, def.name.as_deref()?);
        let found = self.with.iter().find(|(name, _)| is_named(name, &base, resource));
        found.map(|(_, rust)| rust.as_str())
    }
}

/// The last part of a function's name: `[method]file.read` is `read`.
fn method_name(function: &Function) -> &str {
    match function.kind {
        FunctionKind::Freestanding => &function.name,
        _ => function.name.rsplit([']', '.']).next().unwrap_or(&function.name),
    }
}
