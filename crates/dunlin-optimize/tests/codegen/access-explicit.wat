;;! explicit
;; A comparison, and behind it a mask, which holds where a processor runs ahead of the comparison.
(module (memory 1)
  (func $load (param i32) (result i32) (i32.load offset=8 (local.get 0)))
  (func $store (param i32 i32) (i32.store8 (local.get 0) (local.get 1))))

;; CLIF of load:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       region0 = 1 "Memory"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @0026                               v3 = load.i64 notrap aligned readonly can_move v0+8
;;   @0026                               v4 = load.i64 notrap aligned readonly can_move v0+16
;;   @0026                               v5 = uextend.i64 v1
;;   @0026                               v6 = iconst.i64 -12
;;   @0026                               v7 = iadd v4, v6  ; v6 = -12
;;   @0026                               v8 = icmp ugt v5, v7
;;   @0026                               v9 = iconst.i64 0
;;   @0026                               v10 = isub v9, v3  ; v9 = 0
;;   @0026                               v11 = select_spectre_guard v8, v10, v5
;;   @0026                               v12 = iadd v3, v11
;;   @0026                               v13 = load.i32 user2 little region0 v12+8
;;   @0029                               jump block1(v13)
;;
;;                                   block1(v2: i32):
;;   @0029                               return v2
;;   }

;; CLIF of store:
;;   function u0:0(i64 vmctx, i32, i32) tail {
;;       region0 = 1 "Memory"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32, v2: i32):
;;   @0030                               v3 = load.i64 notrap aligned readonly can_move v0+8
;;   @0030                               v4 = load.i64 notrap aligned readonly can_move v0+16
;;   @0030                               v5 = uextend.i64 v1
;;   @0030                               v6 = iconst.i64 -1
;;   @0030                               v7 = iadd v4, v6  ; v6 = -1
;;   @0030                               v8 = icmp ugt v5, v7
;;   @0030                               v9 = iconst.i64 0
;;   @0030                               v10 = isub v9, v3  ; v9 = 0
;;   @0030                               v11 = select_spectre_guard v8, v10, v5
;;   @0030                               v12 = iadd v3, v11
;;   @0030                               istore8 user2 little region0 v2, v12
;;   @0033                               jump block1
;;
;;                                   block1:
;;   @0033                               return
;;   }

;; x86-64 of load:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r9, [rdi+0x8]                      ; @0026
;;      8: mov esi, esi
;;      a: mov r8, 0xfffffffffffffff4
;;     11: add r8, [rdi+0x10]
;;     15: mov r10, r9
;;     18: neg r10
;;     1b: cmp rsi, r8                            ; @0026
;;     1e: cmova rsi, r10
;;     22: mov eax, [r9+rsi+0x8]                  ; traps: out of bounds memory access
;;     27: mov rsp, rbp                           ; @0029
;;     2a: pop rbp
;;     2b: ret

;; x86-64 of store:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r9, [rdi+0x8]                      ; @0030
;;      8: mov esi, esi
;;      a: mov r8, 0xffffffffffffffff
;;     11: add r8, [rdi+0x10]
;;     15: mov r10, r9
;;     18: neg r10
;;     1b: cmp rsi, r8                            ; @0030
;;     1e: cmova rsi, r10
;;     22: mov [r9+rsi], dl                       ; traps: out of bounds memory access
;;     26: mov rsp, rbp                           ; @0033
;;     29: pop rbp
;;     2a: ret
