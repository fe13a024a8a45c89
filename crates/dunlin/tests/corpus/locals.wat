(module
  (func (export "many") (param i32 v128 externref) (result v128 i32)
    (local i32 i32 i32 v128 v128 f32 f64 funcref externref i64 i64)
    (local.set 6 (local.tee 7 (local.get 1)))
    (local.set 3 (i32.add (local.get 0) (local.tee 4 (i32.const 3))))
    (local.set 11 (local.get 2))
    (i32x4.sub (local.get 6) (local.get 7))
    (i32.or (ref.is_null (local.get 11)) (i32.add (local.get 3) (local.get 4)))))
