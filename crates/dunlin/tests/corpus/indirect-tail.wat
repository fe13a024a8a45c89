(module (type $t (func (param i32) (result i32))) (table 4 4 funcref) (elem (i32.const 1) $x $y)
  (func $x (type $t) (i32.add (local.get 0) (i32.const 1)))
  (func $y (type $t) (return_call_indirect (type $t) (local.get 0) (i32.const 1)))
  (func (export "h") (param i32) (result i32) (call_indirect (type $t) (i32.const 5) (local.get 0))))
