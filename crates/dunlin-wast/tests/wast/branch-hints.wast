;; Hints, true and false ones, change where code lies and nothing else.

(module
  (func $note (param i32) (result i32) (i32.add (i32.mul (local.get 0) (i32.const 3)) (i32.const 1)))

  ;; Collatz steps: hints at a loop's first test, at branches out of it, and in both arms of an `if`.
  (func (export "steps") (param $n i32) (result i32) (local $count i32)
    (block $done
      (loop $again
        (@metadata.code.branch_hint "\01")
        (br_if $done (i32.eq (local.get $n) (i32.const 1)))
        (@metadata.code.branch_hint "\00")
        (if (i32.and (local.get $n) (i32.const 1))
          (then
            (@metadata.code.branch_hint "\01")
            (if (i32.gt_u (local.get $n) (i32.const 0x20000000))
              (then (return (i32.const -1)))
              (else (local.set $n (call $note (local.get $n))))))
          (else (local.set $n (i32.shr_u (local.get $n) (i32.const 1)))))
        (local.set $count (i32.add (local.get $count) (i32.const 1)))
        (br $again)))
    (local.get $count))

  ;; Blocks with results that rare and common code lead to the ends of.
  (func (export "select") (param i32 i32) (result i32)
    (block $a (result i32)
      (block $b (result i32)
        (i32.const 10)
        (@metadata.code.branch_hint "\00")
        (br_if $a (i32.eq (local.get 0) (i32.const 1)))
        (@metadata.code.branch_hint "\01")
        (br_if $b (i32.eq (local.get 0) (i32.const 2)))
        (@metadata.code.branch_hint "\00")
        (if (param i32) (result i32) (local.get 1)
          (then (drop) (call $note (local.get 0)))
          (else (br $a (i32.add (i32.const 1)))))
        (loop $l (param i32) (result i32)
          (i32.add (i32.const 7))
          (@metadata.code.branch_hint "\00")
          (br_if $l (i32.lt_u (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (i32.const 3)))))
      (i32.mul (i32.const 100))))

  ;; An arm that never ends is the only way to a rare end, and one that cannot be reached at all.
  (func (export "arms") (param i32) (result i32)
    (block $rare
      (@metadata.code.branch_hint "\00")
      (br_if $rare (local.get 0))
      (block $never
        (return (i32.const 5)))
      (unreachable))
    (@metadata.code.branch_hint "\01")
    (if (result i32) (i32.eq (local.get 0) (i32.const 1))
      (then (i32.const 6))
      (else (br_if 1 (i32.const 7) (i32.const 1)) (drop) (unreachable))))
)
(assert_return (invoke "steps" (i32.const 1)) (i32.const 0))
(assert_return (invoke "steps" (i32.const 6)) (i32.const 8))
(assert_return (invoke "steps" (i32.const 27)) (i32.const 111))
(assert_return (invoke "steps" (i32.const 0x20000001)) (i32.const -1))
(assert_return (invoke "select" (i32.const 1) (i32.const 0)) (i32.const 10))
(assert_return (invoke "select" (i32.const 2) (i32.const 0)) (i32.const 1000))
(assert_return (invoke "select" (i32.const 0) (i32.const 0)) (i32.const 11))
(assert_return (invoke "select" (i32.const 3) (i32.const 9)) (i32.const 1700))
(assert_return (invoke "select" (i32.const 3) (i32.const 1)) (i32.const 2400))
(assert_return (invoke "arms" (i32.const 0)) (i32.const 5))
(assert_return (invoke "arms" (i32.const 1)) (i32.const 6))
(assert_return (invoke "arms" (i32.const 2)) (i32.const 7))
