//! What an engine executes of one function, for people who read it: see
//! [`ModuleInfo::listing`](crate::ModuleInfo::listing) for the interpreter, and
//! `Module::function_code` for compiled code.

pub use dunlin_module::{Listing, OperatorText, SideWord, Step};

#[cfg(feature = "optimize")]
pub use native::FunctionCode;

#[cfg(feature = "optimize")]
mod native {
    use crate::compile::{Compiler, NativeCompiler};
    use crate::error::{Error, Result};
    use crate::module::Module;
    use crate::{MemoryStrategy, Tier};
    use alloc::string::String;
    use alloc::vec::Vec;
    use dunlin_core::TrapCode;
    use dunlin_module::{CompiledFunction, InlinedCall, Scratch, StaticTables, Unit};
    use dunlin_vm::native::CodeImage;

    /// The machine code of a function, as plain data. Offsets are from its first byte.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct FunctionCode {
        /// The code, constants included. Where an address of the VM's belongs, its bytes say nothing.
        pub bytes: Vec<u8>,
        /// Instructions that trap by faulting, ascending, and why they do.
        pub traps: Vec<(u32, TrapCode)>,
        /// Where an address of the VM's belongs, and of which of its functions.
        pub builtins: Vec<(u32, String)>,
        /// From where on code is of an operator, ascending: of which function, and at which offset of the module;
        /// `None` is of none. Functions are others where their bodies stand in place of calls.
        pub source: Vec<(u32, Option<(u32, u32)>)>,
        /// Where code begins that looks at what functions have thrown which this one called.
        pub handlers: Vec<u32>,
    }

    impl FunctionCode {
        /// The code of a function in an image that has been checked, or nobody executes; `None` if it
        /// has none there.
        pub(crate) fn of_image(image: &CodeImage<'_>, func: u32) -> Option<Self> {
            let (start, end, _) =
                *image.units.iter().find(|(.., unit)| *unit == Unit::Func(func))?;
            let bytes = image.code.get(start as usize..end as usize)?.to_vec();
            let is_here = |at: &u32| (start..end).contains(at);
            let traps = image.traps.iter().filter(|(at, _)| is_here(at));
            let relocations = image.relocations.iter().filter(|at| is_here(&at.offset));
            let source = image.source.iter().filter(|(at, _)| is_here(at));
            let handlers = image.handlers.iter().filter(|of| is_here(&of.handler));
            Some(Self {
                bytes,
                traps: traps.map(|(at, code)| (at - start, *code)).collect(),
                builtins: relocations
                    .map(|at| (at.offset - start, alloc::format!("{:?}", at.builtin)))
                    .collect(),
                source: source
                    .map(|(at, word)| (at - start, operator(*word, func, &image.inlined)))
                    .collect(),
                handlers: handlers.map(|of| of.handler - start).collect(),
            })
        }

        fn of(compiled: CompiledFunction, func: u32) -> Self {
            let builtins = compiled.relocations.iter();
            let builtins = builtins.map(|at| (at.offset, alloc::format!("{:?}", at.builtin)));
            let source = compiled.source.iter();
            let source = source.map(|(at, word)| (*at, operator(*word, func, &compiled.inlined)));
            Self {
                builtins: builtins.collect(),
                source: source.collect(),
                handlers: compiled.handlers.iter().map(|of| of.handler).collect(),
                bytes: compiled.code,
                traps: compiled.traps,
            }
        }
    }

    fn operator(word: u32, func: u32, inlined: &[InlinedCall]) -> Option<(u32, u32)> {
        InlinedCall::operators(word, func, inlined).next()
    }

    impl Module {
        /// The machine code of a function, as the engine makes it, or would with [`Tier::Optimize`]. It
        /// is compiled for this answer, and executed by nobody.
        ///
        /// # Errors
        ///
        /// If its body is not valid, or there is none; of kind [`Usage`](crate::ErrorKind::Usage), if
        /// the compiler refuses it, or makes no code for this machine.
        ///
        /// # Examples
        ///
        /// ```
        /// use dunlin::{Engine, Module};
        ///
        /// let text = "(module (func (param i32) (result i32) (i32.clz (local.get 0))))";
        /// let module = Module::new(&Engine::default(), text)?;
        /// # if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        /// let code = module.function_code(0)?;
        /// assert!(code.bytes.len() < 64 && code.builtins.is_empty());
        /// # }
        /// # Ok::<(), dunlin::Error>(())
        /// ```
        pub fn function_code(&self, func: u32) -> Result<FunctionCode> {
            self.compile_alone(func, Tier::Optimize)
        }

        /// The same, of the baseline compiler: as with [`Tier::Baseline`].
        ///
        /// # Errors
        ///
        /// As [`Module::function_code`].
        pub fn baseline_code(&self, func: u32) -> Result<FunctionCode> {
            self.compile_alone(func, Tier::Baseline)
        }

        fn compile_alone(&self, func: u32, tier: Tier) -> Result<FunctionCode> {
            let compiled = self.with_compiler(func, tier, |native, tables| {
                native.compiler().worker(self.code().module(), tables).compile(Unit::Func(func))
            })?;
            Ok(FunctionCode::of(compiled, func))
        }

        /// What the machine code of a function is made of: its translation to Cranelift's intermediate
        /// form, as text. `@` and a number is the operator's offset in the module.
        ///
        /// # Errors
        ///
        /// As [`Module::function_code`].
        pub fn function_clif(&self, func: u32) -> Result<String> {
            self.with_compiler(func, Tier::Optimize, |native, tables| {
                native.optimizer().clif(self.code().module(), tables, Unit::Func(func))
            })
        }

        fn with_compiler<T>(
            &self,
            func: u32,
            tier: Tier,
            ask: impl FnOnce(&NativeCompiler, &StaticTables) -> Result<T, dunlin_module::CompileError>,
        ) -> Result<T> {
            let module = self.code().module();
            module.prepare(func, &mut Scratch::default()).map_err(Error::invalid)?;
            let mut config = self.engine().config().clone();
            config.tier(tier);
            config.profile = None;
            let strategy = match self.engine().memory_strategy() {
                MemoryStrategy::Dense => dunlin_vm::MemoryStrategy::Dense,
                _ => dunlin_vm::MemoryStrategy::Guarded,
            };
            let compiler = Compiler::new(&config, strategy)?;
            let tables = StaticTables::of(module);
            let native = compiler.native();
            let native = native.ok_or_else(|| Error::bug("a compiler that was asked for"))?;
            ask(native, &tables).map_err(Error::usage)
        }
    }
}
