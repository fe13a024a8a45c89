;;! explicit
;; Two accesses at one address: each is compared and masked by itself.
(module (memory 1)
  (func $sum (param i32) (result i32)
    (i32.add (i32.load (local.get 0)) (i32.load offset=4 (local.get 0)))))

;; CLIF of sum:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
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
;;   @0020                               v6 = iconst.i64 -4
;;   @0020                               v7 = iadd v4, v6  ; v6 = -4
;;   @0020                               v8 = icmp ugt v5, v7
;;   @0020                               v9 = iconst.i64 0
;;   @0020                               v10 = isub v9, v3  ; v9 = 0
;;   @0020                               v11 = select_spectre_guard v8, v10, v5
;;   @0020                               v12 = iadd v3, v11
;;   @0020                               v13 = load.i32 user2 little region0 v12
;;   @0025                               v14 = load.i64 notrap aligned readonly can_move v0+8
;;   @0025                               v15 = load.i64 notrap aligned readonly can_move v0+16
;;   @0025                               v16 = uextend.i64 v1
;;   @0025                               v17 = iconst.i64 -8
;;   @0025                               v18 = iadd v15, v17  ; v17 = -8
;;   @0025                               v19 = icmp ugt v16, v18
;;   @0025                               v20 = iconst.i64 0
;;   @0025                               v21 = isub v20, v14  ; v20 = 0
;;   @0025                               v22 = select_spectre_guard v19, v21, v16
;;   @0025                               v23 = iadd v14, v22
;;   @0025                               v24 = load.i32 user2 little region0 v23+4
;;   @0028                               v25 = iadd v13, v24
;;   @0029                               jump block1(v25)
;;
;;                                   block1(v2: i32):
;;   @0029                               return v2
;;   }

;; x86-64 of sum:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rax, [rdi+0x8]                     ; @0020
;;      8: mov esi, esi
;;      a: mov rdx, [rdi+0x10]
;;      e: lea rdi, [rdx-0x4]
;;     12: mov rcx, rax
;;     15: neg rcx
;;     18: cmp rsi, rdi                           ; @0020
;;     1b: mov rdi, rsi
;;     1e: cmova rdi, rcx
;;     22: mov edi, [rax+rdi]                     ; traps: out of bounds memory access
;;     25: add rdx, 0xfffffffffffffff8            ; @0025
;;     2c: cmp rsi, rdx
;;     2f: cmova rsi, rcx
;;     33: mov eax, [rax+rsi+0x4]                 ; traps: out of bounds memory access
;;     37: add eax, edi                           ; @0028
;;     39: mov rsp, rbp                           ; @0029
;;     3c: pop rbp
;;     3d: ret
