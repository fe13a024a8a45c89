//! Every bound of this crate, with its reason.

/// Bytes of a `dunlin.toml`, as for the server: a thousand apps with all that can be said of them have less.
pub(crate) const CONFIG_BYTES_MAX: u64 = 16 << 20;

/// Letters of an app's name, which becomes a part of paths and the name of a package.
pub(crate) const NAME_LETTERS_MAX: usize = 63;

/// How deep components are looked into: as deep as the validator allows them to nest.
pub(crate) const NESTED_MAX: usize = 100;

/// Lines of a tool's output that an error repeats: enough to see a compiler's first message.
pub(crate) const SAID_LINES_MAX: usize = 40;
