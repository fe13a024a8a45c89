//! References to what a store's collector looks after, as the host holds them.
//!
//! A reference here is a handle, which keeps what it leads to alive. Handles end with their scope: those
//! that a host function was given or has made when it returns, others at the end of the
//! [`Store::scope`](crate::Store::scope) in which they were made, or with the store. What is to live longer
//! is put into a global, a table or an object.

use crate::context::{AsContext, AsContextMut, StoreContext};
use crate::error::{Error, Result};
use crate::val::Home;
use alloc::boxed::Box;
use core::any::Any;
use core::fmt;
use dunlin_core::HeapType;
use dunlin_core::canon::{KIND_ARRAY, KIND_MASK};
use dunlin_vm::gc;
use dunlin_vm::roots::Handle;

macro_rules! handles {
    ($($(#[$doc:meta])* $name:ident $what:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name {
            pub(crate) store: u64,
            handle: Handle,
        }

        impl $name {
            /// Whether both lead to the same.
            ///
            /// # Errors
            ///
            /// If one of them is of another store, or its scope has ended.
            pub fn ref_eq(&self, store: impl AsContext, other: &Self) -> Result<bool> {
                let home = store.as_context().0.home();
                Ok(self.reference(home)? == other.reference(home)?)
            }

            /// What the store at home calls this.
            pub(crate) fn reference(&self, home: Home<'_>) -> Result<u32> {
                if self.store != home.id {
                    return Err(Error::other_store($what));
                }
                let found = home.vm.handled(self.handle);
                found.ok_or_else(|| Error::usage(concat!("the scope of ", $what, " has ended")))
            }

            pub(crate) fn from_reference(home: Home<'_>, reference: u32) -> Option<Self> {
                let handle = || Self { store: home.id, handle: home.vm.handle(reference) };
                (reference != gc::NULL).then(handle)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({}:{:?})"), self.store, self.handle)
            }
        }
    )*};
}

handles! {
    /// A reference to a value of the host, which guests pass around and cannot look into; or to something of
    /// a guest's that it has externalised.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{Engine, ExternRef, Store};
    ///
    /// let mut store = Store::new(&Engine::default(), ());
    /// let reference = ExternRef::new(&mut store, String::from("hello"))?;
    /// let value = reference.data(&store)?.expect("a host value");
    /// assert_eq!(value.downcast_ref::<String>().unwrap(), "hello");
    /// # Ok::<(), dunlin::Error>(())
    /// ```
    ExternRef "the host value";
    /// A reference to a structure, an array, a small integer, or a value of the host that a guest has
    /// internalised.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{AnyRef, Engine, HeapType, Store};
    ///
    /// let mut store = Store::new(&Engine::default(), ());
    /// let seven = AnyRef::from_i31(&mut store, 7);
    /// assert_eq!(seven.i31(&store)?, Some(7));
    /// assert_eq!(seven.ty(&store)?, HeapType::I31);
    /// # Ok::<(), dunlin::Error>(())
    /// ```
    AnyRef "the reference";
    /// A reference to an exception: a tag, and values that it carries.
    ///
    /// A host function throws by failing with one, and a guest's exception that no guest has caught is an error
    /// that has one ([`Error::exception`]).
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{Engine, ErrorKind, ExnRef, Func, FuncType, Instance, Module, Store, Tag, Val, ValType};
    ///
    /// let engine = Engine::default();
    /// let module = Module::new(&engine, r#"(module
    ///     (import "host" "oops" (tag $oops (param i32)))
    ///     (import "host" "try" (func $try))
    ///     (func (export "catch") (result i32)
    ///         (block $caught (result i32)
    ///             (try_table (catch $oops $caught) (call $try))
    ///             (i32.const 0)))
    ///     (func (export "throw") (throw $oops (i32.const 5))))"#)?;
    ///
    /// let mut store = Store::new(&engine, ());
    /// let oops = Tag::new(&mut store, FuncType::new([ValType::I32], []))?;
    /// let throws = Func::wrap(&mut store, move |mut caller: dunlin::Caller<'_, ()>| -> dunlin::Result<()> {
    ///     Err(ExnRef::new(&mut caller, oops, &[Val::I32(42)])?.into())
    /// });
    /// let instance = Instance::new(&mut store, &module, &[oops.into(), throws.into()])?;
    ///
    /// let catch = instance.get_typed_func::<(), i32>(&mut store, "catch")?;
    /// assert_eq!(catch.call(&mut store, ())?, 42);
    ///
    /// let throw = instance.get_typed_func::<(), ()>(&mut store, "throw")?;
    /// let error = throw.call(&mut store, ()).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Exception);
    /// let exception = error.exception().unwrap();
    /// assert_eq!(exception.tag(&store)?, oops);
    /// assert_eq!(exception.payload(&store)?[0].i32(), Some(5));
    /// # Ok::<(), dunlin::Error>(())
    /// ```
    ExnRef "the exception";
}

impl ExternRef {
    /// Keeps `value` in the store, for as long as something refers to it.
    ///
    /// # Errors
    ///
    /// If the store has as many values as references can number, 2^29.
    pub fn new(
        mut store: impl AsContextMut,
        value: impl Any + Send + Sync + 'static,
    ) -> Result<Self> {
        let inner = store.as_context_mut().0;
        let made = inner.vm.create_value(Box::new(value));
        let made = made.and_then(|reference| Self::from_reference(inner.home(), reference));
        made.ok_or_else(|| Error::resource("the store has too many host values"))
    }

    /// The value; `None` where this leads to something of a guest's.
    ///
    /// # Errors
    ///
    /// If it is one of another store, or its scope has ended.
    pub fn data<'a, T: 'static>(
        &self,
        store: impl Into<StoreContext<'a, T>>,
    ) -> Result<Option<&'a (dyn Any + Send + Sync)>> {
        let inner = store.into().0;
        let reference = self.reference(inner.home())?;
        Ok(inner.vm.value(reference))
    }

    /// The same reference for guests that look into it: `any.convert_extern`.
    ///
    /// # Errors
    ///
    /// If it is one of another store, or its scope has ended.
    pub fn internalize(&self, store: impl AsContext) -> Result<AnyRef> {
        self.reference(store.as_context().0.home())?;
        Ok(AnyRef { store: self.store, handle: self.handle })
    }
}

impl AnyRef {
    /// The small integer of this value, of which the highest bit is dropped.
    pub fn from_i31(mut store: impl AsContextMut, value: i32) -> Self {
        let home = store.as_context_mut().0.home();
        let reference = gc::from_i31(value.cast_unsigned());
        Self { store: home.id, handle: home.vm.handle(reference) }
    }

    /// The value, sign-extended, if this is a small integer.
    ///
    /// # Errors
    ///
    /// If it is one of another store, or its scope has ended.
    pub fn i31(&self, store: impl AsContext) -> Result<Option<i32>> {
        let reference = self.reference(store.as_context().0.home())?;
        Ok((reference & 1 == 1).then(|| reference.cast_signed() >> 1))
    }

    /// The most precise type of what this leads to.
    ///
    /// # Errors
    ///
    /// If it is one of another store, or its scope has ended.
    pub fn ty(&self, store: impl AsContext) -> Result<HeapType> {
        let home = store.as_context().0.home();
        Ok(home.vm.heap_type_of(self.reference(home)?))
    }

    /// The abstract type just above: `i31`, `struct`, `array`, or `any` for a value of the host.
    ///
    /// # Errors
    ///
    /// If it is one of another store, or its scope has ended.
    pub fn kind(&self, store: impl AsContext) -> Result<HeapType> {
        Ok(match self.ty(store)? {
            HeapType::Concrete(number) if number & KIND_MASK == KIND_ARRAY => HeapType::Array,
            HeapType::Concrete(_) => HeapType::Struct,
            other => other,
        })
    }

    /// The same reference for the host: `extern.convert_any`.
    ///
    /// # Errors
    ///
    /// If it is one of another store, or its scope has ended.
    pub fn externalize(&self, store: impl AsContext) -> Result<ExternRef> {
        self.reference(store.as_context().0.home())?;
        Ok(ExternRef { store: self.store, handle: self.handle })
    }
}
