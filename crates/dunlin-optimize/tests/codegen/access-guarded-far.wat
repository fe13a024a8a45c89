;;! guarded
;; An offset beyond the guard is compared after all.
(module (memory 1)
  (func $load (param i32) (result i64) (i64.load offset=0x80000000 (local.get 0))))

;; CLIF of load:
;;   function u0:0(i64 vmctx, i32) -> i64 tail {
;;       region0 = 4 "Vm"
;;       region1 = 1 "Memory"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @0020                               v3 = load.i64 notrap aligned little region0 v0+8
;;   @0020                               v4 = load.i64 notrap aligned little region0 v0+16
;;   @0020                               v5 = uextend.i64 v1
;;   @0020                               v6 = iconst.i64 0x8000_0008
;;   @0020                               v7 = iadd v5, v6  ; v6 = 0x8000_0008
;;   @0020                               v8 = icmp ugt v7, v4
;;   @0020                               trapnz v8, user2
;;   @0020                               v9 = iadd v3, v5
;;   @0020                               v10 = iconst.i64 0x8000_0000
;;   @0020                               v11 = iadd v9, v10  ; v10 = 0x8000_0000
;;   @0020                               v12 = iconst.i64 0
;;   @0020                               v13 = select_spectre_guard v8, v12, v11  ; v12 = 0
;;   @0020                               v14 = load.i64 notrap little region1 v13
;;   @0027                               jump block1(v14)
;;
;;                                   block1(v2: i64):
;;   @0027                               return v2
;;   }

;; x86-64 of load:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rcx, [rdi+0x8]                     ; @0020
;;      8: mov rax, [rdi+0x10]
;;      c: mov esi, esi
;;      e: mov edx, 0x80000008
;;     13: add rdx, rsi
;;     16: cmp rdx, rax
;;     19: ja 0x3c
;;     1f: xor rdi, rdi
;;     22: add rcx, rsi
;;     25: mov esi, 0x80000000
;;     2a: add rcx, rsi
;;     2d: cmp rdx, rax
;;     30: cmova rcx, rdi
;;     34: mov rax, [rcx]
;;     37: mov rsp, rbp                           ; @0027
;;     3a: pop rbp
;;     3b: ret
;;     3c: ud2                                    ; @0020, traps: out of bounds memory access
