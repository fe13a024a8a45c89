;; Guest → host → guest: the host calls back while the guest's frame is open.

(module $M
  (import "host" "call" (func $call (param funcref)))
  (import "host" "apply" (func $apply (param funcref i32) (result i32)))
  (import "host" "fail" (func $fail))
  (memory 1 8)
  (table $t 3 30 funcref)
  (global $n (mut i32) (i32.const 0))
  (elem declare func $grow $store $deep $endless $boom $failing $unreached $sum $tgrow)

  (func $grow (drop (memory.grow (i32.const 1))))
  (func $store (i32.store (i32.const 65536) (i32.const 123)))
  (func $tgrow
    (drop (table.grow $t (ref.null func) (i32.const 5)))
    (table.set $t (i32.const 7) (ref.func $store)))

  ;; The memory and the table change under an open frame, which has values in locals and operands.
  (func (export "grow") (param v128 i64) (result i32 v128 i64 i32)
    (local $x i32)
    (local.set $x (i32.const 1000))
    (i32.load (i32.const 0))
    (call $call (ref.func $grow))
    (call $call (ref.func $store))
    (local.get 0)
    (local.get 1)
    (i32.add (i32.load (i32.const 65536)) (local.get $x)))
  (func (export "tgrow") (result i32 i32)
    (call $call (ref.func $tgrow))
    (table.size $t)
    (ref.is_null (table.get $t (i32.const 7))))

  ;; As deep as it says, each level through the host.
  (func $deep (param i32) (result i32)
    (if (result i32) (i32.eqz (local.get 0))
      (then (i32.const 0))
      (else
        (i32.add (i32.const 1)
          (call $apply (ref.func $deep) (i32.sub (local.get 0) (i32.const 1)))))))
  (func (export "deep") (param i32) (result i32) (call $deep (local.get 0)))

  (func $endless
    (global.set $n (i32.add (global.get $n) (i32.const 1)))
    (call $call (ref.func $endless)))
  (func (export "endless") (call $endless))
  (func (export "reached") (result i32) (i32.ge_u (global.get $n) (i32.const 20)))

  ;; Every level sums on the guest's side before it crosses again.
  (func $sum (param i32) (result i32)
    (local $i i32) (local $total i32)
    (loop
      (local.set $total (i32.add (local.get $total) (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if 0 (i32.le_u (local.get $i) (local.get 0))))
    (if (local.get 0)
      (then (local.set $total (i32.add (local.get $total)
        (call $apply (ref.func $sum) (i32.sub (local.get 0) (i32.const 1)))))))
    (local.get $total))
  (func (export "sum") (param i32) (result i32) (call $sum (local.get 0)))

  ;; Traps and host errors pass through every level.
  (func $boom (unreachable))
  (func $failing (call $fail))
  (func $unreached (call $call (ref.func $boom)) (global.set $n (i32.const -1)))
  (func (export "trap") (call $call (ref.func $unreached)))
  (func (export "fail") (call $call (ref.func $failing)))
  (func (export "null") (call $call (ref.null func)))
  (func (export "n") (result i32) (global.get $n))
)

(assert_return (invoke $M "grow" (v128.const i64x2 1 2) (i64.const 3))
  (i32.const 0) (v128.const i64x2 1 2) (i64.const 3) (i32.const 1123))
(assert_return (invoke $M "tgrow") (i32.const 8) (i32.const 0))
(assert_return (invoke $M "deep" (i32.const 0)) (i32.const 0))
(assert_return (invoke $M "deep" (i32.const 20)) (i32.const 20))
(assert_return (invoke $M "sum" (i32.const 15)) (i32.const 680))
(assert_exhaustion (invoke $M "endless") "call stack exhausted")
(assert_return (invoke $M "reached") (i32.const 1))
(assert_return (invoke $M "deep" (i32.const 20)) (i32.const 20))
(assert_exhaustion (invoke $M "deep" (i32.const -1)) "call stack exhausted")
(assert_return (invoke $M "deep" (i32.const 20)) (i32.const 20))
(assert_trap (invoke $M "trap") "unreachable")
(assert_trap (invoke $M "fail") "the host failed on purpose")
(assert_trap (invoke $M "null") "the host was given no function to call")
(assert_return (invoke $M "sum" (i32.const 15)) (i32.const 680))

;; From a start function.
(module
  (import "host" "call" (func $call (param funcref)))
  (global $n (export "n") (mut i32) (i32.const 0))
  (func $f (global.set $n (i32.const 5)))
  (func $start (call $call (ref.func $f)))
  (elem declare func $f)
  (start $start))
(assert_return (get "n") (i32.const 5))
(assert_trap
  (module (import "host" "fail" (func $fail)) (start $fail))
  "the host failed on purpose")

;; A host function called from outside, through an export and through a table.
(module $H
  (import "host" "swap" (func $swap (param v128 i32 v128) (result v128 i32 v128)))
  (import "spectest" "print_i32" (func $print (param i32)))
  (export "swap" (func $swap))
  (export "print" (func $print))
  (table (export "t") funcref (elem $print)))
(assert_return (invoke "swap" (v128.const i64x2 1 2) (i32.const 3) (v128.const i64x2 4 5))
  (v128.const i64x2 4 5) (i32.const 3) (v128.const i64x2 1 2))
(assert_return (invoke "print" (i32.const 3)))
(register "H" $H)
(module
  (import "H" "t" (table 1 funcref))
  (func (export "print") (call_indirect (param i32) (i32.const 1) (i32.const 0)))
  (func (export "wrong") (call_indirect (param i64) (i64.const 1) (i32.const 0))))
(assert_return (invoke "print"))
(assert_trap (invoke "wrong") "indirect call type mismatch")
