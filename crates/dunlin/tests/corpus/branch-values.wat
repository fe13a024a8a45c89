(module (func (export "f") (param i32) (result i32)
  (block $a (result i32) (i32.const 1) (br_if $a (local.get 0)) (drop) (i32.const 2))))
