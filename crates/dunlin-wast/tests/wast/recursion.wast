;; Recursion without an end traps, whatever shape it has, and leaves the instance usable.

(module
  (type $void (func))
  (table funcref (elem $indirect))
  (global $depth (mut i32) (i32.const 0))

  (func $direct (export "direct") (call $direct))

  (func $ping (export "mutual") (param i64) (result i64)
    (i64.add (call $pong (local.get 0)) (i64.const 1)))
  (func $pong (param i64) (result i64)
    (i64.add (call $ping (local.get 0)) (i64.const 1)))

  (func $indirect (export "indirect") (call_indirect (type $void) (i32.const 0)))

  ;; Big frames reach the limit in few calls, small ones in many.
  (func $big (export "big")
    (local v128 v128 v128 v128 v128 v128 v128 v128 v128 v128 v128 v128 v128 v128 v128 v128)
    (local v128 v128 v128 v128 v128 v128 v128 v128 v128 v128 v128 v128 v128 v128 v128 v128)
    (call $big))

  ;; Operands below the call are part of the frame.
  (func $operands (export "operands") (result i32)
    (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4)
    (call $operands)
    i32.add i32.add i32.add i32.add)

  (func $vectors (export "vectors") (param v128) (result v128)
    (call $vectors (local.get 0)))

  (func $counting (export "counting")
    (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
    (call $counting))
  (func (export "reached") (param i32) (result i32)
    (i32.ge_u (global.get $depth) (local.get 0)))

  (func $sum (export "sum") (param i32) (result i64)
    (if (result i64) (local.get 0)
      (then (i64.add (i64.extend_i32_u (local.get 0))
                     (call $sum (i32.sub (local.get 0) (i32.const 1)))))
      (else (i64.const 0))))
)

(assert_exhaustion (invoke "direct") "call stack exhausted")
(assert_exhaustion (invoke "mutual" (i64.const 0)) "call stack exhausted")
(assert_exhaustion (invoke "indirect") "call stack exhausted")
(assert_exhaustion (invoke "big") "call stack exhausted")
(assert_exhaustion (invoke "operands") "call stack exhausted")
(assert_exhaustion (invoke "vectors" (v128.const i32x4 1 2 3 4)) "call stack exhausted")
(assert_exhaustion (invoke "counting") "call stack exhausted")
(assert_return (invoke "reached" (i32.const 10000)) (i32.const 1))

;; What is finite returns, also after the trap.
(assert_return (invoke "sum" (i32.const 10000)) (i64.const 50005000))
(assert_exhaustion (invoke "direct") "call stack exhausted")
(assert_return (invoke "sum" (i32.const 10000)) (i64.const 50005000))

;; Across instances.
(module $A
  (type $void (func))
  (table (export "t") 1 funcref)
  (func (export "f") (call_indirect (type $void) (i32.const 0))))
(register "A" $A)
(module
  (import "A" "f" (func $f))
  (import "A" "t" (table 1 funcref))
  (elem (i32.const 0) $g)
  (func $g (export "g") (call $f)))
(assert_exhaustion (invoke "g") "call stack exhausted")
(assert_exhaustion (invoke $A "f") "call stack exhausted")

;; In a start function.
(assert_trap (module (func $f (call $f)) (start $f)) "call stack exhausted")

;; The arguments of the first call alone may not fit.
(module
  (func $f (export "f") (param i32) (result i32)
    (local $x i64)
    (local.set $x (i64.const 7))
    (if (result i32) (i32.eqz (local.get 0))
      (then (i32.wrap_i64 (local.get $x)))
      (else (call $f (i32.sub (local.get 0) (i32.const 1)))))))
(assert_return (invoke "f" (i32.const 20000)) (i32.const 7))
(assert_exhaustion (invoke "f" (i32.const -1)) "call stack exhausted")
(assert_return (invoke "f" (i32.const 20000)) (i32.const 7))
