(module
  (func (export "stack") (result i32)
    (block (result i32) (unreachable) (i32.add) (br_table 0 0) (select) (drop) (i32.const 1))
    (loop (result i32) (br 1 (i32.const 2)) (br_if 0) (call_indirect (param i64) (i64.const 1) (i32.const 0)))
    (i64.extend_i32_s) (return_call 0))
  (table 0 funcref))
