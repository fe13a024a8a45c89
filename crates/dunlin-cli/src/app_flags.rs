//! The flags of `dunlin new` and `dunlin build`, as rows; see [`flags`](crate::flags).

use std::path::PathBuf;

use dunlin_build::Template;

use crate::args::{Command, Flag, Words};
use crate::flags::{assign, one_of};

/// The options of `dunlin new`.
#[derive(Debug, Default)]
pub(crate) struct NewOptions {
    pub(crate) template: Template,
}

/// `dunlin new`.
pub(crate) const NEW: Command<NewOptions> = Command {
    name: "new",
    usage: "[OPTIONS] [FOLDER]",
    about: "Make an app from a template, in a folder of its name (default: here).",
    notes: "Nothing is written over. `dunlin build` builds the app, and `dunlin serve` serves it:\n\
            dunlin new hello && cd hello && dunlin build && dunlin serve",
    words: Words::OneOrNone,
    short: &[('t', "template")],
    flags: &[Flag {
        name: "template",
        value: Some("NAME"),
        example: "rust",
        help: "rust (default), c, js: an HTTP app; fastedge: a FastEdge app in Rust",
        set: |o, value| {
            o.template = one_of(value, Template::ALL)?;
            Ok(())
        },
    }],
};

/// The options of `dunlin build`.
#[derive(Debug, Default)]
pub(crate) struct BuildOptions {
    pub(crate) config: Option<PathBuf>,
    pub(crate) debug: bool,
}

/// `dunlin build`.
pub(crate) const BUILD: Command<BuildOptions> = Command {
    name: "build",
    usage: "[OPTIONS] [FOLDER]",
    about: "Build the apps of a folder's dunlin.toml from their sources (default: here).",
    notes: "`[app.build]` says the language, whose own tools compile the app: cargo, the Zig toolchain, or\n\
            componentize-js. What they make becomes a component if it is none, is checked, and goes where\n\
            `path` says, without names and what debuggers read.\n\
            exit codes: 0 built; 1 a tool is missing or has failed; 2 usage",
    words: Words::OneOrNone,
    short: &[],
    flags: &[
        Flag {
            name: "config",
            value: Some("FILE"),
            example: "dunlin.toml",
            help: "Another file than dunlin.toml",
            set: |o, value| assign(&mut o.config, PathBuf::from(value)),
        },
        Flag {
            name: "debug",
            value: None,
            example: "",
            help: "Keep names and what debuggers read",
            set: |o, _| {
                o.debug = true;
                Ok(())
            },
        },
    ],
};
