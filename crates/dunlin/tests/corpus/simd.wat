(module
  (memory 1)
  (func (export "blend") (param v128 v128 i32) (result v128) (local v128)
    (local.set 3 (i8x16.shuffle 0 17 2 19 4 21 6 23 8 25 10 27 12 29 14 31
      (local.get 0) (local.get 1)))
    (v128.store offset=8 align=1 (local.get 2) (local.get 3))
    (i16x8.add_sat_s (v128.load32x2_u (local.get 2)) (v128.load8_splat (local.get 2)))
    (v128.load16_lane 3 (local.get 2) (local.get 3))
    (v128.bitselect (i8x16.swizzle (local.get 0) (local.get 3)))
    (select (local.get 1) (i32x4.all_true (local.get 0))))
  (func (export "lanes") (param v128) (result i32 f64 i64)
    (i8x16.extract_lane_s 15 (local.get 0))
    (f64x2.extract_lane 1 (f64x2.pmin (local.get 0) (f64x2.splat (f64.const 1))))
    (i64x2.extract_lane 0 (i32x4.trunc_sat_f64x2_s_zero (local.get 0)))))
