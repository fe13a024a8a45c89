(module (func (export "f") (param i32) (result i32)
  (block $a (result i32) (i32.const 1) (br_if $a (local.get 0)) (drop) (i32.const 2))))
;; ---
(module (memory 1 2) (data (i32.const 8) "hello")
  (func (export "g") (result i32)
    (i32.store offset=300 (i32.const 4) (i32.const 70000))
    (memory.copy (i32.const 0) (i32.const 8) (i32.const 5))
    (i32.load8_u offset=1 (i32.const 0))))
;; ---
(module (type $t (func (param i32) (result i32))) (table 4 4 funcref) (elem (i32.const 1) $x $y)
  (func $x (type $t) (i32.add (local.get 0) (i32.const 1)))
  (func $y (type $t) (return_call_indirect (type $t) (local.get 0) (i32.const 1)))
  (func (export "h") (param i32) (result i32) (call_indirect (type $t) (i32.const 5) (local.get 0))))
;; ---
(module (global $g (mut v128) (v128.const i64x2 1 2))
  (func (export "v") (param v128 i32 v128) (result v128)
    (local v128)
    (local.set 3 (i32x4.add (local.get 0) (global.get $g)))
    (global.set $g (select (local.get 3) (local.get 2) (local.get 1)))
    (i8x16.shuffle 0 1 2 3 4 5 6 7 24 25 26 27 28 29 30 31 (local.get 3) (local.get 2))))
;; ---
(module (func (export "s") (param i32) (result i32)
  (block $d (block $c (block $b (block $a
    (br_table $a $b $c $d (local.get 0)))
    (return (i32.const 10))) (return (i32.const 20))) (return (i32.const 30)))
  (i32.const 40)))
;; ---
(module (memory i64 1) (memory $m 1)
  (func (export "m64") (param i64) (result i64 i32)
    (i64.store (local.get 0) (i64.const -1))
    (i64.load8_s (local.get 0))
    (i32.load16_u $m offset=65534 (i32.const 0))))
;; ---
(module (import "env" "f" (func $f (param f64) (result f32))) (start $s)
  (func $s) (func (export "w") (result f32) (call $f (f64.const 1.5)))
  (func (export "many") (result i32 i64 f32 f64) (i32.const 1) (i64.const 2) (f32.const 3) (f64.const 4)))
