//! Modules in the binary format, written by hand: what the text format cannot or would not say.

#![allow(dead_code, reason = "each test program uses a part")]

/// A number in LEB128.
pub(crate) fn leb(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

/// A section: its number, its size, its contents.
pub(crate) fn section(id: u8, contents: &[u8]) -> Vec<u8> {
    [&[id], &leb(contents.len() as u64)[..], contents].concat()
}

/// A section that is a vector: `count` times the same item.
pub(crate) fn repeated(id: u8, count: u64, item: &[u8]) -> Vec<u8> {
    section(id, &[leb(count), item.repeat(count as usize)].concat())
}

/// A module of these sections.
pub(crate) fn module(sections: &[Vec<u8>]) -> Vec<u8> {
    [&b"\0asm\x01\0\0\0"[..], &sections.concat()].concat()
}

/// The three sections around one function without parameters and results, exported as `run`.
pub(crate) fn one_function() -> [Vec<u8>; 3] {
    [
        section(1, &[1, 0x60, 0, 0]),
        section(3, &[1, 0]),
        section(7, &[&[1, 3][..], b"run", &[0, 0]].concat()),
    ]
}

/// A module with one function `run` of these locals (a whole vector) and operators, `end` included.
pub(crate) fn run(locals: &[u8], code: &[u8]) -> Vec<u8> {
    let body = [locals, code].concat();
    let code = [&[1][..], &leb(body.len() as u64), &body].concat();
    let [types, funcs, exports] = one_function();
    module(&[types, funcs, exports, section(10, &code)])
}
