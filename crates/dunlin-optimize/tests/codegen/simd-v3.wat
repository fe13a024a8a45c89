;;! guarded v3
;; Vectors on a machine with AVX2.
(module (memory 1)
  (func $multiply (param v128 v128) (result v128) (f32x4.mul (local.get 0) (local.get 1)))
  (func $splat (param i32) (result v128) (v128.load32_splat (local.get 0)))
  (func $shift (param i64 i64) (result i64) (i64.shl (local.get 0) (local.get 1))))

;; CLIF of multiply:
;;   function u0:0(i64 vmctx, i8x16, i8x16) -> i8x16 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i8x16, v2: i8x16):
;;   @0030                               v4 = bitcast.f32x4 little v2
;;   @0030                               v5 = bitcast.f32x4 little v1
;;   @0030                               v6 = fmul v5, v4
;;   @0030                               v7 = bitcast.i8x16 little v6
;;   @0033                               jump block1(v7)
;;
;;                                   block1(v3: i8x16):
;;   @0033                               return v3
;;   }

;; CLIF of splat:
;;   function u0:0(i64 vmctx, i32) -> i8x16 tail {
;;       region0 = 1 "Memory"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @0038                               v3 = load.i64 notrap aligned readonly can_move v0+8
;;   @0038                               v4 = uextend.i64 v1
;;   @0038                               v5 = iadd v3, v4
;;   @0038                               v6 = load.i32 user2 little region0 v5
;;   @0038                               v7 = splat.i32x4 v6
;;   @0038                               v8 = bitcast.i8x16 little v7
;;   @003c                               jump block1(v8)
;;
;;                                   block1(v2: i8x16):
;;   @003c                               return v2
;;   }

;; CLIF of shift:
;;   function u0:0(i64 vmctx, i64, i64) -> i64 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i64, v2: i64):
;;   @0043                               v4 = ishl v1, v2
;;   @0044                               jump block1(v4)
;;
;;                                   block1(v3: i64):
;;   @0044                               return v3
;;   }

;; x86-64 of multiply:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: vmulps xmm0, xmm0, xmm1                ; @0030
;;      8: mov rsp, rbp                           ; @0033
;;      b: pop rbp
;;      c: ret

;; x86-64 of splat:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rdi, [rdi+0x8]                     ; @0038
;;      8: mov r8d, esi
;;      b: mov edi, [rdi+r8]                      ; traps: out of bounds memory access
;;      f: vmovd xmm7, edi
;;     13: vpbroadcastd xmm0, xmm7
;;     18: mov rsp, rbp                           ; @003c
;;     1b: pop rbp
;;     1c: ret

;; x86-64 of shift:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: shlx rax, rsi, rdx                     ; @0043
;;      9: mov rsp, rbp                           ; @0044
;;      c: pop rbp
;;      d: ret
