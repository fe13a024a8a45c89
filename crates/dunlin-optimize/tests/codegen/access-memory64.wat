;;! guarded
;; 64-bit addresses are compared in every mode, and the sum of address and offset cannot wrap.
(module (memory i64 1)
  (func $load (param i64) (result i64) (i64.load offset=8 (local.get 0))))

;; CLIF of load:
;;   function u0:0(i64 vmctx, i64) -> i64 tail {
;;       region0 = 1 "Memory"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i64):
;;   @0020                               v3 = load.i64 notrap aligned readonly can_move v0+8
;;   @0020                               v4 = load.i64 notrap aligned readonly can_move v0+16
;;   @0020                               v5 = iconst.i64 -16
;;   @0020                               v6 = iadd v4, v5  ; v5 = -16
;;   @0020                               v7 = icmp ugt v1, v6
;;   @0020                               v8 = iconst.i64 0
;;   @0020                               v9 = isub v8, v3  ; v8 = 0
;;   @0020                               v10 = select_spectre_guard v7, v9, v1
;;   @0020                               v11 = iadd v3, v10
;;   @0020                               v12 = load.i64 user2 little region0 v11+8
;;   @0023                               jump block1(v12)
;;
;;                                   block1(v2: i64):
;;   @0023                               return v2
;;   }

;; x86-64 of load:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r8, [rdi+0x8]                      ; @0020
;;      8: mov r9, 0xfffffffffffffff0
;;      f: add r9, [rdi+0x10]
;;     13: mov r10, r8
;;     16: neg r10
;;     19: cmp rsi, r9                            ; @0020
;;     1c: cmova rsi, r10
;;     20: mov rax, [r8+rsi+0x8]                  ; traps: out of bounds memory access
;;     25: mov rsp, rbp                           ; @0023
;;     28: pop rbp
;;     29: ret
