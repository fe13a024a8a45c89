//! A component's world as WIT, the text in which people write interfaces.

use dunlin::{Error, ErrorKind, Result};
use wit_component::{DecodedWasm, OutputToString, WitPrinter};

/// The world of a component in the binary format: what it imports and exports, and the interfaces that it names, as WIT. A
/// package of interfaces in that format is printed as a package.
///
/// # Errors
///
/// If it is no component, or its imports and exports are such that WIT has no words for them.
///
/// # Examples
///
/// ```
/// let component = wat::parse_str(r#"
///     (component
///         (import "test:greet/names" (instance (export "first" (func (result string)))))
///         (core module $m (func (export "one") (result i32) (i32.const 1)))
///         (core instance $i (instantiate $m))
///         (func (export "one") (result u32) (canon lift (core func $i "one"))))
/// "#).unwrap();
/// let text = dunlin_component::wit::print(&component)?;
/// assert!(text.contains("import test:greet/names;"), "{text}");
/// assert!(text.contains("export one: func() -> u32;"), "{text}");
/// assert!(text.contains("first: func() -> string;"), "{text}");
/// # Ok::<(), dunlin::Error>(())
/// ```
pub fn print(component: &[u8]) -> Result<String> {
    let refused = |error: &dyn std::fmt::Display| {
        Error::new_of(ErrorKind::Invalid, format_args!("no world of WIT: {error:#}"))
    };
    let decoded = wit_component::decode(component).map_err(|error| refused(&error))?;
    let (resolve, package) = match &decoded {
        DecodedWasm::WitPackage(resolve, package) => (resolve, *package),
        DecodedWasm::Component(resolve, world) => match resolve.worlds[*world].package {
            Some(package) => (resolve, package),
            None => return Err(refused(&"it belongs to no package")),
        },
    };
    // The interfaces of other packages follow that of the component itself.
    let others = resolve.packages.iter().map(|(id, _)| id).filter(|id| *id != package);
    let others: Vec<_> = others.collect();
    let mut printer = WitPrinter::new(OutputToString::default());
    printer.print(resolve, package, &others).map_err(|error| refused(&error))?;
    Ok(printer.output.to_string())
}
