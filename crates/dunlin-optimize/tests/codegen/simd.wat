;;! guarded
;; Vectors on a machine without AVX.
(module (memory 1)
  (func $add (param v128 v128) (result v128) (i32x4.add (local.get 0) (local.get 1)))
  (func $shuffle (param v128) (result v128)
    (i8x16.shuffle 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 0 (local.get 0) (local.get 0)))
  (func $swizzle (param v128 v128) (result v128) (i8x16.swizzle (local.get 0) (local.get 1)))
  (func $splat (param i32) (result v128) (v128.load32_splat (local.get 0)))
  (func $lane (param v128) (result i32) (i8x16.extract_lane_s 3 (local.get 0)))
  (func $constant (result v128) (v128.const i32x4 1 2 3 4)))

;; CLIF of add:
;;   function u0:0(i64 vmctx, i8x16, i8x16) -> i8x16 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i8x16, v2: i8x16):
;;   @003b                               v4 = bitcast.i32x4 little v2
;;   @003b                               v5 = bitcast.i32x4 little v1
;;   @003b                               v6 = iadd v5, v4
;;   @003b                               v7 = bitcast.i8x16 little v6
;;   @003e                               jump block1(v7)
;;
;;                                   block1(v3: i8x16):
;;   @003e                               return v3
;;   }

;; CLIF of shuffle:
;;   function u0:0(i64 vmctx, i8x16) -> i8x16 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i8x16):
;;   @0045                               v3 = shuffle v1, v1, 0x000102030405060708090a0b0c0d0e0f
;;   @0057                               jump block1(v3)
;;
;;                                   block1(v2: i8x16):
;;   @0057                               return v2
;;   }

;; CLIF of swizzle:
;;   function u0:0(i64 vmctx, i8x16, i8x16) -> i8x16 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i8x16, v2: i8x16):
;;   @005e                               v4 = swizzle v1, v2
;;   @0060                               jump block1(v4)
;;
;;                                   block1(v3: i8x16):
;;   @0060                               return v3
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
;;   @0065                               v3 = load.i64 notrap aligned readonly can_move v0+8
;;   @0065                               v4 = uextend.i64 v1
;;   @0065                               v5 = iadd v3, v4
;;   @0065                               v6 = load.i32 user2 little region0 v5
;;   @0065                               v7 = splat.i32x4 v6
;;   @0065                               v8 = bitcast.i8x16 little v7
;;   @0069                               jump block1(v8)
;;
;;                                   block1(v2: i8x16):
;;   @0069                               return v2
;;   }

;; CLIF of lane:
;;   function u0:0(i64 vmctx, i8x16) -> i32 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i8x16):
;;   @006e                               v3 = extractlane v1, 3
;;   @006e                               v4 = sextend.i32 v3
;;   @0071                               jump block1(v4)
;;
;;                                   block1(v2: i32):
;;   @0071                               return v2
;;   }

;; CLIF of constant:
;;   function u0:0(i64 vmctx) -> i8x16 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       const0 = 0x00000004000000030000000200000001
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64):
;;   @0074                               v2 = vconst.i8x16 const0
;;   @0086                               jump block1(v2)  ; v2 = const0
;;
;;                                   block1(v1: i8x16):
;;   @0086                               return v1
;;   }

;; x86-64 of add:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: paddd xmm0, xmm1                       ; @003b
;;      8: mov rsp, rbp                           ; @003e
;;      b: pop rbp
;;      c: ret

;; x86-64 of shuffle:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: pshufb xmm0, [0x20]                    ; @0045
;;      d: mov rsp, rbp                           ; @0057
;;     10: pop rbp
;;     11: ret
;;     12: data 00 00 00 00 00 00 00 00 00 00 00 00 00 00
;;     20: data 0f 0e 0d 0c 0b 0a 09 08 07 06 05 04 03 02 01 00

;; x86-64 of swizzle:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: paddusb xmm1, [0x20]                   ; @005e
;;      c: pshufb xmm0, xmm1
;;     11: mov rsp, rbp                           ; @0060
;;     14: pop rbp
;;     15: ret
;;     16: data 00 00 00 00 00 00 00 00 00 00
;;     20: data 70 70 70 70 70 70 70 70 70 70 70 70 70 70 70 70

;; x86-64 of splat:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rdi, [rdi+0x8]                     ; @0065
;;      8: mov r8d, esi
;;      b: mov edi, [rdi+r8]                      ; traps: out of bounds memory access
;;      f: movd xmm7, edi
;;     13: pshufd xmm0, xmm7, 0x0
;;     18: mov rsp, rbp                           ; @0069
;;     1b: pop rbp
;;     1c: ret

;; x86-64 of lane:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: pextrb esi, xmm0, 0x3                  ; @006e
;;      a: movsx eax, sil
;;      e: mov rsp, rbp                           ; @0071
;;     11: pop rbp
;;     12: ret

;; x86-64 of constant:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: movdqu xmm0, [0x20]                    ; @0074
;;      c: mov rsp, rbp                           ; @0086
;;      f: pop rbp
;;     10: ret
;;     11: data 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
;;     20: data 01 00 00 00 02 00 00 00 03 00 00 00 04 00 00 00
