;; Active segments are dropped once they are written, in every instance: an engine may begin the second one with
;; an image of the first one's memories, and must not forget the segments then.

(module definition $M
  (memory (export "memory") 1)
  (type $bytes (array i8))
  (data $passive "passive")
  (data $active (i32.const 0) "active")
  (func (export "init") (param i32)
    (memory.init $active (i32.const 0) (i32.const 0) (local.get 0)))
  (func (export "init-passive")
    (memory.init $passive (i32.const 8) (i32.const 0) (i32.const 7)))
  (func (export "array") (param i32) (result i32)
    (array.len (array.new_data $bytes $active (i32.const 0) (local.get 0))))
  (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0))))

(module instance $first $M)
(assert_return (invoke $first "init" (i32.const 0)))
(assert_trap (invoke $first "init" (i32.const 1)) "out of bounds memory access")
(assert_trap (invoke $first "array" (i32.const 1)) "out of bounds memory access")

(module instance $second $M)
(assert_return (invoke $second "load" (i32.const 0)) (i32.const 97))
(assert_return (invoke $second "init" (i32.const 0)))
(assert_trap (invoke $second "init" (i32.const 1)) "out of bounds memory access")
(assert_return (invoke $second "array" (i32.const 0)) (i32.const 0))
(assert_trap (invoke $second "array" (i32.const 1)) "out of bounds memory access")
(assert_return (invoke $second "init-passive"))
(assert_return (invoke $second "load" (i32.const 8)) (i32.const 112))

(module instance $third $M)
(assert_return (invoke $third "load" (i32.const 0)) (i32.const 97))
(assert_trap (invoke $third "init" (i32.const 6)) "out of bounds memory access")
