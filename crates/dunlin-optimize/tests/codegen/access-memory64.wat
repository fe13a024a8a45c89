;;! guarded
;; 64-bit addresses are compared in every mode, and the sum of address and offset cannot wrap.
(module (memory i64 1)
  (func $load (param i64) (result i64) (i64.load offset=8 (local.get 0))))

;; CLIF of load:
;;   function u0:0(i64 vmctx, i64) -> i64 tail {
;;       region0 = 4 "Vm"
;;       region1 = 1 "Memory"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i64):
;;   @0020                               v3 = load.i64 notrap aligned little region0 v0+8
;;   @0020                               v4 = load.i64 notrap aligned little region0 v0+16
;;   @0020                               v5 = iconst.i64 16
;;   @0020                               v6 = uadd_overflow_trap v1, v5, user2  ; v5 = 16
;;   @0020                               v7 = icmp ugt v6, v4
;;   @0020                               trapnz v7, user2
;;   @0020                               v8 = iadd v3, v1
;;   @0020                               v9 = iconst.i64 0
;;   @0020                               v10 = select_spectre_guard v7, v9, v8  ; v9 = 0
;;   @0020                               v11 = load.i64 notrap little region1 v10+8
;;   @0023                               jump block1(v11)
;;
;;                                   block1(v2: i64):
;;   @0023                               return v2
;;   }

;; x86-64 of load:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x8]                     ; @0020
;;      8: mov r11, [rdi+0x10]
;;      c: mov rax, rsi
;;      f: add rax, 0x10
;;     13: jb 0x39
;;     19: cmp rax, r11
;;     1c: ja 0x3b
;;     22: xor rcx, rcx
;;     25: lea rdx, [r10+rsi]
;;     29: cmp rax, r11
;;     2c: cmova rdx, rcx
;;     30: mov rax, [rdx+0x8]
;;     34: mov rsp, rbp                           ; @0023
;;     37: pop rbp
;;     38: ret
;;     39: ud2                                    ; @0020, traps: out of bounds memory access
;;     3b: ud2                                    ; traps: out of bounds memory access
