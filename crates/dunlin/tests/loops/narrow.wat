;; Loops over a memory of two pages. Each function is called with arguments near what matters.
(module
  (memory (export "memory") 2 2)
  (global $g (mut i32) (i32.const 3))
  (func $id (param i32) (result i32) (local.get 0))

  ;; while: what wasm-opt makes of memory.copy
  (func (export "copy_while") (param $d i32) (param $s i32) (param $n i32) (result i32)
    (block $x (loop $l
      (br_if $x (i32.eqz (local.get $n)))
      (i32.store8 (local.get $d) (i32.load8_u (local.get $s)))
      (local.set $d (i32.add (local.get $d) (i32.const 1)))
      (local.set $s (i32.add (local.get $s) (i32.const 1)))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br $l)))
    (i32.add (local.get $d) (i32.mul (local.get $n) (i32.const 7))))

  ;; do: what LLVM makes
  (func (export "copy_do") (param $d i32) (param $s i32) (param $n i32) (result i32 i32 i32)
    (loop $l
      (i32.store8 (local.get $d) (i32.load8_u (local.get $s)))
      (local.set $d (i32.add (local.get $d) (i32.const 1)))
      (local.set $s (i32.add (local.get $s) (i32.const 1)))
      (br_if $l (local.tee $n (i32.add (local.get $n) (i32.const -1)))))
    (local.get $d) (local.get $s) (local.get $n))

  (func (export "copy_near") (param $d i32) (param $by i32) (param $n i32) (result i32)
    (local $s i32)
    (local.set $s (i32.sub (local.get $d) (i32.and (local.get $by) (i32.const 63))))
    (local.set $n (i32.add (i32.const 32) (i32.and (local.get $n) (i32.const 127))))
    (loop $l
      (i32.store8 (local.get $d) (i32.load8_u (local.get $s)))
      (local.set $d (i32.add (local.get $d) (i32.const 1)))
      (local.set $s (i32.add (local.get $s) (i32.const 1)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $s))

  (func (export "copy_near_below") (param $d i32) (param $by i32) (param $n i32)
    (local $s i32)
    (local.set $s (i32.add (local.get $d) (i32.and (local.get $by) (i32.const 63))))
    (local.set $n (i32.add (i32.const 32) (i32.and (local.get $n) (i32.const 127))))
    (loop $l
      (i32.store16 offset=2 (local.get $d) (i32.load16_s offset=2 (local.get $s)))
      (local.set $d (i32.add (local.get $d) (i32.const 2)))
      (local.set $s (i32.add (local.get $s) (i32.const 2)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))

  (func (export "copy_down") (param $d i32) (param $by i32) (param $n i32) (result i32)
    (local $s i32)
    (local.set $s (i32.sub (local.get $d) (i32.sub (i32.and (local.get $by) (i32.const 127)) (i32.const 64))))
    (local.set $n (i32.and (local.get $n) (i32.const 255)))
    (block $x (loop $l
      (br_if $x (i32.eqz (local.get $n)))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (i32.store8 (i32.add (local.get $d) (local.get $n)) (i32.load8_u (i32.add (local.get $s) (local.get $n))))
      (br $l)))
    (local.get $n))

  (func (export "copy_pairs") (param $d i32) (param $by i32) (param $n i32) (result i32)
    (local $s i32) (local $e i32)
    (local.set $s (i32.sub (local.get $d) (i32.sub (i32.and (local.get $by) (i32.const 1023)) (i32.const 512))))
    (local.set $e (i32.add (local.get $d) (i32.shl (i32.and (local.get $n) (i32.const 127)) (i32.const 3))))
    (loop $l
      (i32.store (local.get $d) (i32.load (local.get $s)))
      (i32.store offset=4 (local.get $d) (i32.load offset=4 (local.get $s)))
      (local.set $s (i32.add (local.get $s) (i32.const 8)))
      (br_if $l (i32.ne (local.tee $d (i32.add (local.get $d) (i32.const 8))) (local.get $e))))
    (local.get $s))

  (func (export "copy_and_more") (param $d i32) (param $s i32) (param $n i32) (result i32)
    (local $sum i32)
    (loop $l
      (i32.store8 (local.get $d) (i32.load8_u (local.get $s)))
      (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get $s))))
      (local.set $d (i32.add (local.get $d) (i32.const 1)))
      (local.set $s (i32.add (local.get $s) (i32.const 1)))
      (br_if $l (local.tee $n (i32.add (local.get $n) (i32.const -1)))))
    (local.get $sum))

  (func (export "copy_last") (param $d i32) (param $s i32) (param $n i32) (result i32)
    (local $last i32)
    (loop $l
      (i32.store8 (local.get $d) (local.tee $last (i32.load8_u (local.get $s))))
      (local.set $d (i32.add (local.get $d) (i32.const 1)))
      (local.set $s (i32.add (local.get $s) (i32.const 1)))
      (br_if $l (local.tee $n (i32.add (local.get $n) (i32.const -1)))))
    (local.get $last))

  (func (export "fill") (param $d i32) (param $n i32) (param $v i32) (result i32)
    (loop $l
      (i32.store8 (local.get $d) (local.get $v))
      (local.set $d (i32.add (local.get $d) (i32.const 1)))
      (br_if $l (local.tee $n (i32.add (local.get $n) (i32.const -1)))))
    (local.get $d))

  (func (export "fill_wide") (param $d i32) (param $n i32)
    (local $i i32)
    (block $x (loop $l
      (br_if $x (i32.ge_u (local.get $i) (local.get $n)))
      (i64.store offset=16 (i32.add (local.get $d) (local.get $i)) (i64.const -1))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br $l))))

  (func (export "fill_pattern") (param $d i32) (param $n i32)
    (loop $l
      (i32.store (local.get $d) (i32.const 0x01020304))
      (local.set $d (i32.add (local.get $d) (i32.const 4)))
      (br_if $l (local.tee $n (i32.add (local.get $n) (i32.const -1))))))

  (func (export "fill_far") (param $d i32) (param $n i32)
    (local.set $n (i32.and (local.get $n) (i32.const 0x3ff)))
    (loop $l
      (i32.store8 offset=70000 (local.get $d) (i32.const 9))
      (local.set $d (i32.add (local.get $d) (i32.const 1)))
      (br_if $l (local.tee $n (i32.add (local.get $n) (i32.const -1))))))

  (func (export "fill_odd") (param $d i32) (param $n i32)
    (loop $l
      (i32.store8 (local.get $d) (i32.const 9))
      (local.set $d (i32.add (local.get $d) (i32.const 3)))
      (br_if $l (local.tee $n (i32.add (local.get $n) (i32.const -1))))))

  (func (export "sum_if") (param $p i32) (param $n i32) (result i32)
    (local $i i32) (local $s i32)
    (loop $l
      (if (i32.lt_s (local.get $i) (local.get $n)) (then
        (local.set $s (i32.add (local.get $s)
          (i32.load (i32.add (local.get $p) (i32.shl (local.get $i) (i32.const 2))))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $l))))
    (i32.add (local.get $s) (local.get $i)))

  (func (export "sum_else") (param $p i32) (param $n i32) (result i32)
    (local $i i32) (local $s i32)
    (loop $l
      (if (i32.ge_u (local.get $i) (local.get $n))
        (then (local.set $s (i32.xor (local.get $s) (i32.const -1))))
        (else
          (local.set $s (i32.add (local.get $s) (i32.load16_u (i32.add (local.get $p) (local.get $i)))))
          (local.set $i (i32.add (local.get $i) (i32.const 2)))
          (br $l))))
    (i32.add (local.get $s) (local.get $i)))

  (func (export "sum_both_ways") (param $p i32) (param $n i32) (result i32)
    (local $i i32) (local $s i32)
    (loop $l
      (if (i32.lt_u (local.get $i) (local.get $n))
        (then
          (local.set $s (i32.add (local.get $s) (i32.load8_s (i32.add (local.get $p) (local.get $i)))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $l (i32.and (local.get $s) (i32.const 1)))
          (local.set $s (i32.add (local.get $s) (i32.const 5)))
          (br $l))
        (else (local.set $s (i32.sub (local.get $s) (i32.const 3))))))
    (local.get $s))

  (func (export "sum_step8_u") (param $p i32) (param $i i32) (param $n i32) (result i32)
    (local $s i32)
    (loop $l
      (local.set $s (i32.add (local.get $s) (i32.load (i32.add (local.get $p) (local.get $i)))))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 8))) (local.get $n))))
    (i32.add (local.get $s) (local.get $i)))

  (func (export "sum_step8_s") (param $p i32) (param $i i32) (param $n i32) (result i32)
    (local $s i32)
    (loop $l
      (local.set $s (i32.add (local.get $s) (i32.load (i32.add (local.get $p) (local.get $i)))))
      (br_if $l (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 8))) (local.get $n))))
    (i32.add (local.get $s) (local.get $i)))

  (func (export "sum_down_s") (param $p i32) (param $i i32) (param $n i32) (result i32)
    (local $s i32)
    (loop $l
      (local.set $s (i32.add (local.get $s) (i32.load8_u (i32.add (local.get $p) (local.get $i)))))
      (br_if $l (i32.gt_s (local.tee $i (i32.sub (local.get $i) (i32.const 4))) (local.get $n))))
    (i32.add (local.get $s) (local.get $i)))

  (func (export "sum_down_u") (param $p i32) (param $i i32) (param $n i32) (result i32)
    (local $s i32)
    (loop $l
      (local.set $s (i32.add (local.get $s) (i32.load8_u (i32.add (local.get $p) (local.get $i)))))
      (br_if $l (i32.lt_u (local.get $n) (local.tee $i (i32.sub (local.get $i) (i32.const 2))))))
    (i32.add (local.get $s) (local.get $i)))

  (func (export "sum_to_zero") (param $p i32) (param $n i32) (result i32)
    (local $i i32) (local $s i32)
    (local.set $i (i32.sub (i32.const 0) (i32.shl (i32.and (local.get $n) (i32.const 0xff)) (i32.const 2))))
    (loop $l
      (local.set $s (i32.add (local.get $s)
        (i32.load (i32.add (i32.add (local.get $p) (local.get $i)) (i32.const 512)))))
      (i32.store (i32.add (i32.add (local.get $p) (local.get $i)) (i32.const 516)) (local.get $s))
      (br_if $l (local.tee $i (i32.add (local.get $i) (i32.const 4)))))
    (local.get $s))

  (func (export "sum_current") (param $p i32) (param $e i32) (result i32)
    (local $s i32) (local $at i32)
    (loop $l
      (local.set $s (i32.add (local.get $s) (i32.load8_u (local.get $p))))
      (local.set $at (local.get $p))
      (local.set $p (i32.add (local.get $p) (i32.const 1)))
      (br_if $l (i32.ne (local.get $at) (local.get $e))))
    (i32.add (local.get $s) (i32.mul (local.get $at) (local.get $p))))

  (func (export "axpy") (param $x i32) (param $y i32) (param $n i32) (param $a f64) (result i32)
    (loop $l
      (f64.store offset=8 (local.get $y)
        (f64.add (f64.load offset=8 (local.get $y)) (f64.mul (local.get $a) (f64.load (local.get $x)))))
      (f64.store (local.get $y) (f64.load offset=8 (local.get $x)))
      (local.set $x (i32.add (local.get $x) (i32.const 16)))
      (local.set $y (i32.add (local.get $y) (i32.const 16)))
      (br_if $l (local.tee $n (i32.add (local.get $n) (i32.const -1)))))
    (local.get $y))

  (func (export "strided") (param $x i32) (param $y i32) (param $n i32) (result i64)
    (local $s i64)
    (loop $l
      (local.set $s (i64.add (local.get $s) (i64.mul (i64.load (local.get $x)) (i64.load32_s (local.get $y)))))
      (local.set $x (i32.add (local.get $x) (i32.const 8)))
      (local.set $y (i32.add (local.get $y) (i32.const 768)))
      (br_if $l (local.tee $n (i32.add (local.get $n) (i32.const -1)))))
    (local.get $s))

  (func (export "divided") (param $p i32) (param $n i32) (result i32)
    (local $s i32)
    (loop $l
      (i32.store8 offset=1 (local.get $p) (local.get $s))
      (local.set $s (i32.add (local.get $s)
        (i32.div_u (i32.const 1000) (i32.sub (i32.load16_u (local.get $p)) (i32.const 77)))))
      (local.set $p (i32.add (local.get $p) (i32.const 2)))
      (br_if $l (local.tee $n (i32.add (local.get $n) (i32.const -1)))))
    (local.get $s))

  (func (export "rows") (param $p i32) (param $n i32) (param $m i32) (result i32)
    (local $i i32) (local $q i32) (local $s i32)
    (local.set $n (i32.and (local.get $n) (i32.const 15)))
    (loop $o
      (local.set $i (local.get $m))
      (local.set $q (local.get $p))
      (loop $l
        (local.set $s (i32.add (local.get $s) (i32.load8_u (local.get $q))))
        (i32.store8 offset=300 (local.get $q) (local.get $s))
        (local.set $q (i32.add (local.get $q) (i32.const 1)))
        (br_if $l (local.tee $i (i32.add (local.get $i) (i32.const -1)))))
      (local.set $p (i32.add (local.get $p) (i32.const 100)))
      (br_if $o (local.tee $n (i32.add (local.get $n) (i32.const -1)))))
    (i32.add (local.get $s) (i32.add (local.get $q) (local.get $i))))

  (func (export "follow") (param $p i32) (param $n i32) (param $m i32) (result i32)
    (loop $a
      (i32.store8 (local.get $p) (i32.const 1))
      (local.set $p (i32.add (local.get $p) (i32.const 1)))
      (br_if $a (local.tee $n (i32.add (local.get $n) (i32.const -1)))))
    (loop $b
      (i32.store8 (local.get $p) (i32.const 2))
      (local.set $p (i32.sub (local.get $p) (i32.const 1)))
      (br_if $b (local.tee $m (i32.add (local.get $m) (i32.const -1)))))
    (i32.add (local.get $p) (local.get $n)))

  (func (export "calls") (param $p i32) (param $n i32) (result i32)
    (local $s i32)
    (loop $l
      (local.set $s (i32.add (local.get $s) (call $id (i32.load8_u (local.get $p)))))
      (local.set $p (i32.add (local.get $p) (i32.const 1)))
      (br_if $l (local.tee $n (i32.add (local.get $n) (i32.const -1)))))
    (local.get $s))

  (func (export "calls_around") (param $p i32) (param $n i32) (param $m i32) (result i32)
    (local $i i32) (local $s i32)
    (local.set $m (i32.or (i32.const 1) (i32.and (local.get $m) (i32.const 7))))
    (loop $o
      (local.set $i (call $id (local.get $n)))
      (loop $l
        (local.set $s (i32.add (local.get $s) (i32.load8_u (i32.add (local.get $p) (local.get $i)))))
        (global.set $g (i32.add (global.get $g) (local.get $s)))
        (br_if $l (local.tee $i (i32.add (local.get $i) (i32.const -1)))))
      (drop (memory.grow (i32.const 1)))
      (br_if $o (local.tee $m (i32.add (local.get $m) (i32.const -1)))))
    (i32.add (local.get $s) (global.get $g)))

  (func (export "leaves") (param $p i32) (param $n i32) (result i32)
    (block $x (loop $l
      (br_if $x (i32.eqz (local.get $n)))
      (br_if $x (i32.eqz (i32.load8_u (local.get $p))))
      (local.set $p (i32.add (local.get $p) (i32.const 1)))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br $l)))
    (i32.add (local.get $p) (local.get $n)))

  (func (export "goes_on") (param $p i32) (param $n i32) (result i32)
    (local $s i32)
    (block $x (loop $l
      (br_if $x (i32.eqz (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (local.set $p (i32.add (local.get $p) (i32.const 1)))
      (if (i32.and (i32.load8_u (local.get $p)) (i32.const 1)) (then (br $l)))
      (local.set $s (i32.add (local.get $s) (i32.const 1)))
      (if (i32.and (i32.load8_u (local.get $p)) (i32.const 2)) (then (br $l)))
      (local.set $s (i32.add (local.get $s) (i32.const 16)))
      (if (i32.and (i32.load8_u (local.get $p)) (i32.const 4)) (then (br $l)))
      (i32.store8 (local.get $p) (local.get $s))
      (br $l)))
    (i32.add (local.get $p) (local.get $s)))

  (func (export "with_operands") (param $p i32) (param $n i32) (result i32)
    (i32.mul (local.get $p)
      (block $x (result i32)
        (i32.const 5)
        (loop $l
          (br_if $l (i32.load8_u (local.tee $p (i32.add (local.get $p) (i32.const 1))))))
        (br_if $x (i32.const 3) (local.get $n))
        (i32.add))))

  (func (export "test_writes") (param $p i32) (param $n i32) (result i32)
    (block $x (loop $l
      (i32.store8 (local.get $p) (i32.const 7))
      (br_if $x (i32.eqz (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (local.set $p (i32.add (local.get $p) (i32.const 5)))
      (br $l)))
    (local.get $p))

  (func (export "vectors") (param $x i32) (param $y i32) (param $n i32)
    (loop $l
      (v128.store (local.get $y) (i32x4.add (v128.load (local.get $x)) (v128.load offset=16 (local.get $y))))
      (v128.store8_lane offset=33 0 (local.get $y) (v128.load (local.get $x)))
      (local.set $x (i32.add (local.get $x) (i32.const 16)))
      (local.set $y (i32.add (local.get $y) (i32.const 16)))
      (br_if $l (local.tee $n (i32.add (local.get $n) (i32.const -1))))))

  ;; loops that are copied with their tests: steps that are not known, no accesses, values used behind them
  (func (export "sieve") (param $p i32) (param $by i32) (param $e i32) (result i32)
    (local.set $by (i32.add (local.get $by) (i32.const 1)))
    (loop $l
      (i32.store8 (local.get $p) (i32.const 0))
      (br_if $l (i32.lt_u (local.tee $p (i32.add (local.get $p) (local.get $by))) (local.get $e))))
    (local.get $p))

  (func (export "sieve_down") (param $p i32) (param $by i32) (param $e i32) (result i32 i32)
    (local $last i32)
    (local.set $by (i32.or (local.get $by) (i32.const 1)))
    (loop $l
      (local.set $last (i32.load8_u offset=3 (local.get $p)))
      (i32.store16 (local.get $p) (local.get $by))
      (br_if $l (i32.gt_s (local.tee $p (i32.sub (local.get $p) (local.get $by))) (local.get $e))))
    (local.get $p) (local.get $last))

  (func (export "fibonacci") (param $n i32) (result i64 i64 i32)
    (local $a i64) (local $b i64) (local $c i64) (local $by i32)
    (local.set $n (i32.and (local.get $n) (i32.const 0xff)))
    (local.set $by (i32.load8_u (local.get $n)))
    (local.set $b (i64.const 1))
    (loop $l
      (local.set $c (i64.add (local.get $a) (local.get $b)))
      (local.set $a (local.get $b))
      (local.set $b (local.get $c))
      (br_if $l (i32.gt_s (local.tee $n (i32.sub (local.get $n) (i32.or (local.get $by) (i32.const 1))))
        (i32.const -60))))
    (local.get $a) (local.get $c) (local.get $n))

  (func (export "divided_by_turns") (param $n i32) (param $m i32) (result i32)
    (local $s i32)
    (local.set $n (i32.and (local.get $n) (i32.const 0xfff)))
    (loop $l
      (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 31))
        (i32.div_u (local.get $m) (i32.sub (local.get $n) (i32.const 7)))))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $s))

  ;; accesses of the same index, nearer and further
  (func (export "fields") (param $p i32) (result i32)
    (i32.store offset=8 (local.get $p) (i32.load offset=4 (local.get $p)))
    (i32.store8 (local.get $p) (i32.const 1))
    (i32.store16 offset=12 (local.get $p) (i32.const 2))
    (i32.store offset=60000 (local.get $p) (i32.const 2))
    (i32.load offset=131068 (local.get $p))))
