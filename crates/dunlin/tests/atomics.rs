//! Every atomic operator that reads, modifies and writes, in every tier, against its meaning in `dunlin_core::numeric`:
//! what it returns, what it leaves, and that it touches nothing beside.

#[path = "support/threads.rs"]
mod engines;

use dunlin::{Engine, Instance, Module, Store, Val};
use dunlin_core::numeric;
use engines::engines;

/// An operator, and what it means.
struct Case {
    text: &'static str,
    /// The type of its operands and result.
    ty: &'static str,
    bytes: usize,
    /// How many operands it has besides the address.
    operands: usize,
    /// The new value, of the old one and the operands.
    meaning: fn(u64, [u64; 2]) -> u64,
}

macro_rules! read_modify_writes {
    ($($code:literal $name:ident $text:literal
        $function:ident ($bits:ident, $ty:ident) -> $new:ident bytes $bytes:literal;)*) => {
        [$(Case {
            text: $text,
            ty: stringify!($ty),
            bytes: $bytes,
            operands: 1,
            meaning: |old, [a, _]| numeric::$function(old as $bits, a as $ty).into(),
        }),*]
    };
}

macro_rules! compare_exchanges {
    ($($code:literal $name:ident $text:literal
        $function:ident ($bits:ident, $ty:ident, $also:ident) -> $new:ident bytes $bytes:literal;)*) => {
        [$(Case {
            text: $text,
            ty: stringify!($ty),
            bytes: $bytes,
            operands: 2,
            meaning: |old, [a, b]| numeric::$function(old as $bits, a as $ty, b as $also).into(),
        }),*]
    };
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    cases.extend(dunlin_core::for_each_atomic_rmw_operator!(read_modify_writes));
    cases.extend(dunlin_core::for_each_atomic_cmpxchg_operator!(compare_exchanges));
    cases
}

/// Values with something special about them in some width, and their neighbours.
const VALUES: [u64; 12] = [
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x100,
    0x8000,
    0xFFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    0x0123_4567_89AB_CDEF,
    u64::MAX,
];

fn check(name: &str, engine: &Engine, memory: &str) -> dunlin::Result<()> {
    let cases = cases();
    assert_eq!(cases.len(), 49);
    let functions: String = cases
        .iter()
        .map(|case| {
            let Case { text, ty, operands, .. } = case;
            let params = format!("(param {ty})").repeat(*operands);
            let gets: String = (1..=*operands).map(|i| format!("(local.get {i})")).collect();
            format!(
                r#"(func (export "{text}") (param i32) {params} (result {ty})
                    ({text} offset=8 (local.get 0) {gets}))"#
            )
        })
        .collect();
    let text = format!(r#"(module (memory (export "memory") {memory}) {functions})"#);
    let module = Module::new(engine, text)?;
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let memory = instance.get_memory(&mut store, "memory").expect("the export");
    for case in &cases {
        let func = instance.get_func(&mut store, case.text).expect("the export");
        let value = |bits: u64| match case.ty {
            "i32" => Val::I32(bits as i32),
            _ => Val::I64(bits.cast_signed()),
        };
        for old in VALUES {
            for a in VALUES {
                for b in [a, !a] {
                    // What lies around an access, with the access's width of the old value in it.
                    let mut before = [0xA5; 24];
                    before[8..8 + case.bytes].copy_from_slice(&old.to_le_bytes()[..case.bytes]);
                    memory.write(&mut store, 64, &before)?;
                    let mut arguments = vec![Val::I32(64), value(a)];
                    arguments.extend((case.operands == 2).then(|| value(b)));
                    let mut results = [Val::I32(0)];
                    func.call(&mut store, &arguments, &mut results)?;
                    let mask = u64::MAX >> (64 - 8 * case.bytes);
                    let returned = match results[0] {
                        Val::I32(found) => u64::from(found.cast_unsigned()),
                        Val::I64(found) => found.cast_unsigned(),
                        _ => panic!("{}: {:?}", case.text, results[0]),
                    };
                    let what = format!("{name}: {} of {old:#x} with {a:#x}, {b:#x}", case.text);
                    assert_eq!(returned, old & mask, "{what}");
                    let new = (case.meaning)(old & mask, [a, b]);
                    before[8..8 + case.bytes].copy_from_slice(&new.to_le_bytes()[..case.bytes]);
                    let mut after = [0; 24];
                    memory.read(&store, 64, &mut after)?;
                    assert_eq!(after, before, "{what}");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn operators_mean_in_every_tier_what_the_rows_say() -> dunlin::Result<()> {
    for (name, engine) in engines(|_| ()) {
        check(&name, &engine, "1 1 shared")?;
        check(&name, &engine, "1")?;
    }
    Ok(())
}
