;;! explicit
;; A comparison, and behind it a mask, which holds where a processor runs ahead of the comparison.
(module (memory 1)
  (func $load (param i32) (result i32) (i32.load offset=8 (local.get 0)))
  (func $store (param i32 i32) (i32.store8 (local.get 0) (local.get 1))))

;; CLIF of load:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       region0 = 4 "Vm"
;;       region1 = 1 "Memory"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @0026                               v3 = load.i64 notrap aligned little region0 v0+8
;;   @0026                               v4 = load.i64 notrap aligned little region0 v0+16
;;   @0026                               v5 = uextend.i64 v1
;;   @0026                               v6 = iconst.i64 12
;;   @0026                               v7 = iadd v5, v6  ; v6 = 12
;;   @0026                               v8 = icmp ugt v7, v4
;;   @0026                               trapnz v8, user2
;;   @0026                               v9 = iadd v3, v5
;;   @0026                               v10 = iconst.i64 0
;;   @0026                               v11 = select_spectre_guard v8, v10, v9  ; v10 = 0
;;   @0026                               v12 = load.i32 notrap little region1 v11+8
;;   @0029                               jump block1(v12)
;;
;;                                   block1(v2: i32):
;;   @0029                               return v2
;;   }

;; CLIF of store:
;;   function u0:0(i64 vmctx, i32, i32) tail {
;;       region0 = 4 "Vm"
;;       region1 = 1 "Memory"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32, v2: i32):
;;   @0030                               v3 = load.i64 notrap aligned little region0 v0+8
;;   @0030                               v4 = load.i64 notrap aligned little region0 v0+16
;;   @0030                               v5 = uextend.i64 v1
;;   @0030                               v6 = iconst.i64 1
;;   @0030                               v7 = iadd v5, v6  ; v6 = 1
;;   @0030                               v8 = icmp ugt v7, v4
;;   @0030                               trapnz v8, user2
;;   @0030                               v9 = iadd v3, v5
;;   @0030                               v10 = iconst.i64 0
;;   @0030                               v11 = select_spectre_guard v8, v10, v9  ; v10 = 0
;;   @0030                               istore8 notrap little region1 v2, v11
;;   @0033                               jump block1
;;
;;                                   block1:
;;   @0033                               return
;;   }

;; x86-64 of load:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r11, [rdi+0x8]                     ; @0026
;;      8: mov rax, [rdi+0x10]
;;      c: mov ecx, esi
;;      e: lea rdx, [rcx+0xc]
;;     12: cmp rdx, rax
;;     15: ja 0x30
;;     1b: xor rsi, rsi
;;     1e: add rcx, r11
;;     21: cmp rdx, rax
;;     24: cmova rcx, rsi
;;     28: mov eax, [rcx+0x8]
;;     2b: mov rsp, rbp                           ; @0029
;;     2e: pop rbp
;;     2f: ret
;;     30: ud2                                    ; @0026, traps: out of bounds memory access

;; x86-64 of store:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r11, [rdi+0x8]                     ; @0030
;;      8: mov rax, [rdi+0x10]
;;      c: mov ecx, esi
;;      e: lea rsi, [rcx+0x1]
;;     12: cmp rsi, rax
;;     15: ja 0x2f
;;     1b: xor rdi, rdi
;;     1e: add rcx, r11
;;     21: cmp rsi, rax
;;     24: cmova rcx, rdi
;;     28: mov [rcx], dl
;;     2a: mov rsp, rbp                           ; @0033
;;     2d: pop rbp
;;     2e: ret
;;     2f: ud2                                    ; @0030, traps: out of bounds memory access
