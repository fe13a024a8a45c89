;;! explicit off v3
;; Sums with a carry, and whole products by one multiplication.
(module
  (func $add (param i64 i64 i64 i64) (result i64 i64)
    (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
  (func $sub (param i64 i64 i64 i64) (result i64 i64)
    (i64.sub128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
  (func $mul-s (param i64 i64) (result i64 i64) (i64.mul_wide_s (local.get 0) (local.get 1)))
  (func $mul-u (param i64 i64) (result i64 i64) (i64.mul_wide_u (local.get 0) (local.get 1)))
  ;; Only the upper half is used.
  (func $high (param i64 i64) (result i64) (local i64)
    (i64.mul_wide_u (local.get 0) (local.get 1)) (local.set 2) (drop) (local.get 2))
  ;; A digit of a long product: two sums follow one multiplication.
  (func $digit (param i64 i64 i64 i64) (result i64 i64)
    (i64.mul_wide_u (local.get 0) (local.get 1))
    (i64.add128 (local.get 2) (i64.const 0))
    (i64.add128 (local.get 3) (i64.const 0))))

;; CLIF of add:
;;   function u0:0(i64 vmctx, i64, i64, i64, i64) -> i64, i64 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i64, v2: i64, v3: i64, v4: i64):
;;   @0037                               v7 = iconcat v3, v4
;;   @0037                               v8 = iconcat v1, v2
;;   @0037                               v9 = iadd v8, v7
;;   @0037                               v10, v11 = isplit v9
;;   @0039                               jump block1(v10, v11)
;;
;;                                   block1(v5: i64, v6: i64):
;;   @0039                               return v5, v6
;;   }

;; CLIF of sub:
;;   function u0:0(i64 vmctx, i64, i64, i64, i64) -> i64, i64 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i64, v2: i64, v3: i64, v4: i64):
;;   @0044                               v7 = iconcat v3, v4
;;   @0044                               v8 = iconcat v1, v2
;;   @0044                               v9 = isub v8, v7
;;   @0044                               v10, v11 = isplit v9
;;   @0046                               jump block1(v10, v11)
;;
;;                                   block1(v5: i64, v6: i64):
;;   @0046                               return v5, v6
;;   }

;; CLIF of mul-s:
;;   function u0:0(i64 vmctx, i64, i64) -> i64, i64 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i64, v2: i64):
;;   @004d                               v5 = sextend.i128 v1
;;   @004d                               v6 = sextend.i128 v2
;;   @004d                               v7 = imul v5, v6
;;   @004d                               v8, v9 = isplit v7
;;   @004f                               jump block1(v8, v9)
;;
;;                                   block1(v3: i64, v4: i64):
;;   @004f                               return v3, v4
;;   }

;; CLIF of mul-u:
;;   function u0:0(i64 vmctx, i64, i64) -> i64, i64 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i64, v2: i64):
;;   @0056                               v5 = uextend.i128 v1
;;   @0056                               v6 = uextend.i128 v2
;;   @0056                               v7 = imul v5, v6
;;   @0056                               v8, v9 = isplit v7
;;   @0058                               jump block1(v8, v9)
;;
;;                                   block1(v3: i64, v4: i64):
;;   @0058                               return v3, v4
;;   }

;; CLIF of high:
;;   function u0:0(i64 vmctx, i64, i64) -> i64 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i64, v2: i64):
;;                                       v3 = iconst.i64 0
;;   @0061                               v5 = uextend.i128 v1
;;   @0061                               v6 = uextend.i128 v2
;;   @0061                               v7 = imul v5, v6
;;   @0061                               v8, v9 = isplit v7
;;   @0068                               jump block1(v9)
;;
;;                                   block1(v4: i64):
;;   @0068                               return v4
;;   }

;; CLIF of digit:
;;   function u0:0(i64 vmctx, i64, i64, i64, i64) -> i64, i64 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i64, v2: i64, v3: i64, v4: i64):
;;   @006f                               v7 = uextend.i128 v1
;;   @006f                               v8 = uextend.i128 v2
;;   @006f                               v9 = imul v7, v8
;;   @006f                               v10, v11 = isplit v9
;;   @0073                               v12 = iconst.i64 0
;;   @0075                               v13 = iconcat v3, v12  ; v12 = 0
;;   @0075                               v14 = iconcat v10, v11
;;   @0075                               v15 = iadd v14, v13
;;   @0075                               v16, v17 = isplit v15
;;   @0079                               v18 = iconst.i64 0
;;   @007b                               v19 = iconcat v4, v18  ; v18 = 0
;;   @007b                               v20 = iconcat v16, v17
;;   @007b                               v21 = iadd v20, v19
;;   @007b                               v22, v23 = isplit v21
;;   @007d                               jump block1(v22, v23)
;;
;;                                   block1(v5: i64, v6: i64):
;;   @007d                               return v5, v6
;;   }

;; x86-64 of add:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rax, rsi
;;      7: add rax, rcx                           ; @0037
;;      a: mov rcx, rdx
;;      d: adc rcx, r8
;;     10: mov rsp, rbp                           ; @0039
;;     13: pop rbp
;;     14: ret

;; x86-64 of sub:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rax, rsi
;;      7: sub rax, rcx                           ; @0044
;;      a: mov rcx, rdx
;;      d: sbb rcx, r8
;;     10: mov rsp, rbp                           ; @0046
;;     13: pop rbp
;;     14: ret

;; x86-64 of mul-s:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rax, rsi
;;      7: imul rdx                               ; @004d
;;      a: mov rcx, rdx
;;      d: mov rsp, rbp                           ; @004f
;;     10: pop rbp
;;     11: ret

;; x86-64 of mul-u:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rax, rdx
;;      7: mov rdx, rsi
;;      a: mov rsi, rax
;;      d: mulx rcx, rax, rsi                     ; @0056
;;     12: mov rsp, rbp                           ; @0058
;;     15: pop rbp
;;     16: ret

;; x86-64 of high:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rax, rdx
;;      7: mov rdx, rsi
;;      a: mov rsi, rax
;;      d: mulx rax, rsi, rsi                     ; @0061
;;     12: mov rsp, rbp                           ; @0068
;;     15: pop rbp
;;     16: ret

;; x86-64 of digit:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r11, rcx
;;      7: mov rax, rdx
;;      a: mov rdx, rsi
;;      d: mulx rcx, rax, rax                     ; @006f
;;     12: mov rdx, r11
;;     15: add rax, rdx                           ; @0075
;;     18: adc rcx, 0x0
;;     1c: add rax, r8                            ; @007b
;;     1f: adc rcx, 0x0
;;     23: mov rsp, rbp                           ; @007d
;;     26: pop rbp
;;     27: ret
