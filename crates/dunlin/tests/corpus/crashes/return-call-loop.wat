(module
  (func $even (export "run") (param i64)
    (if (i64.eqz (local.get 0)) (then (return)))
    (return_call $odd (i64.sub (local.get 0) (i64.const 1))))
  (func $odd (param i64) (return_call $even (local.get 0)))
  (func (export "loop") (param i64) (loop (call $even (i64.const 1000)) (br 0))))
