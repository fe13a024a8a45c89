;; Tail calls use no stack: a million of them, in every shape.

(module $M
  (type $count (func (param i64) (result i64)))
  (type $grow (func (param i64 i64 i64 i64 v128 i64) (result i64)))
  (table funcref (elem $indirect $grow $shrink))

  (func $self (export "self") (param i64 i64) (result i64)
    (if (i64.eqz (local.get 0)) (then (return (local.get 1))))
    (return_call $self (i64.sub (local.get 0) (i64.const 1)) (i64.add (local.get 1) (i64.const 3))))

  (func $even (export "even") (param i64) (result i32)
    (if (result i32) (i64.eqz (local.get 0))
      (then (i32.const 1))
      (else (return_call $odd (i64.sub (local.get 0) (i64.const 1))))))
  (func $odd (param i64) (result i32)
    (if (result i32) (i64.eqz (local.get 0))
      (then (i32.const 0))
      (else (return_call $even (i64.sub (local.get 0) (i64.const 1))))))

  (func $indirect (export "indirect") (param i64) (result i64)
    (if (i64.eqz (local.get 0)) (then (return (i64.const 77))))
    (return_call_indirect (type $count) (i64.sub (local.get 0) (i64.const 1)) (i32.const 0)))

  ;; The callee's frame is bigger than the caller's, then smaller again; operands stay below.
  (func $shrink (export "shrink") (param i64) (result i64)
    (i64.const 11) (i64.const 12) (i64.const 13) (i64.const 14)
    (if (i64.eqz (local.get 0)) (then (return (i64.const -5))))
    (return_call $grow
      (local.get 0) (i64.const 1) (i64.const 2) (i64.const 3)
      (v128.const i64x2 100 200) (i64.const 4)))
  (func $grow (param i64 i64 i64 i64 v128 i64) (result i64)
    (local $zero i64) (local $vector v128)
    ;; Locals begin at zero whatever the caller left behind.
    (if (i64.ne (local.get $zero) (i64.const 0)) (then (unreachable)))
    (if (v128.any_true (local.get $vector)) (then (unreachable)))
    (local.set $zero (i64.const 1))
    (local.set $vector (v128.const i64x2 -1 -1))
    (if (i64.ne (i64.const 300)
          (i64.add (i64x2.extract_lane 0 (local.get 4)) (i64x2.extract_lane 1 (local.get 4))))
      (then (unreachable)))
    (if (i64.ne (local.get 5) (i64.const 4)) (then (unreachable)))
    (return_call $shrink (i64.sub (local.get 0) (i64.const 1))))

  ;; From inside blocks, with operands of every block left behind.
  (func $nested (export "nested") (param i32) (result i32)
    (i32.const 1)
    (block (result i32)
      (i32.const 2)
      (loop (result i32)
        (i32.const 3)
        (if (result i32) (local.get 0)
          (then (i32.const 4)
                (return_call $nested (i32.sub (local.get 0) (i32.const 1))))
          (else (i32.const 5)))
        i32.add)
      i32.add)
    i32.add)

  ;; Several results, among them vectors.
  (func $pairs (export "pairs") (param i32 v128) (result i32 v128 i64)
    (if (i32.eqz (local.get 0))
      (then (return (i32.const 9) (local.get 1) (i64.const 10))))
    (return_call $pairs
      (i32.sub (local.get 0) (i32.const 1))
      (i32x4.add (local.get 1) (v128.const i32x4 1 2 3 4))))

  ;; A function that was called normally tail-calls: its caller's frame must survive.
  (func (export "survives") (param i64) (result i64)
    (local i64 i64)
    (local.set 1 (i64.const 1000))
    (local.set 2 (i64.const 2000))
    (i64.const 5)
    (call $shrink (local.get 0))
    i64.add
    (i64.add (local.get 1) (local.get 2))
    i64.add)

  (func (export "null") (return_call_indirect (i32.const 50)))
)

(assert_return (invoke "self" (i64.const 1000000) (i64.const 0)) (i64.const 3000000))
(assert_return (invoke "even" (i64.const 1000000)) (i32.const 1))
(assert_return (invoke "even" (i64.const 999999)) (i32.const 0))
(assert_return (invoke "indirect" (i64.const 1000000)) (i64.const 77))
(assert_return (invoke "shrink" (i64.const 500000)) (i64.const -5))
(assert_return (invoke "nested" (i32.const 1000000)) (i32.const 11))
(assert_return (invoke "pairs" (i32.const 100000) (v128.const i32x4 0 0 0 0))
  (i32.const 9) (v128.const i32x4 100000 200000 300000 400000) (i64.const 10))
(assert_return (invoke "survives" (i64.const 1000)) (i64.const 3000))
(assert_trap (invoke "null") "undefined element")

;; Across instances: each function tail-calls into the other instance, whose globals are its own.
(module $Left
  (type $f (func (param i32) (result i32)))
  (table (export "t") 2 funcref)
  (global $g (export "g") (mut i32) (i32.const 0))
  (elem (i32.const 0) $left)
  (func $left (export "left") (param i32) (result i32)
    (global.set $g (i32.add (global.get $g) (i32.const 1)))
    (if (i32.eqz (local.get 0)) (then (return (global.get $g))))
    (return_call_indirect (type $f) (i32.sub (local.get 0) (i32.const 1)) (i32.const 1))))
(register "Left" $Left)
(module $Right
  (import "Left" "left" (func $left (param i32) (result i32)))
  (import "Left" "t" (table 2 funcref))
  (global $g (export "g") (mut i32) (i32.const 1000000))
  (elem (i32.const 1) $right)
  (func $right (export "right") (param i32) (result i32)
    (global.set $g (i32.add (global.get $g) (i32.const 1)))
    (if (i32.eqz (local.get 0)) (then (return (global.get $g))))
    (return_call $left (i32.sub (local.get 0) (i32.const 1)))))
(assert_return (invoke $Right "right" (i32.const 200001)) (i32.const 100001))
(assert_return (get $Left "g") (i32.const 100001))
(assert_return (get $Right "g") (i32.const 1100001))
(assert_return (invoke $Left "left" (i32.const 1)) (i32.const 1100002))

;; To the host, and from a callee that the host called.
(module
  (import "host" "swap" (func $swap (param v128 i32 v128) (result v128 i32 v128)))
  (import "host" "call" (func $call (param funcref)))
  (import "host" "fail" (func $fail))
  (import "spectest" "print_i32" (func $print (param i32)))
  (global $n (mut i32) (i32.const 0))
  (elem declare func $step $tail)
  (func (export "to-host") (param v128 v128) (result v128 i32 v128)
    (i32.const 99)
    (return_call $swap (local.get 0) (i32.const 5) (local.get 1)))
  (func (export "print") (param i32) (return_call $print (local.get 0)))
  (func $tail (return_call $step))
  (func $step (global.set $n (i32.add (global.get $n) (i32.const 1))))
  (func (export "reenter") (result i32)
    (call $call (ref.func $tail))
    (call $twice)
    (global.get $n))
  (func $twice (return_call $call (ref.func $tail)))
  (func (export "fail") (return_call $fail)))
(assert_return
  (invoke "to-host" (v128.const i32x4 1 2 3 4) (v128.const i32x4 5 6 7 8))
  (v128.const i32x4 5 6 7 8) (i32.const 5) (v128.const i32x4 1 2 3 4))
(assert_return (invoke "print" (i32.const 1)))
(assert_return (invoke "reenter") (i32.const 2))
(assert_trap (invoke "fail") "the host failed on purpose")
