;;! off
;; A quotient by zero traps by a comparison, and one that does not fit by a fault of the instruction; a
;; remainder compares with -1, which never traps, and zero faults.
(module
  (func $quotient (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func $remainder (param i32 i32) (result i32) (i32.rem_s (local.get 0) (local.get 1)))
  (func $by-constant (param i32) (result i32) (i32.div_u (local.get 0) (i32.const 10))))

;; CLIF of quotient:
;;   function u0:0(i64 vmctx, i32, i32) -> i32 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32, v2: i32):
;;   @0025                               v4 = sdiv v1, v2
;;   @0026                               jump block1(v4)
;;
;;                                   block1(v3: i32):
;;   @0026                               return v3
;;   }

;; CLIF of remainder:
;;   function u0:0(i64 vmctx, i32, i32) -> i32 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32, v2: i32):
;;   @002d                               v4 = srem v1, v2
;;   @002e                               jump block1(v4)
;;
;;                                   block1(v3: i32):
;;   @002e                               return v3
;;   }

;; CLIF of by-constant:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @0033                               v3 = iconst.i32 10
;;   @0035                               v4 = udiv v1, v3  ; v3 = 10
;;   @0036                               jump block1(v4)
;;
;;                                   block1(v2: i32):
;;   @0036                               return v2
;;   }

;; x86-64 of quotient:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rax, rsi
;;      7: mov r11, rdx
;;      a: cdq                                    ; @0025
;;      b: test r11d, r11d
;;      e: je 0x1c
;;     14: idiv r11d                              ; traps: integer overflow
;;     17: mov rsp, rbp                           ; @0026
;;     1a: pop rbp
;;     1b: ret
;;     1c: ud2                                    ; @0025, traps: integer divide by zero

;; x86-64 of remainder:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rax, rsi
;;      7: mov r9, rdx
;;      a: cdq                                    ; @002d
;;      b: cmp r9d, 0xffffffff
;;      f: jne 0x1f
;;     15: mov edx, 0x0
;;     1a: jmp 0x22
;;     1f: idiv r9d                               ; traps: integer divide by zero
;;     22: mov rax, rdx
;;     25: mov rsp, rbp                           ; @002e
;;     28: pop rbp
;;     29: ret

;; x86-64 of by-constant:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rax, rsi
;;      7: mul dword ptr [0x18]
;;      d: mov rax, rdx
;;     10: shr eax, 0x3
;;     13: mov rsp, rbp                           ; @0036
;;     16: pop rbp
;;     17: ret
;;     18: data cd cc cc cc 00 00 00 00
