;; Loops over a memory of two pages whose addresses have 64 bits.
(module
  (memory (export "memory") i64 2 2)

  (func (export "copy") (param $d i64) (param $s i64) (param $n i32) (result i64)
    (loop $l
      (i32.store8 (local.get $d) (i32.load8_u (local.get $s)))
      (local.set $d (i64.add (local.get $d) (i64.const 1)))
      (local.set $s (i64.add (local.get $s) (i64.const 1)))
      (br_if $l (local.tee $n (i32.add (local.get $n) (i32.const -1)))))
    (i64.add (local.get $d) (local.get $s)))

  (func (export "copy_near") (param $d i64) (param $by i64) (param $n i64) (result i64)
    (local $s i64)
    (local.set $s (i64.sub (local.get $d) (i64.and (local.get $by) (i64.const 63))))
    (local.set $n (i64.and (local.get $n) (i64.const 255)))
    (block $x (loop $l
      (br_if $x (i64.eqz (local.get $n)))
      (local.set $n (i64.sub (local.get $n) (i64.const 1)))
      (i64.store8 offset=3 (i64.add (local.get $d) (local.get $n))
        (i64.load8_u offset=3 (i64.add (local.get $s) (local.get $n))))
      (br $l)))
    (local.get $n))

  (func (export "fill") (param $d i64) (param $e i64) (result i64)
    (loop $l
      (i64.store (local.get $d) (i64.const 0))
      (br_if $l (i64.ne (local.tee $d (i64.add (local.get $d) (i64.const 8))) (local.get $e))))
    (local.get $d))

  (func (export "sum") (param $p i64) (param $i i64) (param $n i64) (result i64)
    (local $s i64)
    (loop $l
      (local.set $s (i64.add (local.get $s)
        (i64.load offset=40 (i64.add (local.get $p) (i64.shl (local.get $i) (i64.const 3))))))
      (local.set $s (i64.xor (local.get $s)
        (i64.load32_u offset=4 (i64.add (local.get $p) (i64.shl (local.get $i) (i64.const 3))))))
      (br_if $l (i64.lt_s (local.tee $i (i64.add (local.get $i) (i64.const 1))) (local.get $n))))
    (local.get $s))

  (func (export "sum_down") (param $p i64) (param $i i64) (param $n i64) (result i64)
    (local $s i64)
    (loop $l
      (local.set $s (i64.add (local.get $s) (i64.load (i64.add (local.get $p) (local.get $i)))))
      (br_if $l (i64.gt_u (local.tee $i (i64.sub (local.get $i) (i64.const 4))) (local.get $n))))
    (i64.add (local.get $s) (local.get $i)))

  (func (export "narrow_index") (param $p i32) (param $n i32) (result i32)
    (local $s i32)
    (loop $l
      (local.set $s (i32.add (local.get $s) (i32.load16_u (i64.extend_i32_u (local.get $p)))))
      (i32.store offset=100 (i64.extend_i32_u (local.get $p)) (local.get $s))
      (local.set $p (i32.add (local.get $p) (i32.const 4)))
      (br_if $l (local.tee $n (i32.add (local.get $n) (i32.const -1)))))
    (local.get $s))

  (func (export "fields") (param $p i64) (result i64)
    (i64.store offset=8 (local.get $p) (i64.load offset=4 (local.get $p)))
    (i64.store8 (local.get $p) (i64.const 1))
    (i64.store offset=131064 (local.get $p) (i64.const 1))
    (i64.load offset=0xffffffffffffffff (local.get $p))))
