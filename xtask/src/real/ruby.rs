//! Ruby as a command: its published module is a reactor; the added `_start` does the calls that an
//! embedder does.
//!
//! 1. `_initialize`, then `ruby-init` with a list of arguments, each allocated by `cabi_realloc`;
//! 2. `rb-eval-string-protect` with [`EVALUATED`], which loads the script that the environment
//!    names and leaves the process with the script's exit code.
//!
//! The last call would hand its value to the JavaScript host; the evaluated text never returns, so
//! that no import of that host is called.

use crate::error::Error;
use crate::real::graft::{Exports, add_function, encoded};

/// What a JavaScript embedder passes as well; every argument ends in a zero byte.
const ARGUMENTS: [&str; 3] = ["ruby.wasm\0", "-EUTF-8\0", "-e_=0\0"];

const EVALUATED: &str = r#"code = 0
begin
  load ENV.fetch("SCRIPT")
rescue SystemExit => e
  code = e.status
rescue Exception => e
  $stderr.puts e.full_message(highlight: false)
  code = 1
end
$stdout.flush
exit! code
"#;

const LIST: u8 = 0;
const TEXT: u8 = 1;

/// Returns the module with a `_start` that runs the script which the variable `SCRIPT` names.
///
/// # Errors
///
/// When the module has not the exports of the published one.
pub fn command(module: &[u8]) -> Result<Vec<u8>, Error> {
    add_function(module, "_start", |exports| {
        let mut body = Body::new(exports)?;
        body.call("_initialize")?;
        body.constant(4);
        body.allocate(8 * ARGUMENTS.len() as u32, LIST)?;
        for (at, argument) in (0..).zip(ARGUMENTS) {
            body.text(argument)?;
            body.store_word(LIST, 8 * at, |body| body.get(TEXT));
            body.store_word(LIST, 8 * at + 4, |body| body.constant(argument.len() as u32));
        }
        body.get(LIST);
        body.constant(ARGUMENTS.len() as u32);
        body.call("ruby-init")?;
        body.text(EVALUATED)?;
        body.get(TEXT);
        body.constant(EVALUATED.len() as u32);
        body.call("rb-eval-string-protect")?;
        body.code.push(0x1a); // drop
        Ok(body.code)
    })
}

/// Writes instructions.
struct Body<'a> {
    exports: &'a Exports,
    code: Vec<u8>,
}

impl<'a> Body<'a> {
    /// A body with two locals of type `i32`.
    fn new(exports: &'a Exports) -> Result<Self, Error> {
        exports.function("cabi_realloc")?;
        Ok(Self { exports, code: vec![1, 2, 0x7f] })
    }

    fn call(&mut self, name: &str) -> Result<(), Error> {
        let function = self.exports.function(name)?;
        self.code.push(0x10);
        self.code.extend(encoded(function));
        Ok(())
    }

    fn constant(&mut self, value: u32) {
        self.code.push(0x41);
        // Constants are signed: one more byte keeps the sign bit of these small numbers clear.
        self.code.extend([value as u8 | 0x80, (value >> 7) as u8 | 0x80, (value >> 14) as u8]);
    }

    fn get(&mut self, local: u8) {
        self.code.extend([0x20, local]);
    }

    /// Calls `cabi_realloc(0, 0, alignment, bytes)`, the alignment being on the stack's top.
    fn allocate(&mut self, bytes: u32, into: u8) -> Result<(), Error> {
        self.code.extend([0x21, into]);
        self.constant(0);
        self.constant(0);
        self.get(into);
        self.constant(bytes);
        self.call("cabi_realloc")?;
        self.code.extend([0x21, into]);
        Ok(())
    }

    /// Allocates the text and leaves its address in [`TEXT`].
    fn text(&mut self, text: &str) -> Result<(), Error> {
        self.constant(1);
        self.allocate(text.len() as u32, TEXT)?;
        for (at, byte) in (0..).zip(text.bytes()) {
            self.get(TEXT);
            self.constant(u32::from(byte));
            self.code.extend([0x3a, 0]);
            self.code.extend(encoded(at));
        }
        Ok(())
    }

    fn store_word(&mut self, base: u8, offset: u32, value: impl FnOnce(&mut Self)) {
        self.get(base);
        value(self);
        self.code.extend([0x36, 2]);
        self.code.extend(encoded(offset));
    }
}
