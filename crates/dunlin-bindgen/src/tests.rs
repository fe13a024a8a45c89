//! What is refused, and with which words; and what names become.

use crate::options::Options;
use crate::world::generate;
use std::path::Path;

fn made(inline: &str, change: impl FnOnce(&mut Options)) -> Result<String, String> {
    let mut options = Options { inline: Some(inline.into()), ..Options::default() };
    change(&mut options);
    generate(&options, Path::new("/nowhere"))
}

/// WIT that is refused, and a part of what is said of it.
const REFUSED: &[(&str, &str)] = &[
    ("package a:b; world w { import f: func( }", "inline:1:"),
    ("package a:b; world w { import other; }", "`other` does not exist\n     --> inline:1:31"),
    ("package a:b;\nworld w { import f: func() -> nowhere; }", "inline:2:31"),
    ("package a:b; world v {} world w {}", "world"),
    ("package a:b; interface i {}", "world"),
    (
        "package a:b;\nworld w {\n  export f: async func();\n}",
        "inline:3:10: asynchronous functions are not supported yet",
    ),
    (
        "package a:b;\nworld w {\n  import f: func(of: list<stream<u8>>);\n}",
        "inline:3:10: `stream` types are not supported yet",
    ),
    (
        "package a:b;\ninterface i { record r {\n  x: u8, y: list<u8, 4>,\n} }\nworld w { export i; }",
        "inline:3:10: `fixed-length list` types are not supported yet",
    ),
    (
        "package a:b;\nworld w { import f: func(t: tuple<u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8>); }",
        "inline:2:18: tuples of more than 12 are not supported",
    ),
    (
        "package a:b; world w { import f: func(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, \
         h: u8, i: u8, j: u8, k: u8, l: u8, m: u8); }",
        "functions of more than 12 parameters are not supported",
    ),
];

#[test]
fn what_is_refused_is_refused_with_its_place() {
    for (wit, words) in REFUSED {
        let error = made(wit, |_| {}).expect_err(wit);
        assert!(error.contains(words), "{wit}\nis refused with\n{error}\nand not with\n{words}");
    }
}

#[test]
fn flags_of_too_many_members_are_refused() {
    let members: String = (0..33).map(|n| format!("m{n}, ")).collect();
    let wit =
        format!("package a:b; interface i {{ flags f {{ {members} }} }} world w {{ import i; }}");
    let error = made(&wit, |_| {}).expect_err("too many");
    assert!(error.contains("cannot have more than 32 flags\n     --> inline:1:"), "{error}");
}

#[test]
fn options_that_name_nothing_are_refused() {
    let wit = "package a:b; interface i { resource r; } world w { import i; }";
    let error = made(wit, |options| options.world = Some("v".into())).expect_err("no such world");
    assert!(error.contains('v'), "{error}");
    let with = |name: &str| vec![(name.to_owned(), "crate::R".to_owned())];
    let error = made(wit, |options| options.with = with("a:b/i/s")).expect_err("no resource");
    assert_eq!(error, "`with` names `a:b/i/s`, and there is no such resource");
    let code = made(wit, |options| options.with = with("a:b/i/r")).expect("a resource");
    assert!(code.contains("pub type R = crate::R;"), "{code}");
    let none = Options { path: Some("nowhere.wit".into()), ..Options::default() };
    let error = generate(&none, Path::new("/nowhere")).expect_err("no file");
    assert!(error.contains("/nowhere/nowhere.wit"), "{error}");
}

#[test]
fn a_name_with_its_version_and_without_is_the_same_resource() {
    let wit = "package a:b@1.2.0; interface i { resource r; } world w { import i; }";
    for name in ["a:b/i/r", "a:b/i@1.2.0/r"] {
        let with = vec![(name.to_owned(), "crate::R".to_owned())];
        let code = made(wit, |options| options.with = with).expect("a resource");
        assert!(code.contains("pub type R = crate::R;"), "{code}");
    }
}

#[test]
fn names_that_are_taken_get_a_line_below() {
    let wit = "package exports:b; interface i { record host { x: u8 } resource r; f: func(); }
        interface j { record guest { x: u8 } f: func(store: guest); }
        world w { import i; export j; export new: func(); }";
    let code = made(wit, |_| {}).expect("valid");
    assert!(code.contains("pub trait Host_: self::HostR"), "{code}");
    assert!(code.contains("pub struct Guest_ "), "{code}");
    assert!(code.contains("pub mod exports_ {"), "{code}");
    assert!(code.contains("pub fn new_(&self"), "{code}");
    assert!(code.contains("store_: &'_ self::Guest)"), "{code}");
}

#[test]
fn documentation_is_carried_over() {
    let wit = "package a:b;
        /// Things.
        interface i {
            /// One \"thing\".
            enum thing { /// A book.
                book }
            /// Does it.
            f: func();
        }
        /// All.
        world w { import i; }";
    let code = made(wit, |_| {}).expect("valid");
    for words in [" Things.", " One \\\"thing\\\".", " A book.", " Does it.", " All."] {
        assert!(code.contains(&format!("#[doc = \"{words}\"]")), "{words}\n{code}");
    }
}

#[test]
fn packages_of_two_versions_are_two_modules() {
    let wit = "package a:b;
        world w { import c:d/i@1.0.0; import c:d/i@2.1.0; }
        package c:d@1.0.0 { interface i { f: func(); } }
        package c:d@2.1.0 { interface i { f: func(); } }";
    let code = made(wit, |_| {}).expect("valid");
    assert!(code.contains("pub mod d1_0_0 {") && code.contains("pub mod d2_1_0 {"), "{code}");
    assert!(code.contains("linker.instance(\"c:d/i@2.1.0\")"), "{code}");
}
