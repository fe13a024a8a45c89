(module
  (func (export "select") (param i32 i64 i64) (result i64)
    (select (local.get 1) (local.get 2) (i32.eqz (local.get 0))))
  (func (export "typed") (param i32 externref externref) (result externref)
    (select (result externref) (local.get 1) (local.get 2) (local.get 0)))
  (func (export "null") (result i32) (ref.is_null (ref.null extern))))
