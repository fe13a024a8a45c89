;; Imports that share the name of their module, and their type.

(module
  (func (export "one") (result i32) (i32.const 1))
  (func (export "two") (result i32) (i32.const 2))
  (func (export "three") (result i32) (i32.const 3))
  (global (export "g") i32 (i32.const 4))
  (memory (export "m") 1 1)
)
(register "lib")

(module
  (import "lib"
    (item "one" (func $one (result i32)))
    (item "g" (global $g i32))
    (item "m" (memory 1)))
  (import "lib" (item "two") (item "three") (func (result i32)))
  (import "lib" "one" (func $again (result i32)))
  (func (export "sum") (result i32)
    (i32.add (i32.add (call $one) (global.get $g))
             (i32.add (i32.mul (call 1) (i32.const 100)) (i32.mul (call 2) (i32.const 1000)))))
  (func (export "again") (result i32) (i32.add (call $again) (memory.size)))
)
(assert_return (invoke "sum") (i32.const 3205))
(assert_return (invoke "again") (i32.const 2))

(assert_unlinkable
  (module (import "lib" (item "one" (func (result i32))) (item "four" (func (result i32)))))
  "unknown import")
(assert_unlinkable
  (module (import "lib" (item "one") (item "g") (func (result i32))))
  "incompatible import type")

;; The same by hand: a group of one module's items, then one of one module's items of one type.
(module binary
  "\00asm" "\01\00\00\00"
  "\01\05\01\60\00\01\7f"
  "\02\26\02"
    "\03lib" "\00\7f" "\02" "\03one\00\00" "\01g\03\7f\00"
    "\03lib" "\00\7e" "\00\00" "\02" "\03two" "\05three"
)
(assert_malformed
  (module binary
    "\00asm" "\01\00\00\00"
    "\01\05\01\60\00\01\7f"
    "\02\0a\01" "\03lib" "\00\7f" "\ff\01" "\00"
  )
  "unexpected end")
