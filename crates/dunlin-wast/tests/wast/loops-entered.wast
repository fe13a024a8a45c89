;; Loops that are entered in the middle of an activation, by code that is better than what has begun it: whatever
;; locals hold, and operands below the loop and the blocks around it, is there.

(module
  (memory 1)
  (type $big (func (param i32 i64 f32 f64 i32 i64 i32 i64 i32 i64) (result i32 i64 f32 f64 i32 i64 i32 i64 i32 i64)))
  (type $pair (struct (field (mut i32)) (field (mut (ref null $pair)))))
  (type $unary (func (param i32) (result i32)))
  (table 2 funcref) (elem (i32.const 0) $twice $thrice)
  (tag $stop (param i32))
  (func $twice (type $unary) (i32.mul (local.get 0) (i32.const 2)))
  (func $thrice (type $unary) (i32.mul (local.get 0) (i32.const 3)))

  ;; Operands below, of every kind, and below the loop around it.
  (func (export "below") (param $n i32) (result i64) (local $i i32) (local $j i32) (local $sum i64)
    (i64.const 1000000)
    (f64.const 0.5)
    (loop $outer
      (i64.const 7)
      (f32.const 2.5)
      (local.set $j (i32.const 0))
      (loop $inner
        (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (local.get $j))))
        (br_if $inner (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (local.get $n))))
      (local.set $sum (i64.add (i64.trunc_f32_s) (local.get $sum)))
      (local.set $sum (i64.mul (local.get $sum)))
      (br_if $outer (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3))))
    (i64.trunc_f64_s (f64.mul (f64.const 4)))
    (i64.add (local.get $sum))
    (i64.add))

  ;; Parameters of loops, vectors among them.
  (func (export "params") (param $n i32) (result i64)
    (local $a i32) (local $b i64) (local $c f32) (local $d f64) (local $v v128)
    (i32.const 1) (i64.const 2) (f32.const 3) (f64.const 4) (v128.const i32x4 5 6 7 8)
    (loop $next (param i32 i64 f32 f64 v128) (result i32 i64 f32 f64 v128)
      (i32x4.add (v128.const i32x4 1 2 3 4))
      (local.set $v)
      (f64.add (f64.const 1))
      (br_if $next (local.get $v)
        (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.set $v) (local.set $d) (local.set $c) (local.set $b) (local.set $a)
    (i64.extend_i32_s (i32.add (local.get $a)
      (i32.add (i32x4.extract_lane 0 (local.get $v))
        (i32.mul (i32x4.extract_lane 3 (local.get $v)) (i32.const 1000)))))
    (i64.add (local.get $b))
    (i64.add (i64.mul (i64.const 1000000) (i64.trunc_f32_s (local.get $c))))
    (i64.add (i64.mul (i64.const 10000000) (i64.trunc_f64_s (local.get $d)))))

  ;; A loop in one arm; the other arm, and what follows, use what is below both.
  (func (export "arms") (param $n i32) (result i32) (local $i i32) (local $k i32)
    (i32.const 5)
    (loop $outer (param i32) (result i32)
      (i32.const 11)
      (if (param i32) (result i32) (i32.and (local.get $i) (i32.const 1))
        (then
          (local.set $k (i32.const 0))
          (loop $inner
            (br_if $inner (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (local.get $n))))
          (i32.add (local.get $k)))
        (else (i32.mul (i32.const 3))))
      (i32.add)
      (br_if $outer (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 6)))))

  ;; Ways out of several blocks at once, with values, by a table.
  (func (export "ways") (param $n i32) (result i32) (local $i i32) (local $sum i32)
    (i32.const 100)
    (block $c (result i32)
      (i32.const 200)
      (block $b (result i32)
        (i32.const 300)
        (block $a (result i32)
          (i32.const 400)
          (loop $next
            (local.set $sum (i32.add (local.get $sum) (i32.const 3)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $next (i32.lt_u (local.get $i) (local.get $n)))
            (br_table $a $b $c (local.get $sum) (i32.rem_u (local.get $n) (i32.const 3)))))
        (i32.add))
      (i32.add) (i32.const 1) (i32.add))
    (i32.add))

  ;; More locals than registers, of all kinds.
  (func (export "locals") (param $n i32) (result f64)
    (local $a i32) (local $b i64) (local $c f32) (local $d f64) (local $e v128)
    (local $f i32) (local $g i64) (local $h f32) (local $i f64) (local $j v128)
    (local $k i32) (local $l i64) (local $m f32) (local $o f64) (local $p v128)
    (local i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)
    (local.set $e (v128.const i64x2 1 2)) (local.set $j (v128.const i64x2 3 4)) (local.set $p (v128.const i64x2 5 6))
    (local.set 30 (i32.const 77))
    (v128.const i64x2 10 20)
    (loop $next
      (local.set $a (i32.add (local.get $a) (i32.const 1)))
      (local.set $b (i64.add (local.get $b) (i64.const 2)))
      (local.set $c (f32.add (local.get $c) (f32.const 3)))
      (local.set $d (f64.add (local.get $d) (f64.const 4)))
      (local.set $e (i64x2.add (local.get $e) (local.get $j)))
      (local.set $f (i32.add (local.get $f) (local.get $a)))
      (local.set $g (i64.add (local.get $g) (local.get $b)))
      (local.set $h (f32.add (local.get $h) (local.get $c)))
      (local.set $i (f64.add (local.get $i) (local.get $d)))
      (local.set $p (i64x2.add (local.get $p) (local.get $e)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.set $j)
    (f64.convert_i32_u (i32.add (local.get $f) (local.get 30)))
    (f64.add (f64.convert_i64_u (local.get $g)))
    (f64.add (f64.promote_f32 (local.get $h)))
    (f64.add (local.get $i))
    (f64.add (f64.convert_i64_u (i64x2.extract_lane 0 (local.get $p))))
    (f64.add (f64.mul (f64.const 1000000) (f64.convert_i64_u (i64x2.extract_lane 1 (local.get $p)))))
    (f64.add (f64.convert_i64_u (i64x2.extract_lane 0 (local.get $j)))))

  ;; Objects in locals, below the loop and in its parameters; others are made meanwhile.
  (func (export "objects") (param $n i32) (result i32) (local $list (ref null $pair)) (local $sum i32)
    (local.set $list (struct.new $pair (i32.const 1) (ref.null $pair)))
    (struct.new $pair (i32.const 1000) (local.get $list))
    (struct.new $pair (i32.const 20000) (local.get $list))
    (loop $next (param (ref $pair)) (result (ref $pair))
      (local.set $list (struct.new $pair (local.get $n) (local.get $list)))
      (struct.set $pair 0 (local.get $list) (i32.add (local.get $n) (i32.const 1)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.set $sum (struct.get $pair 0))
    (local.set $sum (i32.add (struct.get $pair 0) (local.get $sum)))
    (loop $each
      (local.set $sum (i32.add (local.get $sum) (struct.get $pair 0 (local.get $list))))
      (local.set $list (struct.get $pair 1 (local.get $list)))
      (br_if $each (i32.eqz (ref.is_null (local.get $list)))))
    (local.get $sum))

  ;; Exceptions out of a loop and into one.
  (func $throws (param $n i32) (if (i32.eqz (local.get $n)) (then (throw $stop (i32.const 9)))))
  (func (export "exceptions") (param $n i32) (result i32) (local $i i32) (local $sum i32)
    (i32.const 50)
    (block $caught (result i32)
      (try_table (catch $stop $caught)
        (loop $next
          (local.set $sum (i32.add (local.get $sum) (i32.const 2)))
          (call $throws (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
          (br $next)))
      (unreachable))
    (loop $again (param i32) (result i32)
      (i32.add (i32.const 1))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20))))
    (i32.add) (i32.add (local.get $sum)))

  ;; Arguments and results that no register is left for.
  (func $big (export "big") (type $big) (local $i i32)
    (loop $next
      (local.set 0 (i32.add (local.get 0) (i32.const 1)))
      (local.set 9 (i64.add (local.get 9) (i64.const 2)))
      (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 30))))
    (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4)
    (local.get 5) (local.get 6) (local.get 7) (local.get 8) (local.get 9))
  (func (export "calls-big") (result i64)
    (local $a i64) (local $b f32) (local $c f64) (local $d i32) (local $e i64)
    (local $f i32) (local $g i64) (local $h i32) (local $i i64)
    (call $big (i32.const 1) (i64.const 2) (f32.const 3) (f64.const 4) (i32.const 5)
      (i64.const 6) (i32.const 7) (i64.const 8) (i32.const 9) (i64.const 10))
    (local.set $i) (local.set $h) (local.set $g) (local.set $f) (local.set $e) (local.set $d)
    (local.set $c) (local.set $b) (local.set $a)
    (i64.extend_i32_s)
    (i64.add (i64.mul (i64.const 10) (i64.add (local.get $a) (i64.trunc_f32_s (local.get $b)))))
    (i64.add (i64.mul (i64.const 1000) (i64.trunc_f64_s (local.get $c))))
    (i64.add (i64.mul (i64.const 10000) (i64.add (i64.extend_i32_s (local.get $d)) (local.get $e))))
    (i64.add (i64.mul (i64.const 1000000) (i64.add (i64.extend_i32_s (local.get $f)) (local.get $g))))
    (i64.add (i64.mul (i64.const 100000000) (i64.add (i64.extend_i32_s (local.get $h)) (local.get $i)))))

  ;; Calls in the loop, by index and by table, and one in tail position behind it.
  (func (export "calls") (param $n i32) (result i32) (local $i i32) (local $sum i32)
    (loop $next
      (local.set $sum (i32.add (local.get $sum) (call $twice (local.get $i))))
      (local.set $sum (i32.add (local.get $sum)
        (call_indirect (type $unary) (local.get $i) (i32.and (local.get $i) (i32.const 1)))))
      (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (return_call $thrice (local.get $sum)))

  ;; Memory that grows in the loop.
  (func (export "grows") (param $n i32) (result i32) (local $at i32)
    (loop $next
      (i32.store (local.get $at) (local.get $n))
      (if (i32.eqz (i32.and (local.get $n) (i32.const 7))) (then (drop (memory.grow (i32.const 1)))))
      (local.set $at (i32.add (local.get $at) (i32.const 4096)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.load (i32.sub (local.get $at) (i32.const 4096))))

  ;; A loop that calls its own function while the loop of the outer activation goes on.
  (func $deep (export "recursive") (param $n i32) (result i32) (local $i i32) (local $sum i32)
    (if (i32.eqz (local.get $n)) (then (return (i32.const 1))))
    (loop $next
      (local.set $sum (i32.add (local.get $sum) (call $deep (i32.sub (local.get $n) (i32.const 1)))))
      (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 4))))
    (local.get $sum))

  ;; Early blocks that catch: a loop in one, with operands below, whose clauses throw again what was caught.
  (func $thrown (param $i i32) (if (i32.eqz (i32.rem_u (local.get $i) (i32.const 9))) (then (throw $stop (local.get $i)))))
  (func (export "early") (param $n i32) (result i32) (local $i i32) (local $sum i32) (local $v v128)
    (i32.const 1000)
    (local.set $i (i32.const 1))
    (loop $outer
      (try
        (do
          (i64.const 3)
          (loop $next
            (local.set $sum (i32.add (local.get $sum) (i32.const 2)))
            (call $thrown (local.get $i))
            (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
          (i32.wrap_i64)
          (local.set $sum (i32.add (local.get $sum))))
        (catch $stop
          (local.set $sum (i32.add (local.get $sum)))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $outer))))
    (i32.add (local.get $sum)))

  ;; What is thrown again is what was caught, and the loop around both goes on.
  (func (export "early-again") (param $n i32) (result i32) (local $i i32) (local $sum i32)
    (i32.const 5)
    (loop $outer
      (try
        (do
          (try
            (do
              (loop $next
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (call $thrown (local.get $i))
                (br_if $next (i32.lt_u (local.get $i) (local.get $n)))))
            (catch_all
              (local.set $sum (i32.add (local.get $sum) (i32.const 1)))
              (rethrow 0))))
        (catch $stop
          (i32.mul (i32.const 100))
          (local.set $sum (i32.add (local.get $sum)))))
      (br_if $outer (i32.lt_u (local.get $i) (local.get $n))))
    (i32.add (local.get $sum)))

  ;; A loop in a clause, which throws again behind it, and a block that hands exceptions on.
  (func (export "early-clause") (param $n i32) (result i32) (local $i i32) (local $sum i32)
    (loop $outer
      (try
        (do
          (try
            (do
              (loop $next
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (call $thrown (local.get $i))
                (br_if $next (i32.lt_u (local.get $i) (local.get $n)))))
            (delegate 0)))
        (catch $stop
          (local.set $sum (i32.add (local.get $sum)))
          (try
            (do (call $thrown (i32.const 0)))
            (catch_all
              (loop $inside
                (local.set $sum (i32.add (local.get $sum) (i32.const 1000)))
                (br_if $inside (i32.rem_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 8))))))))
      (br_if $outer (i32.lt_u (local.get $i) (local.get $n))))
    (local.get $sum))

  ;; It traps in the loop.
  (func (export "traps") (param $n i32) (result i32) (local $sum i32)
    (loop $next
      (local.set $sum (i32.add (local.get $sum) (i32.div_u (i32.const 100) (local.get $n))))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br $next))
    (unreachable))
)

(assert_return (invoke "below" (i32.const 40)) (i64.const 1312020))
(assert_return (invoke "below" (i32.const 40)) (i64.const 1312020))
(assert_return (invoke "params" (i32.const 30)) (i64.const 343128038))
(assert_return (invoke "params" (i32.const 30)) (i64.const 343128038))
(assert_return (invoke "arms" (i32.const 50)) (i32.const 287))
(assert_return (invoke "arms" (i32.const 50)) (i32.const 287))
(assert_return (invoke "ways" (i32.const 60)) (i32.const 781))
(assert_return (invoke "ways" (i32.const 61)) (i32.const 484))
(assert_return (invoke "ways" (i32.const 62)) (i32.const 286))
(assert_return (invoke "locals" (i32.const 25)) (f64.const 1356004342))
(assert_return (invoke "locals" (i32.const 25)) (f64.const 1356004342))
(assert_return (invoke "objects" (i32.const 30)) (i32.const 21496))
(assert_return (invoke "objects" (i32.const 30)) (i32.const 21496))
(assert_return (invoke "exceptions" (i32.const 30)) (i32.const 139))
(assert_return (invoke "exceptions" (i32.const 30)) (i32.const 139))
(assert_return (invoke "calls-big") (i64.const 7915114081))
(assert_return (invoke "calls-big") (i64.const 7915114081))
(assert_return (invoke "calls" (i32.const 40)) (i32.const 10560))
(assert_return (invoke "calls" (i32.const 40)) (i32.const 10560))
(assert_return (invoke "grows" (i32.const 40)) (i32.const 1))
(assert_return (invoke "grows" (i32.const 40)) (i32.const 1))
(assert_return (invoke "recursive" (i32.const 5)) (i32.const 1024))
(assert_return (invoke "recursive" (i32.const 5)) (i32.const 1024))
(assert_return (invoke "early" (i32.const 60)) (i32.const 1310))
(assert_return (invoke "early" (i32.const 60)) (i32.const 1310))
(assert_return (invoke "early-again" (i32.const 60)) (i32.const 18911))
(assert_return (invoke "early-again" (i32.const 60)) (i32.const 18911))
(assert_return (invoke "early-clause" (i32.const 60)) (i32.const 27189))
(assert_return (invoke "early-clause" (i32.const 60)) (i32.const 27189))
(assert_trap (invoke "traps" (i32.const 30)) "integer divide by zero")
(assert_trap (invoke "traps" (i32.const 30)) "integer divide by zero")
