;; Binary trees of depth 16 (the benchmarks game): one tree lives on while short-lived ones of the depths 4, 6 … 16
;; are made and counted, as many of each depth as make about a million nodes.
(module
  (type $tree (sub final (struct (field $left (ref null $tree)) (field $right (ref null $tree)))))
  (func $make (param $depth i32) (result (ref $tree))
    (if (result (ref $tree)) (i32.eqz (local.get $depth))
      (then (struct.new_default $tree))
      (else
        (struct.new $tree
          (call $make (i32.sub (local.get $depth) (i32.const 1)))
          (call $make (i32.sub (local.get $depth) (i32.const 1)))))))
  (func $count (param $tree (ref null $tree)) (result i32)
    (if (result i32) (ref.is_null (struct.get $tree $left (local.get $tree)))
      (then (i32.const 1))
      (else
        (i32.add (i32.const 1)
          (i32.add
            (call $count (struct.get $tree $left (local.get $tree)))
            (call $count (struct.get $tree $right (local.get $tree))))))))
  (func (export "run") (param $most i32) (result i32)
    (local $long (ref null $tree)) (local $depth i32) (local $turns i32) (local $sum i32)
    (local.set $sum (call $count (call $make (i32.add (local.get $most) (i32.const 1)))))
    (local.set $long (call $make (local.get $most)))
    (local.set $depth (i32.const 4))
    (loop $depths
      (local.set $turns
        (i32.shl (i32.const 1)
          (i32.add (i32.sub (local.get $most) (local.get $depth)) (i32.const 4))))
      (loop $again
        (local.set $sum (i32.add (local.get $sum) (call $count (call $make (local.get $depth)))))
        (br_if $again (local.tee $turns (i32.sub (local.get $turns) (i32.const 1)))))
      (local.set $depth (i32.add (local.get $depth) (i32.const 2)))
      (br_if $depths (i32.le_s (local.get $depth) (local.get $most))))
    (i32.add (local.get $sum) (call $count (local.get $long))))
)
