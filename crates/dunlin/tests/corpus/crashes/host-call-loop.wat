(module
  (import "host" "nothing" (func $nothing))
  (memory 1) (memory $b 1)
  (func (export "run")
    (loop
      (call $nothing)
      (v128.store $b (i32.const 0) (v128.load (i32.const 16)))
      (br 0))))
