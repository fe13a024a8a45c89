//! The one table of features: what a module may use, and what each is called.
//!
//! The embedding API, the command line and the tests derive from these rows; a new feature is one row.

use core::fmt;
use wasmparser::WasmFeatures;

macro_rules! features {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal, $default:literal, $flags:expr;)*) => {
        /// One feature of WebAssembly beyond version 1.0's minimum.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Feature { $($(#[$doc])* $name = $number,)* }

        impl Feature {
            /// Every feature, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The proposal's name, as `--features` and reports spell it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Whether it is on unless the configuration says otherwise.
            #[must_use]
            pub const fn is_default(self) -> bool {
                match self { $(Self::$name => $default,)* }
            }

            const fn flags(self) -> WasmFeatures {
                match self { $(Self::$name => $flags,)* }
            }
        }
    };
}

features! {
    /// Imported and exported globals may be mutable.
    MutableGlobal = 0, "mutable-global", true, WasmFeatures::MUTABLE_GLOBAL;
    /// `i32.extend8_s` and its kin.
    SignExtension = 1, "sign-extension", true, WasmFeatures::SIGN_EXTENSION;
    /// `i32.trunc_sat_f32_s` and its kin.
    SaturatingFloatToInt = 2, "saturating-float-to-int", true, WasmFeatures::SATURATING_FLOAT_TO_INT;
    /// Several results of functions; parameters and several results of blocks.
    MultiValue = 3, "multi-value", true, WasmFeatures::MULTI_VALUE;
    /// `funcref` and `externref` as first-class values; several tables.
    ReferenceTypes = 4, "reference-types", true, WasmFeatures::REFERENCE_TYPES;
    /// `memory.copy`, `memory.fill`, passive segments.
    BulkMemory = 5, "bulk-memory", true, WasmFeatures::BULK_MEMORY;
    /// Fixed-width SIMD: `v128`.
    Simd = 6, "simd", true, WasmFeatures::SIMD;
    /// Addition, subtraction and multiplication in constant expressions.
    ExtendedConst = 7, "extended-const", true, WasmFeatures::EXTENDED_CONST;
    /// Several memories in a module.
    MultiMemory = 8, "multi-memory", true, WasmFeatures::MULTI_MEMORY;
    /// `return_call` and `return_call_indirect`.
    TailCall = 9, "tail-call", true, WasmFeatures::TAIL_CALL;
    /// Memories and tables with 64-bit addresses.
    Memory64 = 10, "memory64", true, WasmFeatures::MEMORY64;
    /// Typed references to functions: `call_ref`, `ref.as_non_null`, tables with initialisers.
    FunctionReferences = 11, "function-references", true, WasmFeatures::FUNCTION_REFERENCES;
    /// Structures, arrays, and references to them that a collector follows.
    Gc = 12, "gc", true, WasmFeatures::GC;
    /// Tags, `throw`, `throw_ref` and `try_table`.
    Exceptions = 13, "exceptions", true, WasmFeatures::EXCEPTIONS;
    /// `try`, `catch`, `delegate` and `rethrow`, an early form that toolchains still emit.
    LegacyExceptions = 14, "legacy-exceptions", true, WasmFeatures::LEGACY_EXCEPTIONS;
    /// Vector operators whose results differ between machines, unless the configuration says otherwise.
    RelaxedSimd = 16, "relaxed-simd", true, WasmFeatures::RELAXED_SIMD;
    /// Addition, subtraction and multiplication of 128-bit integers.
    WideArithmetic = 17, "wide-arithmetic", true, WasmFeatures::WIDE_ARITHMETIC;
    /// Memories whose pages are single bytes.
    CustomPageSizes = 18, "custom-page-sizes", true, WasmFeatures::CUSTOM_PAGE_SIZES;
    /// Imports that share the name of their module.
    CompactImports = 19, "compact-imports", true, WasmFeatures::COMPACT_IMPORTS;
    /// Atomic operators, and memories that several threads share.
    Threads = 20, "threads", true, WasmFeatures::THREADS;
}

impl Feature {
    /// The feature of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|feature| feature.name() == name)
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of features.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Features(u32);

impl Features {
    /// WebAssembly 1.0 without any later feature.
    pub const NONE: Self = Self(0);

    /// This set with `feature` on or off.
    #[must_use]
    pub const fn with(self, feature: Feature, enabled: bool) -> Self {
        let bit = 1 << feature as u32;
        if enabled { Self(self.0 | bit) } else { Self(self.0 & !bit) }
    }

    /// Turns `feature` on or off.
    pub const fn set(&mut self, feature: Feature, enabled: bool) {
        *self = self.with(feature, enabled);
    }

    /// Whether `feature` is on.
    #[must_use]
    pub const fn contains(self, feature: Feature) -> bool {
        self.0 & (1 << feature as u32) != 0
    }

    /// The features that are on.
    pub fn iter(self) -> impl Iterator<Item = Feature> {
        Feature::ALL.iter().copied().filter(move |feature| self.contains(*feature))
    }

    /// The validator's flags for this set.
    pub(crate) fn flags(self) -> WasmFeatures {
        let base = WasmFeatures::FLOATS | WasmFeatures::GC_TYPES;
        self.iter().fold(base, |flags, feature| flags | feature.flags())
    }
}

impl Default for Features {
    fn default() -> Self {
        Feature::ALL.iter().fold(Self::NONE, |set, f| set.with(*f, f.is_default()))
    }
}

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Feature::name)).finish()
    }
}
