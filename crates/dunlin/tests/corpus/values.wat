(module
  (type $pair (func (param i32 i64) (result i64 i32)))
  (func $swap (type $pair) (local.get 1) (local.get 0))
  (func (export "values") (param i32 i64) (result i64 i32)
    (call $swap (local.get 0) (local.get 1))
    (block (type $swapped) (call $swap2))
    (loop (param i64 i32) (result i64 i32) (br_if 1 (i32.const 1))))
  (type $swapped (func (param i64 i32) (result i64 i32)))
  (func $swap2 (type $swapped) (local.get 0) (local.get 1)))
