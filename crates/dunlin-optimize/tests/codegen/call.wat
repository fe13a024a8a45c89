;;! off
;; Calls go through the module's array of code, to functions and imports alike.
(module (import "host" "f" (func $imported (param i32) (result i32)))
  (func $callee (param i32 i64) (result i64) (local.get 1))
  (func $calls (param i32) (result i64)
    (call $callee (call $imported (local.get 0)) (i64.const 7))))

;; CLIF of callee:
;;   function u0:0(i64 vmctx, i32, i64) -> i64 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32, v2: i64):
;;   @0033                               jump block1(v2)
;;
;;                                   block1(v3: i64):
;;   @0033                               return v3
;;   }

;; CLIF of calls:
;;   function u0:0(i64 vmctx, i32) -> i64 tail {
;;       region0 = 4 "Vm"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       sig0 = (i64 vmctx, i32) -> i32 tail
;;       sig1 = (i64 vmctx, i32, i64) -> i64 tail
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @0038                               v3 = load.i64 notrap aligned readonly can_move v0+80
;;   @0038                               v4 = load.i64 notrap aligned readonly can_move v3
;;   @0038                               v5 = load.i64 notrap aligned readonly can_move v3+8
;;   @0038                               v6 = load.i64 notrap aligned little region0 v4
;;   @0038                               v7 = call_indirect sig0, v6(v5, v1)
;;   @003a                               v8 = iconst.i64 7
;;   @003c                               v9 = load.i64 notrap aligned readonly can_move v0+72
;;   @003c                               v10 = load.i64 notrap aligned little region0 v9+8
;;   @003c                               v11 = call_indirect sig1, v10(v0, v7, v8)  ; v8 = 7
;;   @003e                               jump block1(v11)
;;
;;                                   block1(v2: i64):
;;   @003e                               return v2
;;   }

;; x86-64 of callee:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rax, rdx
;;      7: mov rsp, rbp                           ; @0033
;;      a: pop rbp
;;      b: ret

;; x86-64 of calls:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x20
;;     10: cmp r10, rsp
;;     13: ja 0x57
;;     19: sub rsp, 0x10
;;     1d: mov [rsp], r13
;;     21: mov r11, [rdi+0x50]                    ; @0038
;;     25: mov r13, rdi
;;     28: mov rax, [r11]
;;     2b: mov rax, [rax]
;;     2e: mov rdi, [r11+0x8]
;;     32: call rax
;;     34: mov rdi, r13
;;     37: mov r11, [rdi+0x48]                    ; @003c
;;     3b: mov r11, [r11+0x8]
;;     3f: mov edx, 0x7                           ; @003a
;;     44: mov rsi, rax
;;     47: call r11                               ; @003c
;;     4a: mov r13, [rsp]                         ; @003e
;;     4e: add rsp, 0x10
;;     52: mov rsp, rbp
;;     55: pop rbp
;;     56: ret
;;     57: ud2                                    ; traps: call stack exhausted
