;;! guarded
;; An offset beyond the guard is compared after all.
(module (memory 1)
  (func $load (param i32) (result i64) (i64.load offset=0x80000000 (local.get 0))))

;; CLIF of load:
;;   function u0:0(i64 vmctx, i32) -> i64 tail {
;;       region0 = 1 "Memory"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @0020                               v3 = load.i64 notrap aligned readonly can_move v0+8
;;   @0020                               v4 = load.i64 notrap aligned readonly can_move v0+16
;;   @0020                               v5 = uextend.i64 v1
;;   @0020                               v6 = iconst.i64 0x8000_0008
;;   @0020                               v7 = iadd v5, v6  ; v6 = 0x8000_0008
;;   @0020                               v8 = icmp ugt v7, v4
;;   @0020                               v9 = iconst.i64 0
;;   @0020                               v10 = isub v9, v3  ; v9 = 0
;;   @0020                               v11 = iconst.i64 0x8000_0000
;;   @0020                               v12 = iadd v5, v11  ; v11 = 0x8000_0000
;;   @0020                               v13 = select_spectre_guard v8, v10, v12
;;   @0020                               v14 = iadd v3, v13
;;   @0020                               v15 = load.i64 user2 little region0 v14
;;   @0027                               jump block1(v15)
;;
;;                                   block1(v2: i64):
;;   @0027                               return v2
;;   }

;; x86-64 of load:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r11, [rdi+0x8]                     ; @0020
;;      8: mov eax, esi
;;      a: mov ecx, 0x80000008
;;      f: lea rdx, [rax+rcx]
;;     13: mov rcx, r11
;;     16: neg rcx
;;     19: mov esi, 0x80000000                    ; @0020
;;     1e: lea r10, [rax+rsi]
;;     22: cmp rdx, [rdi+0x10]
;;     26: cmova r10, rcx
;;     2a: mov rax, [r11+r10]                     ; traps: out of bounds memory access
;;     2e: mov rsp, rbp                           ; @0027
;;     31: pop rbp
;;     32: ret
