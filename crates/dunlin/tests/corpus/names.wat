(module $a-module-with-names
  (func $first-function (export "unreachable") (param $p i32) (local $l i64) (unreachable))
  (func $second-function (export "calls") (call $first-function (i32.const 0)))
  (global $a-global i32 (i32.const 0)) (memory $a-memory 0) (table $a-table 0 funcref)
  (@custom "note" "any bytes \00\ff"))
