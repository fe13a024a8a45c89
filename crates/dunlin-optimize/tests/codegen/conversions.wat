;;! off
;; Truncations that trap: the instruction says that it failed, and only then is it asked why. Saturating
;; ones likewise.
(module
  (func $trunc (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
  (func $trunc-u (param f32) (result i64) (i64.trunc_f32_u (local.get 0)))
  (func $saturate (param f64) (result i32) (i32.trunc_sat_f64_s (local.get 0)))
  (func $convert (param i64) (result f64) (f64.convert_i64_u (local.get 0))))

;; CLIF of trunc:
;;   function u0:0(i64 vmctx, f64) -> i32 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: f64):
;;   @0028                               v3 = fcvt_to_sint.i32 v1
;;   @0029                               jump block1(v3)
;;
;;                                   block1(v2: i32):
;;   @0029                               return v2
;;   }

;; CLIF of trunc-u:
;;   function u0:0(i64 vmctx, f32) -> i64 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: f32):
;;   @002e                               v3 = fcvt_to_uint.i64 v1
;;   @002f                               jump block1(v3)
;;
;;                                   block1(v2: i64):
;;   @002f                               return v2
;;   }

;; CLIF of saturate:
;;   function u0:0(i64 vmctx, f64) -> i32 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: f64):
;;   @0034                               v3 = fcvt_to_sint_sat.i32 v1
;;   @0036                               jump block1(v3)
;;
;;                                   block1(v2: i32):
;;   @0036                               return v2
;;   }

;; CLIF of convert:
;;   function u0:0(i64 vmctx, i64) -> f64 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i64):
;;   @003b                               v3 = iconst.i64 0xffff_ffff
;;   @003b                               v4 = band v1, v3  ; v3 = 0xffff_ffff
;;   @003b                               v5 = iconst.i64 0x4330_0000_0000_0000
;;   @003b                               v6 = bor v4, v5  ; v5 = 0x4330_0000_0000_0000
;;   @003b                               v7 = iconst.i64 32
;;   @003b                               v8 = ushr v1, v7  ; v7 = 32
;;   @003b                               v9 = iconst.i64 0x4530_0000_0000_0000
;;   @003b                               v10 = bor v8, v9  ; v9 = 0x4530_0000_0000_0000
;;   @003b                               v11 = bitcast.f64 v6
;;   @003b                               v12 = bitcast.f64 v10
;;   @003b                               v13 = f64const 0x1.0000000100000p84
;;   @003b                               v14 = fsub v12, v13  ; v13 = 0x1.0000000100000p84
;;   @003b                               v15 = fadd v14, v11
;;   @003c                               jump block1(v15)
;;
;;                                   block1(v2: f64):
;;   @003c                               return v2
;;   }

;; x86-64 of trunc:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: cvttsd2si eax, xmm0                    ; @0028
;;      8: cmp eax, 0x1
;;      b: jno 0x42
;;     11: ucomisd xmm0, xmm0
;;     15: jp 0x47
;;     1b: mov rsi, 0xc1e0000000200000
;;     25: movq xmm3, rsi
;;     2a: ucomisd xmm0, xmm3
;;     2e: jbe 0x49
;;     34: xorpd xmm3, xmm3
;;     38: ucomisd xmm3, xmm0
;;     3c: jb 0x4b
;;     42: mov rsp, rbp                           ; @0029
;;     45: pop rbp
;;     46: ret
;;     47: ud2                                    ; @0028, traps: invalid conversion to integer
;;     49: ud2                                    ; traps: integer overflow
;;     4b: ud2                                    ; traps: integer overflow

;; x86-64 of trunc-u:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov esi, 0x5f000000                    ; @002e
;;      9: movd xmm3, esi
;;      d: ucomiss xmm0, xmm3
;;     10: jae 0x2d
;;     16: jp 0x55
;;     1c: cvttss2si rax, xmm0
;;     21: cmp rax, 0x0
;;     25: jge 0x50
;;     2b: ud2                                    ; traps: integer overflow
;;     2d: movaps xmm4, xmm0
;;     30: subss xmm4, xmm3
;;     34: cvttss2si rax, xmm4
;;     39: cmp rax, 0x0
;;     3d: jl 0x57
;;     43: mov rsi, 0x8000000000000000
;;     4d: add rax, rsi
;;     50: mov rsp, rbp                           ; @002f
;;     53: pop rbp
;;     54: ret
;;     55: ud2                                    ; @002e, traps: invalid conversion to integer
;;     57: ud2                                    ; traps: integer overflow

;; x86-64 of saturate:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: cvttsd2si eax, xmm0                    ; @0034
;;      8: cmp eax, 0x1
;;      b: jno 0x35
;;     11: ucomisd xmm0, xmm0
;;     15: jnp 0x22
;;     1b: xor eax, eax
;;     1d: jmp 0x35
;;     22: xorpd xmm4, xmm4
;;     26: ucomisd xmm4, xmm0
;;     2a: jae 0x35
;;     30: mov eax, 0x7fffffff
;;     35: mov rsp, rbp                           ; @0036
;;     38: pop rbp
;;     39: ret

;; x86-64 of convert:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r9, rsi
;;      7: shr r9, 0x20                           ; @003b
;;      b: or r9, [0x40]
;;     12: movq xmm0, r9
;;     17: subsd xmm0, [0x50]
;;     1f: and rsi, [0x60]
;;     26: or rsi, [0x68]
;;     2d: movq xmm1, rsi
;;     32: addsd xmm0, xmm1
;;     36: mov rsp, rbp                           ; @003c
;;     39: pop rbp
;;     3a: ret
;;     3b: data 00 00 00 00 00
;;     40: data 00 00 00 00 00 00 30 45 00 00 00 00 00 00 00 00
;;     50: data 00 00 10 00 00 00 30 45 00 00 00 00 00 00 00 00
;;     60: data ff ff ff ff 00 00 00 00 00 00 00 00 00 00 30 43
