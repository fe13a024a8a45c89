//! Components in scripts: their definitions and instances by name, and their values.

use std::collections::HashMap;

use dunlin::{Engine, Result, Store};
use dunlin_component::{Component, Instance, Linker, Val};
use wast::component::WastVal;
use wast::token::Id;
use wast::{QuoteWat, Wat};

/// What a script has of components.
pub(crate) struct Components {
    linker: Linker<()>,
    /// The component that `component instance` without a name means.
    last: Option<Component>,
    definitions: HashMap<String, Component>,
    instances: HashMap<String, Instance>,
    /// The instance that directives without a name mean.
    current: Option<Instance>,
}

impl Components {
    pub(crate) fn new(engine: &Engine, adapters: bool) -> Self {
        let mut linker = Linker::new(engine);
        linker.adapters(adapters);
        // `register` may give a name a second time; the later one holds.
        linker.allow_shadowing(true);
        let (definitions, instances) = (HashMap::new(), HashMap::new());
        Self { linker, last: None, definitions, instances, current: None }
    }

    /// Forgets which instance is meant without a name.
    pub(crate) fn forget_current(&mut self) {
        self.current = None;
    }

    /// Forgets which definition is meant without a name.
    pub(crate) fn forget_definition(&mut self) {
        self.last = None;
    }

    /// Keeps a component under this name, and as the last.
    pub(crate) fn define(&mut self, name: Option<String>, component: &Component) {
        if let Some(name) = name {
            self.definitions.insert(name, component.clone());
        }
        self.last = Some(component.clone());
    }

    /// The component of this name, or the last.
    pub(crate) fn definition(&self, name: Option<Id<'_>>) -> Option<Component> {
        match name {
            Some(id) => self.definitions.get(id.name()),
            None => self.last.as_ref(),
        }
        .cloned()
    }

    /// Instantiates a component, of which directives without a name speak next.
    pub(crate) fn instantiate(
        &mut self,
        store: &mut Store<()>,
        component: &Component,
        name: Option<String>,
    ) -> Result<()> {
        let instance = self.linker.instantiate(&mut *store, component)?;
        if let Some(name) = name {
            self.instances.insert(name, instance);
        }
        self.current = Some(instance);
        Ok(())
    }

    /// The instance of this name, or the one that is meant without.
    pub(crate) fn named(&self, name: Option<Id<'_>>) -> Option<Instance> {
        match name {
            Some(id) => self.instances.get(id.name()).copied(),
            None => self.current,
        }
    }

    /// Lets later components import an instance under this name.
    pub(crate) fn register(
        &mut self,
        store: &mut Store<()>,
        name: &str,
        instance: Instance,
    ) -> Result<()> {
        self.linker.define_instance(store, name, instance).map(drop)
    }
}

/// Whether this is a component, and no module.
pub(crate) fn is_component(module: &QuoteWat<'_>) -> bool {
    matches!(module, QuoteWat::Wat(Wat::Component(_)) | QuoteWat::QuoteComponent(..))
}

/// A value that a script writes.
pub(crate) fn value(value: &WastVal<'_>) -> Val {
    let boxed = |payload: &Option<Box<WastVal<'_>>>| {
        payload.as_deref().map(|payload| Box::new(self::value(payload)))
    };
    match value {
        WastVal::Bool(value) => Val::Bool(*value),
        WastVal::U8(value) => Val::U8(*value),
        WastVal::S8(value) => Val::S8(*value),
        WastVal::U16(value) => Val::U16(*value),
        WastVal::S16(value) => Val::S16(*value),
        WastVal::U32(value) => Val::U32(*value),
        WastVal::S32(value) => Val::S32(*value),
        WastVal::U64(value) => Val::U64(*value),
        WastVal::S64(value) => Val::S64(*value),
        WastVal::F32(value) => Val::Float32(f32::from_bits(value.bits)),
        WastVal::F64(value) => Val::Float64(f64::from_bits(value.bits)),
        WastVal::Char(value) => Val::Char(*value),
        WastVal::String(value) => Val::String((*value).to_owned()),
        WastVal::List(values) => Val::List(values.iter().map(self::value).collect()),
        WastVal::Map(pairs) => {
            let pair =
                |(key, value): &(WastVal<'_>, WastVal<'_>)| (self::value(key), self::value(value));
            Val::Map(pairs.iter().map(pair).collect())
        }
        WastVal::Record(fields) => {
            let field =
                |(name, value): &(&str, WastVal<'_>)| ((*name).to_owned(), self::value(value));
            Val::Record(fields.iter().map(field).collect())
        }
        WastVal::Tuple(values) => Val::Tuple(values.iter().map(self::value).collect()),
        WastVal::Variant(name, payload) => Val::Variant((*name).to_owned(), boxed(payload)),
        WastVal::Enum(name) => Val::Enum((*name).to_owned()),
        WastVal::Option(payload) => Val::Option(boxed(payload)),
        WastVal::Result(Ok(payload)) => Val::Result(Ok(boxed(payload))),
        WastVal::Result(Err(payload)) => Val::Result(Err(boxed(payload))),
        WastVal::Flags(names) => Val::Flags(names.iter().map(|name| (*name).to_owned()).collect()),
    }
}

/// The text of a trap without what some scripts put around it.
pub(crate) fn plain_trap(message: &str) -> &str {
    match message.strip_prefix("wasm trap: ").unwrap_or(message) {
        "wasm `unreachable` instruction executed" => "unreachable",
        plain => plain,
    }
}
