;; Arrays of numbers: a sieve, sums and a running fill over a million elements, and copies of 8 MiB.
(module
  (type $bytes (array (mut i8)))
  (type $ints (array (mut i32)))
  (type $floats (array (mut f64)))
  (func (export "sieve") (param $n i32) (result i32)
    (local $is (ref $bytes)) (local $i i32) (local $j i32) (local $found i32)
    (local.set $is (array.new_default $bytes (local.get $n)))
    (local.set $i (i32.const 2))
    (loop $numbers
      (if (i32.eqz (array.get_u $bytes (local.get $is) (local.get $i)))
        (then
          (local.set $found (i32.add (local.get $found) (i32.const 1)))
          (local.set $j (i32.shl (local.get $i) (i32.const 1)))
          (block $done
            (loop $multiples
              (br_if $done (i32.ge_u (local.get $j) (local.get $n)))
              (array.set $bytes (local.get $is) (local.get $j) (i32.const 1))
              (local.set $j (i32.add (local.get $j) (local.get $i)))
              (br $multiples)))))
      (br_if $numbers (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (local.get $found))
  (func (export "sum") (param $n i32) (param $turns i32) (result i32)
    (local $array (ref $ints)) (local $i i32) (local $sum i32)
    (local.set $array (array.new $ints (i32.const 3) (local.get $n)))
    (loop $again
      (local.set $i (i32.const 0))
      (loop $elements
        (local.set $sum (i32.add (local.get $sum) (array.get $ints (local.get $array) (local.get $i))))
        (br_if $elements
          (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
      (br_if $again (local.tee $turns (i32.sub (local.get $turns) (i32.const 1)))))
    (local.get $sum))
  (func (export "scale") (param $n i32) (param $turns i32) (result f64)
    (local $array (ref $floats)) (local $i i32)
    (local.set $array (array.new $floats (f64.const 1) (local.get $n)))
    (loop $again
      (local.set $i (i32.const 0))
      (loop $elements
        (array.set $floats (local.get $array) (local.get $i)
          (f64.mul (array.get $floats (local.get $array) (local.get $i)) (f64.const 1.0001)))
        (br_if $elements
          (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
      (br_if $again (local.tee $turns (i32.sub (local.get $turns) (i32.const 1)))))
    (array.get $floats (local.get $array) (i32.const 7)))
  (func (export "copy") (param $bytes i32) (param $turns i32) (result i32)
    (local $from (ref $bytes)) (local $to (ref $bytes))
    (local.set $from (array.new $bytes (i32.const 7) (local.get $bytes)))
    (local.set $to (array.new_default $bytes (local.get $bytes)))
    (loop $again
      (array.copy $bytes $bytes (local.get $to) (i32.const 0) (local.get $from) (i32.const 0)
        (local.get $bytes))
      (br_if $again (local.tee $turns (i32.sub (local.get $turns) (i32.const 1)))))
    (array.get_u $bytes (local.get $to) (i32.const 99)))
)
