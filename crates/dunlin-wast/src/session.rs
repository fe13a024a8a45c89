//! One script's state: its store, its instances by name, and what each directive does to them.

use std::collections::HashMap;

use dunlin::{
    Engine, Error, ErrorKind, ExternRef, Instance, Linker, Module, SharedMemory, Store, TrapCode,
    V128, Val,
};
use dunlin_component::Component;
use wast::core::{AbstractHeapType, HeapType, WastArgCore, WastRetCore};
use wast::token::Id;
use wast::{QuoteWat, WastArg, WastDirective, WastExecute, WastInvoke, WastRet, Wat};

use crate::components::{self, Components, is_component, plain_trap};
use crate::matching::{message_matches, show_value, value_matches};
use crate::runner::Config;

/// What a directive came to: nothing, or why it is a failure.
type Outcome<T = ()> = Result<T, String>;

/// Epochs until a deadline that no directive should see.
const EPOCHS_FAR: u64 = 1 << 40;

/// The state that the directives of one script share.
pub(crate) struct Session {
    config: Config,
    engine: Engine,
    store: Store<()>,
    linker: Linker<()>,
    /// The instance that directives without a name mean.
    current: Option<Instance>,
    instances: HashMap<String, Instance>,
    /// The module that `module instance` without a name means.
    last_module: Option<Module>,
    modules: HashMap<String, Module>,
    /// The shared memories that instances of another thread export, by the instances' names.
    lent: HashMap<String, Vec<(String, SharedMemory)>>,
    components: Components,
}

/// What an action gives: values of core WebAssembly, or of components.
enum Values {
    Core(Vec<Val>),
    Component(Vec<dunlin_component::Val>),
}

impl Session {
    pub(crate) fn new(engine: &Engine, config: Config) -> dunlin::Result<Self> {
        let mut store = Store::new(engine, ());
        let mut linker = Linker::new(engine);
        // `register` may give a name a second time; the later one holds.
        linker.allow_shadowing(true);
        crate::host::define(&mut linker, &mut store)?;
        let components = Components::new(engine, !config.unadapted);
        Ok(Self {
            config,
            engine: engine.clone(),
            store,
            linker,
            current: None,
            instances: HashMap::new(),
            last_module: None,
            modules: HashMap::new(),
            lent: HashMap::new(),
            components,
        })
    }

    /// Runs one directive.
    pub(crate) fn directive(&mut self, directive: WastDirective<'_>) -> Outcome {
        use WastDirective as D;
        self.refuel()?;
        match directive {
            D::Module(module) => self.module(module),
            D::ModuleDefinition(module) if is_component(&module) => {
                self.define_component(module).map(drop)
            }
            D::ModuleDefinition(module) => self.define(module).map(drop),
            D::ModuleInstance { instance, module, .. } => self.instance(instance, module),
            D::Register { name, module, .. } => self.register(name, module),
            D::Invoke(call) => self.invoke(&call)?.map(drop).map_err(|error| show_error(&error)),
            D::AssertReturn { exec, results, .. } => self.assert_return(exec, &results),
            D::AssertTrap { exec, message, .. } => self.assert_trap(exec, message),
            D::AssertExhaustion { call, message, .. } => self.assert_exhaustion(&call, message),
            D::AssertInvalid { module, message, .. } => self.assert_rejected(module, message),
            D::AssertMalformed { module, message, .. } => self.assert_rejected(module, message),
            D::AssertUnlinkable { module, message, .. } => self.assert_unlinkable(module, message),
            D::AssertMalformedCustom { module, message, .. }
            | D::AssertInvalidCustom { module, message, .. } => {
                self.assert_custom_rejected(module, message)
            }
            D::AssertException { exec, .. } => self.assert_exception(exec),
            D::AssertSuspension { .. } => Err("stack switching is not supported".into()),
            // The runner has them.
            D::Thread(_) | D::Wait { .. } => Err("threads are not supported here".into()),
        }
    }

    fn refuel(&mut self) -> Outcome {
        if self.config.epochs {
            self.store.set_epoch_deadline(EPOCHS_FAR);
            self.engine.increment_epoch();
        }
        match self.config.fuel_units {
            Some(units) => self.store.set_fuel(units).map_err(|error| show_error(&error)),
            None => Ok(()),
        }
    }

    // ---- Modules and instances

    fn module(&mut self, module: QuoteWat<'_>) -> Outcome {
        self.current = None;
        self.components.forget_current();
        if is_component(&module) {
            let name = module.name().map(|id| id.name().to_owned());
            let component = self.define_component(module)?;
            let made = self.components.instantiate(&mut self.store, &component, name);
            return made.map_err(|error| show_error(&error));
        }
        let name = module.name().map(|id| id.name().to_owned());
        let module = self.define(module)?;
        let instance = self.instantiate(&module).map_err(|error| show_error(&error))?;
        self.make_current(name, instance);
        Ok(())
    }

    /// Defines a module for `module instance` to find.
    fn define(&mut self, module: QuoteWat<'_>) -> Outcome<Module> {
        self.last_module = None;
        self.components.forget_definition();
        let name = module.name().map(|id| id.name().to_owned());
        let module = self.load(module)?;
        if let Some(name) = name {
            self.modules.insert(name, module.clone());
        }
        self.last_module = Some(module.clone());
        Ok(module)
    }

    /// Defines a component for `component instance` to find.
    fn define_component(&mut self, module: QuoteWat<'_>) -> Outcome<Component> {
        self.last_module = None;
        self.components.forget_definition();
        let name = module.name().map(|id| id.name().to_owned());
        let component = self.load_component(module)?;
        self.components.define(name, &component);
        Ok(component)
    }

    fn load_component(&self, mut module: QuoteWat<'_>) -> Outcome<Component> {
        let bytes = module.encode();
        let bytes = bytes.map_err(|error| format!("not a component: {}", error.message()))?;
        Component::new(&self.engine, bytes).map_err(|error| show_error(&error))
    }

    fn load(&self, mut module: QuoteWat<'_>) -> Outcome<Module> {
        refuse_component(&module)?;
        let bytes =
            module.encode().map_err(|error| format!("not a module: {}", error.message()))?;
        let module = Module::new(&self.engine, bytes);
        module.and_then(|module| self.through_artifact(module)).map_err(|error| show_error(&error))
    }

    /// The module as it comes back from an artifact, where that is what is tested.
    #[cfg(feature = "optimize")]
    fn through_artifact(&self, module: Module) -> dunlin::Result<Module> {
        match self.config.artifacts {
            true => Module::deserialize(&self.engine, module.serialize()?),
            false => Ok(module),
        }
    }

    #[cfg(not(feature = "optimize"))]
    #[allow(clippy::unused_self, reason = "the same shape as with artifacts")]
    #[allow(clippy::unnecessary_wraps, reason = "the same shape as with artifacts")]
    fn through_artifact(&self, module: Module) -> dunlin::Result<Module> {
        Ok(module)
    }

    fn instance(&mut self, name: Option<Id<'_>>, module: Option<Id<'_>>) -> Outcome {
        self.current = None;
        self.components.forget_current();
        if let Some(component) = self.components.definition(module) {
            let name = name.map(|id| id.name().to_owned());
            let made = self.components.instantiate(&mut self.store, &component, name);
            return made.map_err(|error| show_error(&error));
        }
        let module = match module {
            Some(id) => self.modules.get(id.name()),
            None => self.last_module.as_ref(),
        };
        let module = module.cloned().ok_or("no such module definition")?;
        let instance = self.instantiate(&module).map_err(|error| show_error(&error))?;
        self.make_current(name.map(|id| id.name().to_owned()), instance);
        Ok(())
    }

    fn instantiate(&mut self, module: &Module) -> dunlin::Result<Instance> {
        self.linker.instantiate(&mut self.store, module)
    }

    fn make_current(&mut self, name: Option<String>, instance: Instance) {
        if let Some(name) = name {
            self.instances.insert(name, instance);
        }
        self.current = Some(instance);
    }

    fn named(&self, name: Option<Id<'_>>) -> Outcome<Instance> {
        match name {
            Some(id) => {
                let found = self.instances.get(id.name()).copied();
                found.ok_or_else(|| format!("no instance is named `${}`", id.name()))
            }
            None => self.current.ok_or_else(|| "there is no instance".into()),
        }
    }

    /// A session for a thread of the script's, which may use the shared memories that an instance of this one
    /// exports.
    pub(crate) fn thread(&mut self, lends: Option<Id<'_>>) -> Outcome<Self> {
        let session = Self::new(&self.engine, self.config.clone());
        let mut session = session.map_err(|error| show_error(&error))?;
        if let Some(id) = lends {
            if let Some(lent) = self.lent.get(id.name()) {
                session.lent.insert(id.name().to_owned(), lent.clone());
                return Ok(session);
            }
            let instance = self.named(Some(id))?;
            let exports = instance.exports(&mut self.store).filter_map(|export| {
                let name = export.name().to_owned();
                Some((name, export.into_extern().into_memory()?))
            });
            let memories: Vec<_> = exports.collect();
            let shared = memories
                .into_iter()
                .filter_map(|(name, memory)| Some((name, memory.shared(&self.store)?)));
            session.lent.insert(id.name().to_owned(), shared.collect());
        }
        Ok(session)
    }

    fn register(&mut self, name: &str, module: Option<Id<'_>>) -> Outcome {
        if let Some(lent) = module.and_then(|id| self.lent.get(id.name())) {
            for (export, memory) in lent {
                let defined = self.linker.define_shared(name, export, memory);
                defined.map_err(|error| show_error(&error))?;
            }
            return Ok(());
        }
        if let Some(instance) = self.components.named(module) {
            let registered = self.components.register(&mut self.store, name, instance);
            return registered.map_err(|error| show_error(&error));
        }
        let instance = self.named(module)?;
        self.linker
            .instance(&mut self.store, name, instance)
            .map(drop)
            .map_err(|error| show_error(&error))
    }

    // ---- Actions

    /// Calls an export. The outer error is the script's (no such export, an argument that cannot be
    /// made); the inner one is the engine's.
    fn invoke(&mut self, call: &WastInvoke<'_>) -> Outcome<dunlin::Result<Values>> {
        if let Some(instance) = self.components.named(call.module) {
            return self.invoke_component(instance, call);
        }
        let instance = self.named(call.module)?;
        let func = instance
            .get_func(&mut self.store, call.name)
            .ok_or_else(|| format!("no function is exported as `{}`", call.name))?;
        let args = call.args.iter().map(|arg| self.argument(arg)).collect::<Outcome<Vec<_>>>()?;
        let ty = func.ty(&self.store).map_err(|error| show_error(&error))?;
        let mut results = vec![Val::I32(0); ty.results().len()];
        Ok(func.call(&mut self.store, &args, &mut results).map(|()| Values::Core(results)))
    }

    fn invoke_component(
        &mut self,
        instance: dunlin_component::Instance,
        call: &WastInvoke<'_>,
    ) -> Outcome<dunlin::Result<Values>> {
        let func = instance.get_func(&mut self.store, call.name);
        let func = func.ok_or_else(|| format!("no function is exported as `{}`", call.name))?;
        let argument = |arg: &WastArg<'_>| match arg {
            WastArg::Component(arg) => Ok(components::value(arg)),
            _ => Err("a component is given core values".to_owned()),
        };
        let args = call.args.iter().map(argument).collect::<Outcome<Vec<_>>>()?;
        let count = func.result_count(&mut self.store).map_err(|error| show_error(&error))?;
        let mut results = vec![dunlin_component::Val::Bool(false); count];
        let called = func.call(&mut self.store, &args, &mut results);
        Ok(called.map(|()| Values::Component(results)))
    }

    fn argument(&mut self, arg: &WastArg<'_>) -> Outcome<Val> {
        let WastArg::Core(arg) = arg else {
            return Err("a module is given values of components".into());
        };
        Ok(match arg {
            WastArgCore::I32(value) => Val::I32(*value),
            WastArgCore::I64(value) => Val::I64(*value),
            WastArgCore::F32(value) => Val::F32(value.bits),
            WastArgCore::F64(value) => Val::F64(value.bits),
            WastArgCore::V128(value) => Val::V128(V128::from_bytes(value.to_le_bytes())),
            WastArgCore::RefNull(HeapType::Abstract { shared: false, ty }) => match ty {
                AbstractHeapType::Func => Val::FuncRef(None),
                AbstractHeapType::Extern => Val::ExternRef(None),
                AbstractHeapType::NoFunc => Val::FuncRef(None),
                AbstractHeapType::NoExtern => Val::ExternRef(None),
                AbstractHeapType::Exn | AbstractHeapType::NoExn => Val::ExnRef(None),
                _ => Val::AnyRef(None),
            },
            WastArgCore::RefHost(number) => {
                let made = ExternRef::new(&mut self.store, *number);
                let made = made.and_then(|made| made.internalize(&self.store));
                Val::AnyRef(Some(made.map_err(|error| show_error(&error))?))
            }
            WastArgCore::RefExtern(number) => {
                let reference = ExternRef::new(&mut self.store, *number);
                Val::ExternRef(Some(reference.map_err(|error| show_error(&error))?))
            }
            WastArgCore::RefNull(_) => {
                return Err("null references of defined types are not supported".into());
            }
        })
    }

    fn execute(&mut self, exec: WastExecute<'_>) -> Outcome<dunlin::Result<Values>> {
        match exec {
            WastExecute::Invoke(call) => self.invoke(&call),
            WastExecute::Wat(wat @ Wat::Component(_)) => {
                let component = self.load_component(QuoteWat::Wat(wat))?;
                let made = self.components.instantiate(&mut self.store, &component, None);
                Ok(made.map(|()| Values::Component(Vec::new())))
            }
            WastExecute::Wat(wat) => {
                let module = self.load(QuoteWat::Wat(wat))?;
                Ok(self.instantiate(&module).map(|_| Values::Core(Vec::new())))
            }
            WastExecute::Get { module, global, .. } => {
                let found = self.named(module)?.get_global(&mut self.store, global);
                let found = found.ok_or_else(|| format!("no global is exported as `{global}`"))?;
                Ok(found.get(&mut self.store).map(|value| Values::Core(vec![value])))
            }
        }
    }

    // ---- Assertions

    fn assert_return(&mut self, exec: WastExecute<'_>, expected: &[WastRet<'_>]) -> Outcome {
        let actual = match self.execute(exec)?.map_err(|error| show_error(&error))? {
            Values::Core(actual) => actual,
            Values::Component(actual) => return assert_component_values(&actual, expected),
        };
        if actual.len() != expected.len() {
            let (count, got) = (expected.len(), self.show_values(&actual));
            return Err(format!("expected {count} results, got {}: {got}", actual.len()));
        }
        for (index, (actual, expected)) in actual.iter().zip(expected).enumerate() {
            let WastRet::Core(expected) = expected else {
                return Err("a module gives no values of components".into());
            };
            if !value_matches(&self.store, actual, expected)? {
                let got = show_value(&self.store, actual);
                let want = show_expected(expected);
                return Err(format!("result {index}: expected {want}, got {got}"));
            }
        }
        Ok(())
    }

    fn assert_trap(&mut self, exec: WastExecute<'_>, message: &str) -> Outcome {
        let error = self.expect_error(exec, message)?;
        // An error of a host function ends the guest like a trap does; our own scripts cause some.
        if !matches!(error.kind(), ErrorKind::Trap | ErrorKind::Host) {
            return Err(format!("expected trap `{message}`, got {}", show_error(&error)));
        }
        let actual = match error.trap_code() {
            Some(code) => code.text().to_owned(),
            None => error.to_string(),
        };
        if message_matches(&actual, plain_trap(message)) {
            Ok(())
        } else {
            Err(format!("expected trap `{message}`, got {}", show_error(&error)))
        }
    }

    fn assert_exception(&mut self, exec: WastExecute<'_>) -> Outcome {
        let error = self.expect_error(exec, "an exception")?;
        match error.kind() {
            ErrorKind::Exception => Ok(()),
            _ => Err(format!("expected an exception, got {}", show_error(&error))),
        }
    }

    fn assert_exhaustion(&mut self, call: &WastInvoke<'_>, message: &str) -> Outcome {
        match self.invoke(call)? {
            Ok(_) => Err(format!("expected `{message}`, but it returned")),
            Err(error)
                if error.trap_code() == Some(TrapCode::StackOverflow)
                    && message_matches(TrapCode::StackOverflow.text(), message) =>
            {
                Ok(())
            }
            Err(error) => Err(format!("expected `{message}`, got {}", show_error(&error))),
        }
    }

    fn expect_error(&mut self, exec: WastExecute<'_>, message: &str) -> Outcome<Error> {
        match self.execute(exec)? {
            Err(error) => Ok(error),
            Ok(values) => {
                let got = match values {
                    Values::Core(values) => self.show_values(&values),
                    Values::Component(values) => format!("{values:?}"),
                };
                Err(format!("expected `{message}`, but it returned ({got})"))
            }
        }
    }

    fn show_values(&self, values: &[Val]) -> String {
        let shown: Vec<String> =
            values.iter().map(|value| show_value(&self.store, value)).collect();
        shown.join(" ")
    }

    /// Any rejection counts, whatever its text: of the text's parser, of the decoder, or of the
    /// validator. A function that is validated at its first call is validated here, since that a lazy
    /// engine *can* tell is what the assertion is about.
    fn assert_rejected(&mut self, mut module: QuoteWat<'_>, message: &str) -> Outcome {
        if is_component(&module) {
            return self.assert_component_rejected(module, message);
        }
        let Ok(bytes) = module.encode() else {
            return Ok(());
        };
        let loaded = Module::new(&self.engine, &bytes);
        let validated = match self.config.validate {
            dunlin::ValidateMode::Lazy if loaded.is_ok() => Module::validate(&self.engine, &bytes),
            _ => loaded.map(drop),
        };
        match validated {
            Ok(()) => Err(format!("expected the module to be rejected: {message}")),
            Err(error) if error.kind() == ErrorKind::Bug => Err(show_error(&error)),
            Err(_) => Ok(()),
        }
    }

    fn assert_component_rejected(&mut self, mut module: QuoteWat<'_>, message: &str) -> Outcome {
        let Ok(bytes) = module.encode() else {
            return Ok(());
        };
        match Component::validate(&self.engine, bytes) {
            Ok(()) => Err(format!("expected the component to be rejected: {message}")),
            Err(error) if error.kind() == ErrorKind::Invalid => Ok(()),
            Err(error) => Err(show_error(&error)),
        }
    }

    /// What custom sections say never makes a module invalid: whoever asks is told.
    fn assert_custom_rejected(&mut self, mut module: QuoteWat<'_>, message: &str) -> Outcome {
        refuse_component(&module)?;
        let Ok(bytes) = module.encode() else {
            return Ok(());
        };
        let module = Module::new(&self.engine, bytes).map_err(|error| show_error(&error))?;
        match module.info().check_branch_hints() {
            Ok(()) => Err(format!("expected a custom section to be rejected: {message}")),
            Err(_) => Ok(()),
        }
    }

    fn assert_unlinkable(&mut self, module: Wat<'_>, message: &str) -> Outcome {
        if let module @ Wat::Component(_) = module {
            let component = self.load_component(QuoteWat::Wat(module))?;
            return match self.components.instantiate(&mut self.store, &component, None) {
                Ok(()) => Err(format!("expected the component not to link: {message}")),
                Err(error) if error.kind() == ErrorKind::Link => Ok(()),
                Err(error) => Err(format!("expected `{message}`, got {}", show_error(&error))),
            };
        }
        let module = self.load(QuoteWat::Wat(module))?;
        match self.instantiate(&module) {
            Ok(_) => Err(format!("expected the module not to link: {message}")),
            Err(error) if error.kind() == ErrorKind::Link => Ok(()),
            Err(error) => Err(format!("expected `{message}`, got {}", show_error(&error))),
        }
    }
}

fn refuse_component(module: &QuoteWat<'_>) -> Outcome {
    match module {
        QuoteWat::Wat(Wat::Component(_)) | QuoteWat::QuoteComponent(..) => {
            Err("a module is wanted, and this is a component".into())
        }
        QuoteWat::Wat(Wat::Module(_)) | QuoteWat::QuoteModule(..) => Ok(()),
    }
}

fn assert_component_values(actual: &[dunlin_component::Val], expected: &[WastRet<'_>]) -> Outcome {
    if actual.len() != expected.len() {
        let (count, got) = (expected.len(), actual.len());
        return Err(format!("expected {count} results, got {got}: {actual:?}"));
    }
    for (index, (actual, expected)) in actual.iter().zip(expected).enumerate() {
        let WastRet::Component(expected) = expected else {
            return Err("a component gives no core values".into());
        };
        let expected = components::value(expected);
        if *actual != expected {
            return Err(format!("result {index}: expected {expected:?}, got {actual:?}"));
        }
    }
    Ok(())
}

/// The error with its kind; a defect of ours is called a bug wherever it shows.
fn show_error(error: &Error) -> String {
    format!("{}: {error}", format!("{:?}", error.kind()).to_lowercase())
}

fn show_expected(expected: &WastRetCore<'_>) -> String {
    format!("{expected:?}")
}
