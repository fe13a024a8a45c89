;;! explicit off v3 deterministic
;; Relaxed operators with the results of the deterministic profile.
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
;;   @0037                               v4 = swizzle v1, v2
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
;;   @003f                               v4 = fcvt_to_sint_sat.i32x4 v3
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
;;   @0047                               v4 = fcvt_to_sint_sat.i64x2 v3
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
;;   @0053                               v8 = fmul v7, v6
;;   @0053                               v9 = fadd v8, v5
;;   @0053                               v10 = bitcast.i8x16 little v9
;;   @0056                               jump block1(v10)
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
;;   @005f                               v8 = fmul v7, v6
;;   @005f                               v9 = fsub v5, v8
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
;;   @006b                               v5 = bitselect v3, v1, v2
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
;;   @0077                               v5 = bitselect v3, v1, v2
;;   @007a                               jump block1(v5)
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
;;   @0083                               v5 = bitselect v3, v1, v2
;;   @0086                               jump block1(v5)
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
;;   @008d                               v6 = fmin v5, v4
;;   @008d                               v7 = bitcast.i8x16 little v6
;;   @0090                               jump block1(v7)
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
;;   @0097                               v6 = fmax v5, v4
;;   @0097                               v7 = bitcast.i8x16 little v6
;;   @009a                               jump block1(v7)
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
;;   @00a1                               v6 = sqmul_round_sat v5, v4
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
;;   @00ab                               v4 = bitcast.i16x8 little v2
;;   @00ab                               v5 = bitcast.i16x8 little v1
;;   @00ab                               v6 = iconst.i16 8
;;   @00ab                               v7 = sshr v5, v6  ; v6 = 8
;;   @00ab                               v8 = iconst.i16 8
;;   @00ab                               v9 = sshr v4, v8  ; v8 = 8
;;   @00ab                               v10 = iconst.i16 8
;;   @00ab                               v11 = ishl v5, v10  ; v10 = 8
;;   @00ab                               v12 = iconst.i16 8
;;   @00ab                               v13 = sshr v11, v12  ; v12 = 8
;;   @00ab                               v14 = iconst.i16 8
;;   @00ab                               v15 = ishl v4, v14  ; v14 = 8
;;   @00ab                               v16 = iconst.i16 8
;;   @00ab                               v17 = sshr v15, v16  ; v16 = 8
;;   @00ab                               v18 = imul v7, v9
;;   @00ab                               v19 = imul v13, v17
;;   @00ab                               v20 = sadd_sat v19, v18
;;   @00ab                               v21 = bitcast.i8x16 little v20
;;   @00ae                               jump block1(v21)
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
;;   @00b7                               v6 = bitcast.i16x8 little v2
;;   @00b7                               v7 = bitcast.i16x8 little v1
;;   @00b7                               v8 = iconst.i16 8
;;   @00b7                               v9 = sshr v7, v8  ; v8 = 8
;;   @00b7                               v10 = iconst.i16 8
;;   @00b7                               v11 = sshr v6, v10  ; v10 = 8
;;   @00b7                               v12 = iconst.i16 8
;;   @00b7                               v13 = ishl v7, v12  ; v12 = 8
;;   @00b7                               v14 = iconst.i16 8
;;   @00b7                               v15 = sshr v13, v14  ; v14 = 8
;;   @00b7                               v16 = iconst.i16 8
;;   @00b7                               v17 = ishl v6, v16  ; v16 = 8
;;   @00b7                               v18 = iconst.i16 8
;;   @00b7                               v19 = sshr v17, v18  ; v18 = 8
;;   @00b7                               v20 = imul v9, v11
;;   @00b7                               v21 = imul v15, v19
;;   @00b7                               v22 = sadd_sat v21, v20
;;   @00b7                               v23 = bitcast.i8x16 little v22
;;   @00b7                               v24 = bitcast.i16x8 little v23
;;   @00b7                               v25 = swiden_low v24
;;   @00b7                               v26 = swiden_high v24
;;   @00b7                               v27 = iadd_pairwise v25, v26
;;   @00b7                               v28 = bitcast.i8x16 little v27
;;   @00b7                               v29 = bitcast.i32x4 little v28
;;   @00b7                               v30 = iadd v29, v5
;;   @00b7                               v31 = bitcast.i8x16 little v30
;;   @00ba                               jump block1(v31)
;;
;;                                   block1(v4: i8x16):
;;   @00ba                               return v4
;;   }

;; x86-64 of swizzle:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: vpaddusb xmm4, xmm1, [0x20]            ; @0037
;;      c: vpshufb xmm0, xmm0, xmm4
;;     11: mov rsp, rbp                           ; @003a
;;     14: pop rbp
;;     15: ret
;;     16: data 00 00 00 00 00 00 00 00 00 00
;;     20: data 70 70 70 70 70 70 70 70 70 70 70 70 70 70 70 70

;; x86-64 of trunc-s:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: vcmpeqps xmm3, xmm0, xmm0              ; @003f
;;      9: vandps xmm5, xmm0, xmm3
;;      d: vpxor xmm7, xmm3, xmm5
;;     11: vcvttps2dq xmm0, xmm5
;;     15: vpand xmm1, xmm0, xmm7
;;     19: vpsrad xmm1, xmm1, 0x1f
;;     1e: vpxor xmm0, xmm1, xmm0
;;     22: mov rsp, rbp                           ; @0042
;;     25: pop rbp
;;     26: ret

;; x86-64 of trunc-low-s:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: vcmpeqpd xmm3, xmm0, xmm0              ; @0047
;;      9: vandps xmm5, xmm3, [0x20]
;;     11: vminpd xmm7, xmm0, xmm5
;;     15: vcvttpd2dq xmm0, xmm7
;;     19: mov rsp, rbp                           ; @004a
;;     1c: pop rbp
;;     1d: ret
;;     1e: data 00 00
;;     20: data 00 00 c0 ff ff ff df 41 00 00 c0 ff ff ff df 41

;; x86-64 of madd:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: vmulps xmm6, xmm0, xmm1                ; @0053
;;      8: vaddps xmm0, xmm6, xmm2
;;      c: mov rsp, rbp                           ; @0056
;;      f: pop rbp
;;     10: ret

;; x86-64 of nmadd:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: vmulpd xmm6, xmm0, xmm1                ; @005f
;;      8: vsubpd xmm0, xmm2, xmm6
;;      c: mov rsp, rbp                           ; @0062
;;      f: pop rbp
;;     10: ret

;; x86-64 of select-bytes:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: vpand xmm5, xmm0, xmm2                 ; @006b
;;      8: vpandn xmm7, xmm2, xmm1
;;      c: vpor xmm0, xmm7, xmm5
;;     10: mov rsp, rbp                           ; @006e
;;     13: pop rbp
;;     14: ret

;; x86-64 of select-shorts:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: vpand xmm5, xmm0, xmm2                 ; @0077
;;      8: vpandn xmm7, xmm2, xmm1
;;      c: vpor xmm0, xmm7, xmm5
;;     10: mov rsp, rbp                           ; @007a
;;     13: pop rbp
;;     14: ret

;; x86-64 of select-longs:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: vpand xmm5, xmm0, xmm2                 ; @0083
;;      8: vpandn xmm7, xmm2, xmm1
;;      c: vpor xmm0, xmm7, xmm5
;;     10: mov rsp, rbp                           ; @0086
;;     13: pop rbp
;;     14: ret

;; x86-64 of min:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: vminps xmm4, xmm0, xmm1                ; @008d
;;      8: vminps xmm6, xmm1, xmm0
;;      c: vorps xmm0, xmm4, xmm6
;;     10: vcmpunordps xmm1, xmm0, xmm6
;;     15: vorps xmm0, xmm0, xmm1
;;     19: vpsrld xmm1, xmm1, 0xa
;;     1e: vandnps xmm0, xmm1, xmm0
;;     22: mov rsp, rbp                           ; @0090
;;     25: pop rbp
;;     26: ret

;; x86-64 of max:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: vmaxpd xmm4, xmm0, xmm1                ; @0097
;;      8: vmaxpd xmm6, xmm1, xmm0
;;      c: vxorpd xmm0, xmm4, xmm6
;;     10: vorpd xmm1, xmm4, xmm0
;;     14: vsubpd xmm0, xmm1, xmm0
;;     18: vcmpunordpd xmm1, xmm1, xmm1
;;     1d: vpsrlq xmm1, xmm1, 0xd
;;     22: vandnpd xmm0, xmm1, xmm0
;;     26: mov rsp, rbp                           ; @009a
;;     29: pop rbp
;;     2a: ret

;; x86-64 of q15:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: vpmulhrsw xmm4, xmm0, xmm1             ; @00a1
;;      9: vpcmpeqw xmm6, xmm4, [0x20]
;;     11: vpxor xmm0, xmm4, xmm6
;;     15: mov rsp, rbp                           ; @00a4
;;     18: pop rbp
;;     19: ret
;;     1a: data 00 00 00 00 00 00
;;     20: data 00 80 00 80 00 80 00 80 00 80 00 80 00 80 00 80

;; x86-64 of dot:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: vpsllw xmm2, xmm0, 0x8                 ; @00ab
;;      9: vpsraw xmm2, xmm2, 0x8
;;      e: vpsllw xmm3, xmm1, 0x8
;;     13: vpsraw xmm3, xmm3, 0x8
;;     18: vpmullw xmm2, xmm2, xmm3
;;     1c: vpsraw xmm0, xmm0, 0x8
;;     21: vpsraw xmm1, xmm1, 0x8
;;     26: vpmullw xmm0, xmm0, xmm1
;;     2a: vpaddsw xmm0, xmm2, xmm0
;;     2e: mov rsp, rbp                           ; @00ae
;;     31: pop rbp
;;     32: ret

;; x86-64 of dot-add:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: vpsllw xmm3, xmm0, 0x8                 ; @00b7
;;      9: vpsraw xmm3, xmm3, 0x8
;;      e: vpsllw xmm4, xmm1, 0x8
;;     13: vpsraw xmm4, xmm4, 0x8
;;     18: vpmullw xmm3, xmm3, xmm4
;;     1c: vpsraw xmm0, xmm0, 0x8
;;     21: vpsraw xmm1, xmm1, 0x8
;;     26: vpmullw xmm0, xmm0, xmm1
;;     2a: vpaddsw xmm0, xmm3, xmm0
;;     2e: vpmaddwd xmm0, xmm0, [0x40]
;;     36: vpaddd xmm0, xmm0, xmm2
;;     3a: mov rsp, rbp                           ; @00ba
;;     3d: pop rbp
;;     3e: ret
;;     3f: data 00
;;     40: data 01 00 01 00 01 00 01 00 01 00 01 00 01 00 01 00
