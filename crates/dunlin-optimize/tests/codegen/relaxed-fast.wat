;;! explicit off fast
;; Relaxed operators where products are rounded before they are added: the rest is as with `fused`.
(module
  (func $madd (param v128 v128 v128) (result v128)
    (f32x4.relaxed_madd (local.get 0) (local.get 1) (local.get 2)))
  (func $nmadd (param v128 v128 v128) (result v128)
    (f64x2.relaxed_nmadd (local.get 0) (local.get 1) (local.get 2))))

;; CLIF of madd:
;;   function u0:0(i64 vmctx, i8x16, i8x16, i8x16) -> i8x16 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i8x16, v2: i8x16, v3: i8x16):
;;   @0022                               v5 = bitcast.f32x4 little v3
;;   @0022                               v6 = bitcast.f32x4 little v2
;;   @0022                               v7 = bitcast.f32x4 little v1
;;   @0022                               v8 = fmul v7, v6
;;   @0022                               v9 = fadd v8, v5
;;   @0022                               v10 = bitcast.i8x16 little v9
;;   @0025                               jump block1(v10)
;;
;;                                   block1(v4: i8x16):
;;   @0025                               return v4
;;   }

;; CLIF of nmadd:
;;   function u0:0(i64 vmctx, i8x16, i8x16, i8x16) -> i8x16 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i8x16, v2: i8x16, v3: i8x16):
;;   @002e                               v5 = bitcast.f64x2 little v3
;;   @002e                               v6 = bitcast.f64x2 little v2
;;   @002e                               v7 = bitcast.f64x2 little v1
;;   @002e                               v8 = fmul v7, v6
;;   @002e                               v9 = fsub v5, v8
;;   @002e                               v10 = bitcast.i8x16 little v9
;;   @0031                               jump block1(v10)
;;
;;                                   block1(v4: i8x16):
;;   @0031                               return v4
;;   }

;; x86-64 of madd:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mulps xmm0, xmm1                       ; @0022
;;      7: addps xmm0, xmm2
;;      a: mov rsp, rbp                           ; @0025
;;      d: pop rbp
;;      e: ret

;; x86-64 of nmadd:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mulpd xmm0, xmm1                       ; @002e
;;      8: movdqa xmm1, xmm0
;;      c: movdqa xmm0, xmm2
;;     10: subpd xmm0, xmm1
;;     14: mov rsp, rbp                           ; @0031
;;     17: pop rbp
;;     18: ret
