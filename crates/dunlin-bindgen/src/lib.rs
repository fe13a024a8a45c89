//! The macro `bindgen!`: turns a WIT world into the Rust of a host.
//!
//! 1. `input`: what the macro is given → `Options`.
//! 2. `world`: the options' WIT is read, its world is found, and each interface gets a module.
//! 3. `types`: types of WIT → types of Rust, each where its interface's module is.
//! 4. `host`: what the world imports → traits that the host implements, and what adds them to a linker.
//! 5. `guest`: what the world exports → structs whose methods call the guest.
//!
//! The Rust is made as text, from names that `names` has made harmless; all that it uses lies below one path,
//! `dunlin_component`'s. Only `input` and this file know that this is a macro, so that tests read the text.
//!
//! Does **not** know: the engine, the canonical ABI, any interface by name.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod guest;
mod host;
mod input;
mod limits;
mod names;
mod options;
#[cfg(test)]
mod tests;
mod text;
mod types;
mod world;

use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

/// Makes the Rust of a host for a WIT world.
///
/// | option | |
/// |---|---|
/// | `world: "name"` | which world; not needed if there is one |
/// | `path: "wit"` | a file, or a folder with a folder `deps`, from the crate's own folder; `wit` if nothing is said |
/// | `inline: "…"` | the text itself, to which `path`, if it is given too, adds packages |
/// | `with: { "ns:pkg/iface/resource": crate::Type }` | the type of Rust that stands for an imported resource |
/// | `crate: ::dunlin_component` | where `dunlin_component` is to be found |
///
/// # What it makes
///
/// * For each interface that is imported a module `ns::pkg::iface`, with its types, a trait `Host` of its functions, a
///   trait `HostR` for each resource `r`, and a function `add_to_linker`. A host implements the traits for what its stores
///   hold, or for a part of it. For functions that the world imports by themselves there is a trait at the macro's place.
/// * For each interface that is exported a module `exports::ns::pkg::iface`, with its types and a struct `Guest` whose
///   methods call the guest.
/// * A struct of the world's name, with `instantiate`, methods for what the world exports, and `add_to_linker` for all
///   that it imports.
///
/// Records, variants, enums and flags become what `record!`, `variant!`, `enumeration!` and `flags!` make; what WIT says
/// in its documentation comments, they say too. For a resource that the host implements stands an empty type, or that which
/// `with` names; handles are `Resource` and `Borrow` of it. For a resource of a guest's stands an empty type, and handles
/// are `GuestResource` and `GuestBorrow` of it. Strings and lists that go into a guest are borrowed.
///
/// The macro stands where items stand, not in a function's body. What the asynchronous half of the component model has,
/// maps, and lists of fixed length are refused.
///
/// # Examples
///
/// ```
/// use dunlin::{Engine, Result, Store};
/// use dunlin_component::{Component, Linker};
///
/// dunlin_component::bindgen! {
///     inline: "
///         package test:greet;
///
///         interface names {
///             /// Who is next.
///             next: func() -> string;
///         }
///
///         world greeter {
///             import names;
///             /// Greets whoever is next; how long the greeting is.
///             export greet: func() -> u32;
///         }
///     ",
/// }
///
/// struct Names(Vec<String>);
///
/// impl test::greet::names::Host for Names {
///     fn next(&mut self) -> Result<String> {
///         Ok(self.0.pop().unwrap_or_default())
///     }
/// }
///
/// fn main() -> Result<()> {
///     let engine = Engine::default();
///     let component = Component::new(&engine, r#"
///         (component
///             (import "test:greet/names" (instance $names (export "next" (func (result string)))))
///             (core module $libc (memory (export "memory") 1)
///                 (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64)))
///             (core instance $libc (instantiate $libc))
///             (core func $next (canon lower (func $names "next") (memory (core memory $libc "memory"))
///                 (realloc (core func $libc "realloc"))))
///             (core module $m (import "" "memory" (memory 1)) (import "" "next" (func $next (param i32)))
///                 (func (export "greet") (result i32)
///                     (call $next (i32.const 0))
///                     (i32.add (i32.const 7) (i32.load (i32.const 4)))))
///             (core instance $i (instantiate $m (with "" (instance
///                 (export "memory" (memory $libc "memory")) (export "next" (func $next))))))
///             (func (export "greet") (result u32) (canon lift (core func $i "greet"))))
///     "#)?;
///     let mut linker = Linker::new(&engine);
///     Greeter::add_to_linker(&mut linker, |names: &mut Names| names)?;
///     let mut store = Store::new(&engine, Names(vec!["Ada".into()]));
///     let greeter = Greeter::instantiate(&mut store, &component, &linker)?;
///     assert_eq!(greeter.greet(&mut store)?, "Hello, Ada".len() as u32);
///     Ok(())
/// }
/// ```
#[proc_macro]
pub fn bindgen(input: TokenStream) -> TokenStream {
    let (options, span) = match input::parse(input) {
        Ok(parsed) => parsed,
        Err((what, span)) => return refusal(&what, span),
    };
    let root = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    match world::generate(&options, root.as_ref()) {
        Ok(code) => code.parse().unwrap_or_else(|error| {
            refusal(&format!("`bindgen!` has made what is not Rust: {error}"), span)
        }),
        Err(what) => refusal(&what, span),
    }
}

/// `compile_error!` with this text, at this place.
fn refusal(what: &str, span: Span) -> TokenStream {
    let text = TokenTree::from(Literal::string(what));
    let group = Group::new(Delimiter::Brace, TokenStream::from(text));
    let tokens: [TokenTree; 8] = [
        Punct::new(':', Spacing::Joint).into(),
        Punct::new(':', Spacing::Alone).into(),
        Ident::new("core", span).into(),
        Punct::new(':', Spacing::Joint).into(),
        Punct::new(':', Spacing::Alone).into(),
        Ident::new("compile_error", span).into(),
        Punct::new('!', Spacing::Alone).into(),
        group.into(),
    ];
    let at = |mut token: TokenTree| {
        token.set_span(span);
        token
    };
    tokens.into_iter().map(at).collect()
}
