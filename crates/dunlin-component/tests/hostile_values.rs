//! What hostile guests pass as values: pointers and lengths at every edge, misaligned, overlapping; bytes that are no text;
//! characters, discriminants and flags that are none; allocators that lie. Each takes four ways: as a result and as an
//! argument, to the host and to another component. It is a trap or a value, never a panic, and after a trap the
//! instance is not entered again.

mod support;

use dunlin::{Result, Store};
use dunlin_component::{Component, Instance, Linker, Val};
use support::{LIBC, engine, trap};

/// Bytes of the guests' memories.
const MEMORY: u32 = 16 << 16;

/// A type, how its strings are encoded, the flat values that a guest says it is, and bytes of the guest's memory.
#[derive(Clone, Copy)]
struct Case<'t> {
    /// Types that must be imported, each with its text; they are called `$t0` and so on.
    named: &'t [&'t str],
    ty: &'t str,
    encoding: &'t str,
    /// The flat values, each 32 bits.
    flat: &'t [u32],
    /// Where they lie in memory if they pass there: bytes from the first on, and of each.
    offsets: &'t [(u32, u32)],
    data: &'t [(u32, &'t [u8])],
}

/// A string or list.
fn range<'t>(
    ty: &'t str,
    encoding: &'t str,
    flat: &'t [u32; 2],
    data: &'t [(u32, &'t [u8])],
) -> Case<'t> {
    Case { named: &[], ty, encoding, flat, offsets: &[(0, 4), (4, 4)], data }
}

impl Case<'_> {
    fn types(&self) -> (String, String) {
        let types = self.named.iter().enumerate().map(|(n, text)| {
            format!(r#"(type $d{n} {text}) (import "t{n}" (type $t{n} (eq $d{n})))"#)
        });
        let with = (0..self.named.len()).map(|n| format!(r#"(with "t{n}" (type $t{n}))"#));
        (types.collect(), with.collect())
    }

    fn segments(&self) -> String {
        let segment = |(at, bytes): &(u32, &[u8])| {
            let bytes: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
            format!(r#"(data (i32.const {at}) "{bytes}")"#)
        };
        self.data.iter().map(segment).collect()
    }

    fn options(&self) -> String {
        format!(
            r#"string-encoding={} (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))"#,
            self.encoding
        )
    }

    /// A component that exports `f`, which gives the value.
    fn giver(&self) -> String {
        let (types, _) = self.types();
        let (ty, options) = (self.ty, self.options());
        let stores = self.flat.iter().zip(self.offsets).map(|(value, (offset, bytes))| {
            let store = match bytes {
                1 => "i32.store8",
                2 => "i32.store16",
                _ => "i32.store",
            };
            format!("({store} (i32.const {}) (i32.const {value}))", 1024 + offset)
        });
        let body = match self.flat {
            [value] => format!("(i32.const {value})"),
            _ => format!("{} (i32.const 1024)", stores.collect::<String>()),
        };
        format!(
            r#"(component $Giver {types} {LIBC}
                (core module $M (import "" "memory" (memory 16)) {}
                    (func (export "f") (result i32) {body}))
                (core instance $m (instantiate $M (with "" (instance $libc))))
                (func (export "f") (result {ty}) (canon lift (core func $m "f") {options})))"#,
            self.segments()
        )
    }

    /// A component that imports `f` and whose `run` calls it and takes what it gives.
    fn taker(&self) -> String {
        let (types, _) = self.types();
        let (ty, options) = (self.ty, self.options());
        let (import, call) = match self.flat.len() {
            1 => ("(result i32)", "(drop (call $f))"),
            _ => ("(param i32)", "(call $f (i32.const 2048))"),
        };
        format!(
            r#"(component $Taker {types} (import "f" (func $f (result {ty}))) {LIBC}
                (core func $lowered (canon lower (func $f) {options}))
                (core module $M (import "" "f" (func $f {import}))
                    (func (export "run") {call}))
                (core instance $m (instantiate $M (with "" (instance (export "f" (func $lowered))))))
                (func (export "run") (canon lift (core func $m "run"))))"#
        )
    }

    /// A component that imports `g`, and whose `run` calls it with the value.
    fn passer(&self) -> String {
        let (types, _) = self.types();
        let (ty, options) = (self.ty, self.options());
        let params = vec!["i32"; self.flat.len()].join(" ");
        let values =
            self.flat.iter().map(|value| format!("(i32.const {value})")).collect::<String>();
        format!(
            r#"(component $Passer {types} (import "g" (func $g (param "a" {ty}))) {LIBC}
                (core func $lowered (canon lower (func $g) {options}))
                (core module $M (import "" "g" (func $g (param {params})))
                    (import "libc" "memory" (memory 16)) {}
                    (func (export "run") (call $g {values})))
                (core instance $m (instantiate $M (with "libc" (instance $libc))
                    (with "" (instance (export "g" (func $lowered))))))
                (func (export "run") (canon lift (core func $m "run"))))"#,
            self.segments()
        )
    }

    /// A component that exports `g`, which takes the value.
    fn receiver(&self) -> String {
        let (types, _) = self.types();
        let (ty, options) = (self.ty, self.options());
        let params = vec!["i32"; self.flat.len()].join(" ");
        format!(
            r#"(component $Receiver {types} {LIBC}
                (core module $M (func (export "g") (param {params})))
                (core instance $m (instantiate $M))
                (func (export "g") (param "a" {ty}) (canon lift (core func $m "g") {options})))"#
        )
    }

    /// What becomes of the value on each of the four ways.
    fn all(&self) -> [Result<Option<Val>>; 4] {
        let (types, with) = self.types();
        let ty = self.ty;
        let to_host = format!(
            r#"(component {types} {} (instance $i (instantiate $Giver {with}))
                (func (export "run") (alias export $i "f")))"#,
            self.giver()
        );
        let to_component = format!(
            r#"(component {types} {} {} (instance $i (instantiate $Giver {with}))
                (instance $j (instantiate $Taker {with} (with "f" (func $i "f"))))
                (func (export "run") (alias export $j "run")))"#,
            self.giver(),
            self.taker()
        );
        let host_argument = format!(
            r#"(component {types} (import "g" (func $g (param "a" {ty}))) {}
                (instance $i (instantiate $Passer {with} (with "g" (func $g))))
                (func (export "run") (alias export $i "run")))"#,
            self.passer()
        );
        let component_argument = format!(
            r#"(component {types} {} {} (instance $j (instantiate $Receiver {with}))
                (instance $i (instantiate $Passer {with} (with "g" (func $j "g"))))
                (func (export "run") (alias export $i "run")))"#,
            self.receiver(),
            self.passer()
        );
        [to_host, to_component, host_argument, component_argument].map(|text| run(&text))
    }

    /// Expects traps whose texts have one of these words.
    fn traps(&self, words: &[&str]) {
        for (way, result) in self.all().into_iter().enumerate() {
            let said = trap(result);
            let known = words.iter().any(|word| said.contains(word));
            assert!(known, "{} {} {:?}, way {way}: {said}", self.ty, self.encoding, self.flat);
        }
    }

    /// Expects that it is this value.
    fn is(&self, expected: &Val) {
        for (way, result) in self.all().into_iter().enumerate() {
            let value = result.unwrap_or_else(|error| {
                panic!("{} {} {:?}, way {way}: {error}", self.ty, self.encoding, self.flat)
            });
            assert!(value.as_ref().is_none_or(|value| value == expected), "way {way}: {value:?}");
        }
    }
}

/// Calls `run`; the value that it gives, or that the host is given. After a trap it cannot be called again.
fn run(text: &str) -> Result<Option<Val>> {
    let engine = engine();
    let component = Component::new(&engine, text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut linker: Linker<Option<Val>> = Linker::new(&engine);
    let take =
        |mut store: dunlin::StoreContextMut<'_, Option<Val>>, params: &[Val], _: &mut [Val]| {
            *store.data_mut() = Some(params[0].clone());
            Ok(())
        };
    linker.root().func_new("g", take).expect("a definition");
    let mut store = Store::new(&engine, None);
    let instance: Instance = linker.instantiate(&mut store, &component).expect("an instance");
    let run = instance.get_func(&mut store, "run").expect("an export");
    let count = run.result_count(&mut store).expect("a function of a guest's");
    let mut results = vec![Val::Bool(false); count];
    if let Err(error) = run.call(&mut store, &[], &mut results) {
        let again = run.call(&mut store, &[], &mut results);
        assert_eq!(trap(again), "cannot enter component instance");
        return Err(error);
    }
    Ok(results.pop().or_else(|| store.data_mut().take()))
}

const BOUNDS: &[&str] = &["out of bounds", "out-of-bounds"];
const BOUNDS_OR_ALIGNMENT: &[&str] = &["out of bounds", "out-of-bounds", "aligned", "unaligned"];
/// The bit of a compact string's length that says UTF-16.
const TAG: u32 = 1 << 31;

#[test]
fn strings_out_of_bounds_trap() {
    let pairs = [
        [0, u32::MAX],
        [0, MEMORY + 1],
        [MEMORY, 1],
        [MEMORY - 2, 3],
        [u32::MAX, 1],
        [u32::MAX - 1, 2],
        [u32::MAX, u32::MAX],
        [TAG, TAG - 1],
        [1, 1 << 28],
    ];
    for encoding in ["utf8", "utf16", "latin1+utf16"] {
        for pair in &pairs {
            range("string", encoding, pair, &[]).traps(BOUNDS_OR_ALIGNMENT);
        }
    }
    range("string", "utf16", &[MEMORY - 2, 2], &[]).traps(BOUNDS);
    range("string", "latin1+utf16", &[MEMORY - 2, 2 | TAG], &[]).traps(BOUNDS);
    range("string", "latin1+utf16", &[0, u32::MAX], &[]).traps(BOUNDS);
}

#[test]
fn strings_at_the_edge_are_values() {
    let text = |text: &str| Val::String(text.into());
    let last = [(MEMORY - 2, b"a\0".as_slice())];
    range("string", "utf8", &[MEMORY - 1, 1], &[(MEMORY - 1, b"a")]).is(&text("a"));
    range("string", "utf16", &[MEMORY - 2, 1], &last).is(&text("a"));
    range("string", "latin1+utf16", &[MEMORY - 2, 2], &last).is(&text("a\0"));
    range("string", "latin1+utf16", &[MEMORY - 2, 1 | TAG], &last).is(&text("a"));
    for encoding in ["utf8", "utf16", "latin1+utf16"] {
        range("string", encoding, &[MEMORY, 0], &[]).is(&text(""));
        range("string", encoding, &[0, 0], &[]).is(&text(""));
    }
}

#[test]
fn misaligned_strings_trap() {
    for pair in [[1, 0], [1, 1], [MEMORY - 1, 0]] {
        range("string", "utf16", &pair, &[]).traps(&["aligned"]);
        range("string", "latin1+utf16", &pair, &[]).traps(&["aligned"]);
    }
}

#[test]
fn bytes_that_are_no_utf8_trap() {
    for bytes in [
        b"\xff".as_slice(),
        b"\x80",
        b"\xc0\x80",
        b"\xc1\xbf",
        b"\xe0\x80\x80",
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"\xf0\x80\x80\x80",
        b"\xf4\x90\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"a\xe2\x98",
        b"\xf0\x9f\x8d",
    ] {
        let pair = [16, bytes.len() as u32];
        range("string", "utf8", &pair, &[(16, bytes)]).traps(&["utf-8"]);
    }
}

#[test]
fn surrogates_without_a_pair_trap() {
    for units in [
        [0xd800, 0x0041].as_slice(),
        &[0x0041, 0xd800],
        &[0xdc00],
        &[0xdc00, 0xd800],
        &[0xd800, 0xd800],
        &[0xdbff, 0xe000],
    ] {
        let bytes: Vec<u8> = units.iter().flat_map(|unit: &u16| unit.to_le_bytes()).collect();
        let len = units.len() as u32;
        range("string", "utf16", &[16, len], &[(16, &bytes)]).traps(&["utf-16"]);
        range("string", "latin1+utf16", &[16, len | TAG], &[(16, &bytes)]).traps(&["utf-16"]);
    }
}

#[test]
fn lists_out_of_bounds_or_misaligned_trap() {
    for (element, size) in
        [("u8", 1), ("s16", 2), ("f32", 4), ("u64", 8), ("string", 8), ("(tuple u8 u64)", 16)]
    {
        let ty = format!("(list {element})");
        for pair in [
            [0, u32::MAX],
            [0, MEMORY / size + 1],
            [MEMORY, 1],
            [MEMORY - size, 2],
            [u32::MAX - size + 1, 1],
            [0, 1 << 28],
            [0, (1 << 28) / size],
            // The product is small in 32 bits.
            [0, (u32::MAX / size).saturating_add(1)],
        ] {
            range(&ty, "utf8", &pair, &[]).traps(BOUNDS);
        }
        if size > 1 {
            range(&ty, "utf8", &[1, 1], &[]).traps(&["aligned"]);
            range(&ty, "utf8", &[1, 0], &[]).traps(&["aligned"]);
        }
        range(&ty, "utf8", &[MEMORY, 0], &[]).is(&Val::List(Vec::new()));
    }
}

#[test]
fn what_is_wrong_within_a_list_traps() {
    // A string of a list, beyond the memory; one of them is good.
    let strings: Vec<u8> =
        [0_u32, 0, MEMORY, 1].iter().flat_map(|word| word.to_le_bytes()).collect();
    range("(list string)", "utf8", &[64, 2], &[(64, &strings)]).traps(BOUNDS);
    let chars: Vec<u8> = [0x61_u32, 0xd800].iter().flat_map(|word| word.to_le_bytes()).collect();
    range("(list char)", "utf8", &[64, 2], &[(64, &chars)]).traps(&["`char`"]);
    range("(list (option u8))", "utf8", &[64, 1], &[(64, &[2, 0])]).traps(&["discriminant"]);
    // A list that holds itself is one of what lies there: 2 lists of 2 bytes.
    let holds: Vec<u8> = [64_u32, 2, 64, 2].iter().flat_map(|word| word.to_le_bytes()).collect();
    let bytes = Val::List(vec![Val::U8(64), Val::U8(0)]);
    let expected = Val::List(vec![bytes.clone(), bytes]);
    range("(list (list u8))", "utf8", &[64, 2], &[(64, &holds)]).is(&expected);
}

/// A value that is one flat value.
fn one<'t>(ty: &'t str, flat: &'t [u32; 1]) -> Case<'t> {
    Case { named: &[], ty, encoding: "utf8", flat, offsets: &[(0, 4)], data: &[] }
}

/// As [`one`], of a type that must have a name.
fn named<'t>(named: &'t [&'t str; 1], flat: &'t [u32; 1]) -> Case<'t> {
    Case { named, ..one("$t0", flat) }
}

#[test]
fn scalars_that_are_none_trap_and_spare_bits_are_dropped() {
    for value in [0xd800, 0xdfff, 0x11_0000, u32::MAX] {
        one("char", &[value]).traps(&["`char`"]);
    }
    one("char", &[0xd7ff]).is(&Val::Char('\u{d7ff}'));
    one("char", &[0x10_ffff]).is(&Val::Char('\u{10ffff}'));
    one("bool", &[u32::MAX]).is(&Val::Bool(true));
    one("bool", &[0x100]).is(&Val::Bool(true));
    one("u8", &[0xffff_ff05]).is(&Val::U8(5));
    one("s8", &[0x0000_0180]).is(&Val::S8(-128));
    one("s16", &[0x0001_8000]).is(&Val::S16(i16::MIN));
    for value in [2, 3, 256, 0x100, 1 << 31, u32::MAX] {
        named(&[r#"(enum "a" "b")"#], &[value]).traps(&["discriminant"]);
        named(&[r#"(variant (case "a") (case "b"))"#], &[value]).traps(&["discriminant"]);
    }
    let set = Val::Flags(vec!["a".into(), "c".into()]);
    named(&[r#"(flags "a" "b" "c")"#], &[0xffff_fffd]).is(&set);
}

#[test]
fn discriminants_in_memory_are_checked() {
    let case = |ty, value: &'static [u32; 2]| Case {
        named: &[],
        ty,
        encoding: "utf8",
        flat: value,
        offsets: &[(0, 1), (4, 4)],
        data: &[],
    };
    for value in [&[2, 7], &[255, 7]] {
        case("(option u32)", value).traps(&["discriminant"]);
        case("(result u32 (error char))", value).traps(&["discriminant"]);
    }
    case("(option char)", &[1, 0xd800]).traps(&["`char`"]);
    // What is not the case's payload is not looked at.
    case("(option char)", &[0, 0xd800]).is(&Val::Option(None));
    let seven = Val::Option(Some(Box::new(Val::U32(7))));
    case("(option u32)", &[1, 7]).is(&seven);
}

/// A component whose `f` takes a list of `u32`s and strings, and whose allocator is this.
fn allocating(encoding: &str, realloc: &str) -> String {
    format!(
        r#"(component $C
            (import "h" (func $h))
            (core func $lowered (canon lower (func $h)))
            (core module $M
                (import "" "h" (func $h))
                (memory (export "memory") 1)
                (global $calls (mut i32) (i32.const 0))
                (func (export "realloc") (param $old i32) (param $had i32) (param $align i32)
                    (param $size i32) (result i32) {realloc})
                (func (export "f") (param i32 i32 i32 i32)))
            (core instance $m (instantiate $M (with "" (instance (export "h" (func $lowered))))))
            (func (export "f") (param "a" (list u32)) (param "b" string)
                (canon lift (core func $m "f") string-encoding={encoding}
                    (memory (core memory $m "memory")) (realloc (core func $m "realloc")))))"#
    )
}

/// What becomes of arguments for such a component: from the host, and from another component.
fn allocate(encoding: &str, realloc: &str, text: &str) -> [Result<Option<Val>>; 2] {
    let engine = engine();
    let component = allocating(encoding, realloc);
    let bytes: String = text.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let (len, host) = (text.len(), r#"(import "h" (func $h))"#);
    let direct = format!(
        r#"(component {host} {component} (instance $c (instantiate $C (with "h" (func $h))))
            (func (export "f") (alias export $c "f")))"#
    );
    let through = format!(
        r#"(component {host} {component} (instance $c (instantiate $C (with "h" (func $h))))
            (component $D
                (import "f" (func $f (param "a" (list u32)) (param "b" string)))
                {LIBC}
                (core func $lowered (canon lower (func $f) (memory (core memory $libc "memory"))))
                (core module $M (import "" "f" (func $f (param i32 i32 i32 i32)))
                    (import "libc" "memory" (memory 1))
                    (data (i32.const 64) "{bytes}")
                    (func (export "run")
                        (call $f (i32.const 0) (i32.const 3) (i32.const 64) (i32.const {len}))))
                (core instance $m (instantiate $M (with "libc" (instance $libc))
                    (with "" (instance (export "f" (func $lowered))))))
                (func (export "f") (canon lift (core func $m "run"))))
            (instance $d (instantiate $D (with "f" (func $c "f"))))
            (func (export "f") (alias export $d "f")))"#
    );
    let list = Val::List(vec![Val::U32(1), Val::U32(2), Val::U32(3)]);
    let arguments = [[list, Val::String(text.into())].to_vec(), Vec::new()];
    let mut ways = [direct, through].into_iter().zip(arguments);
    std::array::from_fn(|_| {
        let (text, arguments) = ways.next().expect("two ways");
        let component =
            Component::new(&engine, &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let mut linker: Linker<()> = Linker::new(&engine);
        linker.root().func_new("h", |_, _, _| Ok(()))?;
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &component)?;
        let f = instance.get_func(&mut store, "f").expect("an export");
        f.call(&mut store, &arguments, &mut []).map(|()| None)
    })
}

#[test]
fn allocators_that_lie_trap() {
    for encoding in ["utf8", "utf16", "latin1+utf16"] {
        for (realloc, words) in [
            ("(i32.const -1)", BOUNDS_OR_ALIGNMENT),
            ("(i32.const 2)", &["aligned", "unaligned"]),
            ("(i32.const -4)", &["out-of-bounds", "beyond end of memory"]),
            ("(i32.const 65536)", &["out-of-bounds", "beyond end of memory"]),
            ("(i32.const 65528)", &["out-of-bounds", "beyond end of memory"]),
            ("unreachable", &["unreachable"]),
            // It may not call out while a value is being lowered.
            ("(call $h) (i32.const 0)", &["cannot leave component instance"]),
        ] {
            for result in allocate(encoding, realloc, "grüße ☃") {
                let said = trap(result);
                assert!(
                    words.iter().any(|word| said.contains(word)),
                    "{encoding} {realloc}: {said}"
                );
            }
        }
    }
}

#[test]
fn allocators_that_lie_later_trap() {
    // The first call is for the list, and honest; what follows is for the string.
    let later = |lie: &str| {
        format!(
            "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
             (if (result i32) (i32.le_u (global.get $calls) (i32.const 2))
                (then (i32.const 1024)) (else {lie}))"
        )
    };
    for encoding in ["utf16", "latin1+utf16"] {
        for lie in ["(i32.const 65535)", "(i32.const -2)", "unreachable"] {
            for result in allocate(encoding, &later(lie), "grüße ☃") {
                trap(result);
            }
        }
    }
}

#[test]
fn allocators_that_give_the_same_twice_do_no_harm_but_to_their_guest() {
    for encoding in ["utf8", "utf16", "latin1+utf16"] {
        for text in ["", "plain", "grüße ☃"] {
            for realloc in ["(i32.const 0)", "(i32.const 65000)"] {
                for result in allocate(encoding, realloc, text) {
                    result.expect("no trap");
                }
            }
            // The memory may grow meanwhile.
            for result in
                allocate(encoding, "(drop (memory.grow (i32.const 1))) (i32.const 8)", text)
            {
                result.expect("no trap");
            }
        }
    }
}

#[test]
fn areas_of_parameters_and_results_are_checked() {
    // 17 numbers pass in memory, and so does their tuple.
    let numbers = vec!["u32"; 17].join(" ");
    let component = |result: u32, place: u32, argument: u32| {
        format!(
            r#"(component
                (component $C {LIBC}
                    (core module $M (func (export "f") (param i32) (result i32) (i32.const {result})))
                    (core instance $m (instantiate $M))
                    (func (export "f") (param "a" (tuple {numbers})) (result (tuple {numbers}))
                        (canon lift (core func $m "f") (memory (core memory $libc "memory"))
                            (realloc (core func $libc "realloc")))))
                (instance $c (instantiate $C))
                (component $D
                    (import "f" (func $f (param "a" (tuple {numbers})) (result (tuple {numbers}))))
                    {LIBC}
                    (core func $lowered (canon lower (func $f) (memory (core memory $libc "memory"))))
                    (core module $M (import "" "f" (func $f (param i32 i32)))
                        (func (export "run") (call $f (i32.const {argument}) (i32.const {place}))))
                    (core instance $m (instantiate $M (with "" (instance (export "f" (func $lowered))))))
                    (func (export "run") (canon lift (core func $m "run"))))
                (instance $d (instantiate $D (with "f" (func $c "f"))))
                (func (export "run") (alias export $d "run")))"#
        )
    };
    let size = 17 * 4;
    run(&component(MEMORY - size, MEMORY - size, MEMORY - size)).expect("the last places");
    for bad in [MEMORY - size + 4, MEMORY, u32::MAX - 3, 1, 2, u32::MAX] {
        for (result, place, argument) in [(bad, 0, 0), (0, bad, 0), (0, 0, bad)] {
            let said = trap(run(&component(result, place, argument)));
            assert!(said.contains("aligned"), "{bad}: {said}");
        }
    }
}

#[test]
fn a_small_list_of_the_guests_cannot_fill_the_host() {
    // A quarter of a GiB of bytes would be 8 GiB of values.
    let text = format!(
        r#"(component
            (core module $M (memory (export "memory") 4096)
                (func (export "f") (result i32)
                    (i32.store (i32.const 4) (i32.const {len})) (i32.const 0)))
            (core instance $m (instantiate $M))
            (func (export "f") (result (list u8))
                (canon lift (core func $m "f") (memory (core memory $m "memory")))))"#,
        len = (1 << 28) - 1
    );
    let (mut store, instance) = support::instantiate(&text);
    let f = instance.get_func(&mut store, "f").expect("an export");
    let said = trap(f.call(&mut store, &[], &mut [Val::Bool(false)]));
    assert!(said.contains("too large for the host"), "{said}");
}
