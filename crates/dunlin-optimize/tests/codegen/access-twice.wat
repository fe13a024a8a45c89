;;! explicit
;; Two accesses at one address: each is compared and masked by itself.
(module (memory 1)
  (func $sum (param i32) (result i32)
    (i32.add (i32.load (local.get 0)) (i32.load offset=4 (local.get 0)))))

;; CLIF of sum:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
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
;;   @0020                               v6 = iconst.i64 4
;;   @0020                               v7 = iadd v5, v6  ; v6 = 4
;;   @0020                               v8 = icmp ugt v7, v4
;;   @0020                               trapnz v8, user2
;;   @0020                               v9 = iadd v3, v5
;;   @0020                               v10 = iconst.i64 0
;;   @0020                               v11 = select_spectre_guard v8, v10, v9  ; v10 = 0
;;   @0020                               v12 = load.i32 notrap little region1 v11
;;   @0025                               v13 = load.i64 notrap aligned little region0 v0+8
;;   @0025                               v14 = load.i64 notrap aligned little region0 v0+16
;;   @0025                               v15 = uextend.i64 v1
;;   @0025                               v16 = iconst.i64 8
;;   @0025                               v17 = iadd v15, v16  ; v16 = 8
;;   @0025                               v18 = icmp ugt v17, v14
;;   @0025                               trapnz v18, user2
;;   @0025                               v19 = iadd v13, v15
;;   @0025                               v20 = iconst.i64 0
;;   @0025                               v21 = select_spectre_guard v18, v20, v19  ; v20 = 0
;;   @0025                               v22 = load.i32 notrap little region1 v21+4
;;   @0028                               v23 = iadd v12, v22
;;   @0029                               jump block1(v23)
;;
;;                                   block1(v2: i32):
;;   @0029                               return v2
;;   }

;; x86-64 of sum:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r8, [rdi+0x8]                      ; @0020
;;      8: mov rax, [rdi+0x10]
;;      c: mov edx, esi
;;      e: lea rdi, [rdx+0x4]
;;     12: cmp rdi, rax
;;     15: ja 0x4f
;;     1b: xor rcx, rcx
;;     1e: lea rsi, [r8+rdx]
;;     22: cmp rdi, rax
;;     25: mov rdi, rsi
;;     28: cmova rdi, rcx
;;     2c: mov edi, [rdi]
;;     2e: add rdx, 0x8                           ; @0025
;;     35: cmp rdx, rax
;;     38: ja 0x51
;;     3e: cmp rdx, rax
;;     41: cmova rsi, rcx
;;     45: mov eax, [rsi+0x4]
;;     48: add eax, edi                           ; @0028
;;     4a: mov rsp, rbp                           ; @0029
;;     4d: pop rbp
;;     4e: ret
;;     4f: ud2                                    ; @0020, traps: out of bounds memory access
;;     51: ud2                                    ; @0025, traps: out of bounds memory access
