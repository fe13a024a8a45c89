(module (import "env" "f" (func $f (param f64) (result f32))) (start $s)
  (func $s) (func (export "w") (result f32) (call $f (f64.const 1.5)))
  (func (export "many") (result i32 i64 f32 f64) (i32.const 1) (i64.const 2) (f32.const 3) (f64.const 4)))
