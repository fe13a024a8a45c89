;;! off
;; A tail call leaves its frame first.
(module
  (func $even (param i64) (result i32)
    (if (result i32) (i64.eqz (local.get 0)) (then (i32.const 1))
      (else (return_call $odd (i64.sub (local.get 0) (i64.const 1))))))
  (func $odd (param i64) (result i32) (return_call $even (local.get 0))))

;; CLIF of even:
;;   function u0:0(i64 vmctx, i64) -> i32 tail {
;;       region0 = 4 "Vm"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       sig0 = (i64 vmctx, i64) -> i32 tail
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i64):
;;   @001c                               v3 = iconst.i64 0
;;   @001c                               v4 = icmp eq v1, v3  ; v3 = 0
;;   @001c                               v5 = uextend.i32 v4
;;   @001d                               brif v5, block2, block3
;;
;;                                   block2:
;;   @001f                               v7 = iconst.i32 1
;;   @0021                               jump block4(v7)  ; v7 = 1
;;
;;                                   block3:
;;   @0024                               v8 = iconst.i64 1
;;   @0026                               v9 = isub.i64 v1, v8  ; v8 = 1
;;   @0027                               v10 = load.i64 notrap aligned readonly can_move v0+72
;;   @0027                               v11 = load.i64 notrap aligned little region0 v10+8
;;   @0027                               return_call_indirect sig0, v11(v0, v9)
;;
;;                                   block4(v6: i32):
;;   @002a                               jump block1(v6)
;;
;;                                   block1(v2: i32):
;;   @002a                               return v2
;;   }

;; CLIF of odd:
;;   function u0:0(i64 vmctx, i64) -> i32 tail {
;;       region0 = 4 "Vm"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       sig0 = (i64 vmctx, i64) -> i32 tail
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i64):
;;   @002f                               v3 = load.i64 notrap aligned readonly can_move v0+72
;;   @002f                               v4 = load.i64 notrap aligned little region0 v3
;;   @002f                               return_call_indirect sig0, v4(v0, v1)
;;   }

;; x86-64 of even:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x10
;;     10: cmp r10, rsp
;;     13: ja 0x3f
;;     19: test rsi, rsi                          ; @001d
;;     1c: je 0x35
;;     22: mov r9, [rdi+0x48]                     ; @0027
;;     26: mov r10, [r9+0x8]
;;     2a: sub rsi, 0x1                           ; @0026
;;     2e: mov rsp, rbp                           ; @0027
;;     31: pop rbp
;;     32: jmp r10
;;     35: mov eax, 0x1                           ; @001f
;;     3a: mov rsp, rbp                           ; @002a
;;     3d: pop rbp
;;     3e: ret
;;     3f: ud2                                    ; traps: call stack exhausted

;; x86-64 of odd:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x10
;;     10: cmp r10, rsp
;;     13: ja 0x27
;;     19: mov r8, [rdi+0x48]                     ; @002f
;;     1d: mov r10, [r8]
;;     20: mov rsp, rbp
;;     23: pop rbp
;;     24: jmp r10
;;     27: ud2                                    ; traps: call stack exhausted
