;;! explicit off v3 fused
;; Relaxed operators with the results that this machine is fastest with.
(module
  (func $swizzle (param v128 v128) (result v128)
    (i8x16.relaxed_swizzle (local.get 0) (local.get 1)))
  (func $trunc-s (param v128) (result v128)
    (i32x4.relaxed_trunc_f32x4_s (local.get 0)))
  (func $trunc-low-s (param v128) (result v128)
    (i32x4.relaxed_trunc_f64x2_s_zero (local.get 0)))
  (func $madd (param v128 v128 v128) (result v128)
    (f32x4.relaxed_madd (local.get 0) (local.get 1) (local.get 2)))
  (func $nmadd (param v128 v128 v128) (result v128)
    (f64x2.relaxed_nmadd (local.get 0) (local.get 1) (local.get 2)))
  (func $select-bytes (param v128 v128 v128) (result v128)
    (i8x16.relaxed_laneselect (local.get 0) (local.get 1) (local.get 2)))
  (func $select-shorts (param v128 v128 v128) (result v128)
    (i16x8.relaxed_laneselect (local.get 0) (local.get 1) (local.get 2)))
  (func $select-longs (param v128 v128 v128) (result v128)
    (i64x2.relaxed_laneselect (local.get 0) (local.get 1) (local.get 2)))
  (func $min (param v128 v128) (result v128)
    (f32x4.relaxed_min (local.get 0) (local.get 1)))
  (func $max (param v128 v128) (result v128)
    (f64x2.relaxed_max (local.get 0) (local.get 1)))
  (func $q15 (param v128 v128) (result v128)
    (i16x8.relaxed_q15mulr_s (local.get 0) (local.get 1)))
  (func $dot (param v128 v128) (result v128)
    (i16x8.relaxed_dot_i8x16_i7x16_s (local.get 0) (local.get 1)))
  (func $dot-add (param v128 v128 v128) (result v128)
    (i32x4.relaxed_dot_i8x16_i7x16_add_s (local.get 0) (local.get 1) (local.get 2))))

;; CLIF of swizzle:
;;   function u0:0(i64 vmctx, i8x16, i8x16) -> i8x16 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i8x16, v2: i8x16):
;;   @0037                               v4 = x86_pshufb v1, v2
;;   @003a                               jump block1(v4)
;;
;;                                   block1(v3: i8x16):
;;   @003a                               return v3
;;   }

;; CLIF of trunc-s:
;;   function u0:0(i64 vmctx, i8x16) -> i8x16 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i8x16):
;;   @003f                               v3 = bitcast.f32x4 little v1
;;   @003f                               v4 = x86_cvtt2dq.i32x4 v3
;;   @003f                               v5 = bitcast.i8x16 little v4
;;   @0042                               jump block1(v5)
;;
;;                                   block1(v2: i8x16):
;;   @0042                               return v2
;;   }

;; CLIF of trunc-low-s:
;;   function u0:0(i64 vmctx, i8x16) -> i8x16 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       const0 = 0x00000000000000000000000000000000
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i8x16):
;;   @0047                               v3 = bitcast.f64x2 little v1
;;   @0047                               v4 = x86_cvtt2dq.i64x2 v3
;;   @0047                               v5 = vconst.i64x2 const0
;;   @0047                               v6 = snarrow v4, v5  ; v5 = const0
;;   @0047                               v7 = bitcast.i8x16 little v6
;;   @004a                               jump block1(v7)
;;
;;                                   block1(v2: i8x16):
;;   @004a                               return v2
;;   }

;; CLIF of madd:
;;   function u0:0(i64 vmctx, i8x16, i8x16, i8x16) -> i8x16 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i8x16, v2: i8x16, v3: i8x16):
;;   @0053                               v5 = bitcast.f32x4 little v3
;;   @0053                               v6 = bitcast.f32x4 little v2
;;   @0053                               v7 = bitcast.f32x4 little v1
;;   @0053                               v8 = fma v7, v6, v5
;;   @0053                               v9 = bitcast.i8x16 little v8
;;   @0056                               jump block1(v9)
;;
;;                                   block1(v4: i8x16):
;;   @0056                               return v4
;;   }

;; CLIF of nmadd:
;;   function u0:0(i64 vmctx, i8x16, i8x16, i8x16) -> i8x16 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i8x16, v2: i8x16, v3: i8x16):
;;   @005f                               v5 = bitcast.f64x2 little v3
;;   @005f                               v6 = bitcast.f64x2 little v2
;;   @005f                               v7 = bitcast.f64x2 little v1
;;   @005f                               v8 = fneg v7
;;   @005f                               v9 = fma v8, v6, v5
;;   @005f                               v10 = bitcast.i8x16 little v9
;;   @0062                               jump block1(v10)
;;
;;                                   block1(v4: i8x16):
;;   @0062                               return v4
;;   }

;; CLIF of select-bytes:
;;   function u0:0(i64 vmctx, i8x16, i8x16, i8x16) -> i8x16 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i8x16, v2: i8x16, v3: i8x16):
;;   @006b                               v5 = blendv v3, v1, v2
;;   @006e                               jump block1(v5)
;;
;;                                   block1(v4: i8x16):
;;   @006e                               return v4
;;   }

;; CLIF of select-shorts:
;;   function u0:0(i64 vmctx, i8x16, i8x16, i8x16) -> i8x16 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i8x16, v2: i8x16, v3: i8x16):
;;   @0077                               v5 = bitcast.i16x8 little v3
;;   @0077                               v6 = bitcast.i16x8 little v2
;;   @0077                               v7 = bitcast.i16x8 little v1
;;   @0077                               v8 = iconst.i16 15
;;   @0077                               v9 = sshr v5, v8  ; v8 = 15
;;   @0077                               v10 = bitcast.i8x16 little v9
;;   @0077                               v11 = bitcast.i8x16 little v7
;;   @0077                               v12 = bitcast.i8x16 little v6
;;   @0077                               v13 = blendv v10, v11, v12
;;   @007a                               jump block1(v13)
;;
;;                                   block1(v4: i8x16):
;;   @007a                               return v4
;;   }

;; CLIF of select-longs:
;;   function u0:0(i64 vmctx, i8x16, i8x16, i8x16) -> i8x16 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i8x16, v2: i8x16, v3: i8x16):
;;   @0083                               v5 = bitcast.i64x2 little v3
;;   @0083                               v6 = bitcast.i64x2 little v2
;;   @0083                               v7 = bitcast.i64x2 little v1
;;   @0083                               v8 = blendv v5, v7, v6
;;   @0083                               v9 = bitcast.i8x16 little v8
;;   @0086                               jump block1(v9)
;;
;;                                   block1(v4: i8x16):
;;   @0086                               return v4
;;   }

;; CLIF of min:
;;   function u0:0(i64 vmctx, i8x16, i8x16) -> i8x16 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i8x16, v2: i8x16):
;;   @008d                               v4 = bitcast.f32x4 little v2
;;   @008d                               v5 = bitcast.f32x4 little v1
;;   @008d                               v6 = fcmp lt v4, v5
;;   @008d                               v7 = bitcast.f32x4 little v6
;;   @008d                               v8 = bitselect v7, v4, v5
;;   @008d                               v9 = bitcast.i8x16 little v8
;;   @0090                               jump block1(v9)
;;
;;                                   block1(v3: i8x16):
;;   @0090                               return v3
;;   }

;; CLIF of max:
;;   function u0:0(i64 vmctx, i8x16, i8x16) -> i8x16 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i8x16, v2: i8x16):
;;   @0097                               v4 = bitcast.f64x2 little v2
;;   @0097                               v5 = bitcast.f64x2 little v1
;;   @0097                               v6 = fcmp lt v5, v4
;;   @0097                               v7 = bitcast.f64x2 little v6
;;   @0097                               v8 = bitselect v7, v4, v5
;;   @0097                               v9 = bitcast.i8x16 little v8
;;   @009a                               jump block1(v9)
;;
;;                                   block1(v3: i8x16):
;;   @009a                               return v3
;;   }

;; CLIF of q15:
;;   function u0:0(i64 vmctx, i8x16, i8x16) -> i8x16 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i8x16, v2: i8x16):
;;   @00a1                               v4 = bitcast.i16x8 little v2
;;   @00a1                               v5 = bitcast.i16x8 little v1
;;   @00a1                               v6 = x86_pmulhrsw v5, v4
;;   @00a1                               v7 = bitcast.i8x16 little v6
;;   @00a4                               jump block1(v7)
;;
;;                                   block1(v3: i8x16):
;;   @00a4                               return v3
;;   }

;; CLIF of dot:
;;   function u0:0(i64 vmctx, i8x16, i8x16) -> i8x16 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i8x16, v2: i8x16):
;;   @00ab                               v4 = x86_pmaddubsw v1, v2
;;   @00ab                               v5 = bitcast.i8x16 little v4
;;   @00ae                               jump block1(v5)
;;
;;                                   block1(v3: i8x16):
;;   @00ae                               return v3
;;   }

;; CLIF of dot-add:
;;   function u0:0(i64 vmctx, i8x16, i8x16, i8x16) -> i8x16 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i8x16, v2: i8x16, v3: i8x16):
;;   @00b7                               v5 = bitcast.i32x4 little v3
;;   @00b7                               v6 = x86_pmaddubsw v1, v2
;;   @00b7                               v7 = bitcast.i8x16 little v6
;;   @00b7                               v8 = bitcast.i16x8 little v7
;;   @00b7                               v9 = swiden_low v8
;;   @00b7                               v10 = swiden_high v8
;;   @00b7                               v11 = iadd_pairwise v9, v10
;;   @00b7                               v12 = bitcast.i8x16 little v11
;;   @00b7                               v13 = bitcast.i32x4 little v12
;;   @00b7                               v14 = iadd v13, v5
;;   @00b7                               v15 = bitcast.i8x16 little v14
;;   @00ba                               jump block1(v15)
;;
;;                                   block1(v4: i8x16):
;;   @00ba                               return v4
;;   }

;; x86-64 of swizzle:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: vpshufb xmm0, xmm0, xmm1               ; @0037
;;      9: mov rsp, rbp                           ; @003a
;;      c: pop rbp
;;      d: ret

;; x86-64 of trunc-s:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: vcvttps2dq xmm0, xmm0                  ; @003f
;;      8: mov rsp, rbp                           ; @0042
;;      b: pop rbp
;;      c: ret

;; x86-64 of trunc-low-s:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: vcvttpd2dq xmm0, xmm0                  ; @0047
;;      8: mov rsp, rbp                           ; @004a
;;      b: pop rbp
;;      c: ret

;; x86-64 of madd:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: vfmadd213ps xmm0, xmm1, xmm2           ; @0053
;;      9: mov rsp, rbp                           ; @0056
;;      c: pop rbp
;;      d: ret

;; x86-64 of nmadd:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: vfnmadd213pd xmm0, xmm1, xmm2          ; @005f
;;      9: mov rsp, rbp                           ; @0062
;;      c: pop rbp
;;      d: ret

;; x86-64 of select-bytes:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: vpblendvb xmm0, xmm1, xmm0, xmm2       ; @006b
;;      a: mov rsp, rbp                           ; @006e
;;      d: pop rbp
;;      e: ret

;; x86-64 of select-shorts:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: vpsraw xmm6, xmm2, 0xf                 ; @0077
;;      9: vpblendvb xmm0, xmm1, xmm0, xmm6
;;      f: mov rsp, rbp                           ; @007a
;;     12: pop rbp
;;     13: ret

;; x86-64 of select-longs:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: vblendvpd xmm0, xmm1, xmm0, xmm2       ; @0083
;;      a: mov rsp, rbp                           ; @0086
;;      d: pop rbp
;;      e: ret

;; x86-64 of min:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: vminps xmm0, xmm1, xmm0                ; @008d
;;      8: mov rsp, rbp                           ; @0090
;;      b: pop rbp
;;      c: ret

;; x86-64 of max:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: vmaxpd xmm0, xmm1, xmm0                ; @0097
;;      8: mov rsp, rbp                           ; @009a
;;      b: pop rbp
;;      c: ret

;; x86-64 of q15:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: vpmulhrsw xmm0, xmm0, xmm1             ; @00a1
;;      9: mov rsp, rbp                           ; @00a4
;;      c: pop rbp
;;      d: ret

;; x86-64 of dot:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: vpmaddubsw xmm0, xmm1, xmm0            ; @00ab
;;      9: mov rsp, rbp                           ; @00ae
;;      c: pop rbp
;;      d: ret

;; x86-64 of dot-add:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: vpmaddubsw xmm7, xmm1, xmm0            ; @00b7
;;      9: vpmaddwd xmm7, xmm7, [0x20]
;;     11: vpaddd xmm0, xmm7, xmm2
;;     15: mov rsp, rbp                           ; @00ba
;;     18: pop rbp
;;     19: ret
;;     1a: data 00 00 00 00 00 00
;;     20: data 01 00 01 00 01 00 01 00 01 00 01 00 01 00 01 00
