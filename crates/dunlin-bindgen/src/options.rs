//! What the macro is asked for.

/// What the macro is asked for.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// WIT as text.
    pub(crate) inline: Option<String>,
    /// A file or folder of WIT.
    pub(crate) path: Option<String>,
    pub(crate) world: Option<String>,
    /// Types of Rust that stand for imported resources, by `interface/resource`.
    pub(crate) with: Vec<(String, String)>,
    /// The path of `dunlin_component`, if it is another than that.
    pub(crate) krate: Option<String>,
}
